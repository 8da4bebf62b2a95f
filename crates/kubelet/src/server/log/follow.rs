//! A log sent to a client: what is there, and what comes until the container ends.

use std::io;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt;
use futures::stream::BoxStream;
use inotify::{Inotify, WatchMask};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::debug;

use super::file::LogFile;
use super::filter::Filter;
use super::options::LogOptions;
use crate::cri::events::EventKind;
use crate::cri::message::ContainerState;
use crate::cri::{ContainerRuntime, RuntimeEvent};

/// Writes that wait for a slow client.
const WRITES_AHEAD: usize = 4;

/// The runtime's events are hints, some of which may be lost: after this long without a sign, the container is looked at.
const SIGN_OF_LIFE: Duration = Duration::from_secs(5);

/// Whose log, and where it lies.
pub struct LogSource {
    pub runtime: Arc<dyn ContainerRuntime>,
    pub container: String,
    pub path: PathBuf,
}

/// Opens the log and sends what is wanted of it, until everything was sent, nobody listens any more, or `stop`.
pub async fn open(
    source: LogSource,
    options: LogOptions,
    stop: CancellationToken,
) -> io::Result<mpsc::Receiver<Bytes>> {
    // Runtimes may keep a link at the path they tell; what happens shows at the file itself.
    let path = tokio::fs::canonicalize(&source.path).await?;
    // Before the first read, so that nothing is missed in between.
    let signs = match options.follow {
        true => Some(Signs::new(&source, &path)?),
        false => None,
    };
    let copy = Copy {
        file: LogFile::open(&path, options.tail_lines).await?,
        filter: Filter::new(&options),
        source,
    };
    let (sender, receiver) = mpsc::channel(WRITES_AHEAD);
    tokio::spawn(async move {
        let container = copy.source.container.clone();
        if let Some(Err(error)) = stop.run_until_cancelled(copy.run(signs, sender)).await {
            debug!(container, %error, "a log could not be read on");
        }
    });
    Ok(receiver)
}

/// Whatever may mean that there is more to read.
struct Signs {
    files: inotify::EventStream<[u8; 4096]>,
    events: BoxStream<'static, crate::cri::Result<RuntimeEvent>>,
    container: String,
}

impl Signs {
    fn new(source: &LogSource, path: &Path) -> io::Result<Self> {
        let inotify = Inotify::init()?;
        let folder = path.parent().unwrap_or(Path::new("/"));
        let mask = WatchMask::MODIFY | WatchMask::CREATE | WatchMask::MOVED_TO;
        inotify.watches().add(folder, mask)?;
        Ok(Self {
            files: inotify.into_event_stream([0; 4096])?,
            events: source.runtime.events(),
            container: source.container.clone(),
        })
    }

    /// Waits for a sign; true if the container may have ended.
    async fn next(&mut self) -> io::Result<bool> {
        let mut pause = pin!(tokio::time::sleep(SIGN_OF_LIFE));
        loop {
            tokio::select! {
                file = self.files.next() => {
                    file.transpose()?;
                    return Ok(false);
                }
                Some(event) = self.events.next() => {
                    let is_end = |event: &RuntimeEvent| event.container_id == self.container && event.kind == EventKind::Exited;
                    if event.as_ref().is_ok_and(is_end) {
                        return Ok(true);
                    }
                }
                () = &mut pause => return Ok(true),
            }
        }
    }
}

/// The copying of one log to one client.
struct Copy {
    file: LogFile,
    filter: Filter,
    source: LogSource,
}

impl Copy {
    async fn run(mut self, mut signs: Option<Signs>, client: mpsc::Sender<Bytes>) -> io::Result<()> {
        // A container that has ended before this is not waited for at all.
        let mut ended = signs.is_none() || !self.is_running().await;
        loop {
            if !self.send_all(&client).await? {
                return Ok(());
            }
            if let Some(successor) = self.file.successor().await? {
                // Written after the end was reached and before the file was moved away.
                if !self.send_all(&client).await? {
                    return Ok(());
                }
                self.file.go_on_in(successor);
                continue;
            }
            let Some(signs) = signs.as_mut().filter(|_| !ended) else {
                return self.send_rest(&client).await;
            };
            let may_have_ended = tokio::select! {
                sign = signs.next() => sign?,
                () = client.closed() => return Ok(()),
            };
            // What was written before the end is read in one more round.
            ended = may_have_ended && !self.is_running().await;
        }
    }

    /// Sends everything up to the end of the file; false if there is nobody or nothing more to send to.
    async fn send_all(&mut self, client: &mpsc::Sender<Bytes>) -> io::Result<bool> {
        loop {
            let mut out = Vec::new();
            let mut goes_on = true;
            let filter = &mut self.filter;
            let more = self.file.read(|entry| {
                goes_on = filter.push(entry, &mut out).is_continue();
                goes_on
            });
            let more = more.await?;
            let sent = out.is_empty() || client.send(out.into()).await.is_ok();
            if !sent || !goes_on {
                return Ok(false);
            }
            if !more {
                return Ok(true);
            }
        }
    }

    /// An entry without its end is the last a runtime wrote before it was killed.
    async fn send_rest(&mut self, client: &mpsc::Sender<Bytes>) -> io::Result<()> {
        let mut out = Vec::new();
        let _ = self.filter.push(&self.file.take_rest(), &mut out);
        if !out.is_empty() {
            // Nobody is left to hear of a failure.
            let _ = client.send(out.into()).await;
        }
        Ok(())
    }

    async fn is_running(&self) -> bool {
        match self.source.runtime.container_status(&self.source.container).await {
            Ok(status) => status.state() == ContainerState::Running,
            Err(error) => !error.is_not_found(),
        }
    }
}
