//! Options of a machine that works as a node; `pintle server` and `pintle agent` share them.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::PathBuf;

use clap::{Args, Parser};
use client::k8s_openapi::api::core::v1::Taint;
use pki::{AlternativeNames, NodeNames};

use super::error::NodeError;
use super::machine;
use crate::flags::{self, FlagError, pass};
use crate::settings::{KubeletSettings, ProxySettings};

/// Options of a node, named after k3s and upstream.
#[derive(Debug, Clone, Args)]
pub struct NodeOptions {
    /// Name of the node; default: this machine's host name.
    #[arg(long, value_name = "NAME", env = "PINTLE_NODE_NAME")]
    pub node_name: Option<String>,
    /// Address of the node; default: that of the default route.
    #[arg(long, value_name = "IP", env = "PINTLE_NODE_IP")]
    pub node_ip: Option<IpAddr>,
    /// Labels the node registers with.
    #[arg(long, value_name = "KEY=VALUE", value_delimiter = ',')]
    pub node_label: Vec<String>,
    /// Taints the node registers with.
    #[arg(long, value_name = "KEY=VALUE:EFFECT", value_delimiter = ',')]
    pub node_taint: Vec<String>,
    /// The machine's resolver configuration, for pods that do not use cluster DNS and for names outside the cluster.
    #[arg(
        long,
        value_name = "FILE",
        default_value = "/etc/resolv.conf",
        env = "PINTLE_RESOLV_CONF"
    )]
    pub resolv_conf: PathBuf,
    /// Where the logs of pods go.
    #[arg(
        long,
        value_name = "DIR",
        default_value = "/var/log/pods",
        env = "PINTLE_POD_LOG_DIR"
    )]
    pub pod_log_dir: PathBuf,
    /// The cgroup under which pods get theirs; nodes that share a machine need different ones.
    #[arg(long, value_name = "PATH", default_value = "/")]
    pub cgroup_root: String,
    /// A CRI runtime that runs already, instead of a containerd of pintle's own.
    #[arg(long, value_name = "SOCKET")]
    pub container_runtime_endpoint: Option<String>,
    /// The port of the kubelet's API.
    #[arg(long, value_name = "PORT", default_value_t = 10250)]
    pub kubelet_port: u16,
    /// A flag of upstream's kubelet.
    #[arg(long, value_name = "FLAG=VALUE")]
    pub kubelet_arg: Vec<String>,
    /// A flag of upstream's kube-proxy.
    #[arg(long, value_name = "FLAG=VALUE")]
    pub kube_proxy_arg: Vec<String>,
    /// What the kubelet is told beyond that.
    #[arg(skip)]
    pub kubelet: KubeletSettings,
    /// What the service proxy is told beyond that.
    #[arg(skip)]
    pub proxy: ProxySettings,
}

/// The options as a command line of their own.
#[derive(Parser)]
#[command(no_binary_name = true)]
struct Alone {
    #[command(flatten)]
    options: NodeOptions,
}

impl NodeOptions {
    /// The options of a command line without any.
    pub fn unset() -> Result<Self, clap::Error> {
        Alone::try_parse_from::<_, &str>([]).map(|alone| alone.options)
    }

    /// Gives flags of upstream's components their effect, and says which have none.
    pub fn apply_upstream_arguments(&mut self) -> Result<Vec<String>, FlagError> {
        let of_kubelet = std::mem::take(&mut self.kubelet_arg);
        let of_proxy = std::mem::take(&mut self.kube_proxy_arg);
        let mut warnings = pass(&flags::kubelet::TREATMENTS, of_kubelet, self)?;
        warnings.extend(pass(&flags::proxy::TREATMENTS, of_proxy, &mut self.proxy)?);
        Ok(warnings)
    }

    /// The node's name.
    pub fn name(&self) -> String {
        self.node_name
            .clone()
            .or_else(machine::host_name)
            .unwrap_or_else(|| String::from("localhost"))
    }

    /// The node's address: as told, else the one that leads to the default route; a machine without one is alone with its
    /// loopback.
    pub fn ip(&self) -> IpAddr {
        self.node_ip
            .or_else(machine::address_of_default_route)
            .unwrap_or_else(|| IpAddr::from([127, 0, 0, 1]))
    }

    /// The labels to register with.
    pub(super) fn labels(&self) -> Result<BTreeMap<String, String>, NodeError> {
        let labels = self.node_label.iter().map(|label| {
            let (key, value) = label
                .split_once('=')
                .ok_or_else(|| NodeError::Label(label.clone()))?;
            Ok((key.to_owned(), value.to_owned()))
        });
        labels.collect()
    }

    /// The taints to register with.
    pub(super) fn taints(&self) -> Result<Vec<Taint>, NodeError> {
        let taints = self.node_taint.iter().map(|taint| {
            let (key, effect) = taint
                .rsplit_once(':')
                .filter(|(key, _)| !key.is_empty())
                .ok_or_else(|| NodeError::Taint(taint.clone()))?;
            let (key, value) = key
                .split_once('=')
                .map_or((key, None), |(key, value)| (key, Some(value.to_owned())));
            Ok(Taint {
                key: key.to_owned(),
                value,
                effect: effect.to_owned(),
                time_added: None,
            })
        });
        taints.collect()
    }

    /// Under which names the kubelet is reached.
    pub fn names(&self) -> NodeNames {
        let mut names = AlternativeNames::default();
        let name = self.name();
        names.add(&name);
        names.add(&self.ip().to_string());
        NodeNames { name, names }
    }
}
