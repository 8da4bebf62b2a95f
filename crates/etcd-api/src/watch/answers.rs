//! Events as clients are told of them, in answers of bounded size.

use bytes::Bytes;
use etcd_rpc::message::{Event, EventType, KeyValue, ResponseHeader, WatchResponse};
use prost::Message;
use store::Revision;

use super::Options;
use crate::keyspace;
use crate::reading::{Reader, message, number};

/// An answer has about so many bytes of events at most, unless one revision has more.
const BYTES: usize = 1 << 20;

/// What a watch tells of the events of its range.
pub(super) async fn events(reader: &Reader, options: &Options, events: Vec<store::Event>) -> Vec<Event> {
    let mut told = Vec::with_capacity(events.len());
    for event in events {
        let is_put = matches!(event, store::Event::Put { .. });
        let is_left_out = if is_put {
            options.without_puts
        } else {
            options.without_deletes
        };
        if !is_left_out && !keyspace::is_own(event.key()) {
            told.push(event_message(reader, event).await);
        }
    }
    told
}

async fn event_message(reader: &Reader, event: store::Event) -> Event {
    let revision = event.revision();
    match event {
        store::Event::Put { current, previous } => Event {
            r#type: EventType::Put.into(),
            kv: Some(leased(reader, current, revision).await),
            prev_kv: previous_message(reader, previous, revision).await,
        },
        store::Event::Delete { key, previous, .. } => Event {
            r#type: EventType::Delete.into(),
            kv: Some(KeyValue {
                key: Bytes::copy_from_slice(&key),
                mod_revision: number(revision),
                ..KeyValue::default()
            }),
            prev_kv: previous_message(reader, previous, revision).await,
        },
    }
}

async fn previous_message(
    reader: &Reader,
    previous: Option<store::KeyValue>,
    changed: Revision,
) -> Option<KeyValue> {
    let before = Revision::new(changed.get().saturating_sub(1));
    Some(leased(reader, previous?, before).await)
}

async fn leased(reader: &Reader, key_value: store::KeyValue, at: Revision) -> KeyValue {
    let lease = reader.lease_at(&key_value.key, key_value.mod_revision, at).await;
    message(key_value, lease)
}

/// The answers that tell of events: each has whole revisions, at most about [`BYTES`] of them. Their headers say how far they go. A
/// revision that is larger is cut into fragments if the client takes such.
pub(super) fn cut(events: Vec<Event>, fragments: bool) -> Vec<WatchResponse> {
    let mut answers = Vec::new();
    let mut next: Vec<Event> = Vec::new();
    let mut bytes = 0;
    for event in events {
        let size = event.encoded_len();
        let revision = revision_of(&event);
        let is_full = !next.is_empty() && bytes + size > BYTES;
        let goes_on = next.last().is_some_and(|last| revision_of(last) == revision);
        if is_full && (!goes_on || fragments) {
            answers.push(answer(std::mem::take(&mut next), goes_on));
            bytes = 0;
        }
        bytes += size;
        next.push(event);
    }
    if !next.is_empty() {
        answers.push(answer(next, false));
    }
    answers
}

fn answer(events: Vec<Event>, fragment: bool) -> WatchResponse {
    let header = ResponseHeader {
        revision: events.last().map(revision_of).unwrap_or_default(),
        ..ResponseHeader::default()
    };
    WatchResponse {
        header: Some(header),
        fragment,
        events,
        ..WatchResponse::default()
    }
}

fn revision_of(event: &Event) -> i64 {
    event.kv.as_ref().map(|kv| kv.mod_revision).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(events: &[(i64, usize)], fragments: bool) -> Vec<(usize, i64, bool)> {
        let events = events.iter().map(|(revision, bytes)| Event {
            kv: Some(KeyValue {
                mod_revision: *revision,
                value: vec![0; *bytes].into(),
                ..KeyValue::default()
            }),
            ..Event::default()
        });
        cut(events.collect(), fragments)
            .into_iter()
            .map(|answer| {
                let revision = answer.header.map(|header| header.revision);
                (answer.events.len(), revision.unwrap_or_default(), answer.fragment)
            })
            .collect()
    }

    #[test]
    fn answers_have_whole_revisions_or_fragments() {
        const HALF: usize = 600 << 10;
        assert_eq!(shape(&[], false), []);
        assert_eq!(shape(&[(2, 10), (3, 10), (3, 10)], false), [(3, 3, false)]);
        let large = [(2, HALF), (3, HALF), (3, HALF), (4, 10)];
        assert_eq!(
            shape(&large, false),
            [(1, 2, false), (2, 3, false), (1, 4, false)]
        );
        let fragments = shape(&large, true);
        assert_eq!(fragments, [(1, 2, false), (1, 3, true), (2, 4, false)]);
    }
}
