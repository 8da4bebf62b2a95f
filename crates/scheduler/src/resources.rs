//! Amounts of resources: what pods ask for and nodes have.

use std::collections::BTreeMap;

use client::k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use client::lean::{Container, PodTemplate};

/// CPU that a container without a request is scored with, thousandths of a core.
const DEFAULT_MILLI_CPU: i64 = 100;
/// Memory that a container without a request is scored with, bytes.
const DEFAULT_MEMORY: i64 = 200 << 20;

/// An amount of each resource.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Resources {
    /// Thousandths of a core.
    pub(crate) milli_cpu: i64,
    /// Bytes.
    pub(crate) memory: i64,
    /// Bytes.
    pub(crate) ephemeral_storage: i64,
    /// Whole units of every other resource.
    pub(crate) others: BTreeMap<String, i64>,
}

type Quantities = BTreeMap<String, Quantity>;

impl Resources {
    /// From an object's map of quantities. Amounts that cannot be read count as none: the server validates them.
    pub(crate) fn of(quantities: Option<&Quantities>) -> Self {
        let mut resources = Self::default();
        for (name, quantity) in quantities.into_iter().flatten() {
            let Ok(quantity) = quantity.0.parse::<meta::quantity::Quantity>() else {
                continue;
            };
            match name.as_str() {
                "cpu" => resources.milli_cpu = quantity.milli_value(),
                "memory" => resources.memory = quantity.value(),
                "ephemeral-storage" => resources.ephemeral_storage = quantity.value(),
                "pods" => {}
                _ => {
                    resources.others.insert(name.clone(), quantity.value());
                }
            }
        }
        resources
    }

    pub(crate) fn add(&mut self, other: &Self) {
        self.milli_cpu += other.milli_cpu;
        self.memory += other.memory;
        self.ephemeral_storage += other.ephemeral_storage;
        for (name, amount) in &other.others {
            *self.others.entry(name.clone()).or_default() += amount;
        }
    }

    pub(crate) fn subtract(&mut self, other: &Self) {
        self.milli_cpu -= other.milli_cpu;
        self.memory -= other.memory;
        self.ephemeral_storage -= other.ephemeral_storage;
        for (name, amount) in &other.others {
            *self.others.entry(name.clone()).or_default() -= amount;
        }
    }

    fn max(&mut self, other: &Self) {
        self.milli_cpu = self.milli_cpu.max(other.milli_cpu);
        self.memory = self.memory.max(other.memory);
        self.ephemeral_storage = self.ephemeral_storage.max(other.ephemeral_storage);
        for (name, amount) in &other.others {
            let mine = self.others.entry(name.clone()).or_default();
            *mine = (*mine).max(*amount);
        }
    }

    /// Takes over what `other` says outright.
    fn override_by(&mut self, quantities: Option<&Quantities>) {
        let other = Self::of(quantities);
        let says = |name: &str| quantities.is_some_and(|all| all.contains_key(name));
        if says("cpu") {
            self.milli_cpu = other.milli_cpu;
        }
        if says("memory") {
            self.memory = other.memory;
        }
        self.others.extend(other.others);
    }
}

/// What a pod asks for: the larger of what its containers need together and what its init containers need one after the
/// other (those that keep running counted from their start on, KEP-753), unless the pod says it itself (KEP-2837), and its
/// overhead.
pub(crate) fn requests(pod: &PodTemplate) -> Resources {
    total(pod, |container| {
        Resources::of(container.resources.as_ref().and_then(|r| r.requests.as_ref()))
    })
}

/// The same for scoring: containers that ask for no CPU or memory count with a default.
pub(crate) fn scored_requests(pod: &PodTemplate) -> Resources {
    total(pod, |container| {
        let requests = container.resources.as_ref().and_then(|r| r.requests.as_ref());
        let mut resources = Resources::of(requests);
        if !requests.is_some_and(|all| all.contains_key("cpu")) {
            resources.milli_cpu = DEFAULT_MILLI_CPU;
        }
        if !requests.is_some_and(|all| all.contains_key("memory")) {
            resources.memory = DEFAULT_MEMORY;
        }
        resources
    })
}

fn total(pod: &PodTemplate, of: impl Fn(&Container) -> Resources) -> Resources {
    let mut running = Resources::default();
    for container in &pod.containers {
        running.add(&of(container));
    }
    let mut kept_running = Resources::default();
    let mut at_start = Resources::default();
    for container in pod.init_containers.iter().flatten() {
        let mut now = of(container);
        if container.restart_policy.as_deref() == Some("Always") {
            running.add(&now);
            kept_running.add(&now);
            now = kept_running.clone();
        } else {
            now.add(&kept_running);
        }
        at_start.max(&now);
    }
    running.max(&at_start);
    running.override_by(pod.resources.as_ref().and_then(|r| r.requests.as_ref()));
    running.add(&Resources::of(pod.overhead.as_ref()));
    running
}

#[cfg(test)]
mod tests {
    use client::k8s_openapi::api::core::v1::ResourceRequirements;

    use super::*;

    fn container(cpu: &str, sidecar: bool) -> Container {
        let requests = [("cpu".to_owned(), Quantity(cpu.to_owned()))].into();
        Container {
            resources: Some(ResourceRequirements {
                requests: Some(requests),
                ..ResourceRequirements::default()
            }),
            restart_policy: sidecar.then(|| "Always".to_owned()),
            ..Container::default()
        }
    }

    fn check(containers: &[&str], init: &[(&str, bool)], milli_cpu: i64) {
        let pod = PodTemplate {
            containers: containers.iter().map(|cpu| container(cpu, false)).collect(),
            init_containers: Some(
                init.iter()
                    .map(|(cpu, sidecar)| container(cpu, *sidecar))
                    .collect(),
            ),
            ..PodTemplate::default()
        };
        assert_eq!(requests(&pod).milli_cpu, milli_cpu, "{containers:?} {init:?}");
    }

    #[test]
    fn init_containers_count_only_where_they_need_more() {
        check(&["100m", "200m"], &[], 300);
        check(&["100m"], &[("1", false), ("500m", false)], 1000);
        check(&["100m"], &[("50m", false)], 100);
    }

    #[test]
    fn sidecars_count_from_their_start_on() {
        check(&["100m"], &[("200m", true)], 300);
        check(&["100m"], &[("200m", true), ("1", false)], 1200);
        check(&["100m"], &[("1", false), ("200m", true)], 1000);
    }
}
