//! What the runtime has of one pod.

use std::net::IpAddr;

use jiff::Timestamp;

/// Sandboxes and containers of a pod, newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Observed {
    pub sandboxes: Vec<Sandbox>,
    pub containers: Vec<Instance>,
}

/// A sandbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sandbox {
    pub id: String,
    pub attempt: u32,
    pub created_at: Timestamp,
    pub ready: bool,
    /// Empty for pods in the node's network.
    pub ips: Vec<IpAddr>,
}

/// A container of the runtime: one run of a container of the pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instance {
    pub id: String,
    pub name: String,
    pub sandbox_id: String,
    /// How often the container was restarted before.
    pub restart_count: u32,
    /// What its specification was.
    pub hash: String,
    pub created_at: Timestamp,
    pub state: InstanceState,
    /// The image as the specification named it.
    pub image: String,
    /// The image as it was resolved.
    pub image_id: String,
    pub log_path: String,
    pub user: Option<InstanceUser>,
}

/// Where an instance stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InstanceState {
    /// Made, never started.
    Created,
    Running {
        started_at: Timestamp,
    },
    Exited(Exit),
    /// The runtime lost track of it.
    Unknown,
}

/// How an instance ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exit {
    pub code: i32,
    /// `Completed`, `Error`, `OOMKilled`, ...
    pub reason: String,
    /// What it left as its last words, or what the runtime says.
    pub message: String,
    /// None if it never came to run.
    pub started_at: Option<Timestamp>,
    pub finished_at: Timestamp,
}

/// Whom an instance runs as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstanceUser {
    pub uid: i64,
    pub gid: i64,
    pub groups: Vec<i64>,
}

impl Observed {
    /// The sandbox containers can be in: the newest, if it is ready.
    pub fn current_sandbox(&self) -> Option<&Sandbox> {
        self.sandboxes.first().filter(|sandbox| sandbox.ready)
    }

    /// All runs of a container, newest first.
    pub fn instances(&self, name: &str) -> impl Iterator<Item = &Instance> {
        self.containers
            .iter()
            .filter(move |instance| instance.name == name)
    }

    /// The newest run of a container.
    pub fn newest(&self, name: &str) -> Option<&Instance> {
        self.instances(name).next()
    }

    /// The newest run that has ended.
    pub fn last_ended(&self, name: &str) -> Option<&Instance> {
        self.instances(name).find(|instance| instance.exit().is_some())
    }

    /// The newest run that has ended, the newest of all aside.
    pub fn previous(&self, name: &str) -> Option<&Instance> {
        self.instances(name)
            .skip(1)
            .find(|instance| instance.exit().is_some())
    }

    /// Whether anything of the pod still runs.
    pub fn any_running(&self) -> bool {
        self.containers.iter().any(Instance::is_running)
    }

    /// Puts both lists into order: by age, newest first.
    pub fn sort(&mut self) {
        self.sandboxes
            .sort_by_key(|s| std::cmp::Reverse((s.attempt, s.created_at)));
        self.containers
            .sort_by_key(|c| std::cmp::Reverse((c.created_at, c.restart_count)));
    }
}

impl Instance {
    pub fn is_running(&self) -> bool {
        matches!(self.state, InstanceState::Running { .. })
    }

    /// How it ended, if it did.
    pub fn exit(&self) -> Option<&Exit> {
        match &self.state {
            InstanceState::Exited(exit) => Some(exit),
            _ => None,
        }
    }
}
