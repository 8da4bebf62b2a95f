//! What the messages of a session say, once their pieces are together.

use etcd_rpc::message::{Event, WatchResponse};

use crate::answer::{revision, unsigned};

/// Pieces of an answer that is not complete.
#[derive(Default)]
pub(super) struct Assembly {
    pieces: Vec<Event>,
}

/// What a message says.
#[derive(Debug, PartialEq)]
pub(super) enum Told {
    /// Nothing yet.
    Nothing,
    /// Whole revisions, in order.
    Events(Vec<Event>),
    /// Everything up to this revision has been sent.
    Progress(u64),
    /// The place of the watch is compacted; this is the oldest revision that is not.
    Compacted(u64),
    /// The member ends the watch for a reason of its own.
    Ended(String),
    /// No member would grant the watch.
    Refused(String),
}

impl Assembly {
    /// Takes a message. Marks for all watches of a stream, which were asked for, are only believed if told so.
    pub(super) fn add(&mut self, mut message: WatchResponse, believes_marks: bool) -> Told {
        if message.canceled || message.compact_revision != 0 {
            return ended(message);
        }
        if message.created {
            return Told::Nothing;
        }
        let is_last = !message.fragment;
        if message.events.is_empty() && self.pieces.is_empty() {
            // A mark that was not asked for names the watch. It comes behind all events in every version.
            let is_own = message.watch_id >= 0;
            return match is_last && (is_own || believes_marks) {
                true => Told::Progress(revision(&message)),
                false => Told::Nothing,
            };
        }
        self.pieces.append(&mut message.events);
        match is_last && !self.pieces.is_empty() {
            true => Told::Events(std::mem::take(&mut self.pieces)),
            false => Told::Nothing,
        }
    }
}

fn ended(message: WatchResponse) -> Told {
    if message.compact_revision != 0 {
        return Told::Compacted(unsigned(message.compact_revision));
    }
    let reason = message.cancel_reason;
    if reason.contains("permission denied") {
        return Told::Refused(format!("etcd refuses the watch: {reason}"));
    }
    Told::Ended(reason)
}

#[cfg(test)]
mod tests {
    use etcd_rpc::message::{KeyValue, ResponseHeader};

    use super::*;

    fn event(mod_revision: i64) -> Event {
        Event {
            kv: Some(KeyValue {
                mod_revision,
                ..KeyValue::default()
            }),
            ..Event::default()
        }
    }

    fn message(events: &[i64], fragment: bool) -> WatchResponse {
        WatchResponse {
            header: Some(ResponseHeader {
                revision: 9,
                ..ResponseHeader::default()
            }),
            events: events.iter().map(|&revision| event(revision)).collect(),
            fragment,
            ..WatchResponse::default()
        }
    }

    #[test]
    fn fragments_are_one_answer() {
        let mut assembly = Assembly::default();
        assert_eq!(assembly.add(message(&[5], true), true), Told::Nothing);
        assert_eq!(assembly.add(message(&[5, 6], true), true), Told::Nothing);
        let whole = [5, 5, 6, 6].map(event).to_vec();
        assert_eq!(assembly.add(message(&[6], false), true), Told::Events(whole));
        assert_eq!(
            assembly.add(message(&[7], false), true),
            Told::Events(vec![event(7)])
        );
    }

    #[test]
    fn a_mark_between_fragments_waits() {
        let mut assembly = Assembly::default();
        assembly.add(message(&[5], true), true);
        assert_eq!(assembly.add(message(&[], true), true), Told::Nothing);
        assert_eq!(
            assembly.add(message(&[], false), true),
            Told::Events(vec![event(5)])
        );
    }

    #[test]
    fn marks_for_all_watches_are_believed_as_told() {
        let mut assembly = Assembly::default();
        let of_all = || WatchResponse {
            watch_id: -1,
            ..message(&[], false)
        };
        assert_eq!(assembly.add(of_all(), true), Told::Progress(9));
        assert_eq!(assembly.add(of_all(), false), Told::Nothing);
        assert_eq!(assembly.add(message(&[], false), false), Told::Progress(9));
    }

    #[test]
    fn ends_have_reasons() {
        let canceled = |compact_revision, reason: &str| WatchResponse {
            canceled: true,
            compact_revision,
            cancel_reason: reason.to_owned(),
            ..WatchResponse::default()
        };
        let told = |message| Assembly::default().add(message, true);
        assert_eq!(told(canceled(7, "")), Told::Compacted(7));
        assert_eq!(
            told(canceled(0, "etcdserver: no leader")),
            Told::Ended("etcdserver: no leader".to_owned())
        );
        assert!(matches!(
            told(canceled(0, "etcdserver: permission denied")),
            Told::Refused(_)
        ));
    }
}
