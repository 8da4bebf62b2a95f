//! The kubelet in a process of its own.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use client::config::ClientConfig;
use client::{Client, https};
use jiff::Timestamp;
use pki::{Authority, Identity};
use tokio_util::sync::CancellationToken;

use super::{ComponentError, health};
use crate::flags::kubelet::USUAL_HEALTH;
use crate::node::{LateCertificate, NodeOptions, kubelet_config};

/// Where upstream's kubelet keeps pods' folders.
const USUAL_ROOT: &str = "/var/lib/kubelet";

/// Runs until the token fires. Without a kubeconfig only pods from manifest files run.
pub(super) async fn run(options: &NodeOptions, shutdown: CancellationToken) -> Result<(), ComponentError> {
    let settings = &options.kubelet;
    let client = match &settings.kubeconfig {
        Some(path) => {
            let config = ClientConfig::from_kubeconfig(path)?;
            Some(Client::new(https::connect(&config)?, "kubelet"))
        }
        None => None,
    };
    let certificate = Arc::new(LateCertificate::default());
    certificate.set(&serving(options)?)?;
    let authority = match &settings.client_authority {
        Some(path) => read(path)?,
        None => String::new(),
    };
    let folder = settings
        .root_dir
        .clone()
        .unwrap_or_else(|| PathBuf::from(USUAL_ROOT));
    let config = kubelet_config::alone(options, &folder, certificate, authority)?;
    if let Some(address) = settings.health.unwrap_or(USUAL_HEALTH).socket() {
        health::serve(address, shutdown.clone()).await;
    }
    Ok(kubelet::run(config, client, shutdown).await?)
}

/// The certificate of the kubelet's server: as given, or one that nobody else has signed.
fn serving(options: &NodeOptions) -> Result<Identity, ComponentError> {
    let files = &options.kubelet.serving;
    match (&files.certificate, &files.key) {
        (Some(certificate), Some(key)) => Ok(Identity::from_pem(read(certificate)?, read(key)?)?),
        (None, None) => {
            let now = Timestamp::now();
            let authority = Authority::create(&format!("{}-ca", options.name()), now)?;
            let issued = authority.issue(&options.names().serving_profile(), now)?;
            Ok(Identity::from_pem(
                issued.certificate.to_pem(),
                issued.key.to_pem()?,
            )?)
        }
        _ => Err(ComponentError::HalfCertificate),
    }
}

fn read(path: &Path) -> Result<String, ComponentError> {
    std::fs::read_to_string(path).map_err(|source| ComponentError::Read {
        path: path.to_owned(),
        source,
    })
}
