//! Whether and how a component elects a leader among its copies.

use std::time::Duration;

use client::leader::Election;

/// Settings of an election. The times are upstream's defaults.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ElectionSettings {
    /// Whether to elect at all.
    pub enabled: bool,
    /// The Lease's namespace.
    pub namespace: String,
    /// The Lease's name.
    pub name: String,
    /// How long a leader that says nothing is still believed in.
    pub lease_duration: Duration,
    /// How long the leader tries to renew before it gives up.
    pub renew_deadline: Duration,
    /// The time between tries.
    pub retry_period: Duration,
}

impl ElectionSettings {
    /// An election as upstream's component of that name holds it.
    pub fn of(component: &str) -> Self {
        Self {
            enabled: true,
            namespace: String::from("kube-system"),
            name: component.to_owned(),
            lease_duration: Duration::from_secs(15),
            renew_deadline: Duration::from_secs(10),
            retry_period: Duration::from_secs(2),
        }
    }

    /// The election with a candidate.
    pub fn with_candidate(&self, identity: String) -> Election {
        Election {
            namespace: self.namespace.clone(),
            name: self.name.clone(),
            identity,
            lease_duration: self.lease_duration,
            renew_deadline: self.renew_deadline,
            retry_period: self.retry_period,
        }
    }
}
