//! Which of several masters runs the controllers and the scheduler.

use client::Client;
use tokio_util::sync::CancellationToken;

use super::agreement;
use super::datastore::Datastore;
use super::error::StartError;
use super::join_token;
use super::options::ServerOptions;
use crate::component::candidate;
use crate::settings::ElectionSettings;

/// Whether this master leads without asking, or stands for it among others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Leadership {
    /// There is no other master: it leads from the first moment, and says so to nobody.
    Alone,
    /// Whoever holds the Lease leads.
    Elected,
}

/// What a master over a datastore is. One among others agrees with them first; an API server alone, with upstream's flags, is
/// told by these what it must have in common with others.
pub(super) async fn of(options: &ServerOptions, datastore: &Datastore) -> Result<Leadership, StartError> {
    if !datastore.is_shared() || options.store_in_static_pod {
        return Ok(Leadership::Alone);
    }
    if !options.is_component {
        let kept = join_token::kept(&options.data_dir)?;
        agreement::agree(&*datastore.store(), options, kept.as_deref()).await?;
    }
    Ok(Leadership::Elected)
}

impl Leadership {
    /// Runs `work` whenever this master, the one of that name, leads. Whoever loses the lead stands again: the API goes on meanwhile.
    pub(super) async fn run<F>(
        self,
        election: ElectionSettings,
        machine: String,
        client: Client,
        shutdown: CancellationToken,
        mut work: impl FnMut(CancellationToken) -> F,
    ) where
        F: Future<Output = ()>,
    {
        if self == Self::Alone || !election.enabled {
            work(shutdown).await;
        } else {
            let candidate = election.with_candidate(candidate(&machine));
            candidate.run_always(client, shutdown, work).await;
        }
    }
}
