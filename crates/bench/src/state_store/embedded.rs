//! The embedded store in this process: commits per second, and how long a store with many keys takes to open. CPU is that of
//! the whole process, the load included.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::future::join_all;
use store::{Key, KeyRange, RangeRequest, StateStore, StoreError, Transaction};
use store_embedded::EmbeddedStore;
use tokio::task::JoinSet;

use super::load::Result;
use super::values::{key, values};
use super::{Options, disk};
use crate::process::cpu;

/// So many keys are read at once.
const PAGE: usize = 10_000;

/// Measures and prints.
pub async fn run(options: &Options, directory: &Path) -> Result<()> {
    println!(
        "a write of 1,000 bytes and fdatasync: {:?}",
        disk::sync_time(directory)?
    );
    println!("writers  commits/s  median     CPU per commit");
    for writers in [1, 32, 500] {
        let folder = tempfile::Builder::new()
            .prefix("embedded")
            .tempdir_in(directory)?;
        println!(
            "{writers:>7}  {}",
            commits(folder.path(), writers, options).await?
        );
    }
    let folder = tempfile::Builder::new()
        .prefix("embedded")
        .tempdir_in(directory)?;
    sizes(folder.path(), options.keys).await
}

/// Commits from so many tasks at once; each waits for one commit before the next.
async fn commits(folder: &Path, writers: usize, options: &Options) -> Result<String> {
    let store = Arc::new(EmbeddedStore::open(folder, store_embedded::Options::default())?);
    let values = values();
    let duration = Duration::from_secs_f64(options.load_seconds);
    let me = [std::process::id()];
    let (began, cpu_before) = (Instant::now(), cpu(&me));
    let mut running = JoinSet::new();
    for writer in 0..writers {
        let (store, value) = (store.clone(), values[writer % values.len()].clone());
        running.spawn(async move {
            let mut times = Vec::new();
            while began.elapsed() < duration {
                let key = format!(
                    "/registry/pods/namespace-{writer:04}/pod-{:06}",
                    times.len() % 100
                );
                let start = Instant::now();
                store
                    .commit(Transaction::new().put(key.into(), value.clone()))
                    .await?;
                times.push(start.elapsed());
            }
            Ok::<_, StoreError>(times)
        });
    }
    let mut times = Vec::new();
    while let Some(ended) = running.join_next().await {
        times.extend(ended??);
    }
    let (took, used) = (began.elapsed(), cpu(&me) - cpu_before);
    times.sort_unstable();
    Ok(format!(
        "{:>9.0}  {:<9.1?}  {:.1?}",
        times.len() as f64 / took.as_secs_f64(),
        times[times.len() / 2],
        used / u32::try_from(times.len())?
    ))
}

/// Fills a store with keys, opens it again, and reads all of it.
async fn sizes(folder: &Path, keys: usize) -> Result<()> {
    fill(folder, keys).await?;
    let bytes = disk::bytes(folder)?;
    let start = Instant::now();
    let store = EmbeddedStore::open(folder, store_embedded::Options::default())?;
    let opened = start.elapsed();
    let start = Instant::now();
    let mut request = RangeRequest::new(KeyRange::all()).limit(PAGE);
    let mut listed = 0;
    loop {
        let page = store.range(request.clone()).await?;
        listed += page.key_values.len();
        match page.key_values.last() {
            Some(last) if page.more => request.range.start = last.key.successor(),
            _ => break,
        }
    }
    println!(
        "{listed} keys: {} bytes of disk each, opened in {opened:.2?}, listed in {:.2?}",
        bytes / listed.max(1) as u64,
        start.elapsed()
    );
    Ok(())
}

async fn fill(folder: &Path, keys: usize) -> Result<()> {
    // As after a while without changes: nothing of the past is held any more.
    let options = store_embedded::Options {
        history: Duration::from_millis(500),
        ..store_embedded::Options::default()
    };
    let store = EmbeddedStore::open(folder, options)?;
    let values = values();
    for first in (0..keys).step_by(1000) {
        let commits = (first..keys.min(first + 1000)).map(|number| {
            let value = values[number % values.len()].clone();
            store.commit(Transaction::new().put(Key::from(key(number)), value))
        });
        for outcome in join_all(commits).await {
            outcome?;
        }
    }
    let patience = Instant::now() + Duration::from_secs(60);
    while store.compacted_revision() < store.current_revision() && Instant::now() < patience {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok(())
}
