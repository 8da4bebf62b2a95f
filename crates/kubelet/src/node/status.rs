//! The Node object and its status: pure functions of what is known.

use std::collections::BTreeMap;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{
    ContainerImage, DaemonEndpoint, Node, NodeAddress, NodeCondition, NodeDaemonEndpoints,
    NodeRuntimeHandler, NodeRuntimeHandlerFeatures, NodeSpec, NodeStatus, NodeSystemInfo,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity as WireQuantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
use meta::Quantity;

use super::eviction::{EvictionSettings, Pressure, Signal};
use super::machine::{FileSystem, MachineFacts};
use super::{NodeIdentity, Readiness};
use crate::cri::message::{Image, RuntimeHandler};
use crate::pod::resources::{ResourceList, amount};

/// Images told of at most; upstream's `--node-status-max-images`.
const MAX_IMAGES: usize = 50;
/// Names told of an image at most.
const MAX_NAMES_PER_IMAGE: usize = 5;

/// Everything a node's status depends on.
#[derive(Clone, Copy, Debug)]
pub struct NodeStatusInput<'a> {
    pub identity: &'a NodeIdentity,
    pub machine: &'a MachineFacts,
    pub disk: FileSystem,
    /// `containerd://1.6.20`
    pub runtime_version: &'a str,
    pub runtime_handlers: &'a [RuntimeHandler],
    pub images: &'a [Image],
    pub readiness: &'a Readiness,
    pub pressure: &'a Pressure,
    pub eviction: &'a EvictionSettings,
    /// As it was last said; conditions and resources of others stay.
    pub previous: &'a NodeStatus,
    pub now: Timestamp,
}

/// Labels the kubelet puts on its node. What spreads pods by hostname must tell nodes apart even if they share a machine,
/// so that label has the node's name, as it has in upstream where the two are made the same.
pub fn default_labels(identity: &NodeIdentity, machine: &MachineFacts) -> BTreeMap<String, String> {
    let own = [
        ("beta.kubernetes.io/arch", machine.architecture.as_str()),
        ("beta.kubernetes.io/os", "linux"),
        ("kubernetes.io/arch", machine.architecture.as_str()),
        ("kubernetes.io/os", "linux"),
        ("kubernetes.io/hostname", identity.name.as_str()),
    ];
    own.into_iter()
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect()
}

/// The object a node is registered with.
pub fn new_node(identity: &NodeIdentity, machine: &MachineFacts, status: NodeStatus) -> Node {
    let mut labels = default_labels(identity, machine);
    labels.extend(identity.labels.clone());
    let attach = (
        "volumes.kubernetes.io/controller-managed-attach-detach".to_owned(),
        "true".to_owned(),
    );
    Node {
        metadata: ObjectMeta {
            name: Some(identity.name.clone()),
            labels: Some(labels),
            annotations: Some(BTreeMap::from([attach])),
            ..ObjectMeta::default()
        },
        spec: Some(NodeSpec {
            taints: (!identity.taints.is_empty()).then(|| identity.taints.clone()),
            ..NodeSpec::default()
        }),
        status: Some(status),
    }
}

/// The status of a node.
pub fn node_status(input: NodeStatusInput<'_>) -> NodeStatus {
    let capacity = capacity(input);
    NodeStatus {
        addresses: Some(addresses(input.identity)),
        allocatable: Some(allocatable(input, &capacity)),
        capacity: Some(capacity),
        conditions: Some(conditions(input)),
        daemon_endpoints: Some(NodeDaemonEndpoints {
            kubelet_endpoint: Some(DaemonEndpoint {
                port: i32::from(input.identity.port),
            }),
        }),
        images: Some(images(input.images)),
        node_info: Some(node_info(input)),
        runtime_handlers: runtime_handlers(input.runtime_handlers),
        ..NodeStatus::default()
    }
}

fn addresses(identity: &NodeIdentity) -> Vec<NodeAddress> {
    let address = |kind: &str, address: String| NodeAddress {
        type_: kind.to_owned(),
        address,
    };
    let mut addresses: Vec<NodeAddress> = identity
        .ips
        .iter()
        .map(|ip| address("InternalIP", ip.to_string()))
        .collect();
    addresses.push(address("Hostname", identity.hostname.clone()));
    addresses
}

fn quantity(text: String) -> WireQuantity {
    WireQuantity(text)
}

fn kibibytes(bytes: u64) -> WireQuantity {
    quantity(format!("{}Ki", bytes / 1024))
}

fn capacity(input: NodeStatusInput<'_>) -> ResourceList {
    let machine = input.machine;
    let amounts = [
        ("cpu", quantity(machine.cpus.to_string())),
        ("memory", kibibytes(machine.memory_bytes)),
        ("ephemeral-storage", kibibytes(input.disk.capacity_bytes)),
        ("pods", quantity(input.identity.max_pods.to_string())),
        ("hugepages-1Gi", quantity("0".to_owned())),
        ("hugepages-2Mi", quantity("0".to_owned())),
    ];
    // What others say the node has (`example.com/dongle`) is theirs to say, and theirs to take away.
    let mut capacity = input.previous.capacity.clone().unwrap_or_default();
    capacity.extend(
        amounts
            .into_iter()
            .map(|(name, amount)| (name.to_owned(), amount)),
    );
    capacity
}

/// What is left for pods when the system has its share, and nothing comes near the point where pods are evicted.
fn allocatable(input: NodeStatusInput<'_>, capacity: &ResourceList) -> ResourceList {
    let mut allocatable = capacity.clone();
    let mut take = |resource: &str, bytes: u64| {
        if bytes == 0 {
            return;
        }
        let Some(total) = amount(Some(capacity), resource) else {
            return;
        };
        let left = total.value().saturating_sub(bytes.cast_signed()).max(0);
        let text = if resource == "memory" {
            kibibytes(left.cast_unsigned())
        } else {
            quantity(left.to_string())
        };
        allocatable.insert(resource.to_owned(), text);
    };
    let reserved = |resource: &str| amount(Some(&input.identity.reserved), resource);
    let reserved_bytes =
        |resource: &str| reserved(resource).map_or(0, |amount| amount.value().max(0).cast_unsigned());
    let threshold = |signal, total| input.eviction.threshold_bytes(signal, total);
    take(
        "memory",
        reserved_bytes("memory") + threshold(Signal::MemoryAvailable, input.machine.memory_bytes),
    );
    take(
        "ephemeral-storage",
        reserved_bytes("ephemeral-storage") + threshold(Signal::NodeFsAvailable, input.disk.capacity_bytes),
    );
    if let (Some(total), Some(reserved)) = (amount(Some(capacity), "cpu"), reserved("cpu")) {
        let left = total.milli_value().saturating_sub(reserved.milli_value()).max(0);
        let text = Quantity::parse(&format!("{left}m")).map(|left| left.to_string());
        allocatable.insert("cpu".to_owned(), quantity(text.unwrap_or_default()));
    }
    allocatable
}

fn conditions(input: NodeStatusInput<'_>) -> Vec<NodeCondition> {
    let pressure = input.pressure;
    let findings = [
        pressure_condition(
            "MemoryPressure",
            pressure.memory,
            [
                "KubeletHasInsufficientMemory",
                "kubelet has insufficient memory available",
            ],
            [
                "KubeletHasSufficientMemory",
                "kubelet has sufficient memory available",
            ],
        ),
        pressure_condition(
            "DiskPressure",
            pressure.disk,
            ["KubeletHasDiskPressure", "kubelet has disk pressure"],
            ["KubeletHasNoDiskPressure", "kubelet has no disk pressure"],
        ),
        pressure_condition(
            "PIDPressure",
            pressure.pid,
            [
                "KubeletHasInsufficientPID",
                "kubelet has insufficient PID available",
            ],
            ["KubeletHasSufficientPID", "kubelet has sufficient PID available"],
        ),
        ready_condition(input.readiness),
    ];
    let own: Vec<NodeCondition> = findings
        .into_iter()
        .map(|finding| finding.condition(input))
        .collect();
    let previous = input.previous.conditions.iter().flatten();
    let others = previous.filter(|other| own.iter().all(|condition| condition.type_ != other.type_));
    others.cloned().chain(own.iter().cloned()).collect()
}

struct Finding {
    kind: &'static str,
    holds: bool,
    reason: &'static str,
    message: String,
}

fn pressure_condition(
    kind: &'static str,
    holds: bool,
    yes: [&'static str; 2],
    no: [&'static str; 2],
) -> Finding {
    let [reason, message] = if holds { yes } else { no };
    Finding {
        kind,
        holds,
        reason,
        message: message.to_owned(),
    }
}

fn ready_condition(readiness: &Readiness) -> Finding {
    let problems = readiness.problems();
    let holds = problems.is_empty();
    let (reason, message) = match meta::aggregate(problems) {
        None => ("KubeletReady", "kubelet is posting ready status".to_owned()),
        Some(problems) => ("KubeletNotReady", problems),
    };
    Finding {
        kind: "Ready",
        holds,
        reason,
        message,
    }
}

impl Finding {
    fn condition(self, input: NodeStatusInput<'_>) -> NodeCondition {
        let status = if self.holds { "True" } else { "False" };
        let mut previous = input.previous.conditions.iter().flatten();
        let since = previous
            .find(|before| before.type_ == self.kind && before.status == status)
            .and_then(|before| before.last_transition_time.clone());
        NodeCondition {
            type_: self.kind.to_owned(),
            status: status.to_owned(),
            last_heartbeat_time: Some(Time(input.now)),
            last_transition_time: since.or(Some(Time(input.now))),
            reason: Some(self.reason.to_owned()),
            message: Some(self.message),
        }
    }
}

/// The largest images first: where they are matters most to the scheduler.
fn images(images: &[Image]) -> Vec<ContainerImage> {
    let mut sorted: Vec<&Image> = images.iter().collect();
    sorted.sort_by(|a, b| b.size.cmp(&a.size).then_with(|| a.id.cmp(&b.id)));
    let told = sorted.into_iter().map(|image| {
        let names = image
            .repo_digests
            .iter()
            .chain(&image.repo_tags)
            .take(MAX_NAMES_PER_IMAGE);
        ContainerImage {
            names: Some(names.cloned().collect()),
            size_bytes: Some(image.size.cast_signed()),
        }
    });
    told.filter(|image| image.names.as_ref().is_some_and(|names| !names.is_empty()))
        .take(MAX_IMAGES)
        .collect()
}

fn node_info(input: NodeStatusInput<'_>) -> NodeSystemInfo {
    let machine = input.machine;
    NodeSystemInfo {
        architecture: machine.architecture.clone(),
        boot_id: machine.boot_id.clone(),
        container_runtime_version: input.runtime_version.to_owned(),
        kernel_version: machine.kernel_version.clone(),
        // Empty since 1.33: the kubelet never knew it.
        kube_proxy_version: String::new(),
        kubelet_version: input.identity.version.clone(),
        machine_id: machine.machine_id.clone(),
        operating_system: "linux".to_owned(),
        os_image: machine.os_image.clone(),
        swap: None,
        system_uuid: machine.system_uuid.clone(),
    }
}

fn runtime_handlers(handlers: &[RuntimeHandler]) -> Option<Vec<NodeRuntimeHandler>> {
    let handler = |handler: &RuntimeHandler| NodeRuntimeHandler {
        name: Some(handler.name.clone()),
        features: handler.features.map(|features| NodeRuntimeHandlerFeatures {
            recursive_read_only_mounts: Some(features.recursive_read_only_mounts),
            user_namespaces: Some(features.user_namespaces),
        }),
    };
    (!handlers.is_empty()).then(|| handlers.iter().map(handler).collect())
}

/// Whether two statuses say the same, heartbeats aside.
pub fn is_same(a: &NodeStatus, b: &NodeStatus) -> bool {
    let still = |status: &NodeStatus| {
        let mut status = status.clone();
        for condition in status.conditions.iter_mut().flatten() {
            condition.last_heartbeat_time = None;
        }
        // Their order says nothing.
        if let Some(conditions) = &mut status.conditions {
            conditions.sort_by(|a, b| a.type_.cmp(&b.type_));
        }
        status
    };
    still(a) == still(b)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    struct Case {
        readiness: Readiness,
        pressure: Pressure,
        eviction: EvictionSettings,
        previous: NodeStatus,
        reserved: ResourceList,
        images: Vec<Image>,
    }

    impl Case {
        fn new() -> Self {
            Self {
                readiness: Readiness::ready(),
                pressure: Pressure::default(),
                eviction: EvictionSettings::default(),
                previous: NodeStatus::default(),
                reserved: ResourceList::new(),
                images: Vec::new(),
            }
        }

        fn status(&self) -> NodeStatus {
            let identity = NodeIdentity {
                name: "a".to_owned(),
                hostname: "h".to_owned(),
                ips: vec!["10.0.0.1".parse().unwrap(), "fd00::1".parse().unwrap()],
                port: 10250,
                version: "v1.36.2".to_owned(),
                max_pods: 110,
                reserved: self.reserved.clone(),
                ..NodeIdentity::default()
            };
            let machine = MachineFacts {
                cpus: 2,
                memory_bytes: 1 << 30,
                architecture: "amd64".to_owned(),
                ..MachineFacts::default()
            };
            node_status(NodeStatusInput {
                identity: &identity,
                machine: &machine,
                disk: FileSystem {
                    capacity_bytes: 10 << 30,
                    ..FileSystem::default()
                },
                runtime_version: "containerd://1.6.20",
                runtime_handlers: &[],
                images: &self.images,
                readiness: &self.readiness,
                pressure: &self.pressure,
                eviction: &self.eviction,
                previous: &self.previous,
                now: at(1000),
            })
        }

        /// A condition in few words.
        #[track_caller]
        fn expect(&self, kind: &str, words: &str) {
            let status = self.status();
            let condition = status
                .conditions
                .iter()
                .flatten()
                .find(|c| c.type_ == kind)
                .unwrap();
            let parts = [
                Some(&condition.status),
                condition.reason.as_ref(),
                condition.message.as_ref(),
            ];
            let found: Vec<&str> = parts.into_iter().flatten().map(String::as_str).collect();
            assert_eq!(found.join(" "), words);
        }
    }

    #[test]
    fn a_healthy_node_is_ready() {
        let case = Case::new();
        case.expect("Ready", "True KubeletReady kubelet is posting ready status");
        case.expect(
            "MemoryPressure",
            "False KubeletHasSufficientMemory kubelet has sufficient memory available",
        );
        case.expect(
            "DiskPressure",
            "False KubeletHasNoDiskPressure kubelet has no disk pressure",
        );
        case.expect(
            "PIDPressure",
            "False KubeletHasSufficientPID kubelet has sufficient PID available",
        );
        let addresses = serde_json::to_value(case.status().addresses).unwrap();
        let expected = json!([
            { "type": "InternalIP", "address": "10.0.0.1" },
            { "type": "InternalIP", "address": "fd00::1" },
            { "type": "Hostname", "address": "h" },
        ]);
        assert_eq!(addresses, expected);
    }

    #[test]
    fn what_is_missing_is_said() {
        let mut case = Case::new();
        case.readiness = Readiness {
            runtime: Some("container runtime is down".to_owned()),
            network: None,
        };
        case.expect("Ready", "False KubeletNotReady container runtime is down");
        case.readiness.network = Some("no network".to_owned());
        case.expect(
            "Ready",
            "False KubeletNotReady [container runtime is down, no network]",
        );
        case.pressure.memory = true;
        case.expect(
            "MemoryPressure",
            "True KubeletHasInsufficientMemory kubelet has insufficient memory available",
        );
    }

    #[test]
    fn pods_get_what_the_system_and_the_thresholds_leave() {
        let mut case = Case::new();
        let amount = |case: &Case, resource: &str| {
            let status = case.status();
            (
                status.capacity.unwrap()[resource].0.clone(),
                status.allocatable.unwrap()[resource].0.clone(),
            )
        };
        let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
        assert_eq!(amount(&case, "memory"), pair("1048576Ki", "946176Ki"));
        assert_eq!(
            amount(&case, "ephemeral-storage"),
            pair("10485760Ki", "9663676416")
        );
        assert_eq!(amount(&case, "pods"), pair("110", "110"));
        case.eviction = EvictionSettings::off();
        case.reserved = serde_json::from_value(json!({ "cpu": "500m", "memory": "24Mi" })).unwrap();
        assert_eq!(amount(&case, "memory"), pair("1048576Ki", "1024000Ki"));
        assert_eq!(
            amount(&case, "ephemeral-storage"),
            pair("10485760Ki", "10485760Ki")
        );
        assert_eq!(amount(&case, "cpu"), pair("2", "1500m"));
    }

    #[test]
    fn resources_of_others_stay_and_can_be_allocated() {
        let mut case = Case::new();
        case.previous = serde_json::from_value(json!({
            "capacity": { "example.com/dongle": "4", "cpu": "9" },
            "allocatable": { "example.com/gone": "1" },
        }))
        .unwrap();
        let status = case.status();
        let amount = |list: &Option<ResourceList>, resource: &str| {
            let amount = list.as_ref().unwrap().get(resource);
            amount.map(|amount| amount.0.clone())
        };
        for (resource, expected) in [
            ("example.com/dongle", Some("4")),
            ("example.com/gone", None),
            ("cpu", Some("2")),
        ] {
            assert_eq!(
                amount(&status.capacity, resource).as_deref(),
                expected,
                "{resource}"
            );
            assert_eq!(
                amount(&status.allocatable, resource).as_deref(),
                expected,
                "{resource}"
            );
        }
    }

    #[test]
    fn the_heartbeat_alone_is_no_change() {
        let mut case = Case::new();
        case.previous = case.status();
        let mut conditions = case.previous.conditions.take().unwrap();
        for condition in &mut conditions {
            condition.last_heartbeat_time = Some(Time(at(10)));
            condition.last_transition_time = Some(Time(at(5)));
        }
        conditions.push(NodeCondition {
            type_: "NetworkUnavailable".to_owned(),
            status: "False".to_owned(),
            ..NodeCondition::default()
        });
        case.previous.conditions = Some(conditions);
        assert!(is_same(&case.previous, &case.status()));
        case.pressure.pid = true;
        assert!(!is_same(&case.previous, &case.status()));
        let status = case.status();
        let time = |kind: &str| {
            let condition = status
                .conditions
                .iter()
                .flatten()
                .find(|c| c.type_ == kind)
                .unwrap();
            condition.last_transition_time.clone().unwrap().0
        };
        assert_eq!((time("Ready"), time("PIDPressure")), (at(5), at(1000)));
    }

    #[test]
    fn large_images_come_first_and_nameless_ones_not_at_all() {
        let mut case = Case::new();
        let image = |tags: &[&str], size| Image {
            repo_tags: tags.iter().map(|&tag| tag.to_owned()).collect(),
            size,
            ..Image::default()
        };
        case.images = vec![image(&["a"], 1), image(&["b1", "b2"], 5), image(&[], 9)];
        let told = serde_json::to_value(case.status().images).unwrap();
        assert_eq!(
            told,
            json!([{ "names": ["b1", "b2"], "sizeBytes": 5 }, { "names": ["a"], "sizeBytes": 1 }])
        );
    }
}
