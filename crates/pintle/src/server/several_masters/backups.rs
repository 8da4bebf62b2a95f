//! Backups by the clock, of several masters that all have the schedule.

use std::path::{Path, PathBuf};

use meta::Schedule;

use super::*;
use crate::server::backup::{BackupSource, Plan};

/// Has backups made every second, below a folder. Gives where they are put.
fn schedule(master: &Master, store: &Arc<dyn StateStore>, folder: &Path) -> PathBuf {
    let mut options = master.options.clone();
    std::fs::create_dir(folder).expect("made");
    options.data_dir = folder.to_owned();
    options.backup.schedule = Some(Schedule::parse("@every 1s").expect("a schedule"));
    options.backup.retention = 1000;
    let plan = Plan::of(&options).expect("usable").expect("a schedule");
    plan.start(
        BackupSource::new(&options, store.clone()),
        Leadership::Elected,
        (options.node.name(), master.client()),
        &master.tasks,
        &master.shutdown,
    );
    folder.join("backups")
}

/// How many whole backups there are.
fn made(folder: &Path) -> usize {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| ::backup::names::is_scheduled(name))
        .count()
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_them_keeps_the_schedule_and_the_next_goes_on_with_it() {
    let (store, a, b) = two_masters().await;
    let folder = tempfile::tempdir().expect("folder");
    let of_a = schedule(&a, &store, &folder.path().join("a"));
    let so_many = async |folder: &Path, count: usize| {
        eventually("backups", async || (made(folder) >= count).then_some(())).await;
    };
    so_many(&of_a, 1).await;
    let of_b = schedule(&b, &store, &folder.path().join("b"));
    so_many(&of_a, made(&of_a) + 2).await;
    assert_eq!(made(&of_b), 0);
    a.end().await;
    let left = made(&of_a);
    so_many(&of_b, 2).await;
    assert_eq!(made(&of_a), left);
    b.end().await;
}
