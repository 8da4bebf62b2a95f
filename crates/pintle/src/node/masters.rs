//! The masters a node knows: those it was told of, and those the cluster names. They are kept for starts at which the master it
//! was told of is away.

use std::path::{Path, PathBuf};

use client::config::{ClientConfig, ConfigError};
use client::k8s_openapi::api::discovery::v1::EndpointSlice;
use client::{Client, Informer, ListOptions, Servers, Transport, https};
use cluster::masters::addresses;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// Where the list of masters lies in a node's folder.
const FILE: &str = "masters.json";

/// The masters of a node.
#[derive(Clone)]
pub struct Masters {
    servers: Servers,
    file: PathBuf,
    /// The node's own one, if it is a master itself, under the name that the cluster has for it.
    own: Option<String>,
}

impl Masters {
    /// Those that were told of (`https://HOST:PORT`), and those known from earlier. The node keeps them in `folder`.
    pub fn new(told: &[String], folder: &Path) -> Result<Self, ConfigError> {
        let servers = Servers::new(told)?;
        let file = folder.join(FILE);
        servers.learn(&kept(&file));
        Ok(Self {
            servers,
            file,
            own: None,
        })
    }

    /// The same for a node that is a master itself and reaches that one by another name than the cluster's, `HOST:PORT`.
    #[must_use]
    pub fn beside(mut self, own: String) -> Self {
        self.own = Some(own);
        self
    }

    /// All of them, as URLs.
    pub fn urls(&self) -> Vec<String> {
        self.servers.urls()
    }

    /// The way to whichever works.
    pub fn transport(&self, config: &ClientConfig) -> Result<Transport, ConfigError> {
        https::connect_to_any(config, self.servers.clone())
    }

    /// Follows what the cluster says its masters are, until the token fires.
    pub async fn follow(self, client: Client, shutdown: CancellationToken) {
        let of_service = ListOptions::labels("kubernetes.io/service-name=kubernetes");
        let slices = Informer::<EndpointSlice>::start(client, "default", of_service, shutdown.clone());
        let (trigger, mut changes) = watch::channel(());
        slices.on_change(move |_| {
            trigger.send_replace(());
        });
        while let Some(Ok(())) = shutdown.run_until_cancelled(changes.changed()).await {
            let slices = slices.store().list();
            let named = slices.iter().flat_map(|slice| addresses(slice));
            let mut named: Vec<String> = named.filter(|name| self.own.as_ref() != Some(name)).collect();
            named.sort();
            self.take(&named);
        }
    }

    fn take(&self, named: &[String]) {
        self.servers.learn(named);
        if named.is_empty() || kept(&self.file) == named {
            return;
        }
        tracing::info!(masters = named.join(" "), "the cluster names its masters");
        let text = serde_json::json!(named).to_string();
        if let Err(error) = pki::file::write(&self.file, &text, true) {
            let error = client::controller::Chain(&error).to_string();
            tracing::warn!(error, "the list of masters cannot be kept");
        }
    }
}

/// The list of an earlier time. One that cannot be read is no loss: the node was told of a master.
fn kept(file: &Path) -> Vec<String> {
    let text = pki::file::read(file).ok().flatten();
    text.and_then(|text| serde_json::from_str(&text).ok())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masters_are_known_again_at_the_next_start() {
        let folder = tempfile::tempdir().expect("folder");
        let told = [String::from("https://192.0.2.1:6443")];
        let masters = || Masters::new(&told, folder.path()).expect("addresses");
        assert_eq!(masters().urls(), told);
        let named = ["192.0.2.1:6443", "192.0.2.2:6443"].map(str::to_owned);
        masters().take(&named);
        let all = ["https://192.0.2.1:6443", "https://192.0.2.2:6443"];
        assert_eq!(masters().urls(), all);
        // A cluster without masters is not believed.
        masters().take(&[]);
        assert_eq!(masters().urls(), all);
        std::fs::write(folder.path().join(FILE), "}").expect("written");
        assert_eq!(masters().urls(), told);
    }
}
