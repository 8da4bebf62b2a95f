//! One trial: several lives of one store.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use store::{Key, KeyRange, Precondition, RangeRequest, Revision, StoreError, Transaction};

use super::expected::Expected;
use crate::engine::{Engine, Housekeeping, Judged};
use crate::history::ChangeKind;
use crate::options::Options;
use crate::simulation::{Fault, Omission, SimulatedDisk};
use store::dice::Dice;

const LIVES: u64 = 5;
const KEYS: u64 = 9;

pub(super) struct Trial {
    dice: Dice,
    disk: SimulatedDisk,
    engine: Engine,
    housekeeping: Housekeeping,
    now_ms: u64,
    expected: Expected,
    /// What may be there as well: groups that failed since the last that did not.
    doubtful: Vec<Expected>,
    /// The revision that was compacted last, as far as that was acknowledged.
    compacted: u64,
    /// How often the power has gone while the store was being opened.
    interrupted: u64,
    packs: bool,
}

/// A trial that went well.
pub(super) struct Survived {
    /// How many crashes there were, those of recovery included.
    pub(super) crashes: u64,
    /// How many of them came while the store was being opened.
    pub(super) interrupted: u64,
}

/// What went wrong.
type Outcome = Result<(), String>;

/// With packed values in every other trial: then frames are small, else they cross segments.
fn options(packs: bool) -> Options {
    Options {
        pack_values: packs,
        history: Duration::from_millis(300),
        max_history_changes: 60,
        segment_bytes: 4096,
        checkpoint_bytes: 3000,
        recent_value_bytes: 200,
        ..Options::default()
    }
}

fn open(disk: &SimulatedDisk, packs: bool) -> Result<(Engine, Housekeeping), String> {
    Engine::open(Arc::new(disk.clone()), options(packs))
        .map_err(|error| format!("the store does not open: {error}"))
}

impl Trial {
    pub(super) fn run(seed: u64, omission: Option<Omission>) -> Result<Survived, String> {
        let disk = SimulatedDisk::new();
        if let Some(omission) = omission {
            disk.set_omission(omission);
        }
        let packs = seed.is_multiple_of(2);
        let (engine, housekeeping) = open(&disk, packs)?;
        let mut trial = Self {
            packs,
            dice: Dice::new(seed),
            disk,
            engine,
            housekeeping,
            now_ms: 1000,
            expected: Expected::default(),
            doubtful: Vec::new(),
            compacted: 0,
            interrupted: 0,
        };
        for life in 1..=LIVES {
            trial
                .live()
                .map_err(|problem| format!("life {life}: {problem}"))?;
        }
        Ok(Survived {
            crashes: LIVES + trial.interrupted,
            interrupted: trial.interrupted,
        })
    }

    /// Does things until the power goes or the process is killed, and opens the store again.
    fn live(&mut self) -> Outcome {
        let length = 1 + self.dice.below(150);
        let cut = self.disk.operations() + length;
        if self.dice.percent(30) {
            self.disk.set_fault(Some(Fault::Error {
                operation: cut - self.dice.below(length),
            }));
            for _ in 0..length {
                self.act()?;
            }
        }
        let cut = cut.max(self.disk.operations() + 1);
        self.disk.set_fault(Some(Fault::PowerCut { operation: cut }));
        while self.disk.operations() < cut {
            self.act()?;
        }
        if self.dice.percent(40) {
            // Only the process has ended: what it wrote is seen, durable or not.
            self.disk.set_fault(None);
        } else {
            self.disk = self.disk.crash(&mut self.dice);
        }
        self.reopen()
    }

    fn act(&mut self) -> Outcome {
        self.now_ms += self.dice.below(20);
        match self.dice.below(20) {
            0 => self.compact(),
            1..=3 => self.keep_house(),
            4 => self.expire(),
            5 => self.restart(),
            6 | 7 => self.read(),
            _ => self.commit(),
        }
    }

    fn commit(&mut self) -> Outcome {
        let group: Vec<_> = (0..1 + self.dice.below(4)).map(|_| self.transaction()).collect();
        let mut expected = self.expected.clone();
        let changes: Vec<_> = group
            .iter()
            .map(|transaction| expected.commit(transaction, self.now_ms))
            .collect();
        let outcomes = self.engine.commit(group, self.now_ms);
        if outcomes.iter().any(Result::is_err) {
            self.doubtful.push(expected);
            return self.expect_current();
        }
        for (outcome, changes) in outcomes.into_iter().zip(changes) {
            let fits = match (&outcome, &changes) {
                (Ok(Judged::Committed(revision)), Some(changes)) => {
                    *revision == changes.revision || changes.keys.is_empty()
                }
                (Ok(Judged::Conflict { .. }), None) => true,
                _ => false,
            };
            if !fits {
                return Err(format!("expected {changes:?}, got {outcome:?}"));
            }
        }
        if expected.revision() > self.expected.revision() {
            self.doubtful.clear();
        }
        self.expected = expected;
        self.expect_current()
    }

    fn transaction(&mut self) -> Transaction {
        let mut transaction = Transaction::new();
        let first = self.dice.below(KEYS);
        for step in 0..1 + self.dice.below(3) {
            let key = Key::from(format!("key{}", (first + step) % KEYS));
            if self.dice.percent(40) {
                let found = self
                    .expected
                    .get(&key)
                    .map_or(Revision::ZERO, |found| found.mod_revision);
                let stale = u64::from(self.dice.percent(10));
                let mod_revision = Revision::new(found.get() + stale);
                transaction.preconditions.push(Precondition {
                    key: key.clone(),
                    mod_revision,
                });
            }
            transaction = match self.dice.below(10) {
                0..=2 => transaction.delete(key),
                3 => {
                    let time_to_live = Duration::from_millis(self.dice.below(200));
                    transaction.put_for(key, self.value(), time_to_live)
                }
                _ => transaction.put(key, self.value()),
            };
        }
        transaction
    }

    fn value(&mut self) -> Bytes {
        let length = if self.dice.percent(5) {
            self.dice.below(6000)
        } else {
            self.dice.below(120)
        };
        let fill = self.dice.number() as u8;
        Bytes::from(vec![fill; length as usize])
    }

    fn expire(&mut self) -> Outcome {
        let mut expected = self.expected.clone();
        expected.expire(self.now_ms);
        match self.engine.expire(self.now_ms) {
            Ok(()) => self.expected = expected,
            Err(_) => self.doubtful.push(expected),
        }
        self.expect_current()
    }

    fn compact(&mut self) -> Outcome {
        let current = self.engine.history.current();
        let revision = current - self.dice.below(20).min(current);
        match self.engine.compact(Revision::new(revision)) {
            Ok(()) => self.note_compacted(revision),
            Err(StoreError::Compacted { .. }) if revision <= self.compacted => {}
            Err(StoreError::Io { .. }) => {}
            Err(error) => return Err(format!("compacting {revision}: {error}")),
        }
        Ok(())
    }

    fn keep_house(&mut self) -> Outcome {
        match self.housekeeping.run(&self.engine, self.now_ms) {
            Ok(_) | Err(StoreError::Io { .. }) => {}
            Err(error) => return Err(format!("housekeeping: {error}")),
        }
        let compacted = self.engine.window().compacted.get();
        if compacted < self.compacted {
            return Err(format!("compacted {compacted} after {}", self.compacted));
        }
        self.note_compacted(compacted);
        Ok(())
    }

    /// As after the kill of the process, mostly: what was written is seen, though it may not be durable.
    fn restart(&mut self) -> Outcome {
        if self.dice.percent(30)
            && let Err(error) = self.engine.close()
            && !matches!(error, StoreError::Io { .. })
        {
            return Err(format!("closing: {error}"));
        }
        // What a store counts as needed while it runs must be what it counts when it is opened.
        let needed = self.engine.forget().then(|| self.engine.statistics().live_bytes);
        let undoubted = self.doubtful.is_empty();
        let compacted = self.engine.window().compacted;
        let open = || Engine::open(Arc::new(self.disk.clone()), options(self.packs));
        // An error of the disk comes once.
        match open().or_else(|_| open()) {
            Ok((engine, housekeeping)) => (self.engine, self.housekeeping) = (engine, housekeeping),
            // The power has gone.
            Err(StoreError::Io { .. }) => return Ok(()),
            Err(error) => return Err(format!("the store does not open: {error}")),
        }
        // A compaction that failed may be found, and then less is needed.
        let undoubted = undoubted && self.engine.window().compacted == compacted;
        let counted = self.engine.statistics().live_bytes;
        match needed {
            Some(needed) if undoubted && counted != needed => {
                Err(format!("{needed} bytes were needed, {counted} are after opening"))
            }
            _ => self.take_stock(),
        }
    }

    /// Opens the store again; now and then the power goes while it is being opened, too.
    fn reopen(&mut self) -> Outcome {
        while self.dice.percent(30) {
            let operation = self.disk.operations() + 1 + self.dice.below(8);
            self.disk.set_fault(Some(Fault::PowerCut { operation }));
            match Engine::open(Arc::new(self.disk.clone()), options(self.packs)) {
                Ok((engine, _)) => drop(engine),
                Err(StoreError::Io { .. }) => self.interrupted += 1,
                Err(error) => return Err(format!("the store does not open: {error}")),
            }
            self.disk = self.disk.crash(&mut self.dice);
        }
        (self.engine, self.housekeeping) = open(&self.disk, self.packs)?;
        self.take_stock()
    }

    /// Reads everything there is, and finds out whether what was in doubt is there.
    fn take_stock(&mut self) -> Outcome {
        let compacted = self.engine.window().compacted.get();
        if compacted < self.compacted || compacted > self.engine.history.current() {
            return Err(format!(
                "compacted {compacted}, {} was acknowledged",
                self.compacted
            ));
        }
        self.compacted = compacted;
        let problem = match self.matches(&self.expected) {
            Ok(()) => {
                self.doubtful.clear();
                return Ok(());
            }
            Err(problem) => problem,
        };
        let doubtful = std::mem::take(&mut self.doubtful);
        match doubtful
            .into_iter()
            .find(|doubtful| self.matches(doubtful).is_ok())
        {
            Some(there) => {
                self.expected = there;
                Ok(())
            }
            None => Err(problem),
        }
    }

    /// Whether the store holds this, at each revision and in each change.
    fn matches(&self, expected: &Expected) -> Outcome {
        let current = self.engine.history.current();
        if current != expected.revision() {
            return Err(format!(
                "the store is at {current}, expected {}",
                expected.revision()
            ));
        }
        for (revision, contents) in expected.contents_from(self.compacted) {
            let request = RangeRequest::new(KeyRange::all()).at(Revision::new(revision));
            let found = self
                .engine
                .range(&request)
                .map_err(|error| format!("reading at {revision}: {error}"))?;
            if !found.key_values.iter().eq(contents.values()) {
                return Err(format!(
                    "at {revision}: found {:?}, expected {contents:?}",
                    found.key_values
                ));
            }
        }
        let found = self
            .engine
            .history
            .read(self.compacted, usize::MAX >> 1, |_| true)
            .changes;
        let found: Vec<_> = found
            .iter()
            .map(|change| {
                (
                    change.revision,
                    &change.key,
                    matches!(change.kind, ChangeKind::Delete),
                )
            })
            .collect();
        let changes = expected
            .changes()
            .filter(|changes| changes.revision >= self.compacted);
        let changes: Vec<_> = changes
            .flat_map(|changes| {
                changes
                    .keys
                    .iter()
                    .map(|(key, new)| (changes.revision, key, new.is_none()))
            })
            .collect();
        if found != changes {
            return Err(format!("found the changes {found:?}, expected {changes:?}"));
        }
        Ok(())
    }

    fn note_compacted(&mut self, revision: u64) {
        self.compacted = revision;
        self.expected.compact(revision);
    }

    fn expect_current(&self) -> Outcome {
        let current = self.engine.history.current();
        if current == self.expected.revision() {
            Ok(())
        } else {
            Err(format!(
                "the store is at {current}, expected {}",
                self.expected.revision()
            ))
        }
    }

    fn read(&mut self) -> Outcome {
        let key = Key::from(format!("key{}", self.dice.below(KEYS)));
        let request = RangeRequest::new(KeyRange::single(key.clone()));
        let found = match self.engine.range(&request) {
            Ok(found) => found.key_values.into_iter().next(),
            Err(StoreError::Io { .. }) => return Ok(()),
            Err(error) => return Err(format!("reading {key}: {error}")),
        };
        if found.as_ref() == self.expected.get(&key) {
            Ok(())
        } else {
            Err(format!(
                "{key}: found {found:?}, expected {:?}",
                self.expected.get(&key)
            ))
        }
    }
}
