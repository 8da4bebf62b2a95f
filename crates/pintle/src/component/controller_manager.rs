//! The controllers in a process of their own.

use std::sync::Arc;

use client::config::ClientConfig;
use client::{Client, Informers, Transport, https};
use cluster::certificates::Duties;
use ipnet::Ipv4Net;
use pki::{Authority, Certificate, Key};
use tokio_util::sync::CancellationToken;

use super::own_account::OwnAccount;
use super::{ComponentError, connection, health, leading};
use crate::settings::{ControllerSettings, SigningFiles};

const NAME: &str = "kube-controller-manager";
/// Where controllers have their accounts.
const NAMESPACE: &str = "kube-system";
const CERTIFICATE_CONTROLLER: &str = "certificate-controller";
/// The pods' addresses if nothing is said; as for `pintle server`.
const CLUSTER_CIDR: &str = "10.42.0.0/16";

/// Runs until the token fires.
pub(super) async fn run(
    settings: ControllerSettings,
    shutdown: CancellationToken,
) -> Result<(), ComponentError> {
    let config = connection::config(settings.kubeconfig.as_deref(), settings.master.as_deref())?;
    let root_authority = match &settings.root_authority {
        Some(path) => read(path)?,
        None => String::from_utf8_lossy(&config.certificate_authority).into_owned(),
    };
    let signing = authority(&settings.signing)?.map(Arc::new);
    let client = Client::new(https::connect(&config)?, NAME);
    let clients = Clients::new(&config, client.clone(), settings.own_service_accounts)?;
    let of_controllers = settings.of_controllers(root_authority, default_cidr());
    let duties = settings.certificate_duties();
    let signing = signing.map(|authority| (authority, duties));
    if let Some(address) = settings.health.socket() {
        health::serve_https(address, NAME, shutdown.clone()).await?;
    }
    tracing::info!(server = config.server, "the controllers run");
    leading::run(&settings.election, client.clone(), shutdown, |leading| {
        work(client, clients, of_controllers, signing, leading)
    })
    .await
}

async fn work(
    client: Client,
    clients: Clients,
    settings: controllers::Settings,
    signing: Option<(Arc<Authority>, Duties)>,
    leading: CancellationToken,
) {
    let informers = Arc::new(Informers::new(client, leading.clone()));
    let of_certificates = clients.of(CERTIFICATE_CONTROLLER);
    let context = controllers::Context::new(move |name| clients.of(name), informers, leading.clone());
    let signs = async {
        if let Some((authority, duties)) = signing {
            cluster::certificates::run(of_certificates, authority, duties, leading).await;
        }
    };
    tokio::join!(controllers::run_all(context, settings), signs);
}

/// Hands out clients to controllers.
struct Clients {
    common: Client,
    /// The way to the server without any credential, if each controller brings its own.
    bare: Option<Transport>,
}

impl Clients {
    fn new(config: &ClientConfig, common: Client, own_accounts: bool) -> Result<Self, ComponentError> {
        let without_credentials = ClientConfig {
            server: config.server.clone(),
            certificate_authority: config.certificate_authority.clone(),
            ..ClientConfig::default()
        };
        let bare = own_accounts.then(|| https::connect(&without_credentials));
        Ok(Self {
            common,
            bare: bare.transpose()?,
        })
    }

    fn of(&self, controller: &str) -> Client {
        match &self.bare {
            Some(bare) => {
                let account = OwnAccount::new(self.common.clone(), NAMESPACE, controller);
                Client::new(account.transport(bare.clone()), controller)
            }
            None => self.common.named(format!("{NAME}/{controller}")),
        }
    }
}

fn authority(files: &SigningFiles) -> Result<Option<Authority>, ComponentError> {
    let (Some(certificate_path), Some(key_path)) = (&files.certificate, &files.key) else {
        let is_half = files.certificate.is_some() || files.key.is_some();
        return if is_half {
            Err(ComponentError::HalfAuthority)
        } else {
            Ok(None)
        };
    };
    let unusable = |source| ComponentError::Authority {
        path: certificate_path.clone(),
        source,
    };
    let certificate = Certificate::from_pem(&read(certificate_path)?).map_err(unusable)?;
    let key = Key::from_pem(&read(key_path)?).map_err(unusable)?;
    Authority::new(certificate, key).map(Some).map_err(unusable)
}

fn default_cidr() -> Ipv4Net {
    CLUSTER_CIDR.parse().expect("the constant is a range")
}

fn read(path: &std::path::Path) -> Result<String, ComponentError> {
    std::fs::read_to_string(path).map_err(|source| ComponentError::Read {
        path: path.to_owned(),
        source,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_range_is_one() {
        assert_eq!(default_cidr().to_string(), CLUSTER_CIDR);
    }

    #[test]
    fn an_authority_is_whole_or_none() {
        let folder = tempfile::tempdir().expect("folder");
        let made = Authority::create("ca", jiff::Timestamp::now()).expect("made");
        let (certificate, key) = (folder.path().join("c"), folder.path().join("k"));
        std::fs::write(&certificate, made.certificate().to_pem()).expect("written");
        std::fs::write(&key, made.key().to_pem().expect("text")).expect("written");
        let mut files = SigningFiles::default();
        assert!(authority(&files).expect("none").is_none());
        files.certificate = Some(certificate.clone());
        assert!(matches!(authority(&files), Err(ComponentError::HalfAuthority)));
        files.key = Some(key);
        assert!(authority(&files).expect("one").is_some());
        files.key = Some(certificate);
        assert!(matches!(authority(&files), Err(ComponentError::Authority { .. })));
    }
}
