//! The checker accepts what a store may answer and rejects what it must not.

use super::*;
use crate::{Key, KeyRange, RangeResponse, Revision, Transaction};
use bytes::Bytes;

fn revision(number: u64) -> Revision {
    Revision::new(number)
}

/// `"a=1@3"`: put by revision 3, as the first version; `"a=1@3#2"` as the second.
fn held(text: &str) -> KeyValue {
    let (key, rest) = text.split_once('=').expect("a key and a value");
    let (value, rest) = rest.split_once('@').expect("a revision");
    let (mod_revision, version) = rest.split_once('#').unwrap_or((rest, "1"));
    KeyValue {
        key: key.into(),
        value: Bytes::copy_from_slice(value.as_bytes()),
        create_revision: revision(1),
        mod_revision: revision(mod_revision.parse().expect("a number")),
        version: version.parse().expect("a number"),
    }
}

/// Words of a transaction: `"a?3"` demands revision 3, `"a=1"` puts, `"-a"` deletes.
fn transaction(words: &str) -> Transaction {
    words
        .split_whitespace()
        .fold(Transaction::new(), |transaction, word| {
            if let Some((key, demanded)) = word.split_once('?') {
                let demanded = demanded.parse().expect("a number");
                transaction.require(key.into(), revision(demanded))
            } else if let Some((key, value)) = word.split_once('=') {
                transaction.put(key.into(), Bytes::copy_from_slice(value.as_bytes()))
            } else {
                transaction.delete(word.trim_start_matches('-').into())
            }
        })
}

type Times = (u64, u64);

fn commit((begun, ended): Times, words: &str, at: u64) -> Recorded {
    let outcome = Outcome::Committed {
        revision: revision(at),
    };
    Recorded {
        call: Call::Commit(transaction(words)),
        begun,
        answered: Some((ended, Answer::Commit(outcome))),
    }
}

/// Refused: what was found for the preconditions, `"-"` for an absent key.
fn refused((begun, ended): Times, words: &str, found: &str, at: u64) -> Recorded {
    let current = found
        .split_whitespace()
        .map(|word| (word != "-").then(|| held(word)));
    let outcome = Outcome::Conflict {
        revision: revision(at),
        current: current.collect(),
    };
    Recorded {
        call: Call::Commit(transaction(words)),
        begun,
        answered: Some((ended, Answer::Commit(outcome))),
    }
}

fn unknown(begun: u64, words: &str) -> Recorded {
    Recorded {
        call: Call::Commit(transaction(words)),
        begun,
        answered: None,
    }
}

fn range_of((begun, ended): Times, range: KeyRange, found: &str, at: u64) -> Recorded {
    let key_values: Vec<_> = found.split_whitespace().map(held).collect();
    let response = RangeResponse {
        revision: revision(at),
        count: key_values.len(),
        key_values,
        more: false,
    };
    Recorded {
        call: Call::Range(range),
        begun,
        answered: Some((ended, Answer::Range(response))),
    }
}

fn read(times: Times, key: &str, found: &str, at: u64) -> Recorded {
    range_of(times, KeyRange::single(Key::from(key)), found, at)
}

fn list(times: Times, found: &str, at: u64) -> Recorded {
    range_of(times, KeyRange::all(), found, at)
}

fn verdicts(initial: &str, cases: Vec<(&str, Vec<Recorded>)>, expected: bool) {
    let initial: Vec<_> = initial.split_whitespace().map(held).collect();
    for (name, history) in cases {
        let found = check(&initial, &history);
        assert_eq!(found.is_ok(), expected, "{name}: {found:?}");
    }
}

#[test]
fn what_a_store_may_answer_is_accepted() {
    let cases = vec![
        ("nothing happened", vec![]),
        (
            "one after the other",
            vec![
                commit((0, 1), "a?0 a=1", 2),
                read((2, 3), "a", "a=1@2", 2),
                commit((4, 5), "a?2 a=2", 3),
                read((6, 7), "a", "a=2@3#2", 3),
                commit((8, 9), "-a", 4),
                read((10, 11), "a", "", 4),
            ],
        ),
        (
            "a read beside a put sees either",
            vec![
                commit((0, 9), "a=1", 2),
                read((1, 2), "a", "", 1),
                read((3, 4), "a", "a=1@2", 2),
            ],
        ),
        (
            "of two creates at once either wins",
            vec![
                refused((0, 9), "a?0 a=1", "a=2@2", 2),
                commit((1, 8), "a?0 a=2", 2),
            ],
        ),
        (
            "an unanswered put took effect late",
            vec![
                unknown(0, "a=1"),
                read((1, 2), "a", "", 1),
                commit((3, 4), "a=2", 2),
                read((5, 6), "a", "a=1@3#2", 3),
            ],
        ),
        (
            "an unanswered put never took effect",
            vec![
                unknown(0, "a=1"),
                commit((1, 2), "a=2", 2),
                read((3, 4), "a", "a=2@2", 2),
            ],
        ),
        (
            "an unanswered put took effect and nobody saw it",
            vec![
                unknown(0, "a=1"),
                commit((1, 2), "a=2", 3),
                read((3, 4), "a", "a=2@3#2", 3),
            ],
        ),
        (
            "an unanswered transaction is seen whole",
            vec![unknown(0, "a=1 b=1"), list((1, 2), "a=1@2 b=1@2", 2)],
        ),
        (
            "keys that share nothing overlap as they like",
            vec![
                commit((0, 9), "a=1", 3),
                commit((1, 8), "b=1", 2),
                read((2, 3), "b", "b=1@2", 2),
                read((2, 4), "a", "", 2),
            ],
        ),
        (
            "deleting what is not there changes nothing",
            vec![commit((0, 1), "-a", 1), commit((2, 3), "a?0 a=1", 2)],
        ),
    ];
    verdicts("", cases, true);
    let cases = vec![(
        "what was there before",
        vec![
            list((0, 1), "a=0@5#3", 5),
            commit((2, 3), "a?5 a=1", 6),
            list((4, 5), "a=1@6#4", 6),
        ],
    )];
    verdicts("a=0@5#3", cases, true);
}

#[test]
fn what_no_store_may_answer_is_rejected() {
    let put = || commit((0, 1), "a=1", 2);
    let cases = vec![
        (
            "an acknowledged put is lost",
            vec![put(), read((2, 3), "a", "", 2)],
        ),
        (
            "a read is stale",
            vec![put(), commit((2, 3), "a=2", 3), read((4, 5), "a", "a=1@2", 3)],
        ),
        (
            "a read goes back in time",
            vec![
                commit((0, 9), "a=1", 2),
                read((1, 2), "a", "a=1@2", 2),
                read((3, 4), "a", "", 2),
            ],
        ),
        ("a value was invented", vec![put(), read((2, 3), "a", "a=9@2", 2)]),
        (
            "a value has another revision",
            vec![put(), read((2, 3), "a", "a=1@7", 7)],
        ),
        (
            "versions are miscounted",
            vec![put(), commit((2, 3), "a=2", 3), read((4, 5), "a", "a=2@3#3", 3)],
        ),
        (
            "two creates win",
            vec![commit((0, 9), "a?0 a=1", 2), commit((1, 8), "a?0 a=2", 3)],
        ),
        (
            "an update is lost",
            vec![put(), commit((2, 9), "a?2 a=2", 3), commit((3, 8), "a?2 a=3", 4)],
        ),
        (
            "a conflict has no reason",
            vec![put(), refused((2, 3), "a?2 a=2", "a=1@2", 2)],
        ),
        (
            "a conflict shows what is not there",
            vec![put(), refused((2, 3), "a?0 a=2", "-", 2)],
        ),
        (
            "a deleted key comes back",
            vec![put(), commit((2, 3), "-a", 3), read((4, 5), "a", "a=1@2", 3)],
        ),
        (
            "half a transaction is seen",
            vec![commit((0, 9), "a=1 b=1", 2), list((1, 2), "a=1@2", 2)],
        ),
        (
            "half a transaction is seen, in two reads",
            vec![
                commit((0, 9), "a=1 b=1", 2),
                read((1, 2), "a", "a=1@2", 2),
                read((3, 4), "b", "", 2),
            ],
        ),
        (
            "half an unanswered transaction stays",
            vec![
                unknown(0, "a=1 b=1"),
                read((1, 2), "a", "a=1@2", 2),
                read((3, 4), "b", "", 2),
            ],
        ),
        (
            "an unanswered put was seen and went away",
            vec![
                unknown(0, "a=1"),
                read((1, 2), "a", "a=1@2", 2),
                read((3, 4), "a", "", 2),
            ],
        ),
        (
            "an unanswered put took effect twice",
            vec![
                unknown(0, "a=1"),
                read((1, 2), "a", "a=1@2", 2),
                commit((3, 4), "a?2 a=2", 3),
                read((5, 6), "a", "a=1@2#3", 3),
            ],
        ),
        (
            "an effect comes before its cause",
            vec![read((0, 1), "a", "a=1@2", 2), commit((2, 3), "a=1", 2)],
        ),
        (
            "two keys of a range are of different times",
            vec![
                commit((0, 1), "a=1", 2),
                commit((2, 3), "b=1", 3),
                commit((4, 9), "a=2 b=2", 4),
                list((5, 6), "a=2@4#2 b=1@3", 4),
            ],
        ),
        (
            "a precondition on another key is passed over",
            vec![put(), commit((2, 3), "a?0 b=1", 3)],
        ),
    ];
    verdicts("", cases, false);
}

#[test]
fn revisions_that_do_not_follow_time_are_rejected() {
    let cases = vec![
        (
            "a later change has an earlier revision",
            vec![commit((0, 1), "a=1", 3), commit((2, 3), "b=1", 2)],
        ),
        (
            "two changes have one revision",
            vec![commit((0, 9), "a=1", 2), commit((1, 8), "b=1", 2)],
        ),
        (
            "a read is of an earlier revision than a change before it",
            vec![commit((0, 1), "a=1", 3), read((2, 3), "b", "", 2)],
        ),
        (
            "a read is of an earlier revision than a read before it",
            vec![read((0, 1), "a", "", 3), read((2, 3), "a", "", 2)],
        ),
    ];
    for (name, history) in cases {
        assert!(check_revisions(&history).is_err(), "{name}");
        assert!(check(&[], &history).is_err(), "{name}");
    }
}

/// Many at once, and some of them unanswered: the search finds its way.
#[test]
fn long_histories_are_judged() {
    let mut history = Vec::new();
    for round in 0..100_u64 {
        let (start, at) = (round * 100, round + 2);
        history.push(commit((start, start + 50), &format!("a=v{round}"), at));
        for reader in 0..6 {
            let seen = format!("a=v{round}@{at}#{}", round + 1);
            history.push(read((start + 60, start + 70 + reader), "a", &seen, at));
        }
        history.push(unknown(start, &format!("a?{} a=never{round}", at + 1000)));
    }
    check(&[], &history).expect("it is in order");
    let last = read((20_000, 20_001), "a", "a=v98@100#99", 101);
    history.push(last);
    assert!(check(&[], &history).is_err());
}
