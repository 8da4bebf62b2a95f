//! Word of writes to files: one queue of the kernel's for all of them, since a user may have but few.

use std::collections::HashMap;
use std::io;
use std::path::Path;
use std::sync::Arc;

use futures::StreamExt;
use inotify::{EventMask, Inotify, WatchDescriptor, WatchMask, Watches};
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio_util::task::AbortOnDropHandle;

type Waiting = HashMap<WatchDescriptor, Arc<Notify>>;

/// Files that are waited for.
pub struct FileWatch {
    watches: Mutex<Watches>,
    waiting: Arc<Mutex<Waiting>>,
    _reader: AbortOnDropHandle<()>,
}

impl FileWatch {
    pub fn start() -> io::Result<Self> {
        let inotify = Inotify::init()?;
        let watches = Mutex::new(inotify.watches());
        let waiting = Arc::<Mutex<Waiting>>::default();
        let reader = tokio::spawn(read(inotify, waiting.clone()));
        Ok(Self {
            watches,
            waiting,
            _reader: AbortOnDropHandle::new(reader),
        })
    }

    /// Waits until something is written to a file, or it is moved or removed.
    pub async fn written(&self, file: &Path) -> io::Result<()> {
        let mask = WatchMask::MODIFY | WatchMask::MOVE_SELF | WatchMask::DELETE_SELF | WatchMask::ONESHOT;
        let wait = {
            // Held until the wait is known, so that word cannot come before.
            let mut waiting = self.waiting.lock();
            let watch = self.watches.lock().add(file, mask)?;
            let notify = Arc::<Notify>::default();
            waiting.insert(watch.clone(), notify.clone());
            Wait {
                files: self,
                watch,
                notify,
            }
        };
        wait.notify.notified().await;
        Ok(())
    }
}

/// A wait; it may be given up.
struct Wait<'a> {
    files: &'a FileWatch,
    watch: WatchDescriptor,
    notify: Arc<Notify>,
}

impl Drop for Wait<'_> {
    fn drop(&mut self) {
        let given_up = self.files.waiting.lock().remove(&self.watch).is_some();
        if given_up {
            // The file may be gone, and the watch with it.
            let _ = self.files.watches.lock().remove(self.watch.clone());
        }
    }
}

async fn read(inotify: Inotify, waiting: Arc<Mutex<Waiting>>) {
    let buffer = vec![0; 16 * 1024];
    let mut events = match inotify.into_event_stream(buffer) {
        Ok(events) => events,
        Err(error) => {
            tracing::warn!(%error, "no word of writes to logs");
            return;
        }
    };
    while let Some(event) = events.next().await {
        let mut waiting = waiting.lock();
        match event {
            Ok(event) if !event.mask.contains(EventMask::Q_OVERFLOW) => {
                if let Some(notify) = waiting.remove(&event.wd) {
                    notify.notify_one();
                }
            }
            // Word was lost: everyone looks.
            _ => waiting.drain().for_each(|(_, notify)| notify.notify_one()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::time::Duration;

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(30);

    #[tokio::test]
    async fn each_file_has_its_own_word() {
        let folder = tempfile::tempdir().unwrap();
        let [a, b] = ["a", "b"].map(|name| folder.path().join(name));
        fs::write(&a, "").unwrap();
        fs::write(&b, "").unwrap();
        let files = FileWatch::start().unwrap();
        {
            let (first, other) = (files.written(&a), files.written(&b));
            tokio::pin!(first, other);
            assert!(futures::poll!(&mut first).is_pending() && futures::poll!(&mut other).is_pending());
            fs::write(&a, "x").unwrap();
            tokio::time::timeout(PATIENCE, first).await.unwrap().unwrap();
            assert!(futures::poll!(&mut other).is_pending());
        }
        assert!(files.waiting.lock().is_empty());
        let again = files.written(&a);
        tokio::pin!(again);
        assert!(futures::poll!(&mut again).is_pending());
        fs::remove_file(&a).unwrap();
        tokio::time::timeout(PATIENCE, again).await.unwrap().unwrap();
        assert!(files.written(&a).await.is_err());
    }
}
