//! Works alone, or while leading among copies.

use client::Client;
use tokio_util::sync::CancellationToken;

use super::ComponentError;
use crate::settings::ElectionSettings;

/// Runs `work` until `shutdown`; with an election, when and while this copy leads. Whoever loses the lead ends, as upstream's
/// components do: a fresh start is the surest way to know nothing of the time before.
pub(super) async fn run<F>(
    election: &ElectionSettings,
    client: Client,
    shutdown: CancellationToken,
    work: impl FnOnce(CancellationToken) -> F,
) -> Result<(), ComponentError>
where
    F: Future<Output = ()>,
{
    if !election.enabled {
        work(shutdown).await;
        return Ok(());
    }
    let host = crate::node::machine::host_name().unwrap_or_else(|| String::from("pintle"));
    let candidate = election.with_candidate(candidate(&host));
    candidate.run(client, shutdown.clone(), work).await;
    if shutdown.is_cancelled() {
        Ok(())
    } else {
        Err(ComponentError::LeadershipLost)
    }
}

/// A candidate's name: the machine's, and what no other process of that name has.
pub fn candidate(machine: &str) -> String {
    format!("{machine}_{}", uuid::Uuid::new_v4())
}
