//! Starts containerd or adopts the one that runs, and starts it again when it dies.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use futures::StreamExt;
use inotify::{Inotify, WatchMask};
use tokio::process::Command;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::config::ContainerdSettings;
use super::machine::{Machine, MissingProgram};
use super::process::Process;
use crate::cri::{ContainerRuntime, CriClient};

/// How long containerd may take from its start until it answers. It needs some 40 ms with an empty folder; recovering
/// hundreds of containers after a restart takes longer.
const START_TIMEOUT: Duration = Duration::from_secs(60);
/// How long it may take to end when asked to.
const STOP_TIMEOUT: Duration = Duration::from_secs(10);
/// The longest pause between two starts of a containerd that keeps dying.
const MAX_RESTART_DELAY: Duration = Duration::from_secs(30);
/// A Unix socket's path may not be longer, by the kernel's structure for it.
const MAX_SOCKET_PATH_BYTES: usize = 107;
/// A log beyond this is set aside when containerd starts.
const MAX_LOG_BYTES: u64 = 16 * 1024 * 1024;

/// Why there is no containerd.
#[derive(Debug, thiserror::Error)]
pub enum ContainerdError {
    /// A program is not installed.
    #[error(transparent)]
    Missing(#[from] MissingProgram),
    /// Its folder would not work.
    #[error("the path of containerd's socket is too long ({0}): choose a shorter data directory")]
    PathTooLong(PathBuf),
    /// A file could not be written, or the program not be started.
    #[error("failed to {action}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// It ended instead of serving.
    #[error("containerd ended right after its start. Its last words: {last_words}")]
    Ended {
        /// The end of its log.
        last_words: String,
    },
    /// It runs but does not answer.
    #[error("containerd does not answer on {socket}; its log is {log}")]
    Silent {
        /// Its socket.
        socket: PathBuf,
        /// Its log.
        log: PathBuf,
    },
}

fn failed(action: &'static str) -> impl FnOnce(io::Error) -> ContainerdError {
    move |source| ContainerdError::Io { action, source }
}

/// A running containerd.
#[derive(Debug)]
pub struct Containerd {
    settings: ContainerdSettings,
    machine: Machine,
    process: Process,
}

impl Containerd {
    /// Starts containerd, or adopts the one that was started earlier with the same settings, and waits until it answers.
    pub async fn start(settings: ContainerdSettings, machine: Machine) -> Result<Self, ContainerdError> {
        let socket = settings.layout.socket();
        if socket.as_os_str().len() > MAX_SOCKET_PATH_BYTES {
            return Err(ContainerdError::PathTooLong(socket));
        }
        create_folders(&settings).map_err(failed("create the folders of containerd"))?;
        let unchanged =
            write_config(&settings, &machine).map_err(failed("write the configuration of containerd"))?;
        let process = match adopt(&settings)
            .await
            .map_err(failed("stop the earlier containerd"))?
        {
            Some(process) if unchanged => process,
            Some(process) => {
                // Containers do not mind: they belong to their shims.
                stop(process)
                    .await
                    .map_err(failed("stop the earlier containerd"))?;
                spawn(&settings, &machine)?
            }
            None => spawn(&settings, &machine)?,
        };
        let mut containerd = Self {
            settings,
            machine,
            process,
        };
        containerd.wait_until_answering().await?;
        Ok(containerd)
    }

    /// The number of its process.
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// The socket that serves CRI.
    pub fn socket(&self) -> PathBuf {
        self.settings.layout.socket()
    }

    /// What the machine has.
    pub fn machine(&self) -> &Machine {
        &self.machine
    }

    /// Starts containerd again whenever it ends, until `shutdown`. Then it is left running.
    pub async fn supervise(mut self, shutdown: CancellationToken) {
        let mut delay = Duration::ZERO;
        loop {
            let started = Instant::now();
            tokio::select! {
                () = shutdown.cancelled() => return,
                result = self.process.wait() => {
                    tracing::error!(?result, "containerd ended; starting it again");
                }
            }
            if started.elapsed() > MAX_RESTART_DELAY {
                delay = Duration::ZERO;
            }
            loop {
                let restarted = tokio::select! {
                    () = shutdown.cancelled() => return,
                    restarted = self.restart(delay) => restarted,
                };
                delay = next_delay(delay);
                match restarted {
                    Ok(()) => break,
                    Err(error) => tracing::error!(%error, "containerd could not be started"),
                }
            }
        }
    }

    async fn restart(&mut self, delay: Duration) -> Result<(), ContainerdError> {
        sleep(delay).await;
        self.process = spawn(&self.settings, &self.machine)?;
        self.wait_until_answering().await
    }

    /// Ends containerd. Containers go on.
    pub async fn stop(self) -> Result<(), ContainerdError> {
        stop(self.process).await.map_err(failed("stop containerd"))
    }

    async fn wait_until_answering(&mut self) -> Result<(), ContainerdError> {
        let socket = self.settings.layout.socket();
        tokio::select! {
            ended = self.process.wait() => {
                ended.map_err(failed("watch containerd"))?;
                Err(ContainerdError::Ended { last_words: last_words(&self.settings.layout.log()) })
            }
            answer = timeout(START_TIMEOUT, answering(&socket)) => match answer {
                Ok(Ok(())) => Ok(()),
                Ok(Err(source)) => Err(failed("wait for containerd's socket")(source)),
                Err(_) => Err(ContainerdError::Silent { socket, log: self.settings.layout.log() }),
            },
        }
    }
}

fn next_delay(delay: Duration) -> Duration {
    (delay * 2).clamp(Duration::from_millis(500), MAX_RESTART_DELAY)
}

fn create_folders(settings: &ContainerdSettings) -> io::Result<()> {
    let layout = &settings.layout;
    forget_earlier_boot(settings)?;
    for folder in [
        layout.root(),
        layout.state(),
        layout.runc(),
        layout.registries(),
        settings.cni_conf_dir.clone(),
    ] {
        std::fs::create_dir_all(folder)?;
    }
    Ok(())
}

/// The state of running containers is worthless after a restart of the machine, and misleading: it names processes and
/// mounts that are no more. Upstream keeps it in memory (`/run`) for that reason; here it is removed.
fn forget_earlier_boot(settings: &ContainerdSettings) -> io::Result<()> {
    let layout = &settings.layout;
    if PidFile::read(&layout.pid_file()).is_some_and(|file| file.boot != current_boot()) {
        for path in [layout.state(), layout.runc()] {
            match std::fs::remove_dir_all(path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        std::fs::remove_file(layout.pid_file())?;
    }
    Ok(())
}

/// Writes the configuration. True if it was there already, the same.
fn write_config(settings: &ContainerdSettings, machine: &Machine) -> io::Result<bool> {
    let path = settings.layout.config();
    let text = settings.render(machine);
    if std::fs::read_to_string(&path).is_ok_and(|old| old == text) {
        return Ok(true);
    }
    std::fs::write(path, text)?;
    Ok(false)
}

/// The containerd that an earlier kubelet started, if it still runs.
async fn adopt(settings: &ContainerdSettings) -> io::Result<Option<Process>> {
    let Some(file) = PidFile::read(&settings.layout.pid_file()) else {
        return Ok(None);
    };
    let Ok(process) = Process::open(file.pid) else {
        return Ok(None);
    };
    // The number may have come to mean another process; ours has our configuration on its command line.
    let command_line = std::fs::read(format!("/proc/{}/cmdline", file.pid)).unwrap_or_default();
    let config = settings.layout.config();
    let ours = command_line
        .split(|byte| *byte == 0)
        .any(|argument| argument == config.as_os_str().as_encoded_bytes());
    Ok(ours.then_some(process))
}

fn spawn(settings: &ContainerdSettings, machine: &Machine) -> Result<Process, ContainerdError> {
    let layout = &settings.layout;
    let log = open_log(&layout.log()).map_err(failed("open the log of containerd"))?;
    let errors = log.try_clone().map_err(failed("open the log of containerd"))?;
    // A socket that is left over would look like an answer.
    let _ = std::fs::remove_file(layout.socket());
    let child = Command::new(&machine.containerd)
        .arg("--config")
        .arg(layout.config())
        .stdin(Stdio::null())
        .stdout(log)
        .stderr(errors)
        // In its own process group, Ctrl-C in our terminal does not reach it.
        .process_group(0)
        .kill_on_drop(false)
        .spawn()
        .map_err(failed("start containerd"))?;
    let process = Process::from_child(child).map_err(failed("watch containerd"))?;
    PidFile {
        pid: process.pid(),
        boot: current_boot(),
    }
    .write(&layout.pid_file())
    .map_err(failed("write the pid file of containerd"))?;
    Ok(process)
}

async fn stop(mut process: Process) -> io::Result<()> {
    // An error means that it is gone already.
    let _ = process.terminate();
    if timeout(STOP_TIMEOUT, process.wait()).await.is_err() {
        let _ = process.kill();
        process.wait().await?;
    }
    Ok(())
}

/// Waits until the socket is there, and then for a first answer.
async fn answering(socket: &Path) -> io::Result<()> {
    appearance(socket).await?;
    let client = CriClient::new(socket);
    while let Err(error) = client.version().await {
        // The socket is served while the CRI part still recovers containers; there is nothing to be notified by.
        tracing::debug!(%error, "containerd does not answer yet");
        sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}

/// Waits until a file exists.
async fn appearance(path: &Path) -> io::Result<()> {
    let folder = path.parent().ok_or(io::ErrorKind::InvalidInput)?;
    let inotify = Inotify::init()?;
    inotify
        .watches()
        .add(folder, WatchMask::CREATE | WatchMask::MOVED_TO)?;
    let mut events = inotify.into_event_stream([0; 1024])?;
    while !path.exists() {
        events.next().await.transpose()?;
    }
    Ok(())
}

fn open_log(path: &Path) -> io::Result<File> {
    if path.metadata().is_ok_and(|log| log.len() > MAX_LOG_BYTES) {
        std::fs::rename(path, path.with_extension("log.1"))?;
    }
    OpenOptions::new().create(true).append(true).open(path)
}

/// The end of a log, for an error message.
fn last_words(log: &Path) -> String {
    const LINES: usize = 3;
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(LINES)..].join("; ")
}

/// Which process is containerd, and in which boot of the machine it was started.
#[derive(Debug, PartialEq, Eq)]
struct PidFile {
    pid: u32,
    boot: String,
}

impl PidFile {
    fn read(path: &Path) -> Option<Self> {
        let text = std::fs::read_to_string(path).ok()?;
        let (pid, boot) = text.trim().split_once(' ')?;
        Some(Self {
            pid: pid.parse().ok()?,
            boot: boot.to_owned(),
        })
    }

    fn write(&self, path: &Path) -> io::Result<()> {
        std::fs::write(path, format!("{} {}\n", self.pid, self.boot))
    }
}

fn current_boot() -> String {
    std::fs::read_to_string("/proc/sys/kernel/random/boot_id")
        .unwrap_or_default()
        .trim()
        .to_owned()
}
