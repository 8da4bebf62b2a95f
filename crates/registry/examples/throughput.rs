//! How fast the algorithm and the cache are by themselves: over the in-memory store, without a network.
//!
//! `cargo run --release -p registry --example throughput`

#![allow(clippy::unwrap_used, missing_docs, dead_code)]

#[path = "../tests/registry/gadgets.rs"]
mod gadgets;

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use gadgets::{Cluster, gadget};
use registry::{ListOptions, WatchOptions};
use serde_json::Value;

const OBJECTS: usize = 20_000;
const WRITERS: usize = 32;

fn padded(name: &str) -> Value {
    let mut gadget = gadget(name);
    gadget["metadata"]["annotations"]["pad"] = "x".repeat(1500).into();
    gadget["metadata"]["labels"]["one-in-a-hundred"] = (name.len() % 100).to_string().into();
    gadget
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let cluster = Arc::new(Cluster::start().await);
    let begun = Instant::now();
    let writers = (0..WRITERS).map(|writer| {
        let cluster = cluster.clone();
        tokio::spawn(async move {
            for number in (writer..OBJECTS).step_by(WRITERS) {
                cluster.create(padded(&format!("g{number}"))).await;
            }
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.unwrap();
    }
    report("creates of 2 KB", OBJECTS, begun);
    if std::env::var("ONLY").is_ok() {
        return;
    }

    let begun = Instant::now();
    for _ in 0..100_000 {
        black_box(
            cluster
                .gadgets
                .get("ns", "g77", &Default::default())
                .await
                .unwrap(),
        );
    }
    report("gets", 100_000, begun);

    let begun = Instant::now();
    let mut bytes = 0;
    for _ in 0..50 {
        let page = cluster.gadgets.list(None, &ListOptions::default()).await.unwrap();
        bytes += page.items.iter().map(|object| object.json().len()).sum::<usize>();
    }
    report("lists of everything", 50, begun);
    println!("  {} MB in all, none of it copied", bytes >> 20);

    let page = ListOptions {
        limit: 500,
        ..ListOptions::default()
    };
    let begun = Instant::now();
    for _ in 0..1_000 {
        black_box(cluster.gadgets.list(Some("ns"), &page).await.unwrap());
    }
    report("pages of 500", 1_000, begun);

    let selective = ListOptions {
        label_selector: String::from("one-in-a-hundred=3"),
        ..ListOptions::default()
    };
    let begun = Instant::now();
    for _ in 0..50 {
        black_box(cluster.gadgets.list(None, &selective).await.unwrap());
    }
    report("lists by label", 50, begun);

    fan_out(&cluster).await;
}

/// A thousand watchers of everything, and a thousand changes.
async fn fan_out(cluster: &Cluster) {
    const WATCHERS: usize = 1_000;
    const CHANGES: usize = 200;
    let page = cluster
        .gadgets
        .list(
            None,
            &ListOptions {
                limit: 1,
                ..ListOptions::default()
            },
        )
        .await
        .unwrap();
    let options = WatchOptions {
        resource_version: page.resource_version(),
        ..WatchOptions::default()
    };
    let mut followers = Vec::new();
    for _ in 0..WATCHERS {
        let mut watcher = cluster.gadgets.watch(None, &options).await.unwrap();
        followers.push(tokio::spawn(async move {
            for _ in 0..CHANGES {
                black_box(watcher.next().await.unwrap());
            }
        }));
    }
    let begun = Instant::now();
    for number in 0..CHANGES {
        cluster.create(padded(&format!("watched{number}"))).await;
    }
    for follower in followers {
        follower.await.unwrap();
    }
    report("deliveries", WATCHERS * CHANGES, begun);
}

fn report(what: &str, count: usize, begun: Instant) {
    let seconds = begun.elapsed().as_secs_f64();
    println!(
        "{what}: {:.0}/s, {:.1} us each",
        count as f64 / seconds,
        seconds * 1e6 / count as f64
    );
}
