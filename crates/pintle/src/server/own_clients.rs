//! Clients of an API in another process, over the kubeconfigs of the data directory.

use client::config::{ClientConfig, ConfigError};
use client::{Client, Replace, Transport, https, replaceable};
use pki::Layout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::error::StartError;
use super::options::ServerOptions;
use crate::node::{Masters, NodeClients};
use crate::selfhosted;

/// The clients, and the way to give them the credentials that their files hold now.
pub(super) struct OwnClients {
    layout: Layout,
    /// The node of a master among others uses this one's API as long as that works, and another's when not.
    masters: Option<Masters>,
    files: Vec<File>,
}

struct File {
    kubeconfig: &'static str,
    is_of_node: bool,
    replace: Replace,
}

impl OwnClients {
    pub(super) fn new(options: &ServerOptions) -> Self {
        Self {
            layout: Layout::in_folder(&options.data_dir),
            masters: None,
            files: Vec::new(),
        }
    }

    /// The client over a kubeconfig.
    pub(super) fn of(&mut self, kubeconfig: &'static str) -> Result<Client, StartError> {
        self.client(kubeconfig, false)
    }

    /// Those of a node's parts.
    pub(super) fn of_node(&mut self) -> Result<NodeClients, StartError> {
        let node = self.client("kubelet", true)?;
        NodeClients::new(&node, |part| self.client(part.name(), true))
    }

    /// The same for a master among others.
    pub(super) fn of_node_among_masters(
        &mut self,
        options: &ServerOptions,
        tasks: &TaskTracker,
        shutdown: &CancellationToken,
    ) -> Result<NodeClients, StartError> {
        let path = self.layout.kubeconfig("kubelet");
        let masters = ClientConfig::from_kubeconfig(&path).and_then(|config| {
            let folder = selfhosted::agent_folder(&options.data_dir);
            Masters::new(std::slice::from_ref(&config.server), &folder)
        });
        let masters = masters.map_err(|source| StartError::Kubeconfig { path, source })?;
        let masters = masters.beside(options.advertised().to_string());
        self.masters = Some(masters.clone());
        let clients = self.of_node()?;
        tasks.spawn(masters.follow(clients.of_masters(), shutdown.clone()));
        Ok(clients)
    }

    fn client(&mut self, kubeconfig: &'static str, is_of_node: bool) -> Result<Client, StartError> {
        let (replace, transport) = replaceable();
        let file = File {
            kubeconfig,
            is_of_node,
            replace,
        };
        self.connect(&file)?;
        self.files.push(file);
        Ok(Client::new(transport, "pintle"))
    }

    /// Uses what the files hold now.
    pub(super) fn reload(&self) -> Result<(), StartError> {
        self.files.iter().try_for_each(|file| self.connect(file))
    }

    fn connect(&self, file: &File) -> Result<(), StartError> {
        let path = self.layout.kubeconfig(file.kubeconfig);
        let transport = ClientConfig::from_kubeconfig(&path).and_then(|config| self.transport(file, &config));
        file.replace
            .set(transport.map_err(|source| StartError::Kubeconfig { path, source })?);
        Ok(())
    }

    fn transport(&self, file: &File, config: &ClientConfig) -> Result<Transport, ConfigError> {
        match &self.masters {
            Some(masters) if file.is_of_node => masters.transport(config),
            _ => https::connect(config),
        }
    }
}
