//! A network of machines for a cluster under test, without a way out: a namespace per node, and one with the bridge
//! between them, where the test's own clients and servers may run.
//!
//! Nothing of it is in the host's own network namespace but the namespaces' names. All of it goes when the test drops it;
//! what a killed test left goes when the next network is made.

use std::fs::File;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use nix::sched::{CloneFlags, setns};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// Where `ip` keeps the names of namespaces.
const NAMESPACES: &str = "/run/netns";

/// A file for every network, locked while its test lives. Beside the namespaces, because some machines of tests have others
/// under the same names.
const OWNERS: &str = "/run/netns/.pintle-test-lans";

const PREFIX: &str = "pintle-t";

/// How often a name is tried for; all but one try fail only when another test comes in between.
const TRIES: u32 = 1000;

const BRIDGE: &str = "lan0";

/// How nodes call their own end.
const INTERFACE: &str = "eth0";

/// How long ended processes may take to leave a namespace.
const LEAVE: Duration = Duration::from_secs(10);

/// A network of nodes on one bridge.
#[derive(Clone)]
pub struct Lan {
    inner: Arc<Inner>,
}

struct Inner {
    name: String,
    nodes: Mutex<Vec<NodeAddress>>,
    /// Locked as long as this lives.
    _owner: File,
}

#[derive(Clone)]
struct NodeAddress {
    name: String,
    ip: Ipv4Addr,
}

/// A node's place in the network.
#[derive(Clone)]
pub struct NodeNet {
    /// Keeps the network as long as any of its nodes is in use.
    lan: Arc<Inner>,
    address: NodeAddress,
}

impl Default for Lan {
    fn default() -> Self {
        Self::new()
    }
}

impl Lan {
    /// An empty network: a bridge in a namespace of its own.
    pub fn new() -> Self {
        assert!(
            nix::unistd::geteuid().is_root(),
            "tests with network namespaces need root"
        );
        sweep();
        let (name, owner) = claim_name();
        let inner = Inner {
            name,
            nodes: Mutex::new(Vec::new()),
            _owner: owner,
        };
        inner.make_control();
        Self {
            inner: Arc::new(inner),
        }
    }

    /// The address of the machine that is no node: the nodes' default gateway, which leads nowhere. Servers outside
    /// the cluster listen here.
    pub fn ip(&self) -> Ipv4Addr {
        address(1)
    }

    /// The namespace of the machine that is no node.
    pub fn netns(&self) -> PathBuf {
        netns(&self.inner.control())
    }

    /// A program on the machine that is no node.
    pub fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        command_in(&self.netns(), program.as_ref())
    }

    /// Does something on a thread whose sockets belong to the machine that is no node.
    pub fn run<T: Send>(&self, inside: impl FnOnce() -> T + Send) -> T {
        run_in(&self.netns(), inside)
    }

    /// The node of that name, made when it is first asked for. Names are short: `a`, `worker-1`.
    pub fn node(&self, name: &str) -> NodeNet {
        NodeNet {
            lan: self.inner.clone(),
            address: self.inner.node(name),
        }
    }
}

impl NodeNet {
    /// The node's name in the network.
    pub fn name(&self) -> &str {
        &self.address.name
    }

    /// The node's address.
    pub fn ip(&self) -> Ipv4Addr {
        self.address.ip
    }

    /// The node's namespace.
    pub fn netns(&self) -> PathBuf {
        netns(&self.namespace())
    }

    fn namespace(&self) -> String {
        self.lan.namespace(self.name())
    }

    /// A program on the node: it sees the node's network, and everything else of this machine.
    pub fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        command_in(&self.netns(), program.as_ref())
    }

    /// Does something on a thread whose sockets belong to the node.
    pub fn run<T: Send>(&self, inside: impl FnOnce() -> T + Send) -> T {
        run_in(&self.netns(), inside)
    }

    /// What a web server says at `HOST:PORT`, asked from the node.
    pub fn get(&self, address: &str) -> std::io::Result<String> {
        self.run(|| crate::web::get(address))
    }

    /// Pulls the node's cable. The node itself sees its interface without carrier.
    pub fn partition(&self) {
        self.set_cable("down");
    }

    /// Puts the cable back.
    pub fn heal(&self) {
        self.set_cable("up");
    }

    fn set_cable(&self, state: &str) {
        ip(&[
            "-n",
            &self.lan.control(),
            "link",
            "set",
            &port(self.name()),
            state,
        ]);
    }
}

impl Inner {
    fn control(&self) -> String {
        self.namespace("ctl")
    }

    fn namespace(&self, node: &str) -> String {
        format!("{}-{node}", self.name)
    }

    fn make_control(&self) {
        let control = self.control();
        make_namespace(&control);
        ip(&["-n", &control, "link", "add", BRIDGE, "type", "bridge"]);
        ip(&[
            "-n",
            &control,
            "addr",
            "add",
            &format!("{}/24", address(1)),
            "dev",
            BRIDGE,
        ]);
        ip(&["-n", &control, "link", "set", BRIDGE, "up"]);
    }

    fn node(&self, name: &str) -> NodeAddress {
        let mut nodes = self
            .nodes
            .lock()
            .expect("no holder panics without ending its test");
        if let Some(node) = nodes.iter().find(|node| node.name == name) {
            return node.clone();
        }
        let number = u8::try_from(10 + nodes.len()).expect("networks of tests are small");
        let node = NodeAddress {
            name: name.to_owned(),
            ip: address(number),
        };
        // Noted first, so that a node half made is removed too.
        nodes.push(node.clone());
        self.make_node(&node);
        node
    }

    /// A namespace with a cable to the bridge. Both ends are made where they belong, never in the host's namespace.
    fn make_node(&self, node: &NodeAddress) {
        let port = port(&node.name);
        assert!(
            port.len() < 16 && node.name != "ctl",
            "{} is no name for a node",
            node.name
        );
        let (control, namespace) = (self.control(), self.namespace(&node.name));
        make_namespace(&namespace);
        #[rustfmt::skip]
        ip(&["-n", &control, "link", "add", &port, "type", "veth", "peer", "name", INTERFACE, "netns", &namespace]);
        ip(&["-n", &control, "link", "set", &port, "master", BRIDGE, "up"]);
        let with_prefix = format!("{}/24", node.ip);
        ip(&["-n", &namespace, "addr", "add", &with_prefix, "dev", INTERFACE]);
        ip(&["-n", &namespace, "link", "set", INTERFACE, "up"]);
        // Without it the kernel refuses Service addresses before any rule rewrites them.
        let gateway = address(1).to_string();
        ip(&["-n", &namespace, "route", "add", "default", "via", &gateway]);
    }

    fn namespaces(&self) -> Vec<String> {
        // A poisoned lock does not keep the network from being removed.
        let nodes = self.nodes.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let of_nodes = nodes.iter().map(|node| self.namespace(&node.name));
        of_nodes.chain([self.control()]).collect()
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        for namespace in self.namespaces() {
            remove_namespace(&namespace);
        }
        let _ = std::fs::remove_file(Path::new(OWNERS).join(&self.name));
        // Fails as long as there are others.
        let _ = std::fs::remove_dir(OWNERS);
    }
}

fn address(number: u8) -> Ipv4Addr {
    Ipv4Addr::new(172, 31, 0, number)
}

/// The bridge's end of a node's cable.
fn port(node: &str) -> String {
    format!("v-{node}")
}

fn netns(name: &str) -> PathBuf {
    Path::new(NAMESPACES).join(name)
}

/// A name that no other network has, and the lock that says it is in use.
fn claim_name() -> (String, File) {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    for _ in 0..TRIES {
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("{PREFIX}{}-{number}", std::process::id());
        let path = Path::new(OWNERS).join(&name);
        std::fs::create_dir_all(OWNERS).expect("root makes folders in /run");
        // The folder goes when it is empty, maybe just now.
        let Ok(owner) = File::create(&path) else { continue };
        // Of two processes that see the same process id (in namespaces), one gets the lock. The file may have been
        // swept before the lock was had; then it says nothing.
        if owner.try_lock().is_ok() && path.exists() {
            return (name, owner);
        }
    }
    panic!("no file could be made and locked in {OWNERS}");
}

/// Removes the networks of tests that were killed.
fn sweep() {
    for entry in std::fs::read_dir(OWNERS).into_iter().flatten().flatten() {
        let Ok(owner) = File::open(entry.path()) else {
            continue;
        };
        if owner.try_lock().is_err() {
            continue;
        }
        let name = entry.file_name().to_string_lossy().into_owned();
        for namespace in named_like(&format!("{name}-")) {
            remove_namespace(&namespace);
        }
        let _ = std::fs::remove_file(entry.path());
    }
}

fn named_like(prefix: &str) -> Vec<String> {
    let entries = std::fs::read_dir(NAMESPACES).into_iter().flatten().flatten();
    let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
    names.filter(|name| name.starts_with(prefix)).collect()
}

fn make_namespace(name: &str) {
    ip(&["netns", "add", name]);
    ip(&["-n", name, "link", "set", "lo", "up"]);
}

/// Ends what still runs in a namespace, which was started by the test, and removes it.
fn remove_namespace(name: &str) {
    let deadline = std::time::Instant::now() + LEAVE;
    loop {
        let inside = processes(name);
        if inside.is_empty() || std::time::Instant::now() > deadline {
            break;
        }
        for pid in inside {
            let _ = kill(pid, Signal::SIGKILL);
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    let _ = ip_command(&["netns", "delete", name]).output();
}

/// The processes in a namespace, but for this one, whose threads may be there.
fn processes(namespace: &str) -> Vec<Pid> {
    let listed = ip_command(&["netns", "pids", namespace])
        .output()
        .map(|output| output.stdout);
    let listed = String::from_utf8(listed.unwrap_or_default()).unwrap_or_default();
    let pids = listed.lines().filter_map(|line| line.trim().parse().ok());
    pids.map(Pid::from_raw)
        .filter(|&pid| pid != Pid::this())
        .collect()
}

/// `nsenter`, because `ip netns exec` would mount another /sys, in which container runtimes miss their cgroups.
fn command_in(netns: &Path, program: &std::ffi::OsStr) -> Command {
    let mut command = Command::new("nsenter");
    command
        .arg(format!("--net={}", netns.display()))
        .arg("--")
        .arg(program);
    command.stdin(Stdio::null());
    command
}

fn run_in<T: Send>(netns: &Path, inside: impl FnOnce() -> T + Send) -> T {
    let namespace = File::open(netns).expect("the namespace is there");
    std::thread::scope(|scope| {
        let thread = scope.spawn(move || {
            setns(namespace, CloneFlags::CLONE_NEWNET).expect("root enters namespaces");
            inside()
        });
        thread
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

fn ip(arguments: &[&str]) {
    let output = ip_command(arguments).output().expect("iproute2 is installed");
    assert!(
        output.status.success(),
        "ip {arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
}

fn ip_command(arguments: &[&str]) -> Command {
    let mut command = Command::new("ip");
    command.args(arguments).stdin(Stdio::null());
    command
}

#[cfg(test)]
mod tests {
    use std::io::{ErrorKind, Read, Write};
    use std::net::{SocketAddr, TcpListener, TcpStream};

    use super::*;
    use crate::eventually;

    const WITHIN: Duration = Duration::from_secs(10);

    /// Says who called, once.
    fn serve(listener: TcpListener) {
        let (mut stream, from) = listener.accept().unwrap();
        write!(stream, "{}", from.ip()).unwrap();
    }

    fn ask(to: SocketAddr) -> std::io::Result<String> {
        let mut stream = TcpStream::connect_timeout(&to, Duration::from_millis(200))?;
        let mut said = String::new();
        stream.read_to_string(&mut said)?;
        Ok(said)
    }

    #[test]
    fn nodes_reach_each_other_and_nothing_else() {
        let lan = Lan::new();
        let (a, b) = (lan.node("a"), lan.node("b"));
        assert_eq!(lan.node("a").ip(), a.ip());
        for server in [lan.netns(), b.netns()] {
            let ip = if server == b.netns() { b.ip() } else { lan.ip() };
            let listener = run_in(&server, || TcpListener::bind((ip, 0)).unwrap());
            let to = listener.local_addr().unwrap();
            std::thread::spawn(move || serve(listener));
            assert_eq!(a.run(|| ask(to)).unwrap(), a.ip().to_string());
        }
        // A Service's address goes to the gateway and dies there.
        assert!(a.run(|| ask(([10, 43, 0, 1], 443).into())).is_err());
    }

    #[test]
    fn a_cable_can_be_pulled_and_put_back() {
        let lan = Lan::new();
        let (a, b) = (lan.node("a"), lan.node("b"));
        let listener = b.run(|| TcpListener::bind((b.ip(), 0)).unwrap());
        let to = listener.local_addr().unwrap();
        std::thread::spawn(move || serve(listener));
        b.partition();
        let error = a.run(|| ask(to)).unwrap_err();
        assert!(
            matches!(error.kind(), ErrorKind::TimedOut | ErrorKind::HostUnreachable),
            "{error:?}"
        );
        b.heal();
        let said = eventually("an answer", WITHIN, || a.run(|| ask(to)).ok());
        assert_eq!(said, a.ip().to_string());
    }

    #[test]
    fn a_network_goes_with_what_runs_in_it() {
        let lan = Lan::new();
        let mut child = lan.node("a").command("sleep").arg("1000").spawn().unwrap();
        let prefix = format!("{}-", lan.inner.name);
        eventually("the process in the namespace", WITHIN, || {
            (!processes(&lan.inner.namespace("a")).is_empty()).then_some(())
        });
        assert_eq!(named_like(&prefix).len(), 2);
        drop(lan);
        assert_eq!(named_like(&prefix), Vec::<String>::new());
        assert!(!child.wait().unwrap().success());
    }

    #[test]
    fn what_a_killed_test_left_is_swept() {
        // Keeps the folder meanwhile.
        let _another = Lan::new();
        let name = format!("{PREFIX}-left-{}", std::process::id());
        File::create(Path::new(OWNERS).join(&name)).unwrap();
        make_namespace(&format!("{name}-a"));
        let lan = Lan::new();
        assert_eq!(named_like(&format!("{name}-")), Vec::<String>::new());
        assert_eq!(named_like(&format!("{}-", lan.inner.name)).len(), 1);
    }
}
