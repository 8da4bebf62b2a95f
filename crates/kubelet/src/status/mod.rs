//! What a pod's status says: a pure function of what is known.

mod condition;
mod container;
mod phase;
mod terminated;
#[cfg(test)]
mod tests;

use std::net::IpAddr;
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{HostIP, PodIP, PodStatus};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use crate::plan::{Memory, Observed, Plan};
use crate::pod::PodToRun;
use crate::pod::qos::QosClass;

pub use condition::is_own_condition;
pub use phase::is_last as is_last_phase;
pub use terminated::terminated;

/// How long a failure to start shows as itself before it shows as waiting for the next try.
pub const FRESH: Duration = Duration::from_secs(1);

/// For how long a container that is exchanged for another shows as it was, at most.
pub const EXCHANGE: Duration = Duration::from_secs(1);

/// Everything a status depends on.
#[derive(Clone, Copy, Debug)]
pub struct StatusInput<'a> {
    pub pod: &'a PodToRun,
    /// The status as it was last said, here or by an earlier kubelet.
    pub previous: &'a PodStatus,
    pub observed: &'a Observed,
    pub memory: &'a Memory,
    pub plan: &'a Plan,
    /// Why the kubelet ended the pod itself.
    pub verdict: Option<&'a PodVerdict>,
    pub node: &'a NodeFacts,
    pub now: Timestamp,
}

/// A pod that the kubelet ended of its own accord has failed, for this reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PodVerdict {
    /// `Evicted`, `DeadlineExceeded`.
    pub reason: String,
    pub message: String,
}

/// What pods' statuses say of the node.
#[derive(Clone, Debug, Default)]
pub struct NodeFacts {
    pub ips: Vec<IpAddr>,
    /// What ids of containers begin with: `containerd`.
    pub runtime: String,
}

/// The status of a pod.
pub fn compute(input: StatusInput<'_>) -> PodStatus {
    let pod = input.pod;
    let init = container::statuses_of_starters(input);
    let main = container::statuses_of_mains(input);
    let ephemeral = container::statuses_of_ephemerals(input);
    let phase = phase::phase(input, &init, &main);
    let ips = pod_ips(input);
    let conditions = condition::conditions(input, &phase, &init, &main);
    let previous = input.previous;
    PodStatus {
        phase: Some(phase),
        conditions: Some(conditions),
        start_time: previous.start_time.clone().or(Some(Time(input.now))),
        host_ip: input.node.ips.first().map(IpAddr::to_string),
        host_ips: some_if_any(input.node.ips.iter().map(|ip| HostIP { ip: ip.to_string() })),
        pod_ip: ips.first().map(|ip| ip.ip.clone()),
        pod_ips: some_if_any(ips),
        qos_class: Some(
            previous
                .qos_class
                .clone()
                .unwrap_or_else(|| QosClass::of(pod.spec()).as_str().to_owned()),
        ),
        reason: input
            .verdict
            .map(|v| v.reason.clone())
            .or_else(|| previous.reason.clone()),
        message: input
            .verdict
            .map(|v| v.message.clone())
            .or_else(|| previous.message.clone()),
        init_container_statuses: some_if_any(init),
        container_statuses: some_if_any(main),
        ephemeral_container_statuses: some_if_any(ephemeral),
        observed_generation: pod.object().metadata.generation,
        nominated_node_name: previous.nominated_node_name.clone(),
        resource_claim_statuses: previous.resource_claim_statuses.clone(),
        ..PodStatus::default()
    }
}

fn some_if_any<T>(items: impl IntoIterator<Item = T>) -> Option<Vec<T>> {
    let items: Vec<T> = items.into_iter().collect();
    (!items.is_empty()).then_some(items)
}

/// The addresses of the newest sandbox. Once the network is gone they stay as they were, for those who look back.
fn pod_ips(input: StatusInput<'_>) -> Vec<PodIP> {
    let sandbox = input.observed.current_sandbox();
    let ips = match sandbox {
        Some(_) if input.pod.is_host_network() => input.node.ips.as_slice(),
        Some(sandbox) => sandbox.ips.as_slice(),
        None => &[],
    };
    if sandbox.is_none() {
        return input.previous.pod_ips.clone().unwrap_or_default();
    }
    ips.iter().map(|ip| PodIP { ip: ip.to_string() }).collect()
}
