//! A network of nodes without a way out. Each test has one of its own, which vanishes with the test's process.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use linux::{Namespace, Nft, Sysctl};
use network::cni::{self, Plugin};
use network::{Config, Traces, Tunnel};
use nix::mount::{MsFlags, mount};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use crate::api::Api;

/// Set inside.
const INSIDE: &str = "PINTLE_TEST_NETWORK";

/// How long a state may take to come about.
pub const WITHIN: Duration = Duration::from_secs(20);

/// The machine that is no node, in the middle.
pub const OUTSIDE: Ipv4Addr = Ipv4Addr::new(172, 31, 0, 1);

/// Runs a test in namespaces of its own. `name` is the test's full name.
pub fn isolated(name: &str, test: impl FnOnce()) {
    if std::env::var_os(INSIDE).is_some() {
        mount(
            Some("tmpfs"),
            "/run/netns",
            Some("tmpfs"),
            MsFlags::empty(),
            None::<&str>,
        )
        .unwrap();
        return test();
    }
    std::fs::create_dir_all("/run/netns").unwrap();
    let output = Command::new("unshare")
        .args([
            "--net",
            "--mount",
            "--pid",
            "--fork",
            "--kill-child",
            "--mount-proc",
            "--",
        ])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture", "--test-threads=1"])
        .env(INSIDE, "1")
        .output()
        .expect("unshare runs");
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && text.contains("1 passed"),
        "inside (tests of the network need root):\n{text}"
    );
}

/// Looks until `state` gives something.
pub fn eventually<T>(what: &str, mut state: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + WITHIN;
    loop {
        if let Some(found) = state() {
            return found;
        }
        assert!(Instant::now() < deadline, "{what}: not within {WITHIN:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Does something asynchronous inside a namespace.
pub fn block_in<T: Send>(namespace: &Namespace, inside: impl AsyncFnOnce() -> T + Send) -> T {
    namespace.run(|| runtime().block_on(inside())).unwrap()
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
}

pub fn ip(arguments: &str) {
    let arguments: Vec<&str> = arguments.split(' ').collect();
    let output = Command::new("ip").args(&arguments).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "ip {arguments:?}: {said}");
}

/// The nodes' network, and the cluster as its API tells it.
pub struct World {
    /// The machine that is no node: every node's default gateway, which keeps what it gets.
    pub outside: Namespace,
    pub api: Api,
    folder: TempDir,
}

/// A node: its namespace, and what keeps its network.
pub struct Node {
    pub ip: Ipv4Addr,
    pub namespace: Namespace,
    pub config: Config,
    api: Api,
    keeper: Option<(CancellationToken, JoinHandle<()>)>,
}

/// A pod: a namespace that the plugin has connected.
#[derive(Clone)]
pub struct Pod {
    pub name: String,
    pub namespace: Namespace,
    pub ip: Ipv4Addr,
    /// What the plugin answered.
    pub result: Value,
}

impl World {
    pub fn new() -> Self {
        let outside = Namespace::create("outside").unwrap();
        ip("-n outside link set lo up");
        for (number, bridge) in [(31, "lan31"), (32, "lan32")] {
            ip(&format!("-n outside link add {bridge} type bridge"));
            ip(&format!("-n outside addr add 172.{number}.0.1/24 dev {bridge}"));
            ip(&format!("-n outside link set {bridge} up"));
        }
        show_frames(&outside, false);
        count_strays(&outside);
        Self {
            outside,
            api: Api::default(),
            folder: tempfile::tempdir().unwrap(),
        }
    }

    /// A node that is not yet kept, with a place in the cluster. `number` is the last of its address and of its range;
    /// `lan` is 31 or 32.
    pub fn node(&self, name: &str, lan: u8, number: u8) -> Node {
        let namespace = Namespace::create(name).unwrap();
        let address = Ipv4Addr::new(172, lan, 0, number);
        ip(&format!("-n {name} link set lo up"));
        ip(&format!(
            "-n outside link add v-{name} type veth peer name eth0 netns {name}"
        ));
        ip(&format!("-n outside link set v-{name} master lan{lan} up"));
        ip(&format!("-n {name} addr add {address}/24 dev eth0"));
        ip(&format!("-n {name} link set eth0 up"));
        ip(&format!("-n {name} route add default via 172.{lan}.0.1"));
        // Nodes must work either way; those of even numbers have it this one.
        show_frames(&namespace, number.is_multiple_of(2));
        let range = format!("10.42.{number}.0/24");
        self.api.set(name, Some(address), Some(&range));
        Node {
            ip: address,
            namespace,
            config: self.config(name),
            api: self.api.clone(),
            keeper: None,
        }
    }

    /// Nodes a and b, kept and ready.
    pub fn two_nodes() -> (Self, Node, Node) {
        let world = Self::new();
        let (mut a, mut b) = (world.node("a", 31, 10), world.node("b", 31, 11));
        a.start();
        b.start();
        (world, a, b)
    }

    fn config(&self, node: &str) -> Config {
        let folder = self.folder.path().join(node);
        Config {
            node_name: node.to_owned(),
            cluster_cidr: "10.42.0.0/16".parse().unwrap(),
            service_cidr: "10.43.0.0/16".parse().unwrap(),
            bridge: network::DEFAULT_BRIDGE.to_owned(),
            cni_conf_dir: folder.join("conf"),
            state_dir: folder.join("state"),
            mtu: None,
            tunnel: None,
            nft: Nft::default(),
        }
    }

    /// How many packets for pods or Services have left the nodes for the machine outside.
    pub fn strays(&self) -> u64 {
        let listed = block_in(&self.outside, async || {
            Nft::default().list(linux::nft::Family::Ip, "strays").await
        });
        let listed = listed.unwrap().unwrap();
        let (_, count) = listed.split_once("counter packets ").unwrap();
        count.split(' ').next().unwrap().parse().unwrap()
    }
}

/// Whether rules see frames that a bridge passes on.
fn show_frames(namespace: &Namespace, show: bool) {
    let setting = Sysctl::new("net/bridge/bridge-nf-call-iptables", u8::from(show));
    namespace.run(|| setting.apply()).unwrap().unwrap();
}

fn count_strays(outside: &Namespace) {
    let rules = "table ip strays {
        chain in { type filter hook prerouting priority -300; ip daddr 10.42.0.0/15 counter; }
    }\n";
    block_in(outside, async || Nft::default().load(rules).await).unwrap();
}

impl Node {
    pub fn conflist(&self) -> PathBuf {
        self.config.cni_conf_dir.join("10-pintle.conflist")
    }

    /// Starts what keeps the node's network, and waits until it says that it is ready.
    pub fn start(&mut self) {
        let _ = std::fs::remove_file(self.conflist());
        self.start_unready();
        eventually("the network's file", || self.conflist().exists().then_some(()));
    }

    pub fn start_unready(&mut self) {
        let (config, client) = (self.config.clone(), self.api.client());
        let (namespace, shutdown) = (self.namespace.clone(), CancellationToken::new());
        let token = shutdown.clone();
        let keeper = std::thread::spawn(move || {
            block_in(&namespace, async || {
                network::run(config, client, token).await.unwrap()
            });
        });
        self.keeper = Some((shutdown, keeper));
    }

    /// Ends it without ceremony: nothing is undone by it.
    pub fn stop(&mut self) {
        if let Some((shutdown, keeper)) = self.keeper.take() {
            shutdown.cancel();
            keeper.join().unwrap();
        }
    }

    pub fn traces(&self) -> Traces {
        Traces {
            bridge: self.config.bridge.clone(),
            cni_conf_dir: self.config.cni_conf_dir.clone(),
            cni_bin_dir: self.config.cni_conf_dir.join("bin"),
            state_dir: self.config.state_dir.clone(),
            nft: Nft::default(),
        }
    }

    /// A pod without ports.
    pub fn pod(&self, name: &str) -> Pod {
        self.pod_with(name, json!([]))
    }

    /// A pod with ports of the node.
    pub fn pod_with(&self, name: &str, ports: Value) -> Pod {
        let namespace = Namespace::create(name).unwrap();
        ip(&format!("-n {name} link set lo up"));
        self.add(name, namespace, ports)
            .unwrap_or_else(|error| panic!("ADD of {name}: {error}"))
    }

    /// ADD for a namespace that is there.
    pub fn add(&self, name: &str, namespace: Namespace, ports: Value) -> Result<Pod, Value> {
        let mut config = self.plugin_config();
        config["runtimeConfig"] = json!({"portMappings": ports});
        let result = self.call("ADD", name, &config)?;
        let address = result["ips"][0]["address"].as_str().unwrap();
        let ip = address.strip_suffix("/32").unwrap().parse().unwrap();
        Ok(Pod {
            name: name.to_owned(),
            namespace,
            ip,
            result,
        })
    }

    pub fn del(&self, name: &str) {
        self.call("DEL", name, &self.plugin_config()).unwrap();
    }

    /// What libcni gives the plugin of the network's file.
    pub fn plugin_config(&self) -> Value {
        let list: Value = serde_json::from_slice(&std::fs::read(self.conflist()).unwrap()).unwrap();
        let mut config = list["plugins"][0].clone();
        config["cniVersion"] = json!("1.1.0");
        config["name"] = list["name"].clone();
        config
    }

    /// Calls the plugin as the container runtime would, in the node's namespace.
    pub fn call(&self, command: &str, pod: &str, config: &Value) -> Result<Value, Value> {
        self.call_plugin(Plugin::Network, command, pod, config)
    }

    pub fn call_plugin(
        &self,
        plugin: Plugin,
        command: &str,
        pod: &str,
        config: &Value,
    ) -> Result<Value, Value> {
        let variable = |name: &str| match name {
            "CNI_COMMAND" => Some(command.to_owned()),
            "CNI_CONTAINERID" => Some(format!("container-{pod}")),
            "CNI_IFNAME" => Some("eth0".to_owned()),
            "CNI_NETNS" => Some(format!("/run/netns/{pod}")),
            "CNI_ARGS" => Some(format!(
                "IgnoreUnknown=1;K8S_POD_NAMESPACE=test;K8S_POD_NAME={pod}"
            )),
            _ => None,
        };
        let input = config.to_string();
        let inside = || {
            let mut output = Vec::new();
            let code = cni::main(plugin, variable, &mut input.as_bytes(), &mut output);
            (code, serde_json::from_slice(&output).unwrap_or_default())
        };
        match self.namespace.run(inside).unwrap() {
            (0, answer) => Ok(answer),
            (_, error) => Err(error),
        }
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        if let Some((shutdown, _)) = &self.keeper {
            shutdown.cancel();
        }
    }
}

/// A tunnel in every node's settings.
pub fn with_tunnel(nodes: &mut [&mut Node]) {
    for node in nodes {
        node.config.tunnel = Some(Tunnel::default());
    }
}

pub fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap()
}
