//! Events that wait to be written in batches. There is room for so many; what comes when it is full is lost.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, timeout, timeout_at};

use super::Output;
use super::throttle::Throttle;
use crate::metrics::Metrics;
use crate::options::Handing;

/// Batches under way at a time, where that takes time.
const MAX_UNDER_WAY: usize = 16;
/// How long the end waits for what is not written yet.
const FINISH_WITHIN: Duration = Duration::from_secs(5);

/// Events that wait.
#[derive(Debug)]
pub(super) struct Queue {
    events: Mutex<Option<Sender<Bytes>>>,
    worker: Mutex<Option<JoinHandle<()>>>,
}

/// How large batches become.
#[derive(Clone, Copy)]
struct Batches {
    most: usize,
    wait: Duration,
}

impl Queue {
    pub(super) fn start(output: Arc<Output>, handing: &Handing, metrics: Arc<Metrics>) -> Self {
        let count = |value: i64| usize::try_from(value).unwrap_or(1).max(1);
        let (sender, receiver) = channel(count(handing.buffer_size));
        let batches = Batches {
            most: count(handing.max_batch),
            wait: handing.max_wait,
        };
        let throttle = Throttle::of(handing);
        let worker = tokio::spawn(work(receiver, output, batches, throttle, metrics));
        Self {
            events: Mutex::new(Some(sender)),
            worker: Mutex::new(Some(worker)),
        }
    }

    /// Takes an event; false if there is no room.
    pub(super) fn push(&self, event: Bytes) -> bool {
        let events = self.events.lock();
        events
            .as_ref()
            .is_some_and(|events| events.try_send(event).is_ok())
    }

    /// Takes no more, and waits until what waits is written.
    pub(super) async fn finish(&self) {
        self.events.lock().take();
        let worker = self.worker.lock().take();
        if let Some(worker) = worker {
            // What takes longer, or broke down, is lost.
            let _ = timeout(FINISH_WITHIN, worker).await;
        }
    }
}

async fn work(
    mut events: Receiver<Bytes>,
    output: Arc<Output>,
    batches: Batches,
    mut throttle: Option<Throttle>,
    metrics: Arc<Metrics>,
) {
    let mut under_way = JoinSet::new();
    while let Some(batch) = batches.next(&mut events).await {
        if let Some(throttle) = &mut throttle {
            throttle.pass().await;
        }
        if !output.is_slow() {
            output.write(&batch, &metrics).await;
            continue;
        }
        while under_way.try_join_next().is_some() {}
        if under_way.len() >= MAX_UNDER_WAY {
            under_way.join_next().await;
        }
        let (output, metrics) = (Arc::clone(&output), Arc::clone(&metrics));
        under_way.spawn(async move {
            output.write(&batch, &metrics).await;
        });
    }
    under_way.join_all().await;
}

impl Batches {
    /// The next batch: when it is full, or has waited long enough; none at the end.
    async fn next(self, events: &mut Receiver<Bytes>) -> Option<Vec<Bytes>> {
        let mut batch = vec![events.recv().await?];
        let due = Instant::now() + self.wait;
        while batch.len() < self.most {
            match timeout_at(due, events.recv()).await {
                Ok(Some(event)) => batch.push(event),
                Ok(None) | Err(_) => break,
            }
        }
        Some(batch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::LogOptions;
    use crate::sink::Log;

    fn queue(folder: &tempfile::TempDir, handing: &Handing) -> Queue {
        let log = LogOptions {
            path: folder.path().join("log").display().to_string(),
            ..LogOptions::default()
        };
        let output = Output::Log(Log::open(&log).expect("a log"));
        Queue::start(Arc::new(output), handing, Arc::default())
    }

    #[tokio::test]
    async fn what_waits_is_written_at_the_end() {
        let folder = tempfile::tempdir().expect("a folder");
        let slow = Handing {
            max_batch: 10,
            max_wait: Duration::from_secs(3600),
            ..Handing::default()
        };
        let queue = queue(&folder, &slow);
        for event in ["a\n", "b\n"] {
            assert!(queue.push(event.into()));
        }
        queue.finish().await;
        assert_eq!(
            std::fs::read_to_string(folder.path().join("log")).expect("a log"),
            "a\nb\n"
        );
        assert!(!queue.push("c\n".into()), "it takes no more");
    }

    #[tokio::test]
    async fn what_has_no_room_is_lost() {
        let folder = tempfile::tempdir().expect("a folder");
        let small = Handing {
            buffer_size: 1,
            ..Handing::default()
        };
        let queue = queue(&folder, &small);
        // Nobody takes anything as long as this test does not wait.
        assert!(queue.push("a\n".into()));
        assert!(!queue.push("b\n".into()));
    }

    #[tokio::test]
    async fn batches_are_full_or_due() {
        let (sender, mut events) = channel(10);
        let batches = Batches {
            most: 2,
            wait: Duration::from_millis(1),
        };
        for event in ["a", "b", "c"] {
            sender.send(event.into()).await.expect("room");
        }
        assert_eq!(batches.next(&mut events).await.map(|b| b.len()), Some(2));
        assert_eq!(batches.next(&mut events).await.map(|b| b.len()), Some(1));
        drop(sender);
        assert_eq!(batches.next(&mut events).await, None);
    }
}
