//! Where a watch begins: every combination of `resourceVersion`, `sendInitialEvents` and bookmarks.

use std::time::Duration;

use registry::{GetOptions, ListOptions, WatchEvent, WatchOptions, Watcher};
use serde_json::json;

use crate::gadgets::{Cluster, gadget, labelled, refused, version};

fn told(event: WatchEvent) -> String {
    match event {
        WatchEvent::Added(object) => format!("+{}", object.name()),
        WatchEvent::Modified(object) => format!("~{}", object.name()),
        WatchEvent::Deleted(object) => format!("-{}", object.name()),
        WatchEvent::Bookmark {
            initial_events_end, ..
        } if initial_events_end => String::from("end"),
        WatchEvent::Bookmark { .. } => String::from("mark"),
        WatchEvent::Error(status) => status.message,
    }
}

/// Everything up to the creation of `last`.
async fn up_to(watcher: &mut Watcher, last: &str) -> Vec<String> {
    let mut all = Vec::new();
    loop {
        let next = tokio::time::timeout(Duration::from_secs(20), watcher.next());
        let event = told(next.await.expect("an event in time").expect("goes on"));
        if event == format!("+{last}") {
            return all;
        }
        all.push(event);
    }
}

fn options(version: &str, initial: Option<bool>, bookmarks: bool) -> WatchOptions {
    WatchOptions {
        resource_version: version.to_owned(),
        resource_version_match: initial.map_or("", |_| "NotOlderThan").to_owned(),
        send_initial_events: initial,
        allow_bookmarks: bookmarks,
        ..WatchOptions::default()
    }
}

/// A cluster in whose history stand the creation of `a`, `b` and `c` and the deletion of `a`, with the first and the last
/// version of it. `c` alone has no label.
async fn cluster_with_history() -> (Cluster, String, String) {
    let cluster = Cluster::start().await;
    let first = cluster.create(labelled("a", json!({"on": "yes"}))).await;
    cluster.create(labelled("b", json!({"on": "yes"}))).await;
    cluster.create(gadget("c")).await;
    let nothing = Default::default();
    cluster
        .gadgets
        .delete(&cluster.context, "ns", "a", &nothing)
        .await
        .unwrap();
    // Whatever is at hand is the newest state from here on.
    cluster.gadgets.list(None, &ListOptions::default()).await.unwrap();
    let last = cluster.revision().to_string();
    (cluster, version(&first).to_string(), last)
}

#[tokio::test]
async fn options_say_what_is_told_first() {
    let cases: [(&str, Option<bool>, bool, &[&str]); 15] = [
        ("", None, false, &["+b", "+c"]),
        ("", None, true, &["+b", "+c"]),
        ("0", None, true, &["+b", "+c"]),
        ("first", None, false, &["+b", "+c", "-a"]),
        ("last", None, false, &[]),
        ("", Some(true), true, &["+b", "+c", "end"]),
        ("", Some(true), false, &["+b", "+c"]),
        ("0", Some(true), true, &["+b", "+c", "end"]),
        ("0", Some(true), false, &["+b", "+c"]),
        ("first", Some(true), true, &["+b", "+c", "end"]),
        ("last", Some(true), true, &["+b", "+c", "end"]),
        ("", Some(false), true, &[]),
        ("0", Some(false), true, &[]),
        ("first", Some(false), true, &["+b", "+c", "-a"]),
        ("last", Some(false), false, &[]),
    ];
    for (start, initial, bookmarks, expected) in cases {
        for labels in ["", "on=yes"] {
            let (cluster, first, last) = cluster_with_history().await;
            let start = match start {
                "first" => &first,
                "last" => &last,
                other => other,
            };
            let options = WatchOptions {
                label_selector: labels.to_owned(),
                ..options(start, initial, bookmarks)
            };
            let mut watcher = cluster.gadgets.watch(Some("ns"), &options).await.unwrap();
            // Whatever is told after this is told by all.
            cluster.create(labelled("z", json!({"on": "yes"}))).await;
            let told = up_to(&mut watcher, "z").await;
            let expected = expected
                .iter()
                .filter(|event| labels.is_empty() || **event != "+c");
            let expected: Vec<&str> = expected.copied().collect();
            assert_eq!(told, expected, "{start:?} {initial:?} {bookmarks} {labels}");
        }
    }
}

async fn told_next(watcher: &mut Watcher) -> String {
    let next = tokio::time::timeout(Duration::from_secs(20), watcher.next());
    told(next.await.expect("an event in time").expect("goes on"))
}

#[tokio::test(start_paused = true)]
async fn versions_to_come() {
    let cluster = Cluster::start().await;
    let current = cluster.revision();
    // A state that nobody has reached is waited for in vain; changes behind it will come some day.
    let mut state = cluster
        .gadgets
        .watch(None, &options("999", Some(true), true))
        .await
        .unwrap();
    assert_eq!(
        told_next(&mut state).await,
        format!("Timeout: Too large resource version: 999, current: {current}")
    );
    let later = (current + 2).to_string();
    let mut watcher = cluster
        .gadgets
        .watch(None, &options(&later, None, false))
        .await
        .unwrap();
    cluster.create(gadget("a")).await;
    cluster.create(gadget("b")).await;
    cluster.create(gadget("c")).await;
    assert_eq!(told_next(&mut watcher).await, "+c");
}

#[tokio::test]
async fn what_is_no_version_is_refused() {
    let cluster = Cluster::start().await;
    for initial in [None, Some(true), Some(false)] {
        let watch = cluster.gadgets.watch(None, &options("x", initial, false)).await;
        let message =
            "resourceVersion: Invalid value: \"x\": strconv.ParseUint: parsing \"x\": invalid syntax";
        refused(watch.map(|_| ()), 500, message);
    }
    let get = GetOptions {
        resource_version: String::from("x"),
    };
    let message = "resourceVersion: Invalid value: \"x\": strconv.ParseUint: parsing \"x\": invalid syntax";
    refused(cluster.gadgets.get("ns", "a", &get).await, 500, message);
    let list = ListOptions {
        resource_version: String::from("x"),
        ..ListOptions::default()
    };
    let message = format!("invalid resource version: {message}");
    refused(cluster.gadgets.list(None, &list).await, 400, &message);
}

#[tokio::test]
async fn one_object_is_watched_by_its_name() {
    let cluster = Cluster::start().await;
    cluster.create(gadget("a")).await;
    cluster.create(gadget("b")).await;
    let options = WatchOptions {
        field_selector: String::from("metadata.name=b"),
        ..options("", Some(true), true)
    };
    let mut watcher = cluster.gadgets.watch(Some("ns"), &options).await.unwrap();
    assert_eq!(told_next(&mut watcher).await, "+b");
    assert_eq!(told_next(&mut watcher).await, "end");
    for name in ["a", "b"] {
        let nothing = Default::default();
        cluster
            .gadgets
            .delete(&cluster.context, "ns", name, &nothing)
            .await
            .unwrap();
    }
    assert_eq!(told_next(&mut watcher).await, "-b");
    cluster.create(gadget("b")).await;
    assert_eq!(told_next(&mut watcher).await, "+b");
}
