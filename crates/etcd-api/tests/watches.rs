//! What a stream of watches says, beside a real etcd: filters, marks that are asked for, cancellations, and what is refused.

mod common;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use common::{Ours, RealEtcd, SOON};
use etcd_rpc::MessageLimits;
use etcd_rpc::client::{KvClient, WatchClient};
use etcd_rpc::message::{
    DeleteRangeRequest, FilterType, PutRequest, WatchCancelRequest, WatchCreateRequest, WatchProgressRequest,
    WatchRequest, WatchRequestUnion, WatchResponse,
};
use futures::{StreamExt, stream};
use store::MemoryStore;
use tokio::sync::mpsc;
use tonic::transport::{Channel, Endpoint};

async fn connect(endpoint: &str) -> Channel {
    let endpoint = Endpoint::from_shared(endpoint.to_owned()).expect("a URL");
    endpoint.connect().await.expect("it listens")
}

/// Puts a key twice, deletes it, and puts it once more: revisions 2 to 5.
async fn change(channel: &Channel) {
    let mut kv = KvClient::new(channel.clone(), MessageLimits::CLIENT);
    for value in ["1", "2", "", "3"] {
        if value.is_empty() {
            let delete = DeleteRangeRequest {
                key: "k".into(),
                ..DeleteRangeRequest::default()
            };
            kv.delete_range(delete).await.expect("deleted");
        } else {
            put(&mut kv, "k", value).await;
        }
    }
}

async fn put(kv: &mut KvClient<Channel>, key: &'static str, value: &'static str) {
    let put = PutRequest {
        key: key.into(),
        value: value.into(),
        ..PutRequest::default()
    };
    kv.put(put).await.expect("put");
}

fn watch(watch_id: i64, filter: Option<FilterType>) -> WatchCreateRequest {
    WatchCreateRequest {
        key: "k".into(),
        start_revision: 2,
        prev_kv: true,
        watch_id,
        filters: filter.map(i32::from).into_iter().collect(),
        ..WatchCreateRequest::default()
    }
}

/// What is asked, and what must have been said to which watch before the next is.
type Step = (WatchRequestUnion, i64, fn(&WatchResponse) -> bool);

/// What is asked, one after the other.
fn script() -> [Step; 7] {
    let create = WatchRequestUnion::Create;
    let has_deletion: fn(&WatchResponse) -> bool = |answer| !answer.events.is_empty();
    let has_last = |answer: &WatchResponse| {
        let last = answer.events.last().and_then(|event| event.kv.as_ref());
        last.is_some_and(|kv| kv.mod_revision == 5)
    };
    let nowhere = WatchCreateRequest {
        range_end: "a".into(),
        ..watch(0, None)
    };
    [
        (create(watch(5, Some(FilterType::NoPut))), 5, has_deletion),
        (create(watch(6, Some(FilterType::NoDelete))), 6, has_last),
        (create(watch(7, None)), 7, has_last),
        (create(watch(5, None)), -1, |answer| answer.canceled),
        (create(nowhere), -1, |answer| answer.canceled),
        (
            WatchRequestUnion::Progress(WatchProgressRequest {}),
            -1,
            |answer| !answer.created,
        ),
        (
            WatchRequestUnion::Cancel(WatchCancelRequest { watch_id: 6 }),
            6,
            |answer| answer.canceled,
        ),
    ]
}

/// All that is said to each watch, as text; events as if they had come at once.
async fn said(channel: &Channel) -> BTreeMap<i64, Vec<String>> {
    change(channel).await;
    let (requests, receiver) = mpsc::unbounded_channel::<WatchRequest>();
    let mut watches = WatchClient::new(channel.clone(), MessageLimits::CLIENT);
    let mut script = script().map(|(request, watch_id, is_done)| (Some(request), watch_id, is_done));
    // etcd says nothing, not even that it listens, before it was asked something.
    let first = script[0].0.take().expect("there is one");
    requests.send(first.into()).expect("listened to");
    let asked = stream::unfold(receiver, async |mut receiver| {
        Some((receiver.recv().await?, receiver))
    });
    let answers = watches.watch(Box::pin(asked)).await;
    let mut answers = answers.expect("watched").into_inner();
    let mut said = BTreeMap::<i64, Vec<String>>::new();
    for (request, watch_id, is_done) in script {
        if let Some(request) = request {
            requests.send(request.into()).expect("listened to");
        }
        loop {
            let answer = tokio::time::timeout(SOON, answers.next()).await;
            let answer = answer.unwrap_or_else(|_| panic!("{watch_id}: only {said:#?}"));
            let answer = answer.expect("it goes on").expect("no error");
            let revision = answer.header.map(|header| header.revision);
            let to_it = said.entry(answer.watch_id).or_default();
            to_it.extend(answer.events.iter().map(|event| format!("{event:?}")));
            if answer.events.is_empty() {
                let WatchResponse {
                    created,
                    canceled,
                    compact_revision,
                    ..
                } = answer;
                let reason = &answer.cancel_reason;
                to_it.push(format!(
                    "{revision:?} {created} {canceled} {reason} {compact_revision}"
                ));
            }
            if answer.watch_id == watch_id && is_done(&answer) {
                break;
            }
        }
    }
    said
}

#[tokio::test(flavor = "multi_thread")]
async fn watches_say_what_those_of_etcd_say() {
    let real = RealEtcd::start().await;
    let ours = Ours::start(Arc::new(MemoryStore::new())).await;
    let expected = said(&connect(&real.endpoint).await).await;
    let found = said(&connect(&format!("http://{}", ours.address)).await).await;
    assert_eq!(found, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_that_wants_it_is_told_how_far_it_is() {
    let often = |settings: &mut etcd_api::Settings| settings.progress_interval = Duration::from_millis(50);
    let ours = Ours::with(Arc::new(MemoryStore::new()), None, often).await;
    let channel = connect(&format!("http://{}", ours.address)).await;
    let create = WatchCreateRequest {
        key: "k".into(),
        progress_notify: true,
        ..WatchCreateRequest::default()
    };
    let requests = stream::iter([WatchRequestUnion::Create(create).into()]);
    let mut watches = WatchClient::new(channel.clone(), MessageLimits::CLIENT);
    let answers = watches.watch(requests.chain(stream::pending())).await;
    let mut answers = answers.expect("watched").into_inner();
    let mut kv = KvClient::new(channel, MessageLimits::CLIENT);
    put(&mut kv, "other", "1").await;
    let mut reached = 0;
    while reached < 2 {
        let answer = tokio::time::timeout(SOON, answers.next()).await;
        let answer = answer.expect("told").expect("it goes on").expect("no error");
        assert!(answer.events.is_empty(), "{answer:?}");
        reached = answer.header.expect("a header").revision;
    }
}
