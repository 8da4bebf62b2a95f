//! The body of a watch: events as they come, as many in a write as are due.

use bytes::{Bytes, BytesMut};
use futures::stream;
use http_body::Frame;
use http_body_util::StreamBody;
use registry::{WatchEvent, Watcher};
use tokio_util::sync::CancellationToken;

use crate::body::{Body, BoxError};
use crate::metrics::Entered;

/// Events are gathered into one write up to about this size.
const WRITE_BYTES: usize = 32 << 10;

/// Turns events into bytes.
pub trait EncodeEvent: Send + 'static {
    /// Appends an event.
    fn encode(&mut self, event: WatchEvent, out: &mut BytesMut);
}

struct State<E> {
    watcher: Watcher,
    encoder: E,
    shutdown: CancellationToken,
    ended: bool,
    _counted: Entered,
}

impl<E: EncodeEvent> State<E> {
    /// Appends an event; an error is the last one.
    fn push(&mut self, event: WatchEvent, out: &mut BytesMut) {
        self.ended |= matches!(event, WatchEvent::Error(_));
        self.encoder.encode(event, out);
    }

    /// The next write; none at the end of the watch or of the server.
    async fn next(&mut self) -> Option<Bytes> {
        if self.ended {
            return None;
        }
        let first = tokio::select! {
            biased;
            event = self.watcher.next() => event?,
            () = self.shutdown.cancelled() => return None,
        };
        let mut out = BytesMut::new();
        self.push(first, &mut out);
        while !self.ended && out.len() < WRITE_BYTES {
            let Some(event) = self.watcher.try_next() else {
                break;
            };
            self.push(event, &mut out);
        }
        Some(out.freeze())
    }
}

/// A body of what `watcher` tells. `counted` lives as long as the watch.
pub fn watch_body<E: EncodeEvent>(
    watcher: Watcher,
    encoder: E,
    shutdown: CancellationToken,
    counted: Entered,
) -> Body {
    let state = State {
        watcher,
        encoder,
        shutdown,
        ended: false,
        _counted: counted,
    };
    let writes = stream::unfold(state, |mut state| async move {
        let bytes = state.next().await?;
        Some((Ok::<_, BoxError>(Frame::data(bytes)), state))
    });
    Body::stream(StreamBody::new(writes))
}
