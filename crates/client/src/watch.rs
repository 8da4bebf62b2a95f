//! Watch streams: JSON documents, one after the other, of events with objects.

use std::collections::VecDeque;

use bytes::{Buf, BytesMut};
use futures::Stream;
use http_body_util::BodyExt;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use meta::Status;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use crate::error::Error;
use crate::transport::{Body, TransportError};

/// What happened to an object.
#[derive(Clone, Debug)]
pub enum WatchEvent<K> {
    /// It appeared, or came to match.
    Added(K),
    /// It changed.
    Modified(K),
    /// It is gone, or no longer matches; its last state.
    Deleted(K),
    /// Nothing happened up to this version.
    Bookmark(String),
}

/// Events as they come, until the server ends the watch.
pub type WatchStream<K> = std::pin::Pin<Box<dyn Stream<Item = Result<WatchEvent<K>, Error>> + Send>>;

/// An event larger than this is not an event: an API object is at most some 3 MiB.
const MAX_EVENT_BYTES: usize = 16 << 20;

#[derive(Deserialize)]
struct Wire<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    #[serde(borrow)]
    object: &'a RawValue,
}

#[derive(Deserialize)]
struct MetadataOnly {
    metadata: ObjectMeta,
}

pub(crate) fn stream<K: DeserializeOwned + Send + 'static>(body: Body) -> WatchStream<K> {
    let state = State {
        body,
        buffer: BytesMut::new(),
        ready: VecDeque::new(),
        ended: false,
    };
    Box::pin(futures::stream::unfold(state, |mut state| async move {
        let item = state.next().await?;
        Some((item, state))
    }))
}

struct State<K> {
    body: Body,
    buffer: BytesMut,
    ready: VecDeque<WatchEvent<K>>,
    ended: bool,
}

impl<K: DeserializeOwned> State<K> {
    async fn next(&mut self) -> Option<Result<WatchEvent<K>, Error>> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Some(Ok(event));
            }
            if self.ended {
                return None;
            }
            if let Err(error) = self.fill().await {
                self.ended = true;
                return Some(Err(error));
            }
        }
    }

    async fn fill(&mut self) -> Result<(), Error> {
        match self.body.frame().await {
            None => self.ended = true,
            Some(Err(error)) => return Err(Error::Transport(error)),
            Some(Ok(frame)) => {
                if let Ok(data) = frame.into_data() {
                    self.buffer.extend_from_slice(&data);
                }
            }
        }
        while let Some(end) = self.buffer.iter().position(|&b| b == b'\n') {
            let line = self.buffer.split_to(end);
            self.buffer.advance(1);
            if !line.is_empty() {
                self.ready.push_back(parse(&line)?);
            }
        }
        if self.buffer.len() > MAX_EVENT_BYTES {
            return Err(Error::Transport(TransportError::new(
                "a watch event is too large",
            )));
        }
        Ok(())
    }
}

fn parse<K: DeserializeOwned>(line: &[u8]) -> Result<WatchEvent<K>, Error> {
    let decode = |source| Error::Decode {
        request: String::from("a watch"),
        source,
    };
    let wire: Wire<'_> = serde_json::from_slice(line).map_err(decode)?;
    let object = wire.object.get();
    match wire.kind {
        "ADDED" => Ok(WatchEvent::Added(serde_json::from_str(object).map_err(decode)?)),
        "MODIFIED" => Ok(WatchEvent::Modified(
            serde_json::from_str(object).map_err(decode)?,
        )),
        "DELETED" => Ok(WatchEvent::Deleted(serde_json::from_str(object).map_err(decode)?)),
        "BOOKMARK" => {
            let bookmark: MetadataOnly = serde_json::from_str(object).map_err(decode)?;
            Ok(WatchEvent::Bookmark(
                bookmark.metadata.resource_version.unwrap_or_default(),
            ))
        }
        _ => Err(serde_json::from_str::<Status>(object).map_err(decode)?.into()),
    }
}
