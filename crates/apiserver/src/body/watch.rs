//! The body of a watch: events as they come, as many in a write as are due.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures::stream;
use http_body::Frame;
use http_body_util::StreamBody;
use registry::{WatchEvent, Watcher};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::body::{Body, BoxError};
use crate::metrics::Entered;

/// Events are gathered into one write up to about this size.
const WRITE_BYTES: usize = 32 << 10;

/// Where so many watch the same, each is told no sooner than [`LONGEST_PAUSE`] after the last time. Most of what telling costs
/// is the write: a crowd of thousands that is told of every change at once keeps the server from everything else, and ten that
/// are told of every one of many changes cost more than the changes.
const FULL_CROWD: u32 = 1000;

/// Fewer wait for so much less (and till the next tick of the clock, of which there are a thousand in a second); a few do not
/// wait at all.
const LONGEST_PAUSE: Duration = Duration::from_millis(50);

/// How long a watcher among so many waits after it was told something.
fn pause(crowd: usize) -> Duration {
    const FEW: usize = 4;
    if crowd <= FEW {
        return Duration::ZERO;
    }
    let crowd = u32::try_from(crowd).unwrap_or(u32::MAX).min(FULL_CROWD);
    LONGEST_PAUSE * crowd / FULL_CROWD
}

/// Turns events into bytes.
pub trait EncodeEvent: Send + 'static {
    /// About how long an event becomes, so that room is made once.
    fn expected_bytes(&self, event: &WatchEvent) -> usize;

    /// Appends an event.
    fn encode(&mut self, event: WatchEvent, out: &mut BytesMut);
}

struct State<E> {
    watcher: Watcher,
    encoder: E,
    shutdown: CancellationToken,
    ended: bool,
    /// When something was told last.
    told: Option<Instant>,
    _counted: Entered,
}

/// The events of one write.
#[derive(Default)]
struct Gathered {
    events: Vec<WatchEvent>,
    /// About how long they become.
    bytes: usize,
}

impl<E: EncodeEvent> State<E> {
    /// Takes an event in; an error is the last one.
    fn push(&mut self, event: WatchEvent, gathered: &mut Gathered) {
        self.ended |= matches!(event, WatchEvent::Error(_));
        gathered.bytes += self.encoder.expected_bytes(&event);
        gathered.events.push(event);
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
        let mut gathered = Gathered::default();
        self.push(first, &mut gathered);
        self.gather(&mut gathered);
        // What is at hand and fills a write, as the present state does, has nothing to wait for.
        if !self.ended && gathered.bytes < WRITE_BYTES / 2 {
            self.pause().await;
            self.gather(&mut gathered);
        }
        self.told = Some(Instant::now());
        Some(self.encode(gathered))
    }

    /// Takes in what is there already, up to the size of a write.
    fn gather(&mut self, gathered: &mut Gathered) {
        while !self.ended && gathered.bytes < WRITE_BYTES {
            let Some(event) = self.watcher.try_next() else {
                return;
            };
            self.push(event, gathered);
        }
    }

    /// Only what is about to be written takes memory, and no more than it has to.
    fn encode(&mut self, gathered: Gathered) -> Bytes {
        let mut out = BytesMut::with_capacity(gathered.bytes);
        for event in gathered.events {
            self.encoder.encode(event, &mut out);
        }
        out.freeze()
    }

    /// Waits while others who watch the same are told, so that more can be told at once.
    async fn pause(&mut self) {
        let pause = pause(self.watcher.crowd());
        let Some(due) = self.told.map(|told| told + pause).filter(|_| !pause.is_zero()) else {
            return;
        };
        // To sleep till a time that has passed may last till the next tick.
        if due > Instant::now() {
            tokio::time::sleep_until(due).await;
        }
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
        told: None,
        _counted: counted,
    };
    let writes = stream::unfold(state, |mut state| async move {
        let bytes = state.next().await?;
        Some((Ok::<_, BoxError>(Frame::data(bytes)), state))
    });
    Body::stream(StreamBody::new(writes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_crowds_wait() {
        let micros = [0, 1, 4, 10, 100, 500, 1000, 1_000_000].map(|crowd| pause(crowd).as_micros());
        assert_eq!(micros, [0, 0, 0, 500, 5_000, 25_000, 50_000, 50_000]);
    }
}
