//! Listing.

use registry::{DeleteOptions, GetOptions, ListOptions, Page};
use serde_json::json;
use store::StateStore as _;

use crate::gadgets::{Cluster, gadget, labelled, refused, version};

fn names(page: &Page) -> Vec<String> {
    page.items.iter().map(|object| object.key().to_owned()).collect()
}

fn in_namespace(namespace: &str, name: &str) -> serde_json::Value {
    let mut gadget = gadget(name);
    gadget["metadata"]["namespace"] = namespace.into();
    gadget
}

#[tokio::test]
async fn objects_are_listed_in_the_stores_order() {
    let cluster = Cluster::start().await;
    for (namespace, name) in [("a", "z"), ("a-b", "y"), ("ab", "x"), ("a", "b")] {
        cluster.create(in_namespace(namespace, name)).await;
    }
    let all = cluster.gadgets.list(None, &ListOptions::default()).await.unwrap();
    assert_eq!(names(&all), ["a-b/y", "a/b", "a/z", "ab/x"]);
    assert_eq!(all.revision.unwrap().get(), cluster.revision());
    let one = cluster
        .gadgets
        .list(Some("a"), &ListOptions::default())
        .await
        .unwrap();
    assert_eq!(names(&one), ["a/b", "a/z"]);
    let none = cluster
        .gadgets
        .list(Some("none"), &ListOptions::default())
        .await
        .unwrap();
    assert!(none.items.is_empty());
}

#[tokio::test]
async fn selectors_select() {
    let cluster = Cluster::start().await;
    for (name, tier, least) in [("a", "x", 1), ("b", "y", 2), ("c", "x", 2)] {
        let mut gadget = labelled(name, json!({"tier": tier}));
        gadget["spec"]["minAvailable"] = least.into();
        cluster.create(gadget).await;
    }
    let list = async |namespace: Option<&str>, labels: &str, fields: &str| {
        let options = ListOptions {
            label_selector: labels.to_owned(),
            field_selector: fields.to_owned(),
            ..ListOptions::default()
        };
        let page = cluster.gadgets.list(namespace, &options).await?;
        Ok(page
            .items
            .iter()
            .map(|object| object.name().to_owned())
            .collect::<Vec<_>>()
            .concat())
    };
    let cases = [
        (None, "tier=x", "", "ac"),
        (None, "tier!=x", "", "b"),
        (None, "", "spec.minAvailable=2", "bc"),
        (None, "tier=x", "spec.minAvailable=2", "c"),
        (Some("ns"), "", "metadata.name=b", "b"),
        (None, "", "metadata.name=b", "b"),
        (None, "", "metadata.name!=b", "ac"),
        (Some("ns"), "tier=x", "metadata.name=b", ""),
        (Some("other"), "", "metadata.name=b", ""),
    ];
    for (namespace, labels, fields, expected) in cases {
        let found: Result<String, meta::Status> = list(namespace, labels, fields).await;
        assert_eq!(found.unwrap(), expected, "{labels} {fields}");
    }
    refused(
        list(None, "", "spec.color=x").await,
        400,
        "field label not supported: spec.color",
    );
}

#[tokio::test]
async fn names_that_no_path_has_are_refused() {
    let cluster = Cluster::start().await;
    for (name, problem) in [
        (".", "may not be '.'"),
        ("..", "may not be '..'"),
        ("a%b", "may not contain '%'"),
        ("a/%", "may not contain '/';may not contain '%'"),
    ] {
        let message = format!("Name parameter invalid: {name:?}: {problem}");
        let read = cluster.gadgets.get("ns", name, &GetOptions::default()).await;
        refused(read, 400, &message);
        let options = DeleteOptions::default();
        let deleted = cluster
            .gadgets
            .delete(&cluster.context, "ns", name, &options)
            .await;
        refused(deleted, 400, &message);
    }
}

#[tokio::test]
async fn pages_show_one_state() {
    let cluster = Cluster::start().await;
    for name in ["a", "b", "c", "d", "e"] {
        cluster.create(gadget(name)).await;
    }
    let first = cluster
        .gadgets
        .list(
            Some("ns"),
            &ListOptions {
                limit: 2,
                ..ListOptions::default()
            },
        )
        .await
        .unwrap();
    assert_eq!(names(&first), ["ns/a", "ns/b"]);
    assert_eq!(first.remaining, Some(3));

    cluster.create(gadget("bb")).await;
    let options = Default::default();
    cluster
        .gadgets
        .delete(&cluster.context, "ns", "c", &options)
        .await
        .unwrap();
    let next = |token: &str| ListOptions {
        limit: 2,
        continue_token: token.to_owned(),
        ..ListOptions::default()
    };
    let second = cluster
        .gadgets
        .list(Some("ns"), &next(&first.continue_token))
        .await
        .unwrap();
    assert_eq!(names(&second), ["ns/c", "ns/d"]);
    assert_eq!((second.revision, second.remaining), (first.revision, Some(1)));
    let third = cluster
        .gadgets
        .list(Some("ns"), &next(&second.continue_token))
        .await
        .unwrap();
    assert_eq!(names(&third), ["ns/e"]);
    assert_eq!((third.continue_token.as_str(), third.remaining), ("", None));
}

#[tokio::test]
async fn older_states_are_listed_while_they_are_held() {
    let cluster = Cluster::start().await;
    let first = version(cluster.create(gadget("a")).await.as_ref());
    cluster.create(gadget("b")).await;
    let exact = |version: u64| ListOptions {
        resource_version: version.to_string(),
        resource_version_match: String::from("Exact"),
        ..ListOptions::default()
    };
    let then = cluster.gadgets.list(None, &exact(first)).await.unwrap();
    assert_eq!(
        (names(&then), then.revision.unwrap().get()),
        (vec![String::from("ns/a")], first)
    );

    // Another server over the same store remembers nothing and asks the store.
    let restarted = Cluster::over(cluster.store.clone()).await;
    let then = restarted.gadgets.list(None, &exact(first)).await.unwrap();
    assert_eq!(names(&then), ["ns/a"]);
    let newest = cluster.store.current_revision();
    cluster.store.compact(newest).await.unwrap();
    let compacted = restarted.gadgets.list(None, &exact(first)).await;
    refused(
        compacted,
        410,
        "The resourceVersion for the provided list is too old.",
    );
}

#[tokio::test]
async fn a_state_that_the_store_has_forgotten_is_not_listed_from_memory() {
    let cluster = Cluster::start().await;
    for name in ["a", "b", "c"] {
        cluster.create(gadget(name)).await;
    }
    let page = |token: &str| ListOptions {
        limit: 1,
        continue_token: token.to_owned(),
        ..ListOptions::default()
    };
    let first = cluster.gadgets.list(None, &page("")).await.unwrap();
    cluster.create(gadget("bb")).await;
    let newest = cluster.store.current_revision();
    cluster.store.compact(newest).await.unwrap();
    let forgotten = cluster.gadgets.list(None, &page(&first.continue_token)).await;
    let status = forgotten.unwrap_err();
    assert!(status.is_expired(), "{status:?}");
    // The rest may be had as it is now, in pages of one state again.
    let second = cluster
        .gadgets
        .list(None, &page(&status.continue_token))
        .await
        .unwrap();
    assert_eq!(
        (names(&second), second.remaining),
        (vec![String::from("ns/b")], Some(2))
    );
    assert_eq!(
        second.revision.map(meta::ResourceVersion::get),
        Some(newest.get())
    );
}

#[tokio::test(start_paused = true)]
async fn versions_nobody_has_reached_are_waited_for_in_vain() {
    let cluster = Cluster::start().await;
    let current = cluster.revision();
    let options = ListOptions {
        resource_version: String::from("999"),
        ..ListOptions::default()
    };
    let message = format!("Timeout: Too large resource version: 999, current: {current}");
    refused(cluster.gadgets.list(None, &options).await, 504, &message);
}

#[tokio::test]
async fn a_list_shows_what_was_written_before_it() {
    let cluster = Cluster::start().await;
    for number in 0..50 {
        let created = cluster.create(gadget(&format!("g{number}"))).await;
        let page = cluster.gadgets.list(None, &ListOptions::default()).await.unwrap();
        assert!(page.items.iter().any(|object| object.uid() == created.uid()));
        assert_eq!(page.items.len(), number + 1);
    }
}

#[tokio::test(start_paused = true)]
async fn history_is_forgotten_after_a_while() {
    let cluster = Cluster::start().await;
    let before = cluster.create(gadget("a")).await;
    let exact = ListOptions {
        resource_version: version(&before).to_string(),
        resource_version_match: String::from("Exact"),
        ..ListOptions::default()
    };
    let store = std::sync::Arc::new(cluster.store.clone());
    let every = std::time::Duration::from_secs(300);
    let compaction = tokio::spawn(registry::compact_history(store, every));
    // The cache remembers what has changed since; a new one has to ask the store.
    tokio::time::sleep(std::time::Duration::from_secs(301)).await;
    cluster.create(gadget("b")).await;
    let restarted = Cluster::over(cluster.store.clone()).await;
    assert!(restarted.gadgets.list(None, &exact).await.is_ok());
    tokio::time::sleep(std::time::Duration::from_secs(600)).await;
    assert!(
        restarted
            .gadgets
            .list(None, &exact)
            .await
            .unwrap_err()
            .is_expired()
    );
    compaction.abort();
}

#[tokio::test]
async fn an_index_selects_what_a_scan_would() {
    let cluster = Cluster::start().await;
    for number in 0..1_050_u32 {
        let labels = json!({"tier": format!("t{}", number % 7)});
        let mut gadget = labelled(&format!("g{number:04}"), labels);
        gadget["metadata"]["namespace"] = format!("ns{}", number % 2).into();
        gadget["spec"]["minAvailable"] = (number % 5).into();
        cluster.create(gadget).await;
    }
    let list = async |namespace: Option<&str>, labels: &str, fields: &str, limit: u64| {
        let mut options = ListOptions {
            label_selector: labels.to_owned(),
            field_selector: fields.to_owned(),
            limit,
            ..ListOptions::default()
        };
        let mut all = Vec::new();
        loop {
            let page = cluster.gadgets.list(namespace, &options).await.unwrap();
            assert!(limit == 0 || page.items.len() as u64 <= limit);
            all.extend(names(&page));
            options.continue_token = page.continue_token;
            if options.continue_token.is_empty() {
                return all;
            }
        }
    };
    let everything = cluster.gadgets.list(None, &ListOptions::default()).await.unwrap();
    for round in 0..3 {
        for (namespace, labels, fields, limit) in [
            (None, "tier=t3", "", 0),
            (None, "tier=t3", "", 40),
            (Some("ns1"), "tier in (t3)", "", 10),
            (None, "tier=t3", "spec.minAvailable=2", 0),
            (None, "", "spec.minAvailable=2", 100),
            (None, "tier=none", "", 0),
        ] {
            let tier = if labels.contains("none") { "none" } else { "t3" };
            let expected: Vec<_> = everything
                .items
                .iter()
                .filter(|object| namespace.is_none_or(|namespace| object.namespace() == namespace))
                .filter(|object| {
                    labels.is_empty() || object.labels().any(|(key, value)| key == "tier" && value == tier)
                })
                .filter(|object| fields.is_empty() || object.field("spec.minAvailable") == Some("2"))
                .map(|object| object.key().to_owned())
                .collect();
            let found = list(namespace, labels, fields, limit).await;
            assert_eq!(found, expected, "round {round}: {namespace:?} {labels} {fields}");
        }
    }
    // What changes is found where it is now.
    let patch = registry::PatchBody::Merge(br#"{"metadata":{"labels":{"tier":"t4"}}}"#.as_slice().into());
    cluster
        .gadgets
        .patch(&cluster.context, "ns1", "g0003", "", patch)
        .await
        .unwrap();
    assert!(
        !list(None, "tier=t3", "", 0)
            .await
            .contains(&String::from("ns1/g0003"))
    );
    assert!(
        list(None, "tier=t4", "", 0)
            .await
            .contains(&String::from("ns1/g0003"))
    );
}
