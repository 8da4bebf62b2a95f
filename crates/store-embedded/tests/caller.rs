//! Who commits: the caller if it is alone and the disk is quick, the writer otherwise.

mod support;

use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, ThreadId};
use std::time::Duration;

use store::{StateStore, StoreError, Transaction};
use store_embedded::disk::{Disk, DiskFile};
use store_embedded::simulation::SimulatedDisk;
use store_embedded::{EmbeddedStore, Options};
use support::{put, try_put};
use tokio::task::yield_now;

/// A disk that knows who waited for it last, and can be slow or fail in an unheard-of way.
#[derive(Clone, Debug, Default)]
struct Observed {
    disk: SimulatedDisk,
    seen: Arc<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    last: Mutex<Option<ThreadId>>,
    is_slow: AtomicBool,
    panics: AtomicBool,
}

#[derive(Debug)]
struct ObservedFile {
    file: Arc<dyn DiskFile>,
    seen: Arc<Seen>,
}

impl Observed {
    fn open_store(&self, commits_on_caller: bool) -> EmbeddedStore {
        let options = Options {
            commits_on_caller,
            ..Options::default()
        };
        EmbeddedStore::open_disk(Arc::new(self.clone()), options).expect("the store opens")
    }

    fn last_was_caller(&self) -> bool {
        *self.seen.last.lock().expect("no panic") == Some(thread::current().id())
    }

    fn observe(&self, file: io::Result<Arc<dyn DiskFile>>) -> io::Result<Arc<dyn DiskFile>> {
        let seen = Arc::clone(&self.seen);
        file.map(|file| Arc::new(ObservedFile { file, seen }) as Arc<dyn DiskFile>)
    }
}

impl Disk for Observed {
    fn path(&self, name: &str) -> PathBuf {
        self.disk.path(name)
    }

    fn list(&self) -> io::Result<Vec<String>> {
        self.disk.list()
    }

    fn open(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        self.observe(self.disk.open(name))
    }

    fn create(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        self.observe(self.disk.create(name))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.disk.rename(from, to)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.disk.remove(name)
    }

    fn sync(&self) -> io::Result<()> {
        self.disk.sync()
    }
}

impl DiskFile for ObservedFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.file.read_at(buffer, offset)
    }

    fn write_at(&self, data: &[u8], offset: u64) -> io::Result<()> {
        self.file.write_at(data, offset)
    }

    fn sync(&self) -> io::Result<()> {
        assert!(!self.seen.panics.load(Ordering::Relaxed), "as the test wants it");
        if self.seen.is_slow.load(Ordering::Relaxed) {
            thread::sleep(Duration::from_millis(20));
        }
        *self.seen.last.lock().expect("no panic") = Some(thread::current().id());
        self.file.sync()
    }

    fn size(&self) -> io::Result<u64> {
        self.file.size()
    }

    fn reserve(&self, size: u64) -> io::Result<()> {
        self.file.reserve(size)
    }

    fn truncate(&self, size: u64) -> io::Result<()> {
        self.file.truncate(size)
    }
}

/// Writes until the caller commits, or does not.
async fn settle(store: &EmbeddedStore, disk: &Observed, caller: bool) {
    for number in 0..10_000 {
        put(store, "settling", &number.to_string()).await;
        if disk.last_was_caller() == caller {
            return;
        }
        yield_now().await;
    }
    panic!("it should have been the caller: {caller}");
}

#[tokio::test]
async fn a_lone_caller_commits_while_the_disk_is_quick() {
    let disk = Observed::default();
    let store = disk.open_store(true);
    put(&store, "first", "1").await;
    assert!(!disk.last_was_caller(), "nothing is known of the disk yet");
    settle(&store, &disk, true).await;
    disk.seen.is_slow.store(true, Ordering::Relaxed);
    settle(&store, &disk, false).await;
    disk.seen.is_slow.store(false, Ordering::Relaxed);
    settle(&store, &disk, true).await;
}

#[tokio::test]
async fn keys_that_expire_are_the_writers() {
    let disk = Observed::default();
    let store = disk.open_store(true);
    settle(&store, &disk, true).await;
    let expiring = Transaction::new().put_for("short".into(), "1".into(), Duration::from_secs(3600));
    let outcome = store.commit(expiring).await;
    outcome.expect("it is taken");
    assert!(!disk.last_was_caller());
}

#[tokio::test]
async fn the_caller_commits_only_if_it_may() {
    let disk = Observed::default();
    let store = disk.open_store(false);
    for number in 0..100 {
        put(&store, "key", &number.to_string()).await;
        assert!(!disk.last_was_caller());
    }
}

#[tokio::test]
async fn nothing_is_written_after_a_panic() {
    let disk = Observed::default();
    let store = Arc::new(disk.open_store(true));
    settle(&store, &disk, true).await;
    disk.seen.panics.store(true, Ordering::Relaxed);
    let lost = {
        let store = Arc::clone(&store);
        tokio::spawn(async move { try_put(&store, "lost", "1").await }).await
    };
    disk.seen.panics.store(false, Ordering::Relaxed);
    assert!(!matches!(lost, Ok(Ok(_))), "{lost:?}");
    let error = try_put(&store, "later", "1").await.expect_err("it is closed");
    assert!(matches!(error, StoreError::Closed), "{error}");
}
