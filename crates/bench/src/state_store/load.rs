//! The loads that etcd and `pintle etcd` are put under, through etcd's own interface.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use etcd_rpc::message::{
    Compare, CompareResult, CompareTarget, PutRequest, RangeRequest, Request, RequestOp, TargetUnion,
    TxnRequest, WatchCreateRequest, WatchRequest, WatchRequestUnion, WatchResponse,
};
use tokio::task::JoinSet;

use super::connection::{Answers, CallError, Connection, framed};
use super::frames::Clients;
use super::process::Process;
use super::values::{VALUE_BYTES, key, values};
use crate::process::cpu;

pub const RANGE: &str = "/etcdserverpb.KV/Range";
const PUT: &str = "/etcdserverpb.KV/Put";
const TXN: &str = "/etcdserverpb.KV/Txn";
const WATCH: &str = "/etcdserverpb.Watch/Watch";

/// So many clients share a connection in the figures that etcd publishes of itself.
pub const SHARED: usize = 10;
/// Each client has a connection of its own, as those of `etcdctl check perf` have.
pub const ALONE: usize = 1;

/// etcd takes at most 128 operations in a transaction.
const PUTS_PER_TRANSACTION: usize = 100;

/// So many keys are read by single reads.
const GET_KEYS: usize = 1000;

/// As many watches as a stream of etcd's own benchmark has.
const WATCHES_PER_STREAM: usize = 100;

pub type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// How a load went.
#[derive(Clone, Copy, Debug)]
pub struct Rate {
    pub per_second: f64,
    /// Of the server alone.
    pub cpu_each: Duration,
    /// How long half of the operations took at most.
    pub median: Duration,
}

/// What each client does again and again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Puts one of a hundred keys of its own.
    Put,
    /// Creates a key as an API server does: only if it is not there, else it is read.
    Create,
    /// Reads one of a thousand keys.
    Get,
}

/// Lets clients, so many to a connection, do an operation for some time, each the next when the one before is done.
pub async fn operations(
    server: &Process,
    operation: Operation,
    (clients, on_each): (usize, usize),
    duration: Duration,
) -> Result<Rate> {
    if operation == Operation::Get {
        fill(server, 0..GET_KEYS, key).await?;
    }
    let values: Arc<[Bytes]> = values().into();
    let began = Instant::now();
    let cpu_before = cpu(&[server.pid()]);
    let mut running = JoinSet::new();
    for first in (0..clients).step_by(on_each) {
        let values = values.clone();
        let sharing = Clients {
            path: path(operation),
            numbers: (first..clients.min(first + on_each)).collect(),
            messages: move |client: usize, number| {
                message(operation, client, number, values[client % values.len()].clone())
            },
            until: began + duration,
        };
        running.spawn(sharing.run(server.port));
    }
    let mut times = Vec::new();
    while let Some(ended) = running.join_next().await {
        times.extend(ended??);
    }
    let (took, used) = (began.elapsed(), cpu(&[server.pid()]) - cpu_before);
    times.sort_unstable();
    Ok(Rate {
        per_second: times.len() as f64 / took.as_secs_f64(),
        cpu_each: used / u32::try_from(times.len())?,
        median: times[times.len() / 2],
    })
}

fn path(operation: Operation) -> &'static str {
    match operation {
        Operation::Put => PUT,
        Operation::Create => TXN,
        Operation::Get => RANGE,
    }
}

fn message(operation: Operation, client: usize, number: usize, value: Bytes) -> Bytes {
    match operation {
        Operation::Put => {
            let key = format!("/registry/pods/namespace-{client:04}/pod-{:06}", number % 100);
            framed(&put(key, value))
        }
        Operation::Create => {
            let key = Bytes::from(format!("/registry/pods/created-{client:04}/pod-{number:06}"));
            let request = TxnRequest {
                compare: vec![Compare {
                    result: CompareResult::Equal.into(),
                    target: CompareTarget::Mod.into(),
                    key: key.clone(),
                    target_union: Some(TargetUnion::ModRevision(0)),
                    range_end: Bytes::new(),
                }],
                success: vec![RequestOp::from(Request::Put(PutRequest {
                    key: key.clone(),
                    value,
                    ..PutRequest::default()
                }))],
                failure: vec![RequestOp::from(Request::Range(single(key)))],
            };
            framed(&request)
        }
        Operation::Get => framed(&single(key((client + 7 * number) % GET_KEYS).into())),
    }
}

/// Puts keys with these numbers, made by `key`, many at once.
pub async fn fill(server: &Process, numbers: std::ops::Range<usize>, key: fn(usize) -> String) -> Result<()> {
    let connections = connections(server, 2).await?;
    let values = values();
    let mut running = JoinSet::new();
    for start in numbers.clone().step_by(PUTS_PER_TRANSACTION) {
        let end = numbers.end.min(start + PUTS_PER_TRANSACTION);
        let puts = (start..end).map(|number| put(key(number), values[number % values.len()].clone()));
        let request = TxnRequest {
            success: puts.map(|put| RequestOp::from(Request::Put(put))).collect(),
            ..TxnRequest::default()
        };
        let (connection, message) = (connections[start % 2].clone(), framed(&request));
        running.spawn(async move { connection.call(TXN, message).await });
        while running.len() >= 16
            && let Some(ended) = running.join_next().await
        {
            ended??;
        }
    }
    while let Some(ended) = running.join_next().await {
        ended??;
    }
    Ok(())
}

/// Reads so many keys at once, again and again; gives the time and CPU of one read.
pub async fn ranges(server: &Process, keys: usize, times: u32) -> Result<(Duration, Duration)> {
    fill(server, 0..keys, |number| format!("/registry/ranged/{number:08}")).await?;
    let connection = &connections(server, 1).await?[0];
    let request = framed(&RangeRequest {
        key: "/registry/ranged/".into(),
        range_end: "/registry/ranged0".into(),
        ..RangeRequest::default()
    });
    let mut took = Vec::new();
    let cpu_before = cpu(&[server.pid()]);
    for _ in 0..times {
        let start = Instant::now();
        let answer = connection.call(RANGE, request.clone()).await?;
        took.push(start.elapsed());
        if answer.len() < keys * VALUE_BYTES {
            return Err(format!("a range of {keys} keys has {} bytes only", answer.len()).into());
        }
    }
    let used = cpu(&[server.pid()]) - cpu_before;
    took.sort_unstable();
    Ok((took[took.len() / 2], used / times))
}

/// Has watchers of one prefix see so many puts; gives deliveries per second and CPU per delivery.
pub async fn fan_out(server: &Process, watchers: usize, puts: usize) -> Result<(f64, Duration)> {
    let streams = watchers.div_ceil(WATCHES_PER_STREAM);
    let connections = connections(server, streams).await?;
    let mut watching = JoinSet::new();
    for (stream, connection) in connections.iter().enumerate() {
        let watches = WATCHES_PER_STREAM.min(watchers - stream * WATCHES_PER_STREAM);
        let creates: Vec<u8> = (0..watches).flat_map(|_| framed(&watch())).collect();
        let mut answers = connection.exchange(WATCH, creates.into()).await?;
        let mut created = 0;
        while created < watches {
            created += usize::from(answers.next::<WatchResponse>().await?.created);
        }
        watching.spawn(events(answers, watches * puts));
    }
    let value = values().swap_remove(0);
    let began = Instant::now();
    let cpu_before = cpu(&[server.pid()]);
    let mut putting = JoinSet::new();
    for (client, connection) in connections.iter().enumerate() {
        let (connection, value) = (connection.clone(), value.clone());
        let share = (0..puts).skip(client).step_by(streams);
        putting.spawn(async move {
            for number in share {
                let request = framed(&put(format!("/registry/watched/{number:06}"), value.clone()));
                connection.call(PUT, request).await?;
            }
            Ok::<_, CallError>(())
        });
    }
    while let Some(ended) = putting.join_next().await {
        ended??;
    }
    while let Some(ended) = watching.join_next().await {
        ended??;
    }
    let (took, used) = (began.elapsed(), cpu(&[server.pid()]) - cpu_before);
    let deliveries = watchers * puts;
    Ok((
        deliveries as f64 / took.as_secs_f64(),
        used / u32::try_from(deliveries)?,
    ))
}

async fn events(mut answers: Answers, expected: usize) -> std::result::Result<(), CallError> {
    let mut seen = 0;
    while seen < expected {
        seen += answers.next::<WatchResponse>().await?.events.len();
    }
    Ok(())
}

async fn connections(server: &Process, count: usize) -> Result<Vec<Connection>> {
    let mut connections = Vec::new();
    for _ in 0..count.max(1) {
        connections.push(Connection::open(server.port).await?);
    }
    Ok(connections)
}

fn put(key: String, value: Bytes) -> PutRequest {
    PutRequest {
        key: key.into(),
        value,
        ..PutRequest::default()
    }
}

fn single(key: Bytes) -> RangeRequest {
    RangeRequest {
        key,
        ..RangeRequest::default()
    }
}

fn watch() -> WatchRequest {
    WatchRequest::from(WatchRequestUnion::Create(WatchCreateRequest {
        key: "/registry/watched/".into(),
        range_end: "/registry/watched0".into(),
        ..WatchCreateRequest::default()
    }))
}
