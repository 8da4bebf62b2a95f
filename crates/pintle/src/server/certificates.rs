//! The server's keys and certificates.

use std::sync::Arc;

use apiserver::ReloadableCertificate;
use jiff::Timestamp;
use pki::{Identity, Layout, ServerPki, Wanted};

use super::error::StartError;
use super::options::ServerOptions;
use crate::node::machine;

/// Makes every key and certificate that is missing or due.
pub(super) fn ensure(options: &ServerOptions) -> Result<ServerPki, StartError> {
    let path = options.data_dir.clone();
    let layout = Layout::in_folder(&path);
    ServerPki::ensure(&layout, &wanted(options), Timestamp::now())
        .map_err(|source| StartError::Pki { path, source })
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

/// The certificate the API is served with; it can be replaced while the server runs.
pub(super) fn served(serving: &Identity) -> Result<Arc<ReloadableCertificate>, StartError> {
    let key = serving
        .key()
        .map_err(|error| StartError::Authentication(error.to_string()))?;
    ReloadableCertificate::new(serving.chain(), &key).map_err(|source| StartError::Tls { source })
}
