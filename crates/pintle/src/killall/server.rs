//! The server or agent that holds the data directory.

use std::path::Path;
use std::time::Duration;

use kubelet::containerd::Process;

use crate::holder::holder;

/// How long it may take to end when asked to.
const END_WITHIN: Duration = Duration::from_secs(20);

/// Ends the process that holds the data directory, if there is one, and waits until it has ended. An error says why it is
/// still there.
pub(super) async fn end(data_dir: &Path) -> Result<(), String> {
    let Some(id) = holder(data_dir) else {
        return Ok(());
    };
    let still_there = |error: std::io::Error| format!("process {id} holds {}: {error}", data_dir.display());
    let Ok(mut process) = Process::open(id) else {
        return Ok(());
    };
    // The number may have come to mean another process before it was taken hold of.
    if holder(data_dir) != Some(id) {
        return Ok(());
    }
    process.terminate().map_err(still_there)?;
    if tokio::time::timeout(END_WITHIN, process.wait()).await.is_err() {
        process.kill().map_err(still_there)?;
        process.wait().await.map_err(still_there)?;
    }
    Ok(())
}
