//! What a process that is killed writes down, line by line, and how it is read back.

use bytes::Bytes;
use store::contract::recording::{Answer, Call, Recorded};
use store::{
    Event, Key, KeyRange, KeyValue, Operation, Outcome, RangeResponse, Revision, Transaction, WatchBatch,
};

/// One line.
#[derive(Clone, Debug, PartialEq)]
pub enum Line {
    /// The store is about to be opened.
    Opening,
    /// An operation begins.
    Begun(u64, Call),
    /// It is answered.
    Answered(u64, Answer),
    /// A watch of everything after this revision begins.
    Watching(Revision),
    /// It has told something, without previous values.
    Told(WatchBatch),
}

/// The operations that lines tell of. The place of a line is its time.
pub fn operations(lines: &[Line]) -> Vec<Recorded> {
    let mut operations: Vec<(u64, Recorded)> = Vec::new();
    for (time, line) in lines.iter().enumerate() {
        match line {
            Line::Begun(number, call) => operations.push((
                *number,
                Recorded {
                    call: call.clone(),
                    begun: time as u64,
                    answered: None,
                },
            )),
            Line::Answered(number, answer) => {
                let mut known = operations.iter_mut().rev();
                let (_, operation) = known.find(|(known, _)| known == number).expect("it has begun");
                operation.answered = Some((time as u64, answer.clone()));
            }
            Line::Opening | Line::Watching(_) | Line::Told(_) => {}
        }
    }
    operations.into_iter().map(|(_, operation)| operation).collect()
}

impl Line {
    /// The text of the line.
    pub fn write(&self) -> String {
        match self {
            Self::Opening => String::from("opening"),
            Self::Watching(after) => format!("watching {after}"),
            Self::Begun(number, Call::Range(range)) => {
                let end = range.end.as_ref().map_or(String::from("~"), Key::to_string);
                format!("begun {number} range {} {end}", range.start)
            }
            Self::Begun(number, Call::Commit(transaction)) => {
                format!("begun {number} commit{}", write_transaction(transaction))
            }
            Self::Answered(number, Answer::Range(found)) => {
                let held = found
                    .key_values
                    .iter()
                    .map(|held| format!(" {}", write_held(held)));
                format!(
                    "answered {number} range {}{}",
                    found.revision,
                    held.collect::<String>()
                )
            }
            Self::Answered(number, Answer::Commit(Outcome::Committed { revision })) => {
                format!("answered {number} committed {revision}")
            }
            Self::Answered(number, Answer::Commit(Outcome::Conflict { revision, current })) => {
                let current = current.iter().map(|held| match held {
                    Some(held) => format!(" {}", write_held(held)),
                    None => String::from(" ~"),
                });
                format!(
                    "answered {number} conflict {revision}{}",
                    current.collect::<String>()
                )
            }
            Self::Told(batch) => {
                let events = batch.events.iter().map(|event| match event {
                    Event::Put { current, .. } => format!(" +{}", write_held(current)),
                    Event::Delete { key, revision, .. } => format!(" -{key},{revision}"),
                });
                format!("told {}{}", batch.revision, events.collect::<String>())
            }
        }
    }

    /// Reads a line; `None` if it is another program's.
    pub fn read(line: &str) -> Option<Self> {
        let mut words = line.split(' ');
        match words.next()? {
            "opening" => Some(Self::Opening),
            "watching" => read_revision(words.next()?).map(Self::Watching),
            "begun" => {
                let number = words.next()?.parse().ok()?;
                let call = match words.next()? {
                    "range" => Call::Range(KeyRange {
                        start: words.next()?.into(),
                        end: words.next().filter(|end| *end != "~").map(Key::from),
                    }),
                    _ => Call::Commit(read_transaction(words)?),
                };
                Some(Self::Begun(number, call))
            }
            "answered" => {
                let number = words.next()?.parse().ok()?;
                let (kind, revision) = (words.next()?, read_revision(words.next()?)?);
                let answer = match kind {
                    "range" => {
                        let key_values: Vec<_> = words.map(read_held).collect::<Option<_>>()?;
                        Answer::Range(RangeResponse {
                            revision,
                            more: false,
                            count: key_values.len(),
                            key_values,
                        })
                    }
                    "committed" => Answer::Commit(Outcome::Committed { revision }),
                    _ => Answer::Commit(Outcome::Conflict {
                        revision,
                        current: words
                            .map(|word| {
                                if word == "~" {
                                    Some(None)
                                } else {
                                    read_held(word).map(Some)
                                }
                            })
                            .collect::<Option<_>>()?,
                    }),
                };
                Some(Self::Answered(number, answer))
            }
            "told" => Some(Self::Told(WatchBatch {
                revision: read_revision(words.next()?)?,
                events: words.map(read_event).collect::<Option<_>>()?,
            })),
            _ => None,
        }
    }
}

fn write_transaction(transaction: &Transaction) -> String {
    let demands = transaction.preconditions.iter();
    let demands = demands.map(|demand| format!(" ?{}={}", demand.key, demand.mod_revision));
    let changes = transaction.operations.iter().map(|operation| match operation {
        Operation::Put(put) => format!(" +{}={}", put.key, write_value(&put.value)),
        Operation::Delete(key) => format!(" -{key}"),
    });
    demands.chain(changes).collect()
}

fn read_transaction<'a>(words: impl Iterator<Item = &'a str>) -> Option<Transaction> {
    let mut transaction = Transaction::new();
    for word in words {
        let (kind, rest) = word.split_at_checked(1)?;
        transaction = match (kind, rest.split_once('=')) {
            ("?", Some((key, revision))) => transaction.require(key.into(), read_revision(revision)?),
            ("+", Some((key, value))) => transaction.put(key.into(), read_value(value)?),
            ("-", None) => transaction.delete(rest.into()),
            _ => return None,
        };
    }
    Some(transaction)
}

fn write_held(held: &KeyValue) -> String {
    let value = write_value(&held.value);
    format!(
        "{},{value},{},{},{}",
        held.key, held.create_revision, held.mod_revision, held.version
    )
}

fn read_held(word: &str) -> Option<KeyValue> {
    let parts: Vec<&str> = word.split(',').collect();
    let [key, value, created, modified, version] = parts[..] else {
        return None;
    };
    Some(KeyValue {
        key: key.into(),
        value: read_value(value)?,
        create_revision: read_revision(created)?,
        mod_revision: read_revision(modified)?,
        version: version.parse().ok()?,
    })
}

fn read_event(word: &str) -> Option<Event> {
    let (kind, rest) = word.split_at_checked(1)?;
    if kind == "+" {
        return read_held(rest).map(|current| Event::Put {
            current,
            previous: None,
        });
    }
    let (key, revision) = rest.split_once(',')?;
    Some(Event::Delete {
        key: key.into(),
        revision: read_revision(revision)?,
        previous: None,
    })
}

fn read_revision(word: &str) -> Option<Revision> {
    word.parse().ok().map(Revision::new)
}

/// Values end with many dots; only their number is written.
fn write_value(value: &[u8]) -> String {
    let text = String::from_utf8_lossy(value);
    let name = text.trim_end_matches('.');
    format!("{name}*{}", text.len() - name.len())
}

fn read_value(word: &str) -> Option<Bytes> {
    let (name, dots) = word.split_once('*')?;
    Some(format!("{name}{}", ".".repeat(dots.parse().ok()?)).into())
}

#[test]
fn lines_come_back() {
    let held = KeyValue {
        key: "load/0/1".into(),
        value: Bytes::from_static(b"1-2-3..."),
        create_revision: Revision::new(4),
        mod_revision: Revision::new(5),
        version: 2,
    };
    let transaction = Transaction::new()
        .require("load/0/1".into(), Revision::new(4))
        .put("load/0/1".into(), Bytes::from_static(b"1-2-3"))
        .delete("load/0/2".into());
    let revision = Revision::new(9);
    let lines = [
        Line::Opening,
        Line::Watching(revision),
        Line::Begun(7, Call::Commit(transaction)),
        Line::Begun(8, Call::Commit(Transaction::new())),
        Line::Begun(8, Call::Range(KeyRange::prefix("load/"))),
        Line::Begun(8, Call::Range(KeyRange::from("load/"))),
        Line::Answered(7, Answer::Commit(Outcome::Committed { revision })),
        Line::Answered(
            7,
            Answer::Commit(Outcome::Conflict {
                revision,
                current: vec![Some(held.clone()), None],
            }),
        ),
        Line::Answered(
            8,
            Answer::Range(RangeResponse {
                revision,
                key_values: vec![held.clone()],
                more: false,
                count: 1,
            }),
        ),
        Line::Told(WatchBatch {
            revision,
            events: vec![
                Event::Put {
                    current: held,
                    previous: None,
                },
                Event::Delete {
                    key: "load/0/2".into(),
                    revision,
                    previous: None,
                },
            ],
        }),
    ];
    for line in lines {
        assert_eq!(Line::read(&line.write()), Some(line));
    }
    assert_eq!(Line::read("running 1 test"), None);
}
