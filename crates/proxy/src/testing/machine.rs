//! A machine of a test's own, in namespaces: processes, mounts and network that vanish with it.
//!
//! The test program starts itself again inside `unshare`, for just the one test. The network has no way out. In it the
//! machine is a node with a bridge on which pods are, each a network namespace; and there is a client outside.

use std::fs::File;
use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, setns};

/// Set inside.
const INSIDE: &str = "PINTLE_TEST_PROXY";
/// Nothing in these networks takes longer unless it is lost.
const PATIENCE: Duration = Duration::from_secs(2);
const LONG_PATIENCE: Duration = Duration::from_secs(20);

pub(crate) struct Machine;

impl Machine {
    /// The node's address towards the client.
    pub(crate) const NODE: &str = "172.31.0.1";
    /// The client's address.
    pub(crate) const CLIENT: &str = "172.31.0.9";
    /// Pods have the addresses `10.42.0.N`, N from 2; the network namespace of each is `podN`.
    pub(crate) const PODS: u8 = 4;

    /// Runs a test on a machine of its own. `name` is the test's full name.
    pub(crate) fn run(name: &str, test: impl AsyncFnOnce()) {
        if std::env::var_os(INSIDE).is_none() {
            return Self::outside(name);
        }
        Self::prepare();
        tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap()
            .block_on(test());
    }

    fn outside(name: &str) {
        assert!(
            nix::unistd::geteuid().is_root(),
            "tests with real rules need root"
        );
        let output = Command::new("timeout")
            .args(["300", "unshare", "--net", "--mount", "--uts", "--pid", "--fork"])
            .args(["--kill-child", "--mount-proc", "--"])
            .arg(std::env::current_exe().unwrap())
            .args(["--exact", name, "--nocapture", "--test-threads=1"])
            .env(INSIDE, "1")
            .output()
            .expect("unshare runs");
        let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.success() && text.contains("1 passed"),
            "inside:\n{text}"
        );
    }

    fn prepare() {
        // Names of network namespaces live in a folder that is shared with the host otherwise.
        mount(
            Some("tmpfs"),
            "/run",
            Some("tmpfs"),
            MsFlags::empty(),
            None::<&str>,
        )
        .unwrap();
        shell("ip link set lo up; ip link add cni0 type bridge; ip addr add 10.42.0.1/24 dev cni0");
        shell("ip addr add fd42::1/64 dev cni0 nodad; ip link set cni0 up");
        shell("ip netns add client; ip link add c0 type veth peer name eth0 netns client");
        shell("ip addr add 172.31.0.1/24 dev c0; ip addr add fd31::1/64 dev c0 nodad; ip link set c0 up");
        shell(
            "ip -n client addr add 172.31.0.9/24 dev eth0; ip -n client addr add fd31::9/64 dev eth0 nodad",
        );
        shell("ip -n client link set lo up; ip -n client link set eth0 up");
        shell("ip -n client route add default via 172.31.0.1; ip -n client route add default via fd31::1");
        for last in 2..2 + Self::PODS {
            shell(&format!(
                "ip netns add pod{last}; ip link add p{last} type veth peer name eth0 netns pod{last}; \
                 ip link set p{last} master cni0 up; bridge link set dev p{last} hairpin on; \
                 ip -n pod{last} addr add 10.42.0.{last}/24 dev eth0; \
                 ip -n pod{last} addr add fd42::{last}/64 dev eth0 nodad; \
                 ip -n pod{last} link set lo up; ip -n pod{last} link set eth0 up; \
                 ip -n pod{last} route add default via 10.42.0.1; \
                 ip -n pod{last} route add default via fd42::1"
            ));
        }
        // A ClusterIP needs a route to be sent to; this one leads nowhere.
        shell("ip route add default dev c0; ip -6 route add default dev c0");
        shell("sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1");
    }
}

/// Runs commands; all must succeed.
fn shell(script: &str) {
    let output = Command::new("sh")
        .args(["-ec", script])
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{script}: {text}");
}

/// What nft says our rules are.
pub(crate) fn listed() -> String {
    let output = Command::new("nft").args(["list", "ruleset"]).output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

/// Does something in a network namespace; an empty name is the node's own.
pub(crate) fn in_namespace<T: Send>(name: &str, act: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| {
        scope
            .spawn(|| {
                enter(name);
                act()
            })
            .join()
            .unwrap()
    })
}

fn enter(name: &str) {
    if !name.is_empty() {
        let namespace = File::open(Path::new("/run/netns").join(name)).unwrap();
        setns(namespace, CloneFlags::CLONE_NEWNET).unwrap();
    }
}

/// Starts a server in a pod that tells each client the pod's number and the address the client came from. A client that
/// sends more gets that back.
pub(crate) fn serve_tcp(pod: u8, port: u16) {
    let listener = in_namespace(&format!("pod{pod}"), || TcpListener::bind(("::", port)).unwrap());
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            std::thread::spawn(move || {
                let from = stream.peer_addr().unwrap().ip().to_canonical();
                let _ = stream.write_all(format!("{pod} {from}\n").as_bytes());
                let mut buffer = [0; 64];
                while let Ok(length @ 1..) = stream.read(&mut buffer) {
                    if stream.write_all(&buffer[..length]).is_err() {
                        break;
                    }
                }
            });
        }
    });
}

/// Starts a server in a pod that answers each datagram with the pod's number.
pub(crate) fn serve_udp(pod: u8, port: u16) {
    let socket = in_namespace(&format!("pod{pod}"), || {
        UdpSocket::bind(("0.0.0.0", port)).unwrap()
    });
    std::thread::spawn(move || {
        let mut buffer = [0; 64];
        while let Ok((_, from)) = socket.recv_from(&mut buffer) {
            let _ = socket.send_to(pod.to_string().as_bytes(), from);
        }
    });
}

/// What a client of [`serve_tcp`] was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) pod: u8,
    pub(crate) came_from: IpAddr,
}

/// A connection of a client to a server.
pub(crate) struct Connection {
    stream: TcpStream,
    pub(crate) told: Told,
}

impl Connection {
    /// Connects from a network namespace.
    pub(crate) fn open(from: &str, to: &str) -> std::io::Result<Self> {
        let to: SocketAddr = to.parse().unwrap();
        in_namespace(from, || {
            let mut stream = TcpStream::connect_timeout(&to, PATIENCE)?;
            stream.set_read_timeout(Some(PATIENCE))?;
            let mut line = Vec::new();
            let mut byte = [0];
            while stream.read(&mut byte)? == 1 && byte != *b"\n" {
                line.push(byte[0]);
            }
            let line = String::from_utf8(line).unwrap();
            let (pod, from) = line.split_once(' ').ok_or(std::io::ErrorKind::UnexpectedEof)?;
            let told = Told {
                pod: pod.parse().unwrap(),
                came_from: from.parse().unwrap(),
            };
            Ok(Self { stream, told })
        })
    }

    /// Whether what is sent comes back.
    pub(crate) fn is_alive(&mut self) -> bool {
        let mut buffer = [0; 4];
        self.stream.write_all(b"ping").is_ok()
            && self.stream.read_exact(&mut buffer).is_ok()
            && buffer == *b"ping"
    }
}

/// Who answers a new connection.
pub(crate) fn ask(from: &str, to: &str) -> std::io::Result<Told> {
    Connection::open(from, to).map(|connection| connection.told)
}

/// The same where it may take a moment until packets pass at all: IPv6 addresses are not used before it is sure that nobody
/// else has them.
pub(crate) fn ask_patiently(from: &str, to: &str) -> Told {
    let began = Instant::now();
    loop {
        match ask(from, to) {
            Ok(told) => return told,
            Err(error) => assert!(began.elapsed() < LONG_PATIENCE, "{from} {to}: {error}"),
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A socket in a network namespace that sends to one address.
pub(crate) fn udp_socket(from: &str, to: &str) -> UdpSocket {
    in_namespace(from, || {
        let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
        socket.connect(to).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        socket
    })
}

/// Who answers a datagram; none if nobody does.
pub(crate) fn ask_udp(socket: &UdpSocket) -> Option<u8> {
    socket.send(b"who").ok()?;
    let mut buffer = [0; 8];
    let length = socket.recv(&mut buffer).ok()?;
    std::str::from_utf8(&buffer[..length]).ok()?.parse().ok()
}
