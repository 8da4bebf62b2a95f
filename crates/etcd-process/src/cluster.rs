//! A cluster of members.

use std::net::{IpAddr, Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use nix::sys::signal::Signal;
use tempfile::TempDir;

use crate::certificates::Files;
use crate::member::{Launcher, Member};

/// Ports of members that do not share their address.
const USUAL_PORTS: (u16, u16) = (2379, 2380);

/// How often a cluster is tried to be started; a try fails only when another process takes a port in between.
const TRIES: u32 = 5;

/// Where a member runs.
#[derive(Clone)]
pub struct Place {
    address: IpAddr,
    ports: (u16, u16),
    launch: Launcher,
}

impl Place {
    /// At an address where ports 2379 and 2380 are free, by commands that `launch` makes of a program.
    pub fn new(address: IpAddr, launch: impl Fn(&Path) -> Command + Send + Sync + 'static) -> Self {
        Self {
            address,
            ports: USUAL_PORTS,
            launch: Arc::new(launch),
        }
    }

    /// At an address of loopback that nobody else has, on ports that are free.
    fn loopback() -> Self {
        let address = own_loopback().into();
        Self {
            address,
            ports: (free_port(address), free_port(address)),
            launch: Arc::new(|program: &Path| Command::new(program)),
        }
    }
}

/// An address of 127/8 that follows from the process and a counter, so that tests at the same time have different ones.
fn own_loopback() -> Ipv4Addr {
    static NEXT: AtomicU8 = AtomicU8::new(1);
    let [_, _, high, low] = std::process::id().to_be_bytes();
    // Everybody else is in the first half of 127/8.
    Ipv4Addr::new(127, 128 | high, low, NEXT.fetch_add(1, Ordering::Relaxed) | 1)
}

fn free_port(address: IpAddr) -> u16 {
    let listener = TcpListener::bind((address, 0)).expect("loopback has free ports");
    listener.local_addr().expect("a listener has an address").port()
}

/// How a cluster is to be started.
#[derive(Clone, Default)]
pub struct EtcdBuilder {
    members: usize,
    places: Vec<Place>,
    tls: bool,
    arguments: Vec<String>,
    folder: Option<PathBuf>,
}

impl EtcdBuilder {
    /// Members on loopback.
    pub fn members(count: usize) -> Self {
        Self {
            members: count,
            ..Self::default()
        }
    }

    /// A member at each of these places.
    pub fn at(places: Vec<Place>) -> Self {
        Self {
            places,
            ..Self::default()
        }
    }

    /// Clients need TLS and a certificate of the cluster's authority.
    #[must_use]
    pub fn tls(mut self) -> Self {
        self.tls = true;
        self
    }

    /// Further arguments of every member.
    #[must_use]
    pub fn with(mut self, arguments: &[&str]) -> Self {
        self.arguments
            .extend(arguments.iter().map(|&argument| argument.to_owned()));
        self
    }

    /// In this folder, which stays.
    #[must_use]
    pub fn in_folder(mut self, folder: &Path) -> Self {
        self.folder = Some(folder.to_owned());
        self
    }

    /// Starts all members and waits until they serve.
    pub fn start(&self) -> Etcd {
        let mut said = String::new();
        for _ in 0..TRIES {
            match self.try_start() {
                Ok(etcd) => return etcd,
                Err(log) if log.contains("address already in use") => said = log,
                Err(log) => panic!("etcd does not start: {log}"),
            }
        }
        panic!("etcd does not start: {said}")
    }

    fn try_start(&self) -> Result<Etcd, String> {
        let mut places = self.places.clone();
        places.extend((0..self.members).map(|_| Place::loopback()));
        let temporary = match &self.folder {
            Some(_) => None,
            None => Some(TempDir::with_prefix("pintle-etcd-").expect("a folder for etcd can be made")),
        };
        let folder = match (&self.folder, &temporary) {
            (Some(folder), _) => folder.clone(),
            (None, Some(temporary)) => temporary.path().to_owned(),
            (None, None) => unreachable!("one of both is there"),
        };
        let addresses: Vec<IpAddr> = places.iter().map(|place| place.address).collect();
        let files = self.tls.then(|| Files::make(&folder.join("tls"), &addresses));
        let members = places.into_iter().enumerate().map(|(index, place)| {
            let name = format!("m{index}");
            let folder = folder.join(&name);
            Member::new(name, place.address, place.ports, folder, place.launch)
        });
        let mut etcd = Etcd {
            members: members.collect(),
            files,
            _folder: temporary,
        };
        etcd.write_arguments(&self.arguments);
        etcd.members.iter_mut().for_each(Member::spawn);
        for member in &mut etcd.members {
            member.wait()?;
        }
        Ok(etcd)
    }
}

/// A running cluster. Its members are killed when it is dropped.
pub struct Etcd {
    members: Vec<Member>,
    files: Option<Files>,
    _folder: Option<TempDir>,
}

impl Etcd {
    /// One member without TLS that elects itself at once.
    pub fn single() -> Self {
        EtcdBuilder::members(1)
            .with(&["--heartbeat-interval=20", "--election-timeout=100"])
            .start()
    }

    /// Three members.
    pub fn three() -> Self {
        EtcdBuilder::members(3).start()
    }

    fn write_arguments(&mut self, further: &[String]) {
        let peers: Vec<String> = self
            .members
            .iter()
            .map(|member| format!("{}={}", member.name, member.peer_url()))
            .collect();
        let peers = peers.join(",");
        let endpoints = self.endpoints();
        for (member, endpoint) in self.members.iter_mut().zip(endpoints) {
            let peer_url = member.peer_url();
            member.arguments = vec![
                format!("--name={}", member.name),
                "--logger=zap".to_owned(),
                format!("--listen-client-urls={endpoint}"),
                format!("--advertise-client-urls={endpoint}"),
                format!("--listen-peer-urls={peer_url}"),
                format!("--initial-advertise-peer-urls={peer_url}"),
                format!("--initial-cluster={peers}"),
                format!("--initial-cluster-token={peers}"),
            ];
            if let Some(files) = &self.files {
                member.arguments.extend([
                    "--client-cert-auth".to_owned(),
                    format!("--trusted-ca-file={}", files.authority.display()),
                    format!("--cert-file={}", files.server.display()),
                    format!("--key-file={}", files.server_key.display()),
                ]);
            }
            member.arguments.extend_from_slice(further);
        }
    }

    /// How many members there are, running or not.
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// Where clients find each member.
    pub fn endpoints(&self) -> Vec<String> {
        let scheme = if self.files.is_some() { "https" } else { "http" };
        self.members
            .iter()
            .map(|member| format!("{scheme}://{}:{}", member.host(), member.client_port))
            .collect()
    }

    /// Certificates and keys, if clients need them.
    pub fn files(&self) -> Option<&Files> {
        self.files.as_ref()
    }

    /// The flags with which `pintle server` finds it.
    pub fn pintle_flags(&self) -> Vec<String> {
        let mut flags = vec![format!("--datastore-endpoint={}", self.endpoints().join(","))];
        if let Some(files) = &self.files {
            flags.extend([
                format!("--datastore-cafile={}", files.authority.display()),
                format!("--datastore-certfile={}", files.client.display()),
                format!("--datastore-keyfile={}", files.client_key.display()),
            ]);
        }
        flags
    }

    /// What `etcdctl` says, asked from the first member's place; fails unless it succeeds.
    pub fn ctl(&self, arguments: &[&str]) -> String {
        let output = self.ctl_command(&self.endpoints()).args(arguments).output();
        let output = output.expect("etcdctl is installed; make setup-tests does it");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        assert!(
            output.status.success(),
            "etcdctl {arguments:?}: {}",
            text(&output.stderr)
        );
        text(&output.stdout)
    }

    /// `etcdctl` with these endpoints, to be given arguments.
    pub fn ctl_command(&self, endpoints: &[String]) -> Command {
        let mut command = (self.members[0].launch)(Path::new("etcdctl"));
        command
            .env("ETCDCTL_API", "3")
            .env("ETCDCTL_ENDPOINTS", endpoints.join(","));
        if let Some(files) = &self.files {
            command
                .env("ETCDCTL_CACERT", &files.authority)
                .env("ETCDCTL_CERT", &files.client)
                .env("ETCDCTL_KEY", &files.client_key);
        }
        command
    }

    /// The member that leads, as the running members see it.
    pub fn leader(&self) -> Option<usize> {
        (0..self.members.len()).find(|&index| self.members[index].pid().is_some() && self.leads(index))
    }

    fn leads(&self, index: usize) -> bool {
        let endpoint = [self.endpoints().swap_remove(index)];
        let output = self
            .ctl_command(&endpoint)
            .args(["endpoint", "status", "--write-out=json"])
            .output()
            .expect("etcdctl is installed; make setup-tests does it");
        let status: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
        let status = &status[0]["Status"];
        let leader = &status["leader"];
        leader.is_u64() && *leader == status["header"]["member_id"]
    }

    /// A member's process, if it runs.
    pub fn pid(&self, index: usize) -> Option<u32> {
        self.members[index].pid()
    }

    /// Ends a member without warning (`kill -9`).
    pub fn kill(&mut self, index: usize) {
        self.members[index].kill();
    }

    /// Starts a killed member again, and waits until it serves.
    pub fn restart(&mut self, index: usize) {
        let member = &mut self.members[index];
        member.kill();
        member.spawn();
        if let Err(log) = member.wait() {
            panic!("etcd does not start again: {log}");
        }
    }

    /// Starts all killed members again, and waits until they serve.
    pub fn restart_all(&mut self) {
        let mut killed: Vec<&mut Member> = self
            .members
            .iter_mut()
            .filter(|member| member.pid().is_none())
            .collect();
        killed.iter_mut().for_each(|member| member.spawn());
        for member in killed {
            if let Err(log) = member.wait() {
                panic!("etcd does not start again: {log}");
            }
        }
    }

    /// Stops a member where it is, connections open: it answers nobody.
    pub fn pause(&self, index: usize) {
        self.members[index].signal(Signal::SIGSTOP);
    }

    /// Lets a paused member go on.
    pub fn resume(&self, index: usize) {
        self.members[index].signal(Signal::SIGCONT);
    }
}
