//! The server's keys and certificates.

use std::sync::Arc;
use std::time::Duration;

use apiserver::ReloadableCertificate;
use client::controller::Chain;
use jiff::{SignedDuration, Timestamp};
use pki::{Identity, Layout, ServerPki, Wanted};
use tokio_util::sync::CancellationToken;

use super::error::StartError;
use super::etcd_face;
use super::options::ServerOptions;
use super::trust::Trust;
use crate::node::{LateCertificate, machine};

/// Makes every key and certificate that is missing or due.
pub(super) fn ensure(options: &ServerOptions) -> Result<ServerPki, StartError> {
    let path = options.data_dir.clone();
    let layout = Layout::in_folder(&path);
    let ensure = || {
        let mut pki = ServerPki::ensure(&layout, &wanted(options), Timestamp::now())?;
        if options.serves_etcd() {
            pki.due_at = pki.due_at.min(etcd_face::ensure_certificates(options)?);
        }
        Ok(pki)
    };
    ensure().map_err(|source| StartError::Pki { path, source })
}

fn wanted(options: &ServerOptions) -> Wanted {
    let mut names = options.tls_san.clone();
    names.extend(machine::host_name());
    names.push(options.advertise_address().to_string());
    let services = [options.kubernetes_address()];
    Wanted {
        names: Wanted::server_names(&options.cluster_domain, &services, &names),
        server_url: options.local_url(),
        node: (!options.disable_agent).then(|| options.node.names()),
    }
}

/// The clock may be set, and machines sleep: how often at least the time is looked at.
const LOOK_AT_LEAST: Duration = Duration::from_secs(24 * 3600);

/// Makes certificates anew when they are due, and serves new connections with them, until the token fires.
pub(super) async fn renew(
    options: ServerOptions,
    mut due_at: Timestamp,
    api: Arc<ReloadableCertificate>,
    kubelet: Arc<LateCertificate>,
    shutdown: CancellationToken,
) {
    loop {
        let left = due_at.duration_since(Timestamp::now());
        let left = Duration::try_from(left).unwrap_or_default();
        let wait = tokio::time::sleep(left.min(LOOK_AT_LEAST));
        if shutdown.run_until_cancelled(wait).await.is_none() {
            return;
        }
        if Timestamp::now() < due_at {
            continue;
        }
        match renewed(&options, &api, &kubelet) {
            Ok(next) => due_at = next,
            Err(error) => {
                tracing::error!(error = %Chain(&error), "certificates cannot be renewed");
                due_at = Timestamp::now() + RETRY_AFTER;
            }
        }
    }
}

/// After a failure.
const RETRY_AFTER: SignedDuration = SignedDuration::from_mins(10);

fn renewed(
    options: &ServerOptions,
    api: &ReloadableCertificate,
    kubelet: &LateCertificate,
) -> Result<Timestamp, StartError> {
    let pki = ensure(options)?;
    let serving = Trust::new(&pki, options)?.serving;
    let key = serving
        .key()
        .map_err(|error| StartError::Authentication(error.to_string()))?;
    api.replace(serving.chain(), &key)
        .map_err(|source| StartError::Tls { source })?;
    if let Some(serving) = &pki.kubelet_serving {
        kubelet
            .set(serving)
            .map_err(|error| StartError::Authentication(error.to_string()))?;
    }
    tracing::info!(due_at = %pki.due_at, "certificates renewed");
    Ok(pki.due_at)
}

/// The certificate the API is served with; it can be replaced while the server runs.
pub(super) fn served(serving: &Identity) -> Result<Arc<ReloadableCertificate>, StartError> {
    let key = serving
        .key()
        .map_err(|error| StartError::Authentication(error.to_string()))?;
    ReloadableCertificate::new(serving.chain(), &key).map_err(|source| StartError::Tls { source })
}
