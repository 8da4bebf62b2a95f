//! Which state a list shows: every combination of `resourceVersion`, its match, `limit` and `continue`.

use registry::{ListOptions, Page};
use serde_json::json;
use store::StateStore as _;

use crate::gadgets::{Cluster, gadget, labelled, refused, version};

/// What a list shows: names, version, whether it goes on, and how many remain.
#[derive(Debug, PartialEq)]
struct Shown {
    names: String,
    version: u64,
    goes_on: bool,
    remaining: Option<u64>,
}

fn shown(page: &Page) -> Shown {
    let names: Vec<&str> = page.items.iter().map(|object| object.name()).collect();
    Shown {
        names: names.concat(),
        version: page.revision.unwrap().get(),
        goes_on: !page.continue_token.is_empty(),
        remaining: page.remaining,
    }
}

/// A cluster in whose history stand the creation of `a`, `b` and `c` and the deletion of `a`, and the versions of all four.
async fn cluster_with_history() -> (Cluster, [u64; 4]) {
    let cluster = Cluster::start().await;
    let mut versions = [0; 4];
    for (version_of, name) in versions.iter_mut().zip(["a", "b", "c"]) {
        *version_of = version(cluster.create(gadget(name)).await.as_ref());
    }
    let options = Default::default();
    cluster
        .gadgets
        .delete(&cluster.context, "ns", "a", &options)
        .await
        .unwrap();
    versions[3] = cluster.revision();
    (cluster, versions)
}

fn options(version: &str, wanted: &str, limit: u64) -> ListOptions {
    ListOptions {
        resource_version: version.to_owned(),
        resource_version_match: wanted.to_owned(),
        limit,
        ..ListOptions::default()
    }
}

#[tokio::test]
async fn versions_matches_and_limits_say_what_is_shown() {
    let (cluster, [first, second, third, last]) = cluster_with_history().await;
    let number = |version: u64| version.to_string();
    let cases = [
        // Without a version: the newest state, in pages if asked for.
        (String::new(), "", 0, "bc", last, None),
        (String::new(), "", 1, "b", last, Some(1)),
        (String::new(), "", 2, "bc", last, None),
        // Whatever is at hand comes whole.
        (String::from("0"), "", 0, "bc", last, None),
        (String::from("0"), "", 1, "bc", last, None),
        (String::from("0"), "NotOlderThan", 0, "bc", last, None),
        (String::from("0"), "NotOlderThan", 1, "bc", last, None),
        // A version alone is the least that is wanted; with a limit it is the very one, as it was before there were matches.
        (number(second), "", 0, "bc", last, None),
        (number(second), "", 1, "a", second, Some(1)),
        (number(third), "", 2, "ab", third, Some(1)),
        (number(second), "NotOlderThan", 0, "bc", last, None),
        (number(second), "NotOlderThan", 1, "b", last, Some(1)),
        (number(first), "Exact", 0, "a", first, None),
        (number(second), "Exact", 1, "a", second, Some(1)),
        (number(third), "Exact", 0, "abc", third, None),
        (number(last), "Exact", 0, "bc", last, None),
        (number(last), "", 1, "b", last, Some(1)),
    ];
    for (asked, wanted, limit, names, version, remaining) in cases {
        for namespace in [None, Some("ns")] {
            let page = cluster
                .gadgets
                .list(namespace, &options(&asked, wanted, limit))
                .await
                .unwrap();
            let expected = Shown {
                names: names.to_owned(),
                version,
                goes_on: remaining.is_some(),
                remaining,
            };
            assert_eq!(shown(&page), expected, "{asked:?} {wanted:?} {limit}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn versions_to_come_are_waited_for_whatever_the_match() {
    let (cluster, [.., last]) = cluster_with_history().await;
    let message = format!("Timeout: Too large resource version: 999, current: {last}");
    for (wanted, limit) in [
        ("", 0),
        ("", 1),
        ("NotOlderThan", 0),
        ("NotOlderThan", 1),
        ("Exact", 0),
        ("Exact", 1),
    ] {
        let page = cluster.gadgets.list(None, &options("999", wanted, limit)).await;
        let status = page.expect_err("refused");
        assert_eq!((status.code, &status.message), (504, &message));
        // Who asks for one state and no other is not told when to come again.
        let exact = wanted == "Exact" || (wanted.is_empty() && limit > 0);
        let again = status.details.map(|details| details.retry_after_seconds);
        assert_eq!(again, Some(if exact { 0 } else { 1 }), "{wanted} {limit}");
    }
}

#[tokio::test]
async fn next_pages_show_the_state_of_the_first() {
    let (cluster, [first, _, third, _]) = cluster_with_history().await;
    let page = cluster
        .gadgets
        .list(None, &options(&third.to_string(), "Exact", 1))
        .await
        .unwrap();
    for asked in ["", "0"] {
        let next = ListOptions {
            continue_token: page.continue_token.clone(),
            ..options(asked, "", 1)
        };
        let page = cluster.gadgets.list(None, &next).await.unwrap();
        let expected = Shown {
            names: String::from("b"),
            version: third,
            goes_on: true,
            remaining: Some(1),
        };
        assert_eq!(shown(&page), expected, "{asked:?}");
    }
    // Without a limit the rest comes whole.
    let rest = ListOptions {
        continue_token: page.continue_token.clone(),
        ..ListOptions::default()
    };
    assert_eq!(
        shown(&cluster.gadgets.list(None, &rest).await.unwrap()).names,
        "bc"
    );
    let both = ListOptions {
        resource_version: first.to_string(),
        ..rest
    };
    let message = "specifying resource version is not allowed when using continue";
    refused(cluster.gadgets.list(None, &both).await, 400, message);
}

#[tokio::test]
async fn a_list_whose_state_is_forgotten_can_be_finished_with_the_present_one() {
    let (cluster, _) = cluster_with_history().await;
    cluster.create(gadget("d")).await;
    let page = cluster.gadgets.list(None, &options("", "", 1)).await.unwrap();
    assert_eq!(shown(&page).names, "b");
    cluster.create(gadget("bb")).await;
    cluster.create(gadget("aa")).await;
    cluster
        .store
        .compact(cluster.store.current_revision())
        .await
        .unwrap();
    let restarted = Cluster::over(cluster.store.clone()).await;
    let next = |token: &str| ListOptions {
        continue_token: token.to_owned(),
        ..options("", "", 2)
    };
    let expired = restarted
        .gadgets
        .list(None, &next(&page.continue_token))
        .await
        .unwrap_err();
    assert!(expired.is_expired() && expired.code == 410, "{expired:?}");
    assert!(
        expired
            .message
            .starts_with("The provided continue parameter is too old"),
        "{}",
        expired.message
    );
    // What came before the place is not told; what came behind it is.
    let rest = restarted
        .gadgets
        .list(None, &next(&expired.continue_token))
        .await
        .unwrap();
    let version = restarted.revision();
    let expected = Shown {
        names: String::from("bbc"),
        version,
        goes_on: true,
        remaining: Some(1),
    };
    assert_eq!(shown(&rest), expected);
    // From here on the state is one again.
    restarted.create(gadget("e")).await;
    let end = restarted
        .gadgets
        .list(None, &next(&rest.continue_token))
        .await
        .unwrap();
    let expected = Shown {
        names: String::from("d"),
        version,
        goes_on: false,
        remaining: None,
    };
    assert_eq!(shown(&end), expected);
}

#[tokio::test]
async fn how_many_remain_is_told_only_where_all_are_selected() {
    let cluster = Cluster::start().await;
    for (name, tier) in [("a", "x"), ("b", "x"), ("c", "y"), ("d", "x")] {
        cluster.create(labelled(name, json!({"tier": tier}))).await;
    }
    let list = async |labels: &str, fields: &str, limit: u64, token: &str| {
        let options = ListOptions {
            label_selector: labels.to_owned(),
            field_selector: fields.to_owned(),
            continue_token: token.to_owned(),
            ..options("", "", limit)
        };
        let page = cluster.gadgets.list(Some("ns"), &options).await.unwrap();
        (shown(&page), page.continue_token)
    };
    let (page, _) = list("", "", 1, "").await;
    assert_eq!((page.names.as_str(), page.remaining), ("a", Some(3)));
    for (labels, fields) in [
        ("tier=x", ""),
        ("", "metadata.name!=c"),
        ("tier=x", "spec.minAvailable=1"),
    ] {
        let (page, token) = list(labels, fields, 2, "").await;
        assert_eq!(
            (page.names.as_str(), page.remaining, page.goes_on),
            ("ab", None, true)
        );
        let (page, _) = list(labels, fields, 2, &token).await;
        assert_eq!((page.names.as_str(), page.goes_on), ("d", false));
    }
    // A full page has a next one if anything follows, though nothing of it is selected.
    let (page, token) = list("tier=y", "", 1, "").await;
    assert_eq!((page.names.as_str(), page.goes_on), ("c", true));
    let (page, _) = list("tier=y", "", 1, &token).await;
    assert_eq!((page.names.as_str(), page.goes_on), ("", false));
    let (page, _) = list("", "metadata.name=a", 1, "").await;
    assert_eq!((page.names.as_str(), page.goes_on), ("a", false));
}
