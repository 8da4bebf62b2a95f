//! Running nft: a script goes in whole, and happens as a whole or not at all.

use std::path::PathBuf;
use std::process::{Output, Stdio};
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::process::Command;

/// A transaction that takes longer than this has hung.
const TIME_LIMIT: Duration = Duration::from_secs(60);
/// How much of what nft says is kept.
const MAX_MESSAGE_BYTES: usize = 1024;

/// Why rules could not be loaded.
#[derive(Debug, thiserror::Error)]
pub enum NftError {
    /// The program cannot be started, or talking to it failed.
    #[error("cannot run {}", program.display())]
    Run {
        /// The program.
        program: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// It took too long and was ended.
    #[error("nft did not end within {} s", TIME_LIMIT.as_secs())]
    TimedOut,
    /// It refused; nothing was changed.
    #[error("nft refused the rules: {0}")]
    Refused(String),
}

/// The nft program.
#[derive(Clone, Debug)]
pub(crate) struct Nft {
    program: PathBuf,
}

impl Nft {
    pub(crate) fn new(program: PathBuf) -> Self {
        Self { program }
    }

    /// Makes it so.
    pub(crate) async fn apply(&self, script: &str) -> Result<(), NftError> {
        self.run(&["-f", "-"], script).await
    }

    /// Whether this kernel and nft would take the script; changes nothing.
    pub(crate) async fn check(&self, script: &str) -> Result<(), NftError> {
        self.run(&["-c", "-f", "-"], script).await
    }

    async fn run(&self, arguments: &[&str], script: &str) -> Result<(), NftError> {
        let output = tokio::time::timeout(TIME_LIMIT, self.talk(arguments, script))
            .await
            .map_err(|_| NftError::TimedOut)?
            .map_err(|source| NftError::Run {
                program: self.program.clone(),
                source,
            })?;
        if output.status.success() {
            return Ok(());
        }
        let end = output.stderr.len().min(MAX_MESSAGE_BYTES);
        let message = String::from_utf8_lossy(&output.stderr[..end]);
        Err(NftError::Refused(message.trim().to_owned()))
    }

    async fn talk(&self, arguments: &[&str], script: &str) -> std::io::Result<Output> {
        let mut child = Command::new(&self.program)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let mut stdin = child
            .stdin
            .take()
            .ok_or_else(|| std::io::Error::other("nft has no standard input"))?;
        let write = async move {
            // An nft that gives up early closes its end; what it says tells more than that.
            let _ = stdin.write_all(script.as_bytes()).await;
        };
        let (output, ()) = tokio::join!(child.wait_with_output(), write);
        output
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_program_that_is_not_there_is_told_by_name() {
        let error = Nft::new("/nonexistent/nft".into()).apply("").await.unwrap_err();
        assert_eq!(error.to_string(), "cannot run /nonexistent/nft");
    }

    #[tokio::test]
    async fn what_nft_says_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("nft");
        std::fs::write(&program, "#!/bin/sh\necho no such thing >&2\nexit 1\n").unwrap();
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(&program, mode).unwrap();
        // Larger than a pipe: an nft that does not read must not block us.
        let script = "x".repeat(1 << 20);
        let error = Nft::new(program).apply(&script).await.unwrap_err();
        assert_eq!(error.to_string(), "nft refused the rules: no such thing");
    }
}
