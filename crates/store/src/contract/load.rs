//! Many clients at once, doing random things to a few keys, and watches that follow them: everything is recorded, and must
//! be what one store would answer that does one thing after the other.
//!
//! It goes on when the store fails an operation, so that it can be run while a backend loses its leader.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use futures::future::join_all;
use tokio::sync::watch;

use super::harness::{PATIENCE, Store};
use super::linearizability;
use super::recording::{Answer, Call, Recorder, Witness};
use super::timeline::Timeline;
use super::watch_record::{WatchRecord, WatchStep};
use crate::dice::Dice;
use crate::{
    Event, Key, KeyRange, KeyValue, RangeRequest, Revision, StoreError, Transaction, WatchRequest,
    WatchStream,
};

/// Keys come in groups, and most transactions stay within one.
const GROUPS: u64 = 6;
/// So many keys are in a group.
const GROUP_KEYS: u64 = 3;
/// After a failure a client lets the store breathe.
const AFTER_FAILURE: Duration = Duration::from_millis(20);

/// How much is done.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    /// Says what is done: the same seed asks for the same things.
    pub seed: u64,
    /// How many clients there are.
    pub clients: u64,
    /// How many operations each does.
    pub operations: u64,
    /// How many watches there are beside the one of everything.
    pub watches: u64,
    /// All keys begin with this.
    pub prefix: &'static str,
}

impl Default for Load {
    fn default() -> Self {
        Self {
            seed: 1,
            clients: 8,
            operations: 60,
            watches: 6,
            prefix: "load/",
        }
    }
}

impl Load {
    /// Does it and checks all there is to check: that operations are linearizable, that watches keep their promises, and
    /// that both tell the same.
    pub async fn run_and_check(self, store: &Store) -> Result<(), String> {
        let initial = everything(store).await?;
        let start = initial.revision.next();
        let recorder = Arc::new(Recorder::default());
        let (finished, finish) = watch::channel(None);
        let all = self.follower(0, WatchRequest::new(KeyRange::all()).start(start).with_previous());
        let mut followers = vec![tokio::spawn(all.follow(store.clone(), finish.clone()))];
        for number in 1..=self.watches {
            let mut dice = Dice::new(self.seed ^ (number << 32));
            let mut request = WatchRequest::new(self.some_range(&mut dice)).start(start);
            request.previous = dice.percent(50);
            let follower = self.follower(number, request);
            followers.push(tokio::spawn(follower.follow(store.clone(), finish.clone())));
        }
        self.run_clients(store, &recorder).await;
        let end = everything(store).await?.revision;
        finished.send_replace(Some(end));

        let mut records = Vec::new();
        for follower in followers {
            records.push(follower.await.map_err(|error| error.to_string())??);
        }
        let operations = recorder.operations();
        linearizability::check(&initial.key_values, &operations)?;
        let told: Vec<Event> = events(&records[0]);
        let timeline = Timeline::new(&initial.key_values, initial.revision, end, &told)?;
        timeline.explained_by(&operations, &KeyRange::all())?;
        for record in &records {
            record
                .check(&timeline)
                .map_err(|problem| format!("{:?}: {problem}", record.request))?;
        }
        Ok(())
    }

    /// Has all clients do what they do.
    pub async fn run_clients(self, store: &Store, witness: &Arc<impl Witness>) {
        let clients = (0..self.clients).map(|number| {
            let client = Client {
                load: self,
                number,
                dice: Dice::new(self.seed.wrapping_add(number * 7919)),
                store: store.clone(),
                witness: witness.clone(),
                known: Vec::new(),
            };
            tokio::spawn(client.run())
        });
        for joined in join_all(clients).await {
            joined.expect("no panic");
        }
    }

    /// Each group of keys.
    pub fn groups(self) -> impl Iterator<Item = KeyRange> {
        (0..GROUPS).map(move |group| KeyRange::prefix(format!("{}{group}/", self.prefix)))
    }

    fn some_key(self, group: u64, dice: &mut Dice) -> Key {
        format!("{}{group}/{}", self.prefix, dice.below(GROUP_KEYS)).into()
    }

    fn some_range(self, dice: &mut Dice) -> KeyRange {
        let group = dice.below(GROUPS);
        match dice.below(4) {
            0 => KeyRange::prefix(self.prefix),
            1 => KeyRange::single(self.some_key(group, dice)),
            2 => KeyRange::from(format!("{}{group}/", self.prefix)),
            _ => KeyRange::prefix(format!("{}{group}/", self.prefix)),
        }
    }

    fn follower(self, number: u64, request: WatchRequest) -> Follower {
        Follower {
            record: WatchRecord::new(request),
            dice: Dice::new(self.seed.wrapping_add(number * 104_729)),
        }
    }
}

async fn everything(store: &Store) -> Result<crate::RangeResponse, String> {
    let request = RangeRequest::new(KeyRange::all());
    store.range(request).await.map_err(|error| error.to_string())
}

fn events(record: &WatchRecord) -> Vec<Event> {
    let batches = record.steps.iter().filter_map(|step| match step {
        WatchStep::Told(batch) => Some(batch),
        _ => None,
    });
    batches.flat_map(|batch| batch.events.iter().cloned()).collect()
}

/// One client: does one thing after the other.
struct Client<W> {
    load: Load,
    number: u64,
    dice: Dice,
    store: Store,
    witness: Arc<W>,
    /// What it has seen of keys, newest last.
    known: Vec<KeyValue>,
}

impl<W: Witness> Client<W> {
    async fn run(mut self) {
        for operation in 0..self.load.operations {
            let call = self.next_call(operation);
            let number = self.witness.begun(&call);
            let answer = match call {
                Call::Range(range) => {
                    let found = self.store.range(RangeRequest::new(range)).await;
                    found.map(Answer::Range)
                }
                Call::Commit(transaction) => self.store.commit(transaction).await.map(Answer::Commit),
            };
            match answer {
                Ok(answer) => {
                    self.witness.answered(number, &answer);
                    self.learn(answer);
                }
                Err(_) => tokio::time::sleep(AFTER_FAILURE).await,
            }
        }
    }

    fn learn(&mut self, answer: Answer) {
        match answer {
            Answer::Range(found) => self.known.extend(found.key_values),
            Answer::Commit(crate::Outcome::Conflict { current, .. }) => {
                self.known.extend(current.into_iter().flatten());
            }
            Answer::Commit(_) => {}
        }
        let surplus = self.known.len().saturating_sub(20);
        self.known.drain(..surplus);
    }

    fn next_call(&mut self, operation: u64) -> Call {
        let group = self.dice.below(GROUPS);
        let key = self.load.some_key(group, &mut self.dice);
        match self.dice.below(10) {
            0 | 1 => Call::Range(KeyRange::single(key)),
            2 => Call::Range(KeyRange::prefix(format!("{}{group}/", self.load.prefix))),
            _ => Call::Commit(self.transaction(group, operation)),
        }
    }

    /// Some puts and deletions in one group, rarely in two, with and without preconditions.
    fn transaction(&mut self, group: u64, operation: u64) -> Transaction {
        let mut transaction = Transaction::new();
        let mut keys: Vec<Key> = (0..1 + self.dice.below(3))
            .map(|_| self.load.some_key(group, &mut self.dice))
            .collect();
        if group == 0 && self.dice.percent(20) {
            keys.push(self.load.some_key(1, &mut self.dice));
        }
        keys.sort_unstable();
        keys.dedup();
        for key in keys {
            if self.dice.percent(50) {
                transaction = transaction.require(key.clone(), self.demand(&key));
            }
            transaction = match self.dice.below(10) {
                0 => transaction,
                1..=3 => transaction.delete(key),
                _ => transaction.put(key, self.value(operation)),
            };
        }
        transaction
    }

    /// The revision the key was last seen with, or absence.
    fn demand(&mut self, key: &Key) -> Revision {
        let known = self.known.iter().rev().find(|known| known.key == *key);
        match known {
            Some(known) if self.dice.percent(80) => known.mod_revision,
            _ => Revision::ZERO,
        }
    }

    /// A value of its own, short or long.
    fn value(&mut self, operation: u64) -> bytes::Bytes {
        let name = format!("{}-{}-{operation}", self.load.seed, self.number);
        let length = [0, 10, 100, 1000][self.dice.below(4) as usize];
        format!("{name}{}", ".".repeat(length)).into()
    }
}

/// A watch that is now and then broken off and resumed, and asked how far it is.
struct Follower {
    record: WatchRecord,
    dice: Dice,
}

impl Follower {
    /// Follows the store up to the revision at which all is finished.
    async fn follow(
        mut self,
        store: Store,
        mut finish: watch::Receiver<Option<Revision>>,
    ) -> Result<WatchRecord, String> {
        let mut stream = self.open(&store).await?;
        loop {
            let end = *finish.borrow_and_update();
            if end.is_some_and(|end| self.record.place() >= end) {
                return Ok(self.record);
            }
            if end.is_some() || self.dice.percent(20) {
                self.record.steps.push(WatchStep::Asked(store.current_revision()));
                stream.progress_requester().request();
            }
            let told = tokio::select! {
                told = tokio::time::timeout(PATIENCE, stream.next()) => told,
                changed = finish.changed(), if end.is_none() => match changed {
                    Ok(()) => continue,
                    Err(_) => return Err(String::from("the clients have failed")),
                },
            };
            match told {
                Ok(Some(Ok(batch))) => self.record.steps.push(WatchStep::Told(batch)),
                Ok(Some(Err(StoreError::Unavailable(_))) | None) => stream = self.resume(&store).await?,
                Ok(Some(Err(error))) => return Err(format!("the watch has failed: {error}")),
                Err(_) => return Err(format!("the watch says nothing after {}", self.record.place())),
            }
            if self.dice.percent(20) {
                stream = self.resume(&store).await?;
            }
        }
    }

    async fn resume(&mut self, store: &Store) -> Result<WatchStream, String> {
        self.record.steps.push(WatchStep::Resumed);
        self.open(store).await
    }

    async fn open(&self, store: &Store) -> Result<WatchStream, String> {
        let request = WatchRequest {
            start: Some(self.record.place().next()),
            ..self.record.request.clone()
        };
        let patience = tokio::time::Instant::now() + PATIENCE;
        loop {
            match store.watch(request.clone()).await {
                Ok(stream) => return Ok(stream),
                Err(StoreError::Unavailable(_)) if tokio::time::Instant::now() < patience => {
                    tokio::time::sleep(AFTER_FAILURE).await;
                }
                Err(error) => return Err(format!("no watch can be made: {error}")),
            }
        }
    }
}
