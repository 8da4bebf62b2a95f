//! The kill of a process under load: everything it was told to be committed is there when the store is opened
//! again.
//!
//! The test runs itself as the process that is killed. That process writes a line for each commit that was
//! answered; what its lines say is compared with what the store holds.

use std::collections::BTreeMap;
use std::env;
use std::io::{BufRead, BufReader, Read, Write, stdout};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use bytes::Bytes;
use store::dice::Dice;
use store::{KeyRange, RangeRequest, StateStore, Transaction};
use store_embedded::{EmbeddedStore, Options};

use super::{first_seed, kills};

const DIRECTORY: &str = "PINTLE_CRASH_TEST_DIRECTORY";
const LIFE: &str = "PINTLE_CRASH_TEST_LIFE";
const KILLS: u64 = 50;
const WRITERS: u64 = 8;

/// By writer: the last step that was answered.
type Answered = BTreeMap<u64, u64>;

fn options() -> Options {
    Options {
        history: Duration::from_millis(200),
        segment_bytes: 64 << 10,
        checkpoint_bytes: 100 << 10,
        ..Options::default()
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("a runtime can be made")
}

/// A step of a writer in a life of the process: sets its counter and a key of the step, and deletes the key
/// of three steps ago.
fn step(life: u64, writer: u64, number: u64) -> Transaction {
    let key = |number: u64| format!("steps/{life:04}/{writer}/{number:06}").into();
    let counter = format!("counters/{life:04}/{writer}").into();
    let transaction = Transaction::new()
        .put(counter, Bytes::from(number.to_string()))
        .put(
            key(number),
            Bytes::from(vec![writer as u8; (number * 37 % 900) as usize]),
        );
    if number > 3 {
        transaction.delete(key(number - 3))
    } else {
        transaction
    }
}

/// The process that is killed. Does nothing when it is run as one test among others.
#[test]
fn process_that_is_killed() {
    let (Ok(directory), Ok(life)) = (env::var(DIRECTORY), env::var(LIFE)) else {
        return;
    };
    let life: u64 = life.parse().expect("a life is a number");
    let store = EmbeddedStore::open(&PathBuf::from(directory), options()).expect("the store opens");
    runtime().block_on(async {
        let writers = (0..WRITERS).map(|writer| {
            let store = &store;
            async move {
                for number in 1..100_000 {
                    store
                        .commit(step(life, writer, number))
                        .await
                        .expect("the disk takes it");
                    // One write, so that the line is whole or not there.
                    stdout()
                        .write_all(format!("\nanswered {writer} {number}\n").as_bytes())
                        .expect("somebody reads");
                }
            }
        });
        futures::future::join_all(writers).await;
    });
}

fn start(directory: &Path, life: u64) -> Child {
    Command::new(env::current_exe().expect("it runs"))
        .args(["--exact", "counters::process_that_is_killed", "--nocapture"])
        .env(DIRECTORY, directory)
        .env(LIFE, life.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .expect("it starts")
}

/// Lets the process answer so many commits and kills it; gives what it has answered in all.
fn run_and_kill(directory: &Path, life: u64, answers: u64) -> Answered {
    let mut child = start(directory, life);
    let mut output = BufReader::new(child.stdout.take().expect("it is piped"));
    let mut answered = Answered::new();
    for _ in 0..answers {
        read_answer(&mut output, &mut answered);
    }
    child.kill().expect("it runs");
    child.wait().expect("it ends");
    let mut rest = String::new();
    output.read_to_string(&mut rest).expect("it was text");
    rest.lines().for_each(|line| note(line, &mut answered));
    answered
}

fn read_answer(output: &mut BufReader<ChildStdout>, answered: &mut Answered) {
    let mut line = String::new();
    while !line.starts_with("answered") {
        line.clear();
        assert!(
            output.read_line(&mut line).expect("it is text") > 0,
            "the process has ended by itself"
        );
    }
    note(line.trim_end(), answered);
}

fn note(line: &str, answered: &mut Answered) {
    if let Some(answer) = line.strip_prefix("answered ")
        && let Some((writer, number)) = answer.split_once(' ')
    {
        let writer = writer.parse().expect("a writer is a number");
        answered.insert(writer, number.parse().expect("a step is a number"));
    }
}

/// Compares what a store holds of one life with what was answered; each writer may have got one step further.
async fn check(store: &EmbeddedStore, life: u64, answered: &Answered) {
    let prefix = |kind: &str| RangeRequest::new(KeyRange::prefix(format!("{kind}/{life:04}/")));
    let counters = store.range(prefix("counters")).await.expect("it reads");
    let steps = store.range(prefix("steps")).await.expect("it reads");
    let mut expected_steps = Vec::new();
    let mut reached = BTreeMap::new();
    for counter in &counters.key_values {
        let name = String::from_utf8_lossy(&counter.key).into_owned();
        let writer: u64 = name
            .rsplit('/')
            .next()
            .and_then(|writer| writer.parse().ok())
            .expect("it ends with a writer");
        let number: u64 = String::from_utf8_lossy(&counter.value)
            .parse()
            .expect("it is a number");
        reached.insert(writer, number);
        expected_steps.extend((number.saturating_sub(2).max(1)..=number).map(|number| (writer, number)));
    }
    for writer in 0..WRITERS {
        let told = answered.get(&writer).copied().unwrap_or(0);
        let found = reached.get(&writer).copied().unwrap_or(0);
        assert!(
            found == told || found == told + 1,
            "life {life}, writer {writer}: answered {told}, found {found}"
        );
    }
    let found_steps: Vec<(u64, u64)> = steps.key_values.iter().map(|step| step_of(&step.key)).collect();
    assert_eq!(found_steps, expected_steps, "life {life}");
    for found in &steps.key_values {
        let (writer, number) = step_of(&found.key);
        assert!(
            found.value == vec![writer as u8; (number * 37 % 900) as usize],
            "life {life}: {}",
            found.key
        );
    }
}

fn step_of(key: &[u8]) -> (u64, u64) {
    let name = String::from_utf8_lossy(key).into_owned();
    let mut parts = name.rsplit('/').map(|part| part.parse().expect("it is a number"));
    let number = parts.next().expect("a step has a number");
    (parts.next().expect("a step has a writer"), number)
}

#[test]
fn nothing_answered_is_lost() {
    let directory = tempfile::tempdir().expect("a directory can be made");
    let mut dice = Dice::new(first_seed());
    let runtime = runtime();
    let mut lives = Vec::new();
    for life in 0..kills(KILLS) {
        lives.push(run_and_kill(directory.path(), life, dice.below(300)));
        let store = EmbeddedStore::open(directory.path(), options()).expect("the store opens");
        let recent = lives.len().saturating_sub(3);
        for (life, answered) in (0..).zip(&lives).skip(recent) {
            runtime.block_on(check(&store, life, answered));
        }
    }
    let store = EmbeddedStore::open(directory.path(), options()).expect("the store opens");
    for (life, answered) in (0..).zip(&lives) {
        runtime.block_on(check(&store, life, answered));
    }
}
