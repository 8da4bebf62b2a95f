//! After each kill the whole history is judged: what was answered before it and what is found after it must be what one store
//! would answer that does one thing after the other, and a watch that goes on from where it was must miss nothing.
//!
//! The process compacts, lets keys expire, and has segments and checkpoints so small that it changes them all the time.

use std::env;
use std::io::{BufRead, BufReader, Write, stdout};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt;
use store::contract::harness::Store;
use store::contract::linearizability;
use store::contract::load::Load;
use store::contract::recording::{Answer, Call, Recorded, Witness};
use store::contract::timeline::Timeline;
use store::contract::watch_record::{WatchRecord, WatchStep};
use store::dice::Dice;
use store::{
    Event, KeyRange, RangeRequest, RangeResponse, Revision, StateStore, Transaction, WatchBatch,
    WatchRequest, WatchStream,
};
use store_embedded::{EmbeddedStore, Options};

use super::lines::{Line, operations};
use super::{first_seed, kills};

const DIRECTORY: &str = "PINTLE_HISTORY_TEST_DIRECTORY";
const SEED: &str = "PINTLE_HISTORY_TEST_SEED";
const KILLS: u64 = 40;
/// Keys of the load begin so; others expire.
const LOAD: &str = "load/";
/// History is kept for so many revisions behind what the watch has told.
const KEPT: u64 = 60;

fn options() -> Options {
    Options {
        history: Duration::from_secs(3600),
        segment_bytes: 16 << 10,
        checkpoint_bytes: 20 << 10,
        recent_value_bytes: 4 << 10,
        ..Options::default()
    }
}

fn load(seed: u64) -> Load {
    Load {
        seed,
        clients: 6,
        operations: 100_000,
        watches: 0,
        prefix: LOAD,
    }
}

fn runtime() -> tokio::runtime::Runtime {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    let runtime = builder.worker_threads(2).enable_all().build();
    runtime.expect("a runtime can be made")
}

/// Writes every operation down before it begins and after it has ended.
#[derive(Default)]
struct Lines {
    numbers: AtomicU64,
}

fn write(line: &Line) {
    // The lock keeps lines apart, the first line break keeps them apart from what the test runner writes.
    let text = format!("\n{}\n", line.write());
    stdout()
        .lock()
        .write_all(text.as_bytes())
        .expect("somebody reads");
}

impl Witness for Lines {
    fn begun(&self, call: &Call) -> u64 {
        let number = self.numbers.fetch_add(1, Ordering::Relaxed);
        write(&Line::Begun(number, call.clone()));
        number
    }

    fn answered(&self, operation: u64, answer: &Answer) {
        write(&Line::Answered(operation, answer.clone()));
    }
}

/// The process that is killed. Does nothing when it is run as one test among others.
#[test]
fn process_that_is_killed() {
    let (Ok(directory), Ok(seed)) = (env::var(DIRECTORY), env::var(SEED)) else {
        return;
    };
    let seed = seed.parse().expect("a seed is a number");
    write(&Line::Opening);
    let store: Store =
        Arc::new(EmbeddedStore::open(&PathBuf::from(directory), options()).expect("the store opens"));
    runtime().block_on(async {
        let after = store.current_revision();
        let request = WatchRequest::new(KeyRange::all()).after(after);
        let stream = store.watch(request).await.expect("the watch can be made");
        write(&Line::Watching(after));
        tokio::spawn(follow_and_compact(store.clone(), stream));
        tokio::spawn(put_what_expires(store.clone(), seed));
        load(seed).run_clients(&store, &Arc::new(Lines::default())).await;
    });
}

/// Tells what a watch of everything tells, and compacts behind it.
async fn follow_and_compact(store: Store, mut stream: WatchStream) {
    while let Some(batch) = stream.next().await {
        let batch = batch.expect("the watch keeps up");
        let behind = batch.revision.get().saturating_sub(KEPT);
        write(&Line::Told(batch));
        if behind > store.compacted_revision().get() + KEPT {
            store
                .compact(Revision::new(behind))
                .await
                .expect("it can be compacted");
        }
    }
}

async fn put_what_expires(store: Store, seed: u64) {
    for number in 0.. {
        let (key, value) = (format!("brief/{}", number % 5), Bytes::from_static(b"gone-soon"));
        let brief = Transaction::new().put_for(key.into(), value, Duration::from_millis((seed + number) % 7));
        store.commit(brief).await.expect("the disk takes it");
        tokio::time::sleep(Duration::from_millis(3)).await;
    }
}

fn start(directory: &Path, seed: u64) -> Child {
    Command::new(env::current_exe().expect("it runs"))
        .args(["--exact", "histories::process_that_is_killed", "--nocapture"])
        .env(DIRECTORY, directory)
        .env(SEED, seed.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .expect("it starts")
}

/// Kills the process when it has been answered so often; with zero, while it opens the store. Gives all its lines.
fn run_and_kill(directory: &Path, seed: u64, answers: u64) -> Vec<Line> {
    let mut child = start(directory, seed);
    let mut output = BufReader::new(child.stdout.take().expect("it was asked for"));
    let (mut lines, mut answered) = (Vec::new(), 0);
    let mut text = String::new();
    loop {
        text.clear();
        output.read_line(&mut text).expect("it is text");
        // What was being written when the process was killed is no line.
        let Some(line) = text.strip_suffix('\n') else {
            break;
        };
        let Some(line) = Line::read(line) else { continue };
        answered += u64::from(matches!(line, Line::Answered(..)));
        let enough = answers == 0 || answered >= answers;
        lines.push(line);
        if enough {
            // It may be dead already; its lines are read to their end.
            let _ = child.kill();
        }
    }
    let status = child.wait().expect("it ends");
    assert!(
        status.code().is_none(),
        "the process has ended by itself: {status}"
    );
    lines
}

async fn everything(store: &EmbeddedStore, at: Option<Revision>) -> RangeResponse {
    let mut request = RangeRequest::new(KeyRange::all());
    request.at = at;
    store.range(request).await.expect("it reads")
}

/// Judges one life, on top of what was there before it.
async fn judge(store: &EmbeddedStore, before: &RangeResponse, lines: &[Line]) -> Result<(), String> {
    let mut operations = operations(lines);
    let mut time = lines.len() as u64;
    for group in load(0).groups() {
        let found = store.range(RangeRequest::new(group.clone())).await;
        let found = found.map_err(|error| error.to_string())?;
        operations.push(Recorded {
            call: Call::Range(group),
            begun: time,
            answered: Some((time + 1, Answer::Range(found))),
        });
        time += 2;
    }
    linearizability::check(&before.key_values, &operations)?;

    let now = store.current_revision();
    let base = match store.compacted_revision() {
        compacted if compacted > before.revision => everything(store, Some(compacted)).await,
        _ => before.clone(),
    };
    // Keys expire in this process too, so that both watches may see more than there was at first.
    let watch = resume(store, lines, base.revision, now).await?;
    let told = told_after(store, base.revision, now.max(watch.place())).await?;
    let until = told.last().map_or(base.revision, |batch| batch.revision);
    let events: Vec<Event> = told.into_iter().flat_map(|batch| batch.events).collect();
    let timeline = Timeline::new(&base.key_values, base.revision, until, &events)?;
    timeline.explained_by(&operations, &KeyRange::prefix(LOAD))?;
    watch.check(&timeline)
}

/// What a watch of everything tells after one revision up to another.
async fn told_after(
    store: &EmbeddedStore,
    after: Revision,
    until: Revision,
) -> Result<Vec<WatchBatch>, String> {
    let mut batches: Vec<WatchBatch> = Vec::new();
    let request = WatchRequest::new(KeyRange::all()).after(after);
    let mut stream = store.watch(request).await.map_err(|error| error.to_string())?;
    let place = |batches: &[WatchBatch]| batches.last().map_or(after, |batch| batch.revision);
    while place(&batches) < until {
        let batch = stream.next().await.ok_or("the watch has ended")?;
        batches.push(batch.map_err(|error| error.to_string())?);
    }
    Ok(batches)
}

/// The watch of the process that was killed, gone on with from its last batch.
async fn resume(
    store: &EmbeddedStore,
    lines: &[Line],
    base: Revision,
    now: Revision,
) -> Result<WatchRecord, String> {
    let begun = lines.iter().find_map(|line| match line {
        Line::Watching(after) => Some(*after),
        _ => None,
    });
    let base = base.max(begun.unwrap_or_default());
    let mut record = WatchRecord::new(WatchRequest::new(KeyRange::all()).after(base));
    for line in lines {
        let Line::Told(batch) = line else { continue };
        let mut batch = batch.clone();
        // What is compacted cannot be compared any more.
        batch.events.retain(|event| event.revision() > base);
        if !batch.events.is_empty() {
            record.steps.push(WatchStep::Told(batch));
        }
    }
    record.steps.push(WatchStep::Resumed);
    let resumed = told_after(store, record.place(), now).await?;
    record.steps.extend(resumed.into_iter().map(WatchStep::Told));
    Ok(record)
}

#[test]
fn histories_are_linearizable_and_watches_resume() {
    let directory = tempfile::tempdir().expect("a directory can be made");
    let (first, runtime) = (first_seed(), runtime());
    let mut before = RangeResponse {
        revision: Revision::ZERO,
        key_values: Vec::new(),
        more: false,
        count: 0,
    };
    for seed in first..first + kills(KILLS) {
        let mut dice = Dice::new(seed);
        let answers = if dice.percent(20) { 0 } else { 1 + dice.below(250) };
        let lines = run_and_kill(directory.path(), seed, answers);
        let store = EmbeddedStore::open(directory.path(), options()).expect("the store opens");
        if let Err(problem) = runtime.block_on(judge(&store, &before, &lines)) {
            panic!("seeds {first} to {seed}: {problem}");
        }
        before = runtime.block_on(everything(&store, None));
    }
}
