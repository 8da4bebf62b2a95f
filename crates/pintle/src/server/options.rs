//! Options of `pintle server`, named after k3s and upstream.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use clap::{Args, Parser};
use cluster::masters::TaintMode;
use cluster::shared::Shared;
use ipnet::Ipv4Net;

use crate::flags::{self, FlagError, pass};
use crate::node::{NodeOptions, machine};
use crate::settings::{ApiSettings, BackupOptions, ControllerSettings, SchedulerSettings};

/// Options of `pintle server`.
#[derive(Debug, Clone, Args)]
pub struct ServerOptions {
    /// Read options from a YAML file with the same names; the command line wins.
    #[arg(long, value_name = "FILE", env = "PINTLE_CONFIG")]
    pub config: Option<PathBuf>,
    /// Where everything is kept.
    #[arg(
        long,
        default_value = "/var/lib/pintle",
        value_name = "DIR",
        env = "PINTLE_DATA_DIR"
    )]
    pub data_dir: PathBuf,
    /// Port of the API.
    #[arg(long, default_value_t = 6443, value_name = "PORT")]
    pub https_listen_port: u16,
    /// Address the API listens on.
    #[arg(long, default_value = "0.0.0.0", value_name = "IP")]
    pub bind_address: IpAddr,
    /// Address other nodes reach this server at; default: the bind address, or that of the default route.
    #[arg(long, value_name = "IP")]
    pub advertise_address: Option<IpAddr>,
    /// Further names and addresses the server's certificate is for.
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pub tls_san: Vec<String>,
    /// Also write the administrator's kubeconfig there.
    #[arg(long, value_name = "FILE", env = "PINTLE_KUBECONFIG_OUTPUT")]
    pub write_kubeconfig: Option<PathBuf>,
    /// Addresses of Services.
    #[arg(long, default_value = "10.43.0.0/16", value_name = "CIDR")]
    pub service_cidr: Ipv4Net,
    /// Addresses of pods.
    #[arg(long, default_value = "10.42.0.0/16", value_name = "CIDR")]
    pub cluster_cidr: Ipv4Net,
    /// Ports of Services of type NodePort.
    #[arg(long, default_value = "30000-32767", value_name = "FROM-TO")]
    pub service_node_port_range: PortRange,
    /// Address of cluster DNS; default: the tenth Service address.
    #[arg(long, value_name = "IP")]
    pub cluster_dns: Option<IpAddr>,
    /// Domain of Services.
    #[arg(long, default_value = "cluster.local", value_name = "DOMAIN")]
    pub cluster_domain: String,
    /// The token with which nodes join; default: made at the first start and kept in `node-token`.
    #[arg(long, value_name = "TOKEN", env = "PINTLE_TOKEN", hide_env_values = true)]
    pub token: Option<String>,
    /// When masters are tainted against ordinary workloads: auto (while there is a Ready worker), always, never.
    #[arg(long, value_name = "WHEN", default_value = "auto")]
    pub control_plane_taint: TaintMode,
    /// Issuer of service account tokens; the first signs, all are believed.
    #[arg(
        long,
        default_value = "https://kubernetes.default.svc",
        value_name = "URL",
        value_delimiter = ','
    )]
    pub service_account_issuer: Vec<String>,
    /// Audiences the API takes tokens for; default: the issuers.
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pub api_audiences: Vec<String>,
    /// Keep the cluster's state in an etcd, which others may use too; by default it is kept in the data directory.
    #[command(flatten)]
    pub datastore: DatastoreOptions,
    /// Serve the state store to clients of etcd that show a certificate of the authority `pki/etcd/ca.crt`.
    #[arg(long, value_name = "IP:PORT")]
    pub etcd_listen: Option<SocketAddr>,
    /// Do not run the node agent.
    #[arg(long)]
    pub disable_agent: bool,
    /// Do not run the controllers.
    #[arg(long)]
    pub disable_controller_manager: bool,
    /// Do not run the scheduler.
    #[arg(long)]
    pub disable_scheduler: bool,
    /// Of the node this machine is, unless the agent is disabled.
    #[command(flatten)]
    pub node: NodeOptions,
    /// Scheduled backups.
    #[command(flatten)]
    pub backup: BackupOptions,
    /// Run API server, store, controllers and scheduler as containers of a static pod of this node.
    #[arg(long)]
    pub self_hosted: bool,
    /// This is the API server of such a pod.
    #[arg(long, hide = true)]
    pub in_static_pod: bool,
    /// The datastore is the store of the same pod, which no other master uses.
    #[arg(long, hide = true)]
    pub store_in_static_pod: bool,
    /// This is an API server with upstream's flags, and no whole master.
    #[arg(skip)]
    pub is_component: bool,
    /// The command line as it was given, behind `server`.
    #[arg(skip)]
    pub given: Vec<String>,
    /// Flags of the master's components of upstream.
    #[command(flatten)]
    pub upstream: UpstreamArguments,
    /// What the API server is told beyond that.
    #[arg(skip)]
    pub api: ApiSettings,
    /// What the controllers are told beyond that.
    #[arg(skip)]
    pub controllers: ControllerSettings,
    /// What the scheduler is told beyond that.
    #[arg(skip)]
    pub scheduler: SchedulerSettings,
}

/// An etcd in which the cluster's state is kept.
#[derive(Debug, Clone, Default, Args)]
pub struct DatastoreOptions {
    /// Keep the cluster's state in this etcd instead of the data directory: the URLs of its members.
    #[arg(
        long = "datastore-endpoint",
        value_name = "URL,...",
        value_delimiter = ',',
        value_parser = endpoint
    )]
    pub endpoints: Vec<String>,
    /// The authorities of etcd's certificates.
    #[arg(
        long = "datastore-cafile",
        value_name = "FILE",
        env = "PINTLE_DATASTORE_CAFILE"
    )]
    pub authority: Option<PathBuf>,
    /// The certificate that etcd is shown.
    #[arg(
        long = "datastore-certfile",
        value_name = "FILE",
        env = "PINTLE_DATASTORE_CERTFILE"
    )]
    pub certificate: Option<PathBuf>,
    /// Its key.
    #[arg(
        long = "datastore-keyfile",
        value_name = "FILE",
        env = "PINTLE_DATASTORE_KEYFILE"
    )]
    pub key: Option<PathBuf>,
}

impl DatastoreOptions {
    /// All files that are named.
    pub fn files(&self) -> impl Iterator<Item = &PathBuf> {
        [&self.authority, &self.certificate, &self.key]
            .into_iter()
            .flatten()
    }
}

/// The URL of a member of etcd, as it was given.
pub fn endpoint(url: &str) -> Result<String, &'static str> {
    store_etcd::Address::parse(url).map(|_| url.to_owned())
}

/// Flags of the master's components of upstream, as `name=value`.
#[derive(Debug, Clone, Default, Args)]
pub struct UpstreamArguments {
    /// A flag of upstream's kube-apiserver.
    #[arg(long, value_name = "FLAG=VALUE")]
    pub kube_apiserver_arg: Vec<String>,
    /// A flag of upstream's kube-controller-manager.
    #[arg(long, value_name = "FLAG=VALUE")]
    pub kube_controller_manager_arg: Vec<String>,
    /// A flag of upstream's kube-scheduler.
    #[arg(long, value_name = "FLAG=VALUE")]
    pub kube_scheduler_arg: Vec<String>,
}

/// The options as a command line of their own.
#[derive(Parser)]
#[command(no_binary_name = true)]
struct Alone {
    #[command(flatten)]
    options: ServerOptions,
}

impl ServerOptions {
    /// The options of a command line without any.
    pub fn unset() -> Result<Self, clap::Error> {
        Alone::try_parse_from::<_, &str>([]).map(|alone| alone.options)
    }

    /// Gives flags of upstream's components their effect, and says which have none.
    pub fn apply_upstream_arguments(&mut self) -> Result<Vec<String>, FlagError> {
        let given = self.upstream.clone();
        let mut warnings = pass(&flags::apiserver::TREATMENTS, given.kube_apiserver_arg, self)?;
        flags::audit::check(&self.api).map_err(FlagError::Together)?;
        warnings.extend(pass(
            &flags::controller_manager::TREATMENTS,
            given.kube_controller_manager_arg,
            &mut self.controllers,
        )?);
        warnings.extend(pass(
            &flags::scheduler::TREATMENTS,
            given.kube_scheduler_arg,
            &mut self.scheduler,
        )?);
        warnings.extend(self.node.apply_upstream_arguments()?);
        Ok(warnings)
    }

    /// Whether the store is served to clients of etcd: by this server, or beside it in a static pod.
    pub fn serves_etcd(&self) -> bool {
        self.etcd_listen.is_some() || self.self_hosted || self.in_static_pod
    }

    /// Where the API listens.
    pub fn listen_address(&self) -> SocketAddr {
        SocketAddr::new(self.bind_address, self.https_listen_port)
    }

    /// Where this machine's clients find the API.
    pub fn local_url(&self) -> String {
        let host = if self.bind_address.is_unspecified() {
            IpAddr::from([127, 0, 0, 1])
        } else {
            self.bind_address
        };
        format!("https://{}", SocketAddr::new(host, self.https_listen_port))
    }

    /// Audiences of the API.
    pub fn audiences(&self) -> Vec<String> {
        if self.api_audiences.is_empty() {
            self.service_account_issuer.clone()
        } else {
            self.api_audiences.clone()
        }
    }

    /// The address of the `kubernetes` Service: the first of the range.
    pub fn kubernetes_address(&self) -> IpAddr {
        self.service_cidr
            .hosts()
            .next()
            .unwrap_or(self.service_cidr.network())
            .into()
    }

    /// The address of cluster DNS: as told, else the tenth of the range, or its last if it is that small.
    pub fn dns_address(&self) -> IpAddr {
        let hosts = || self.service_cidr.hosts();
        let tenth = hosts().nth(9).or_else(|| hosts().last()).map(IpAddr::from);
        self.cluster_dns
            .or(tenth)
            .unwrap_or_else(|| self.kubernetes_address())
    }

    /// What every node must know of this cluster.
    pub fn shared(&self) -> Shared {
        Shared {
            cluster_cidr: self.cluster_cidr,
            service_cidr: self.service_cidr,
            cluster_dns: self.dns_address(),
            cluster_domain: self.cluster_domain.clone(),
        }
    }

    /// Whether the cluster's state is kept where other masters may use it too.
    pub fn shares_datastore(&self) -> bool {
        !self.datastore.endpoints.is_empty()
    }

    /// Address and port at which other machines reach this server.
    pub fn advertised(&self) -> SocketAddr {
        SocketAddr::new(self.advertise_address(), self.https_listen_port)
    }

    /// Where other machines reach this server: as told, else the address it listens on, else the one that leads to the
    /// default route; a machine without one is alone with its loopback.
    pub fn advertise_address(&self) -> IpAddr {
        let loopback = IpAddr::from([127, 0, 0, 1]);
        let bound = (!self.bind_address.is_unspecified()).then_some(self.bind_address);
        self.advertise_address
            .or(bound)
            .or_else(machine::address_of_default_route)
            .unwrap_or(loopback)
    }
}

/// An inclusive range of ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PortRange {
    /// The first.
    pub first: u16,
    /// The last.
    pub last: u16,
}

impl std::fmt::Display for PortRange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}-{}", self.first, self.last)
    }
}

impl std::str::FromStr for PortRange {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || String::from("a range of ports is written as FROM-TO");
        let (first, last) = text.split_once('-').ok_or_else(wrong)?;
        let range = Self {
            first: first.parse().map_err(|_| wrong())?,
            last: last.parse().map_err(|_| wrong())?,
        };
        if range.first == 0 || range.first > range.last {
            Err(wrong())
        } else {
            Ok(range)
        }
    }
}
