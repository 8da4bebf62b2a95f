//! Whether a pod may run on this node: what the scheduler should have seen, checked once more where it matters, and for
//! pods that came past it. Pure.

mod affinity;
mod ports;
mod resources;
mod taints;

use std::sync::Arc;

use k8s_openapi::api::core::v1::{Node, Pod};

use crate::container::sysctl;
use crate::node::Pressure;
use crate::pod::PodToRun;
use crate::pod::qos::QosClass;
use crate::status::PodVerdict;

/// Everything admission depends on.
#[derive(Clone, Copy, Debug)]
pub struct AdmissionInput<'a> {
    pub pod: &'a PodToRun,
    pub node: &'a Node,
    /// The pods that run here, or will.
    pub others: &'a [Arc<Pod>],
    pub pressure: Pressure,
}

/// Why a pod is not let in; none if it is.
pub fn refusal(input: AdmissionInput<'_>) -> Option<PodVerdict> {
    under_pressure(input)
        .or_else(|| forbidden_setting(input.pod))
        .or_else(|| resources::refusal(input))
        .or_else(|| affinity::refusal(input))
        .or_else(|| ports::refusal(input))
        .or_else(|| taints::refusal(input))
}

/// Settings of the kernel that would reach beyond the pod.
fn forbidden_setting(pod: &PodToRun) -> Option<PodVerdict> {
    sysctl::forbidden(pod).map(|message| PodVerdict {
        reason: "SysctlForbidden".to_owned(),
        message,
    })
}

/// The reason and message of a check that failed, as upstream's framework of such checks has them.
fn failed_check(name: &str, message: &str) -> PodVerdict {
    PodVerdict {
        reason: name.to_owned(),
        message: format!("Predicate {name} failed: {message}"),
    }
}

/// Pods from files and of the highest priorities, which the node needs to work.
fn is_critical(pod: &PodToRun) -> bool {
    const CRITICAL: i32 = 2_000_000_000;
    pod.is_static() || pod.spec().priority.is_some_and(|priority| priority >= CRITICAL)
}

/// A node that is short of something takes no more of what would only be evicted again.
fn under_pressure(input: AdmissionInput<'_>) -> Option<PodVerdict> {
    let pressure = input.pressure;
    if pressure == Pressure::default() || is_critical(input.pod) {
        return None;
    }
    let only_memory = pressure.memory && !pressure.disk && !pressure.pid;
    if only_memory {
        // What has asked for memory, or tolerates that there is little, may still come.
        let cheapest = QosClass::of(input.pod.spec()) == QosClass::BestEffort;
        if !cheapest || taints::tolerates_memory_pressure(input.pod) {
            return None;
        }
    }
    Some(PodVerdict {
        reason: "Evicted".to_owned(),
        message: format!("The node had condition: [{}]. ", pressure.conditions().join(", ")),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    pub fn pod(spec: Value) -> PodToRun {
        PodToRun::new(object(spec))
    }

    fn object(spec: Value) -> Arc<Pod> {
        let pod = json!({ "metadata": { "name": "p", "namespace": "n", "uid": "u" }, "spec": spec });
        Arc::new(serde_json::from_value(pod).unwrap())
    }

    fn node() -> Node {
        let node = json!({
            "metadata": { "name": "a", "labels": { "zone": "z1", "cores": "4" } },
            "spec": { "taints": [
                { "key": "gone", "effect": "NoExecute" }, { "key": "other", "effect": "NoSchedule" } ] },
            "status": { "allocatable": { "cpu": "2", "memory": "1Gi", "pods": "2", "example.com/gpu": "1" } },
        });
        serde_json::from_value(node).unwrap()
    }

    fn tolerant(mut spec: Value) -> Value {
        spec["tolerations"] = json!([{ "key": "gone", "operator": "Exists" }]);
        if spec["containers"].is_null() {
            spec["containers"] = json!([]);
        }
        spec
    }

    #[track_caller]
    fn check_with(spec: Value, others: &[Value], pressure: Pressure, expected: Option<(&str, &str)>) {
        let others: Vec<Arc<Pod>> = others.iter().map(|spec| object(spec.clone())).collect();
        let pod = pod(spec);
        let found = refusal(AdmissionInput {
            pod: &pod,
            node: &node(),
            others: &others,
            pressure,
        });
        let found = found
            .as_ref()
            .map(|found| (found.reason.as_str(), found.message.as_str()));
        assert_eq!(found, expected);
    }

    #[track_caller]
    fn check(spec: Value, others: &[Value], expected: Option<(&str, &str)>) {
        check_with(spec, others, Pressure::default(), expected);
    }

    fn asks(resources: Value) -> Value {
        tolerant(json!({ "containers": [{ "name": "c", "resources": { "requests": resources } }] }))
    }

    #[test]
    fn settings_of_the_kernel_stay_within_the_pod() {
        let with = |name: &str| {
            let sysctls = json!([{ "name": name, "value": "1" }]);
            tolerant(json!({ "securityContext": { "sysctls": sysctls } }))
        };
        check(with("net.ipv4.tcp_syncookies"), &[], None);
        check(
            with("kernel.panic"),
            &[],
            Some((
                "SysctlForbidden",
                "forbidden sysctl: \"kernel.panic\" not allowlisted",
            )),
        );
    }

    #[test]
    fn resources_must_be_left() {
        check(asks(json!({ "cpu": "2" })), &[], None);
        check(
            asks(json!({ "cpu": "1" })),
            &[asks(json!({ "cpu": "1900m" }))],
            Some((
                "OutOfcpu",
                "Node didn't have enough resource: cpu, requested: 1000, used: 1900, capacity: 2000",
            )),
        );
        check(
            asks(json!({ "memory": "2Gi" })),
            &[],
            Some((
                "OutOfmemory",
                "Node didn't have enough resource: memory, requested: 2147483648, used: 0, capacity: \
                 1073741824",
            )),
        );
        check(
            asks(json!({})),
            &[asks(json!({})), asks(json!({}))],
            Some((
                "OutOfpods",
                "Node didn't have enough resource: pods, requested: 1, used: 2, capacity: 2",
            )),
        );
        check(asks(json!({ "example.com/gpu": "1" })), &[], None);
        check(
            asks(json!({ "example.com/gpu": "1" })),
            &[asks(json!({ "example.com/gpu": "1" }))],
            Some((
                "OutOfexample.com/gpu",
                "Node didn't have enough resource: example.com/gpu, requested: 1, used: 1, capacity: 1",
            )),
        );
    }

    #[test]
    fn the_node_must_be_of_the_kind_that_is_asked_for() {
        let refused = Some((
            "NodeAffinity",
            "Predicate NodeAffinity failed: node(s) didn't match Pod's node affinity/selector",
        ));
        check(tolerant(json!({ "nodeSelector": { "zone": "z1" } })), &[], None);
        check(
            tolerant(json!({ "nodeSelector": { "zone": "z2" } })),
            &[],
            refused,
        );
        let affinity = |expression: Value| {
            tolerant(
                json!({ "affinity": { "nodeAffinity": { "requiredDuringSchedulingIgnoredDuringExecution": {
                "nodeSelectorTerms": [{ "matchExpressions": [{ "key": "nope", "operator": "Exists" }] }, expression] } } } }),
            )
        };
        let expression = |key: &str, operator: &str, values: Value| {
            affinity(json!({ "matchExpressions": [{ "key": key, "operator": operator, "values": values }] }))
        };
        check(expression("zone", "In", json!(["z1", "z2"])), &[], None);
        check(expression("zone", "NotIn", json!(["z1"])), &[], refused);
        check(expression("zone", "DoesNotExist", json!(null)), &[], refused);
        check(expression("cores", "Gt", json!(["3"])), &[], None);
        check(expression("cores", "Lt", json!(["4"])), &[], refused);
        let by_name = |name: &str| {
            affinity(
                json!({ "matchFields": [{ "key": "metadata.name", "operator": "In", "values": [name] }] }),
            )
        };
        check(by_name("a"), &[], None);
        check(by_name("b"), &[], refused);
    }

    #[test]
    fn ports_of_the_node_must_be_free() {
        let port = |number: u16, protocol: &str, ip: &str| {
            tolerant(json!({ "containers": [{ "name": "c", "ports": [
                { "containerPort": 80, "hostPort": number, "protocol": protocol, "hostIP": ip }] }] }))
        };
        let refused = Some((
            "NodePorts",
            "Predicate NodePorts failed: node(s) didn't have free ports for the requested pod ports",
        ));
        check(port(80, "TCP", ""), &[], None);
        check(port(80, "TCP", ""), &[port(80, "TCP", "")], refused);
        check(
            port(80, "TCP", "10.0.0.1"),
            &[port(80, "TCP", "0.0.0.0")],
            refused,
        );
        check(port(80, "TCP", "10.0.0.1"), &[port(80, "TCP", "10.0.0.2")], None);
        check(port(80, "UDP", ""), &[port(80, "TCP", "")], None);
        check(port(81, "TCP", ""), &[port(80, "TCP", "")], None);
    }

    #[test]
    fn taints_that_drive_out_keep_out() {
        check(
            json!({ "containers": [] }),
            &[],
            Some((
                "TaintToleration",
                "Predicate TaintToleration failed: node(s) had untolerated taint(s)",
            )),
        );
        check(tolerant(json!({})), &[], None);
    }

    #[test]
    fn a_node_under_pressure_is_choosy() {
        let memory = Pressure {
            memory: true,
            ..Pressure::default()
        };
        let disk = Pressure {
            disk: true,
            ..Pressure::default()
        };
        let refused = |condition| Some(("Evicted", condition));
        let no_memory = "The node had condition: [MemoryPressure]. ";
        check_with(asks(json!({})), &[], memory, refused(no_memory));
        check_with(asks(json!({ "memory": "1Mi" })), &[], memory, None);
        let no_disk = "The node had condition: [DiskPressure]. ";
        check_with(asks(json!({ "memory": "1Mi" })), &[], disk, refused(no_disk));
        let mut critical = asks(json!({}));
        critical["priority"] = json!(2_000_001_000);
        check_with(critical, &[], disk, None);
    }
}
