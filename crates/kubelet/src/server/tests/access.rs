//! Who gets in.

use std::sync::Arc;

use tokio::io::AsyncReadExt;

use super::bench::{Bench, MASTER, Shown};
use crate::cri::fake::FakeRuntime;

async fn start(anonymous: bool) -> Bench {
    Bench::start(Vec::new(), Arc::new(FakeRuntime::new(&[])), anonymous).await
}

#[tokio::test]
async fn strangers_are_sent_away() {
    let bench = start(false).await;
    bench
        .check(Shown::Nothing, "GET", "/healthz", 401, "Unauthorized")
        .await;
    bench
        .check(Shown::Token("bad"), "GET", "/metrics", 401, "Unauthorized")
        .await;
    // A certificate of another authority does not even get to speak.
    let refused = match bench.connect(Shown::Forged).await {
        Err(_) => true,
        Ok(mut stream) => stream.read_u8().await.is_err(),
    };
    assert!(refused);
}

#[tokio::test]
async fn who_is_anonymous_still_must_be_allowed() {
    let bench = start(true).await;
    let text = "Forbidden (user=system:anonymous, verb=get, resource=nodes, subresource(s)=[healthz proxy])";
    bench.check(Shown::Nothing, "GET", "/healthz", 403, text).await;
}

#[tokio::test]
async fn the_api_server_may_do_everything_unasked() {
    let bench = start(false).await;
    bench.check(MASTER, "GET", "/healthz", 200, "ok").await;
    assert!(bench.reviews.lock().is_empty());
}

#[tokio::test]
async fn others_may_do_what_the_api_server_says() {
    let bench = start(false).await;
    let alice = Shown::Token("good");
    for _ in 0..2 {
        assert_eq!(bench.ask(alice, "GET", "/metrics").await.0, 200);
    }
    // One review of the token and one of her rights serve both.
    assert_eq!(bench.reviews.lock().len(), 2);
    let text = "Forbidden (user=alice, verb=create, resource=nodes, subresource(s)=[proxy])";
    bench.check(alice, "POST", "/run/n/p/c", 403, text).await;
    let text = "Forbidden (user=alice, verb=get, resource=nodes, subresource(s)=[pods proxy])";
    bench.check(alice, "GET", "/pods", 403, text).await;
    let bob = Shown::Certificate("bob", "people");
    bench.check(bob, "GET", "/healthz", 200, "ok").await;
    let text = "Forbidden (user=bob, verb=get, resource=nodes, subresource(s)=[stats])";
    bench.check(bob, "GET", "/stats/summary", 403, text).await;
}
