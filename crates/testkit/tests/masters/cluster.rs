//! Three machines, each with a master and a member of etcd.

use std::collections::BTreeMap;
use std::time::Duration;

use testkit::{Kubectl, Machine, NodeNet, Server, ServerBuilder, eventually};

/// The token of all servers.
pub const TOKEN: &str = "masters.secret0123456789";
pub const NAMES: [&str; 3] = ["m1", "m2", "m3"];
pub const SOON: Duration = Duration::from_secs(60);

/// The masters that run, by name.
pub struct Masters {
    running: BTreeMap<String, Server>,
    builders: BTreeMap<String, ServerBuilder>,
}

pub fn nodes(machine: &Machine) -> Vec<NodeNet> {
    NAMES.iter().map(|name| machine.lan().node(name)).collect()
}

/// A master that is no worker.
pub fn master(machine: &Machine, name: &str, flags: &[String]) -> ServerBuilder {
    let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    let token = format!("--token={TOKEN}");
    ServerBuilder::node(machine, name)
        .with(&["--disable-agent", &token])
        .with(&flags)
}

impl Masters {
    /// Starts all of them at the same moment: each may be the first.
    pub fn start(machine: &Machine, flags: &[String]) -> Self {
        let builders: BTreeMap<String, ServerBuilder> = NAMES
            .iter()
            .map(|&name| (name.to_owned(), master(machine, name, flags)))
            .collect();
        let starting: Vec<_> = builders
            .iter()
            .map(|(name, builder)| {
                let (name, builder) = (name.clone(), builder.clone());
                std::thread::spawn(move || (name, builder.start()))
            })
            .collect();
        let running = starting
            .into_iter()
            .map(|start| start.join().expect("it starts"))
            .collect();
        Self { running, builders }
    }

    pub fn any(&self) -> &Server {
        self.running.values().next().expect("one runs")
    }

    pub fn names(&self) -> Vec<String> {
        self.running.keys().cloned().collect()
    }

    pub fn kubectl(&self, name: &str) -> Kubectl {
        self.running[name].kubectl()
    }

    /// Takes a master out, to be ended.
    pub fn take(&mut self, name: &str) -> Server {
        self.running.remove(name).expect("it runs")
    }

    pub fn start_again(&mut self, name: &str) {
        let server = self.builders[name].start();
        self.running.insert(name.to_owned(), server);
    }
}

/// Who runs the controllers.
pub fn leader(kubectl: &Kubectl) -> Option<String> {
    let path = "jsonpath={.spec.holderIdentity}";
    let said = kubectl.call(&[
        "get",
        "lease",
        "-n",
        "kube-system",
        "kube-controller-manager",
        "-o",
        path,
    ]);
    let (name, _) = said.stdout.split_once('_')?;
    Some(name.to_owned()).filter(|_| said.code == 0)
}

pub fn wait_leader_other_than(kubectl: &Kubectl, old: &str, within: Duration) -> String {
    eventually("another leader", within, || {
        leader(kubectl).filter(|name| name != old)
    })
}

/// Waits until the `kubernetes` Service lists exactly these masters.
pub fn wait_endpoints(machine: &Machine, kubectl: &Kubectl, names: &[String], within: Duration) {
    let mut wanted: Vec<String> = names
        .iter()
        .map(|name| machine.lan().node(name).ip().to_string())
        .collect();
    wanted.sort();
    eventually(&format!("the endpoints of {names:?}"), within, || {
        let of = |resource: &str, path: &str| {
            let said = kubectl.call(&["get", resource, "kubernetes", "-o", path]).stdout;
            let mut listed: Vec<String> = said.split_whitespace().map(str::to_owned).collect();
            listed.sort();
            listed
        };
        let endpoints = of("endpoints", "jsonpath={.subsets[*].addresses[*].ip}");
        let slices = of("endpointslice", "jsonpath={.endpoints[*].addresses[*]}");
        (endpoints == wanted && slices == wanted).then_some(())
    });
}
