//! The check accepts a good watch and rejects each broken promise.

use super::*;
use crate::contract::harness::bytes;
use crate::contract::recording::{Answer, Call, Recorded};
use crate::{KeyRange, KeyValue, Outcome, Transaction};

fn key_value(key: &str, value: &str, created: u64, modified: u64, version: u64) -> KeyValue {
    KeyValue {
        key: key.into(),
        value: bytes(value),
        create_revision: Revision::new(created),
        mod_revision: Revision::new(modified),
        version,
    }
}

fn put(current: KeyValue, previous: Option<KeyValue>) -> Event {
    Event::Put { current, previous }
}

fn delete(previous: KeyValue, revision: u64) -> Event {
    Event::Delete {
        key: previous.key.clone(),
        revision: Revision::new(revision),
        previous: Some(previous),
    }
}

/// At 2 `a=1`, at 3 `a=2` and `b=1`, at 4 `c=1`, at 5 `a` is deleted, at 6 `b=2`.
fn events() -> Vec<Event> {
    let (a1, a2) = (key_value("a", "1", 2, 2, 1), key_value("a", "2", 2, 3, 2));
    let (b1, b2) = (key_value("b", "1", 3, 3, 1), key_value("b", "2", 3, 6, 2));
    vec![
        put(a1.clone(), None),
        put(a2.clone(), Some(a1)),
        put(b1.clone(), None),
        put(key_value("c", "1", 4, 4, 1), None),
        delete(a2, 5),
        put(b2, Some(b1)),
    ]
}

fn timeline() -> Timeline {
    Timeline::new(&[], Revision::new(1), Revision::new(6), &events()).expect("it fits together")
}

fn told(until: u64, events: &[Event]) -> WatchStep {
    WatchStep::Told(WatchBatch {
        revision: Revision::new(until),
        events: events.to_vec(),
    })
}

fn verdict(range: KeyRange, previous: bool, steps: Vec<WatchStep>) -> Result<(), String> {
    let mut request = WatchRequest::new(range).start(Revision::new(2));
    request.previous = previous;
    WatchRecord { request, steps }.check(&timeline())
}

#[test]
fn good_watches_are_accepted() {
    let all = events();
    let only_b: Vec<_> = [&all[2], &all[5]].into_iter().cloned().collect();
    let bare: Vec<_> = all
        .iter()
        .cloned()
        .map(|mut event| {
            event.forget_previous();
            event
        })
        .collect();
    let asked = WatchStep::Asked(Revision::new(4));
    let cases = [
        ("at once", KeyRange::all(), true, vec![told(6, &all)]),
        (
            "in batches",
            KeyRange::all(),
            true,
            vec![told(2, &all[..1]), told(5, &all[1..5]), told(6, &all[5..])],
        ),
        ("not to the end", KeyRange::all(), true, vec![told(4, &all[..4])]),
        ("nothing yet", KeyRange::all(), true, vec![]),
        (
            "without what was before",
            KeyRange::all(),
            false,
            vec![told(6, &bare)],
        ),
        (
            "one key",
            KeyRange::single("b".into()),
            true,
            vec![told(6, &only_b)],
        ),
        (
            "resumed",
            KeyRange::all(),
            true,
            vec![told(4, &all[..4]), WatchStep::Resumed, told(6, &all[4..])],
        ),
        (
            "marks that were asked for",
            KeyRange::single("b".into()),
            true,
            vec![
                told(3, &only_b[..1]),
                asked.clone(),
                told(5, &[]),
                told(6, &only_b[1..]),
            ],
        ),
        (
            "an answer with events, and the mark after it",
            KeyRange::all(),
            true,
            vec![asked.clone(), told(6, &all), told(6, &[])],
        ),
        (
            "a question that went with its stream",
            KeyRange::all(),
            true,
            vec![asked, WatchStep::Resumed, told(2, &all[..1])],
        ),
    ];
    for (name, range, previous, steps) in cases {
        assert_eq!(verdict(range, previous, steps), Ok(()), "{name}");
    }
}

#[test]
fn broken_promises_are_noticed() {
    let all = events();
    let mut swapped = all.clone();
    swapped.swap(1, 2);
    let mut wrong_value = all.clone();
    wrong_value[3] = put(key_value("c", "9", 4, 4, 1), None);
    let mut wrong_previous = all.clone();
    wrong_previous[5] = put(key_value("b", "2", 3, 6, 2), None);
    let mut not_created = all.clone();
    not_created[3] = put(key_value("c", "1", 3, 4, 1), None);
    let mut invented = all.clone();
    invented.push(put(key_value("d", "1", 6, 6, 1), None));
    let asked = WatchStep::Asked(Revision::new(5));
    let everything = KeyRange::all;
    let cases = [
        (
            "an event is missing",
            everything(),
            vec![told(6, &[&all[..3], &all[4..]].concat())],
        ),
        (
            "the last event is missing",
            everything(),
            vec![told(6, &all[..5])],
        ),
        (
            "an event is told twice",
            everything(),
            vec![told(3, &all[..3]), told(6, &all[2..])],
        ),
        (
            "an event is told twice at once",
            everything(),
            vec![told(6, &[&all[..3], &all[2..]].concat())],
        ),
        ("events change places", everything(), vec![told(6, &swapped)]),
        (
            "batches change places",
            everything(),
            vec![told(6, &all[3..]), told(3, &all[..3])],
        ),
        (
            "a revision is split",
            everything(),
            vec![told(3, &all[..2]), told(6, &all[2..])],
        ),
        ("a value is another", everything(), vec![told(6, &wrong_value)]),
        (
            "what was before is left out",
            everything(),
            vec![told(6, &wrong_previous)],
        ),
        (
            "a create looks like a change",
            everything(),
            vec![told(6, &not_created)],
        ),
        ("an event was invented", everything(), vec![told(6, &invented)]),
        (
            "an event is of another range",
            KeyRange::single("b".into()),
            vec![told(6, &all)],
        ),
        (
            "a batch says less than it holds",
            everything(),
            vec![told(5, &all)],
        ),
        (
            "a gap is left by a resumption",
            everything(),
            vec![told(3, &all[..3]), WatchStep::Resumed, told(6, &all[4..])],
        ),
        (
            "a resumption repeats",
            everything(),
            vec![told(3, &all[..3]), WatchStep::Resumed, told(6, &all[1..])],
        ),
        (
            "a mark promises too much",
            everything(),
            vec![asked.clone(), told(6, &[]), told(6, &all)],
        ),
        (
            "a mark is not enough",
            everything(),
            vec![told(3, &all[..3]), asked.clone(), told(4, &all[3..4])],
        ),
        (
            "a mark does not come",
            everything(),
            vec![told(2, &all[..1]), asked],
        ),
        (
            "nobody asked for a mark",
            everything(),
            vec![told(6, &all), told(6, &[])],
        ),
    ];
    for (name, range, steps) in cases {
        assert!(verdict(range, true, steps).is_err(), "{name}");
    }
}

#[test]
fn a_timeline_must_fit_together() {
    let all = events();
    let (start, end) = (Revision::new(1), Revision::new(6));
    let mut strange_version = all.clone();
    strange_version[1] = put(key_value("a", "2", 2, 3, 7), None);
    let cases = [
        ("a revision is missing", [&all[..3], &all[4..]].concat()),
        ("the end is missing", all[..5].to_vec()),
        ("a version does not follow", strange_version),
        ("what is not there is deleted", [&all[4..5]].concat()),
    ];
    for (name, events) in cases {
        assert!(Timeline::new(&[], start, end, &events).is_err(), "{name}");
    }
}

fn committed(transaction: Transaction, revision: u64) -> Recorded {
    let outcome = Outcome::Committed {
        revision: Revision::new(revision),
    };
    Recorded {
        call: Call::Commit(transaction),
        begun: 0,
        answered: Some((1, Answer::Commit(outcome))),
    }
}

type Change = fn(&mut Vec<Recorded>);

#[test]
fn a_timeline_is_compared_with_what_was_answered() {
    let new = Transaction::new;
    let asked_for = || {
        vec![
            committed(new().put("a".into(), bytes("1")), 2),
            committed(new().put("b".into(), bytes("1")).put("a".into(), bytes("2")), 3),
            committed(new().put("c".into(), bytes("1")).delete("x".into()), 4),
            committed(new().delete("a".into()), 5),
            committed(new().put("b".into(), bytes("2")), 6),
        ]
    };
    assert_eq!(timeline().explained_by(&asked_for(), &KeyRange::all()), Ok(()));
    let mut unanswered = asked_for();
    for operation in &mut unanswered {
        operation.answered = None;
    }
    unanswered.push(unanswered[0].clone());
    assert_eq!(
        timeline().explained_by(&unanswered, &KeyRange::all()),
        Ok(()),
        "it may all have happened"
    );

    let changed = |change: Change| {
        let mut operations = asked_for();
        change(&mut operations);
        timeline().explained_by(&operations, &KeyRange::all())
    };
    let cases: [(&str, Change); 5] = [
        ("nobody asked for a change", |all| drop(all.remove(2))),
        ("half of a transaction is missing", |all| {
            let more = Transaction::new()
                .put("a".into(), bytes("1"))
                .put("z".into(), bytes("1"));
            all[0] = committed(more, 2);
        }),
        ("there is more than a transaction", |all| {
            all[1] = committed(Transaction::new().put("b".into(), bytes("1")), 3);
        }),
        ("another value was put", |all| {
            all[2] = committed(Transaction::new().put("c".into(), bytes("9")), 4);
        }),
        ("an acknowledged change is not there", |all| {
            all.push(committed(Transaction::new().put("e".into(), bytes("1")), 6));
        }),
    ];
    for (name, change) in cases {
        assert!(changed(change).is_err(), "{name}");
    }
}
