//! The server's keys and certificates.

use std::sync::Arc;

use apiserver::ReloadableCertificate;
use jiff::Timestamp;
use pki::{Identity, Layout, ServerPki, Wanted};
use tokio_util::sync::CancellationToken;

use super::error::StartError;
use super::etcd_face;
use super::options::ServerOptions;
use super::own_clients::OwnClients;
use super::trust::Trust;
use crate::node::{LateCertificate, machine};
use crate::renewal::renew_when_due;

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

/// Makes certificates anew when they are due, and serves new connections with them, until the token fires.
pub(super) async fn renew(
    options: ServerOptions,
    due_at: Timestamp,
    api: Arc<ReloadableCertificate>,
    kubelet: Arc<LateCertificate>,
    own: OwnClients,
    shutdown: CancellationToken,
) {
    let renew = || {
        let renewed = renewed(&options, &api, &kubelet);
        std::future::ready(renewed.and_then(|due_at| own.reload().map(|()| due_at)))
    };
    renew_when_due("certificates", due_at, renew, shutdown).await;
}

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
    serve_kubelet(&pki, kubelet)?;
    Ok(pki.due_at)
}

/// Serves the kubelet with its certificate, if this machine is a node.
pub(super) fn serve_kubelet(pki: &ServerPki, kubelet: &LateCertificate) -> Result<(), StartError> {
    let serving = pki.kubelet_serving.as_ref();
    serving
        .map_or(Ok(()), |serving| kubelet.set(serving))
        .map_err(|error| StartError::Authentication(error.to_string()))
}

/// The certificate the API is served with; it can be replaced while the server runs.
pub(super) fn served(serving: &Identity) -> Result<Arc<ReloadableCertificate>, StartError> {
    let key = serving
        .key()
        .map_err(|error| StartError::Authentication(error.to_string()))?;
    ReloadableCertificate::new(serving.chain(), &key).map_err(|source| StartError::Tls { source })
}
