//! Pull policies against a runtime in memory.

use serde_json::{Value, json};
use tonic::Code;

use super::*;
use crate::cri::fake::FakeRuntime;
use crate::objects::fake::FakeObjects;

struct Outcome {
    result: Result<ImageRef, ImageError>,
    events: Vec<String>,
    pulls: usize,
}

async fn ensure(runtime: Arc<FakeRuntime>, image: &str, policy: &str) -> Outcome {
    ensure_with(
        runtime,
        json!({ "containers": [{ "name": "c", "image": image, "imagePullPolicy": policy }] }),
    )
    .await
}

async fn ensure_with(runtime: Arc<FakeRuntime>, spec: Value) -> Outcome {
    let object = json!({ "metadata": { "name": "p", "namespace": "ns", "uid": "u" }, "spec": spec });
    let pod = PodToRun::new(Arc::new(serde_json::from_value(object).unwrap()));
    let images = Images::new(runtime.clone(), Arc::new(FakeObjects::default()));
    let events = Mutex::new(Vec::new());
    let report = |event: ImageEvent| events.lock().push(format!("{}: {}", event.reason, event.message));
    let result = images
        .ensure(&pod, &pod.members()[0], &PodSandboxConfig::default(), &report)
        .await;
    let calls = runtime.calls();
    Outcome {
        result,
        events: events.into_inner(),
        pulls: calls.iter().filter(|call| call.starts_with("pull_image")).count(),
    }
}

#[tokio::test]
async fn what_is_here_is_taken() {
    for policy in ["IfNotPresent", "Never"] {
        let outcome = ensure(Arc::new(FakeRuntime::new(&["a:1"])), "a:1", policy).await;
        let image = outcome.result.unwrap();
        assert_eq!((image.id.as_str(), image.uid), ("sha256:a:1", Some(0)));
        assert_eq!(outcome.pulls, 0);
        assert!(outcome.events[0].starts_with("Pulled: Container image \"a:1\" already present on machine"));
    }
}

#[tokio::test]
async fn what_is_not_here_is_fetched() {
    for (policy, here) in [("IfNotPresent", &[][..]), ("Always", &["a:latest"][..])] {
        let runtime = Arc::new(FakeRuntime::new(here));
        runtime.publish("a:latest");
        let outcome = ensure(runtime, "a", policy).await;
        assert_eq!(outcome.result.unwrap().id, "sha256:a:latest");
        assert_eq!(outcome.pulls, 1);
        assert_eq!(outcome.events[0], "Pulling: Pulling image \"a\"");
        assert!(outcome.events[1].starts_with("Pulled: Successfully pulled image \"a\" in "));
        assert!(outcome.events[1].ends_with("including waiting). Image size: 1000 bytes."));
    }
}

#[tokio::test]
async fn failures_have_their_reasons() {
    let outcome = ensure(Arc::new(FakeRuntime::new(&[])), "a:1", "Never").await;
    let error = outcome.result.unwrap_err();
    assert_eq!(error.reason, "ErrImageNeverPull");
    assert_eq!(
        error.message,
        "Container image \"a:1\" is not present with pull policy of Never"
    );

    let outcome = ensure(Arc::new(FakeRuntime::new(&[])), "Bad", "Always").await;
    let error = outcome.result.unwrap_err();
    assert_eq!(error.reason, "InvalidImageName");
    assert!(
        error
            .message
            .starts_with("Failed to apply default image tag \"Bad\""),
        "{error}"
    );

    let runtime = Arc::new(FakeRuntime::new(&[]));
    runtime.fail_next("pull_image", RuntimeError::new(Code::NotFound, "no such image"));
    let outcome = ensure(runtime, "a:1", "IfNotPresent").await;
    let error = outcome.result.unwrap_err();
    let message = "rpc error: code = NotFound desc = no such image";
    assert_eq!((error.reason, error.message.as_str()), ("ErrImagePull", message));
    let waiting = error.waiting.unwrap();
    assert_eq!(waiting.image, "a:1");
    assert_eq!(
        waiting.message,
        format!("Back-off pulling image \"a:1\": ErrImagePull: {message}")
    );
    assert_eq!(
        outcome.events[1],
        format!("Failed: Failed to pull image \"a:1\": {message}")
    );
}

#[tokio::test]
async fn one_image_is_fetched_once() {
    let runtime = Arc::new(FakeRuntime::new(&[]));
    runtime.publish("a:1");
    let images = Arc::new(Images::new(runtime.clone(), Arc::new(FakeObjects::default())));
    let object = json!({ "metadata": {}, "spec": { "containers": [{ "name": "c", "image": "a:1" }] } });
    let pod = PodToRun::new(Arc::new(serde_json::from_value(object).unwrap()));
    let turn = images.turn("a:1");
    let held = turn.lock().await;
    let sandbox = PodSandboxConfig::default();
    let fetch = || images.ensure(&pod, &pod.members()[0], &sandbox, &|_| {});
    let both = futures::future::join(fetch(), fetch());
    tokio::pin!(both);
    assert!(futures::poll!(&mut both).is_pending());
    drop(held);
    let (first, second) = both.await;
    assert!(first.is_ok() && second.is_ok());
    let calls = runtime.calls();
    assert_eq!(
        calls.iter().filter(|call| call.starts_with("pull_image")).count(),
        1
    );
}
