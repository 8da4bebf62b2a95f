//! The credentials of a node and its parts, each renewed while the node runs.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use client::config::{ClientConfig, ConfigError};
use client::{Client, Replace, Transport, replaceable};
use cluster::join::{
    self, Held, Join, JoinError, Place, Purpose, held, held_serving, obtain, obtain_serving,
};
use jiff::Timestamp;
use pki::{Credential, Kubeconfig, NodePart, due_at};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::node::{CertificateError, LateCertificate, Masters, NodeClients};
use crate::renewal::renew_when_due;

/// Why credentials are not renewed.
#[derive(Debug, thiserror::Error)]
enum RenewError {
    /// The cluster does not give new ones.
    #[error(transparent)]
    Join(#[from] JoinError),
    /// The new ones cannot be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The kubelet's server cannot use them.
    #[error(transparent)]
    Serving(#[from] CertificateError),
}

/// Gives clients, and keeps their credentials good.
pub(super) struct Credentials<'a> {
    request: Arc<Join>,
    masters: Masters,
    place: Place,
    /// The node's own.
    node: Client,
    tasks: &'a TaskTracker,
    shutdown: &'a CancellationToken,
}

impl<'a> Credentials<'a> {
    /// Starts with what joining gave.
    pub(super) fn new(
        request: Join,
        masters: &Masters,
        joined: &Held,
        tasks: &'a TaskTracker,
        shutdown: &'a CancellationToken,
    ) -> Result<Self, ConfigError> {
        let (replace, transport) = replaceable();
        replace.set(connect(masters, &joined.config)?);
        let credentials = Self {
            request: Arc::new(request),
            masters: masters.clone(),
            place: Place {
                server: joined.config.server.clone(),
                certificate_authority: joined.config.certificate_authority.clone(),
            },
            node: Client::new(transport, "pintle-agent"),
            tasks,
            shutdown,
        };
        let path = credentials.request.kubeconfig.clone();
        credentials.keep(Purpose::Client, path, joined.due_at, replace);
        Ok(credentials)
    }

    /// The node's own client.
    pub(super) fn node(&self) -> &Client {
        &self.node
    }

    /// The clients of the node's parts. Requests wait until the cluster has given credentials.
    pub(super) fn clients(&self) -> Result<NodeClients, ConfigError> {
        NodeClients::new(&self.node, |part| self.part(part))
    }

    fn part(&self, part: NodePart) -> Result<Client, ConfigError> {
        let (replace, transport) = replaceable();
        let folder = self.request.kubeconfig.parent().unwrap_or(Path::new(""));
        let path = folder.join(format!("{}.conf", part.name()));
        let purpose = Purpose::Part(part);
        let now = Timestamp::now();
        let mut due_at = now;
        if let Some(held) = held(&path, &self.request.node, purpose, now) {
            replace.set(connect(&self.masters, &held.config)?);
            due_at = held.due_at;
        }
        self.keep(purpose, path, due_at, replace);
        Ok(Client::new(transport, part.name()))
    }

    fn keep(&self, purpose: Purpose, path: PathBuf, due_at: Timestamp, replace: Replace) {
        let (request, client) = (Arc::clone(&self.request), self.node.clone());
        let (masters, place) = (self.masters.clone(), self.place.clone());
        let renew = move || {
            let renewal = renew(
                client.clone(),
                Arc::clone(&request),
                place.clone(),
                purpose,
                path.clone(),
            );
            let masters = masters.clone();
            let replace = replace.clone();
            async move {
                let held = renewal.await?;
                replace.set(connect(&masters, &held.config)?);
                Ok::<_, RenewError>(held.due_at)
            }
        };
        let shutdown = self.shutdown.clone();
        self.tasks.spawn(async move {
            let what = format!("certificate for {purpose}");
            renew_when_due(&what, due_at, renew, shutdown).await;
        });
    }

    /// Keeps the kubelet's serving certificate in `certificate`.
    pub(super) fn keep_serving(&self, certificate: Arc<LateCertificate>) -> Result<(), CertificateError> {
        let (request, client) = (Arc::clone(&self.request), self.node.clone());
        let (file, key) = (
            request.kubeconfig.with_extension("crt"),
            request.kubeconfig.with_extension("key"),
        );
        let mut due = Timestamp::now();
        if let Some(identity) = held_serving(&file, &key, &request.node, due) {
            certificate.set(&identity)?;
            due = due_at(identity.certificate.validity);
        }
        let renew = move || {
            let (request, client, certificate) = (Arc::clone(&request), client.clone(), certificate.clone());
            let (file, key) = (file.clone(), key.clone());
            async move {
                let identity = obtain_serving(&client, &request.node, &file, &key).await?;
                certificate.set(&identity)?;
                Ok::<_, RenewError>(due_at(identity.certificate.validity))
            }
        };
        let shutdown = self.shutdown.clone();
        self.tasks.spawn(async move {
            renew_when_due("the kubelet's serving certificate", due, renew, shutdown).await
        });
        Ok(())
    }
}

/// By the node's own right; if the node slept until its own credentials were over, by its token.
async fn renew(
    client: Client,
    request: Arc<Join>,
    place: Place,
    purpose: Purpose,
    path: PathBuf,
) -> Result<Held, RenewError> {
    let now = Timestamp::now();
    let is_over = purpose == Purpose::Client && held(&path, &request.node, purpose, now).is_none();
    Ok(if is_over {
        join::join(&request, now).await?
    } else {
        obtain(&client, &place, &request.node, purpose, &path).await?
    })
}

/// The way to the masters with these credentials.
fn connect(masters: &Masters, credentials: &Kubeconfig) -> Result<Transport, ConfigError> {
    let (client_certificate, token) = match credentials.credential.clone() {
        Credential::Certificate { certificate, key } => {
            (Some((certificate.into_bytes(), key.into_bytes())), None)
        }
        Credential::Token(token) => (None, Some(token)),
    };
    masters.transport(&ClientConfig {
        server: credentials.server.clone(),
        certificate_authority: credentials.certificate_authority.clone().into_bytes(),
        client_certificate,
        token,
    })
}
