//! Prints what the store does on this machine: commits per second, restart time, memory and disk per key.
//!
//! `cargo run --release -p store-embedded --example figures [DIRECTORY] [KEYS...]`: the directory defaults to
//! a temporary one, the numbers of keys for the second table to 100,000 and 1,000,000.

use std::error::Error;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::future::join_all;
use store::{Key, KeyRange, RangeRequest, StateStore, Transaction};
use store_embedded::{EmbeddedStore, Options};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

const VALUE_BYTES: usize = 1000;
const LOAD_TIME: Duration = Duration::from_secs(4);

fn main() -> Result<()> {
    let mut arguments = std::env::args_os().skip(1);
    let temporary = tempfile::tempdir()?;
    let directory = arguments
        .next()
        .map_or_else(|| temporary.path().to_owned(), PathBuf::from);
    let mut sizes: Vec<usize> = arguments
        .map(|size| Ok(size.to_string_lossy().parse()?))
        .collect::<Result<_>>()?;
    if sizes.is_empty() {
        sizes = vec![100_000, 1_000_000];
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;

    println!("write of 1,000 bytes and fdatasync: {:?}", sync_time(&directory)?);
    println!("\nwriters  commits/s  median     99%        CPU per commit");
    for writers in [1, 32, 500, 5000] {
        let load = runtime.block_on(load(&directory.join(format!("load-{writers}")), writers))?;
        println!("{writers:>7}  {load}");
    }
    println!("\n   keys  fill      memory/key  disk/key  open      list all");
    for keys in sizes {
        println!(
            "{keys:>7}  {}",
            runtime.block_on(size(&directory.join(format!("size-{keys}")), keys))?
        );
    }
    println!("\n{}", runtime.block_on(idle(&directory.join("idle")))?);
    Ok(())
}

/// How long the disk takes for what a single writer waits for. Half of the tries were faster.
fn sync_time(directory: &Path) -> Result<Duration> {
    let path = directory.join("sync-time");
    let mut file = fs::File::create(&path)?;
    let mut times = Vec::new();
    for _ in 0..200 {
        let start = Instant::now();
        file.write_all(&[7; VALUE_BYTES])?;
        file.sync_data()?;
        times.push(start.elapsed());
    }
    fs::remove_file(path)?;
    times.sort_unstable();
    Ok(times[times.len() / 2])
}

/// Random values, which nothing can be saved on, as slices of one buffer.
fn values() -> Vec<Bytes> {
    let mut dice = store_embedded::simulation::Dice::new(1);
    (0..64)
        .map(|_| (0..VALUE_BYTES).map(|_| dice.number() as u8).collect())
        .collect()
}

/// Commits from so many tasks at once for a while; each waits for one commit before the next.
async fn load(directory: &Path, writers: usize) -> Result<String> {
    let store = Arc::new(EmbeddedStore::open(directory, Options::default())?);
    let values = Arc::new(values());
    let end = Instant::now() + LOAD_TIME;
    let cpu = cpu_time()?;
    let start = Instant::now();
    let count = Arc::new(AtomicU64::new(0));
    let tasks = (0..writers).map(|writer| {
        let (store, values, count) = (store.clone(), values.clone(), count.clone());
        tokio::spawn(async move {
            let mut times = Vec::new();
            while Instant::now() < end {
                let number = times.len();
                let key = format!("/registry/pods/namespace-{writer:04}/pod-{:06}", number % 100);
                let value = values[(writer + number) % values.len()].clone();
                let start = Instant::now();
                store.commit(Transaction::new().put(key.into(), value)).await?;
                times.push(start.elapsed());
            }
            count.fetch_add(times.len() as u64, Ordering::Relaxed);
            Ok::<_, store::StoreError>(times)
        })
    });
    let mut times = Vec::new();
    for joined in join_all(tasks.collect::<Vec<_>>()).await {
        times.extend(joined??);
    }
    let elapsed = start.elapsed();
    let cpu = cpu_time()? - cpu;
    times.sort_unstable();
    let count = count.load(Ordering::Relaxed);
    let rate = count as f64 / elapsed.as_secs_f64();
    let (median, slow) = (times[times.len() / 2], times[times.len() * 99 / 100]);
    Ok(format!(
        "{rate:>9.0}  {median:<9.1?}  {slow:<9.1?}  {:.1?}",
        cpu / u32::try_from(count)?
    ))
}

/// Fills a store with keys, opens it again, and reads all of it.
async fn size(directory: &Path, keys: usize) -> Result<String> {
    let start = Instant::now();
    fill(directory, keys).await?;
    let filled = start.elapsed();
    let disk = disk_bytes(directory)?;
    let memory = resident_bytes()?;
    let start = Instant::now();
    let store = EmbeddedStore::open(directory, Options::default())?;
    let opened = start.elapsed();
    let memory = resident_bytes()?.saturating_sub(memory);
    let start = Instant::now();
    let mut request = RangeRequest::new(KeyRange::all()).limit(10_000);
    let mut listed = 0;
    loop {
        let page = store.range(request.clone()).await?;
        listed += page.key_values.len();
        match page.key_values.last() {
            Some(last) if page.more => request.range.start = last.key.successor(),
            _ => break,
        }
    }
    assert_eq!(listed, keys);
    let per_key = |bytes: u64| bytes / keys as u64;
    Ok(format!(
        "{filled:<8.2?}  {:>10}  {:>8}  {opened:<8.2?}  {:<8.2?}",
        per_key(memory),
        per_key(disk),
        start.elapsed(),
    ))
}

async fn fill(directory: &Path, keys: usize) -> Result<()> {
    // As after a while without changes: nothing of the past is held any more.
    let options = Options {
        history: Duration::from_millis(500),
        ..Options::default()
    };
    let store = EmbeddedStore::open(directory, options)?;
    let values = values();
    for first in (0..keys).step_by(1000) {
        let commits = (first..keys.min(first + 1000)).map(|number| {
            let key = Key::from(format!(
                "/registry/pods/namespace-{:04}/pod-{number:08}",
                number % 1000
            ));
            store.commit(Transaction::new().put(key, values[number % values.len()].clone()))
        });
        for outcome in join_all(commits).await {
            outcome?;
        }
    }
    while store.compacted_revision() < store.current_revision() {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok(())
}

/// How often the store's threads run while nothing is asked of it.
async fn idle(directory: &Path) -> Result<String> {
    let options = Options {
        history: Duration::from_millis(500),
        ..Options::default()
    };
    let store = EmbeddedStore::open(directory, options)?;
    store
        .commit(Transaction::new().put("a".into(), Bytes::from_static(b"1")))
        .await?;
    while store.compacted_revision() < store.current_revision() {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    let before = switches()?;
    tokio::time::sleep(Duration::from_secs(5)).await;
    Ok(format!(
        "wake-ups of the store's threads in 5 s without work: {}",
        switches()? - before
    ))
}

/// The context switches of the store's threads.
fn switches() -> Result<u64> {
    let mut switches = 0;
    for task in fs::read_dir("/proc/self/task")? {
        let status = fs::read_to_string(task?.path().join("status"))?;
        if status.starts_with("Name:\tstore-") {
            let lines = status.lines().filter(|line| line.contains("ctxt_switches"));
            switches += lines
                .filter_map(|line| line.split_whitespace().last()?.parse::<u64>().ok())
                .sum::<u64>();
        }
    }
    Ok(switches)
}

fn disk_bytes(directory: &Path) -> Result<u64> {
    use std::os::unix::fs::MetadataExt;
    let mut bytes = 0;
    for entry in fs::read_dir(directory)? {
        bytes += entry?.metadata()?.blocks() * 512;
    }
    Ok(bytes)
}

fn resident_bytes() -> Result<u64> {
    let statm = fs::read_to_string("/proc/self/statm")?;
    let pages: u64 = statm
        .split_whitespace()
        .nth(1)
        .ok_or("no resident size")?
        .parse()?;
    Ok(pages * 4096)
}

/// What all threads of this process have computed.
fn cpu_time() -> Result<Duration> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    let fields = stat.rsplit(')').next().ok_or("no times")?;
    let ticks: u64 = fields
        .split_whitespace()
        .skip(11)
        .take(2)
        .filter_map(|ticks| ticks.parse::<u64>().ok())
        .sum();
    Ok(Duration::from_millis(ticks * 10))
}
