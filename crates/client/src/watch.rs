//! Watch streams: JSON documents, one after the other, of events with objects.

use std::collections::VecDeque;

use bytes::{Buf, BytesMut};
use futures::Stream;
use http_body_util::BodyExt;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use meta::Status;
use serde::Deserialize;
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

/// How the JSON of an object is read.
pub(crate) type Decode<K> = fn(&str) -> serde_json::Result<K>;

pub(crate) fn stream<K: Send + 'static>(body: Body, decode: Decode<K>) -> WatchStream<K> {
    let state = State {
        body,
        decode,
        buffer: BytesMut::new(),
        searched: 0,
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
    decode: Decode<K>,
    buffer: BytesMut,
    /// So much of the buffer has no line end.
    searched: usize,
    ready: VecDeque<WatchEvent<K>>,
    ended: bool,
}

impl<K> State<K> {
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
        while let Some(more) = memchr::memchr(b'\n', &self.buffer[self.searched..]) {
            let line = self.buffer.split_to(self.searched + more);
            self.buffer.advance(1);
            self.searched = 0;
            if !line.is_empty() {
                self.ready.push_back(parse(&line, self.decode)?);
            }
        }
        self.searched = self.buffer.len();
        if self.buffer.len() > MAX_EVENT_BYTES {
            return Err(Error::Transport(TransportError::new(
                "a watch event is too large",
            )));
        }
        Ok(())
    }
}

fn parse<K>(line: &[u8], decode: Decode<K>) -> Result<WatchEvent<K>, Error> {
    let failed = |source| Error::Decode {
        request: String::from("a watch"),
        source,
    };
    if let Some((kind, object)) = usual(line)
        && let Ok(event) = event(kind, object, decode)
    {
        return event;
    }
    let wire: Wire<'_> = serde_json::from_slice(line).map_err(failed)?;
    event(wire.kind, wire.object.get(), decode).map_err(failed)?
}

/// The event, or the error that the server sent as one.
fn event<K>(kind: &str, object: &str, decode: Decode<K>) -> serde_json::Result<Result<WatchEvent<K>, Error>> {
    Ok(Ok(match kind {
        "ADDED" => WatchEvent::Added(decode(object)?),
        "MODIFIED" => WatchEvent::Modified(decode(object)?),
        "DELETED" => WatchEvent::Deleted(decode(object)?),
        "BOOKMARK" => {
            let bookmark: MetadataOnly = serde_json::from_str(object)?;
            WatchEvent::Bookmark(bookmark.metadata.resource_version.unwrap_or_default())
        }
        _ => return Ok(Err(serde_json::from_str::<Status>(object)?.into())),
    }))
}

/// Type and object of an event in the form in which all servers write it. The object need not be looked through for its end:
/// whoever decodes it sees whether that is the last brace but one.
fn usual(line: &[u8]) -> Option<(&str, &str)> {
    let line = std::str::from_utf8(line).ok()?.trim_end();
    let rest = line.strip_prefix(r#"{"type":""#)?;
    let (kind, rest) = rest.split_once('"')?;
    let object = rest.strip_prefix(r#","object":"#)?.strip_suffix('}')?;
    object.starts_with('{').then_some((kind, object))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(line: &str, expected: Option<&str>) {
        let event = parse(line.as_bytes(), |json| {
            serde_json::from_str::<serde_json::Value>(json)
        });
        let said = event.ok().map(|event| match event {
            WatchEvent::Added(object) => format!("added {object}"),
            WatchEvent::Modified(object) => format!("modified {object}"),
            WatchEvent::Deleted(object) => format!("deleted {object}"),
            WatchEvent::Bookmark(version) => format!("at {version}"),
        });
        assert_eq!(said.as_deref(), expected, "{line}");
    }

    #[test]
    fn events_are_read_however_they_are_written() {
        check(r#"{"type":"ADDED","object":{"a":{}}}"#, Some(r#"added {"a":{}}"#));
        check(
            r#"{"object":{"a":1},"type":"DELETED"}"#,
            Some(r#"deleted {"a":1}"#),
        );
        check(r#"{ "type": "MODIFIED", "object": {} }"#, Some("modified {}"));
        check(
            r#"{"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"5"}}}"#,
            Some("at 5"),
        );
        check(
            r#"{"type":"ADDED","object":{"a":1},"more":{}}"#,
            Some(r#"added {"a":1}"#),
        );
        check(r#"{"type":"ADDED","object":{"#, None);
        check(
            r#"{"type":"ERROR","object":{"code":410,"reason":"Expired"}}"#,
            None,
        );
    }
}
