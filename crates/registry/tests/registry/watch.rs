//! Watching.

use std::collections::BTreeMap;
use std::time::Duration;

use registry::{ListOptions, WatchEvent, WatchOptions, Watcher};
use serde_json::{Value, json};

use crate::gadgets::{Cluster, gadget, labelled, version};

fn told(event: WatchEvent) -> String {
    match event {
        WatchEvent::Added(object) => format!("ADDED {}", object.name()),
        WatchEvent::Modified(object) => format!("MODIFIED {}", object.name()),
        WatchEvent::Deleted(object) => format!("DELETED {}", object.name()),
        WatchEvent::Bookmark {
            initial_events_end, ..
        } => format!("BOOKMARK {initial_events_end}"),
        WatchEvent::Error(status) => format!("ERROR {} {}", status.code, status.message),
    }
}

async fn next(watcher: &mut Watcher) -> String {
    let next = tokio::time::timeout(Duration::from_secs(20), watcher.next());
    next.await
        .expect("an event in time")
        .map_or_else(|| String::from("END"), told)
}

async fn update(cluster: &Cluster, name: &str, edit: impl Fn(&mut Value)) -> Value {
    let mut tree = cluster.read(name).await.unwrap();
    edit(&mut tree);
    let updated = cluster
        .gadgets
        .update(&cluster.context, "ns", name, "", tree)
        .await;
    updated.unwrap().object.tree()
}

async fn delete(cluster: &Cluster, name: &str) {
    cluster
        .gadgets
        .delete(&cluster.context, "ns", name, &Default::default())
        .await
        .unwrap();
}

#[tokio::test]
async fn a_watch_begins_with_the_state_or_after_a_version() {
    let cluster = Cluster::start().await;
    let first = version(cluster.create(gadget("a")).await.as_ref());
    cluster.create(gadget("b")).await;
    let mut state = cluster
        .gadgets
        .watch(None, &WatchOptions::default())
        .await
        .unwrap();
    let after = WatchOptions {
        resource_version: first.to_string(),
        ..WatchOptions::default()
    };
    let mut after = cluster.gadgets.watch(None, &after).await.unwrap();
    cluster.create(gadget("c")).await;
    for expected in ["ADDED a", "ADDED b", "ADDED c"] {
        assert_eq!(next(&mut state).await, expected);
    }
    for expected in ["ADDED b", "ADDED c"] {
        assert_eq!(next(&mut after).await, expected);
    }
    assert!(after.try_next().is_none());
}

#[tokio::test]
async fn a_streamed_list_ends_with_a_bookmark() {
    let cluster = Cluster::start().await;
    cluster.create(gadget("a")).await;
    let options = WatchOptions {
        send_initial_events: Some(true),
        resource_version_match: String::from("NotOlderThan"),
        allow_bookmarks: true,
        ..WatchOptions::default()
    };
    let mut watcher = cluster.gadgets.watch(None, &options).await.unwrap();
    assert_eq!(next(&mut watcher).await, "ADDED a");
    let Some(WatchEvent::Bookmark {
        revision,
        initial_events_end,
    }) = watcher.next().await
    else {
        panic!("no bookmark");
    };
    assert!(initial_events_end);
    assert_eq!(revision.get(), cluster.revision());
    delete(&cluster, "a").await;
    assert_eq!(next(&mut watcher).await, "DELETED a");
}

#[tokio::test]
async fn selectors_turn_changes_into_comings_and_goings() {
    let cluster = Cluster::start().await;
    let options = |labels: &str, fields: &str| WatchOptions {
        label_selector: labels.to_owned(),
        field_selector: fields.to_owned(),
        ..WatchOptions::default()
    };
    let mut by_label = cluster.gadgets.watch(None, &options("on=yes", "")).await.unwrap();
    let mut by_field = cluster
        .gadgets
        .watch(None, &options("", "spec.minAvailable=2"))
        .await
        .unwrap();
    let mut by_name = cluster
        .gadgets
        .watch(Some("ns"), &options("", "metadata.name=b"))
        .await
        .unwrap();

    cluster.create(labelled("a", json!({"on": "no"}))).await;
    cluster.create(gadget("b")).await;
    let came = update(&cluster, "a", |tree| {
        tree["metadata"]["labels"]["on"] = "yes".into()
    })
    .await;
    update(&cluster, "a", |tree| tree["spec"]["minAvailable"] = 2.into()).await;
    let went = update(&cluster, "a", |tree| {
        tree["metadata"]["labels"]["on"] = "no".into()
    })
    .await;
    update(&cluster, "a", |tree| tree["spec"]["minAvailable"] = 3.into()).await;
    delete(&cluster, "b").await;

    let Some(WatchEvent::Added(object)) = by_label.next().await else {
        panic!()
    };
    assert_eq!(object.tree(), came);
    assert_eq!(next(&mut by_label).await, "MODIFIED a");
    let Some(WatchEvent::Deleted(object)) = by_label.next().await else {
        panic!()
    };
    assert_eq!(
        object.tree()["metadata"]["labels"]["on"],
        "yes",
        "the last state that was selected"
    );
    assert_eq!(
        object.tree()["metadata"]["resourceVersion"],
        went["metadata"]["resourceVersion"]
    );
    for expected in ["ADDED a", "MODIFIED a", "DELETED a"] {
        assert_eq!(next(&mut by_field).await, expected);
    }
    for expected in ["ADDED b", "DELETED b"] {
        assert_eq!(next(&mut by_name).await, expected);
    }
    for watcher in [&mut by_label, &mut by_field, &mut by_name] {
        assert!(watcher.try_next().is_none());
    }
}

#[tokio::test(start_paused = true)]
async fn bookmarks_come_once_a_minute_and_before_the_end() {
    let cluster = Cluster::start().await;
    let options = WatchOptions {
        allow_bookmarks: true,
        timeout: Some(Duration::from_secs(100)),
        ..WatchOptions::default()
    };
    let mut watcher = cluster.gadgets.watch(None, &options).await.unwrap();
    let begun = tokio::time::Instant::now();
    let mut seconds = Vec::new();
    while let Some(event) = watcher.next().await {
        assert_eq!(told(event), "BOOKMARK false");
        seconds.push(begun.elapsed().as_secs());
    }
    assert_eq!(seconds, [60, 98]);
    assert_eq!(begun.elapsed().as_secs(), 100);
}

#[tokio::test]
async fn a_version_that_is_forgotten_is_expired() {
    let cluster = Cluster::start().await;
    cluster.create(gadget("a")).await;
    let restarted = Cluster::over(cluster.store.clone()).await;
    let options = WatchOptions {
        resource_version: String::from("1"),
        ..WatchOptions::default()
    };
    let mut watcher = restarted.gadgets.watch(None, &options).await.unwrap();
    let expected = format!("ERROR 410 too old resource version: 1 ({})", cluster.revision());
    assert_eq!(next(&mut watcher).await, expected);
    assert_eq!(next(&mut watcher).await, "END");
}

/// What a client knows that lists and then watches: it must never miss a change, see one twice, or see them out of order.
async fn follow(cluster: &Cluster, options: WatchOptions, until: usize) -> BTreeMap<String, Value> {
    let mut known = BTreeMap::new();
    let list = ListOptions {
        label_selector: options.label_selector.clone(),
        ..ListOptions::default()
    };
    let page = cluster.gadgets.list(None, &list).await.unwrap();
    for object in &page.items {
        known.insert(object.name().to_owned(), object.tree());
    }
    let options = WatchOptions {
        resource_version: page.resource_version(),
        ..options
    };
    let mut watcher = cluster.gadgets.watch(None, &options).await.unwrap();
    let mut last = page.revision.unwrap().get();
    while !known.contains_key(&format!("end{until}")) {
        let event = tokio::time::timeout(Duration::from_secs(60), watcher.next())
            .await
            .expect("in time");
        let (object, before) = match event.expect("goes on") {
            WatchEvent::Added(object) => {
                let before = known.insert(object.name().to_owned(), object.tree());
                assert!(before.is_none(), "{} came twice", object.name());
                (object, None)
            }
            WatchEvent::Modified(object) => {
                let before = known.insert(object.name().to_owned(), object.tree());
                (object, Some(before.expect("known before it changes")))
            }
            WatchEvent::Deleted(object) => {
                let before = known.remove(object.name()).expect("known before it goes");
                (object, Some(before))
            }
            other => panic!("{other:?}"),
        };
        assert!(version(&object) > last, "out of order");
        last = version(&object);
        if let Some(before) = before {
            let count = |tree: &Value| tree["spec"]["minAvailable"].as_i64().unwrap();
            let step = count(&object.tree()) - count(&before);
            assert!((0..=1).contains(&step), "missed a change of {}", object.name());
        }
    }
    known
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn watchers_miss_nothing_and_see_nothing_twice() {
    const WRITERS: usize = 4;
    const ROUNDS: usize = 60;
    let cluster = std::sync::Arc::new(Cluster::start().await);
    let mut tasks = Vec::new();
    for writer in 0..WRITERS {
        let cluster = cluster.clone();
        tasks.push(tokio::spawn(async move {
            for round in 0..ROUNDS {
                let name = format!("w{writer}r{}", round % 7);
                if round % 7 == round {
                    cluster.create(labelled(&name, json!({"all": "yes"}))).await;
                } else if round % 11 == 10 {
                    delete(&cluster, &name).await;
                    cluster.create(labelled(&name, json!({"all": "yes"}))).await;
                } else {
                    update(&cluster, &name, |tree| {
                        let count = tree["spec"]["minAvailable"].as_i64().unwrap();
                        tree["spec"]["minAvailable"] = (count + 1).into();
                    })
                    .await;
                }
                tokio::task::yield_now().await;
            }
        }));
    }
    let mut followers = Vec::new();
    for number in 0..12 {
        let cluster = cluster.clone();
        let label_selector = if number % 2 == 0 { "" } else { "all=yes" };
        let options = WatchOptions {
            label_selector: label_selector.to_owned(),
            ..WatchOptions::default()
        };
        followers.push(tokio::spawn(async move { follow(&cluster, options, 0).await }));
    }
    for task in tasks {
        task.await.unwrap();
    }
    cluster.create(labelled("end0", json!({"all": "yes"}))).await;
    let page = cluster.gadgets.list(None, &ListOptions::default()).await.unwrap();
    let expected: BTreeMap<_, _> = page
        .items
        .iter()
        .map(|object| (object.name().to_owned(), object.tree()))
        .collect();
    for follower in followers {
        assert_eq!(follower.await.unwrap(), expected);
    }
}
