//! A process that may or may not be our child, and waiting for its end without asking again and again.

use std::io;
use std::os::fd::OwnedFd;

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::process::Child;

/// A running process, held by a file descriptor: its number cannot come to mean another process.
#[derive(Debug)]
pub struct Process {
    pid: u32,
    descriptor: AsyncFd<OwnedFd>,
    /// Our children must be reaped; tokio does that once the handle is waited for.
    child: Option<Child>,
}

impl Process {
    /// Takes hold of a process by number. An error if there is none.
    pub fn open(pid: u32) -> io::Result<Self> {
        let number = i32::try_from(pid)
            .ok()
            .and_then(Pid::from_raw)
            .ok_or(io::ErrorKind::InvalidInput)?;
        Ok(Self {
            pid,
            descriptor: watch(pidfd_open(number, PidfdFlags::empty())?)?,
            child: None,
        })
    }

    /// Takes hold of a child that was just started.
    pub fn from_child(child: Child) -> io::Result<Self> {
        let pid = child.id().ok_or(io::ErrorKind::NotFound)?;
        let mut process = Self::open(pid)?;
        process.child = Some(child);
        Ok(process)
    }

    /// Its number.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Waits until the process has ended. May be dropped and called again.
    pub async fn wait(&mut self) -> io::Result<()> {
        if let Some(child) = &mut self.child {
            child.wait().await?;
            return Ok(());
        }
        // The descriptor becomes readable at the end and stays so; the readiness is never cleared.
        self.descriptor.readable().await?.retain_ready();
        Ok(())
    }

    /// Asks the process to end.
    pub fn terminate(&self) -> io::Result<()> {
        Ok(pidfd_send_signal(self.descriptor.get_ref(), Signal::TERM)?)
    }

    /// Ends the process.
    pub fn kill(&self) -> io::Result<()> {
        Ok(pidfd_send_signal(self.descriptor.get_ref(), Signal::KILL)?)
    }
}

#[expect(
    deprecated,
    reason = "the caveat is about types whose descriptor can change; an OwnedFd keeps its own"
)]
fn watch(descriptor: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    AsyncFd::with_interest(descriptor, Interest::READABLE)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::process::Command;
    use tokio::time::timeout;

    use super::*;

    #[tokio::test]
    async fn the_end_of_a_stranger_is_seen() {
        let mut child = Command::new("sleep").arg("1000").spawn().unwrap();
        let mut process = Process::open(child.id().unwrap()).unwrap();
        process.terminate().unwrap();
        timeout(Duration::from_secs(10), process.wait())
            .await
            .unwrap()
            .unwrap();
        // Again: an end stays an end.
        timeout(Duration::from_secs(10), process.wait())
            .await
            .unwrap()
            .unwrap();
        child.wait().await.unwrap();
    }

    #[tokio::test]
    async fn the_end_of_a_child_is_seen() {
        let child = Command::new("sleep").arg("1000").spawn().unwrap();
        let mut process = Process::from_child(child).unwrap();
        process.kill().unwrap();
        timeout(Duration::from_secs(10), process.wait())
            .await
            .unwrap()
            .unwrap();
        assert!(Process::open(process.pid()).is_err(), "the child was not reaped");
    }
}
