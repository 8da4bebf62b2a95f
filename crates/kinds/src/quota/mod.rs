//! What an object counts for against the quotas of its namespace: how much of what, and by which scopes.
//!
//! The admission of an object and the controller that adds up what is there must agree on this.

mod devices;
mod pods;
mod scopes;

use std::collections::BTreeMap;

use meta::quantity::Format;
use meta::{GroupResource, Quantity};
use serde_json::Value;

pub use devices::is_of_devices;
pub use pods::unspecified;
pub use scopes::covers;

/// Amounts by the name a quota gives them.
pub type Amounts = BTreeMap<String, Quantity>;

/// Resources that quotas also know by a name without `count/`.
const PLAIN: [&str; 7] = [
    "configmaps",
    "persistentvolumeclaims",
    "pods",
    "replicationcontrollers",
    "resourcequotas",
    "secrets",
    "services",
];

/// What the object counts for. `now` is in seconds since the epoch: a pod that should have been gone by then does not
/// count.
pub fn usage(resource: &GroupResource, object: &Value, now: i64) -> Amounts {
    let mut usage = Amounts::new();
    usage.insert(count_name(resource), one());
    if *resource == devices::CLAIMS {
        devices::add_usage(object, &mut usage);
    }
    if !resource.group.is_empty() {
        return usage;
    }
    match resource.resource.as_ref() {
        "pods" => pods::add_usage(object, now, &mut usage),
        name if PLAIN.contains(&name) => {
            usage.insert(name.to_owned(), one());
            match name {
                "services" => add_ports(object, &mut usage),
                "persistentvolumeclaims" => add_storage(object, &mut usage),
                _ => {}
            }
        }
        _ => {}
    }
    usage
}

/// The name under which every object of a resource counts: `count/deployments.apps`.
pub fn count_name(resource: &GroupResource) -> String {
    match resource.group.as_ref() {
        "" => format!("count/{}", resource.resource),
        group => format!("count/{}.{group}", resource.resource),
    }
}

/// The resource whose objects a quota's name is about.
pub fn counted(name: &str) -> GroupResource {
    if let Some(counted) = name.strip_prefix("count/") {
        let (resource, group) = counted.split_once('.').unwrap_or((counted, ""));
        return named(group, resource);
    }
    if is_of_devices(name) {
        return devices::CLAIMS;
    }
    let resource = match name {
        "services.nodeports" | "services.loadbalancers" => "services",
        "requests.storage" => "persistentvolumeclaims",
        plain if PLAIN.contains(&plain) => plain,
        name if name.contains(CLASS) => "persistentvolumeclaims",
        _ => "pods",
    };
    named("", resource)
}

fn named(group: &str, resource: &str) -> GroupResource {
    GroupResource {
        group: group.to_owned().into(),
        resource: resource.to_owned().into(),
    }
}

fn one() -> Quantity {
    Quantity::new(1, Format::DecimalSi)
}

fn list<'a>(object: &'a Value, pointer: &str) -> &'a [Value] {
    object
        .pointer(pointer)
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}

fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or("")
}

/// Ports that every node opens, and balancers.
fn add_ports(service: &Value, usage: &mut Amounts) {
    let ports = list(service, "/spec/ports");
    let opened = match text(service, "/spec/type") {
        "NodePort" => ports.len(),
        "LoadBalancer" => {
            usage.insert("services.loadbalancers".to_owned(), one());
            let by_itself = service
                .pointer("/spec/allocateLoadBalancerNodePorts")
                .and_then(Value::as_bool);
            if by_itself == Some(false) {
                let given = |port: &&Value| port["nodePort"].as_i64().unwrap_or(0) != 0;
                ports.iter().filter(given).count()
            } else {
                ports.len()
            }
        }
        _ => 0,
    };
    if opened > 0 {
        let opened = i64::try_from(opened).unwrap_or(i64::MAX);
        usage.insert(
            "services.nodeports".to_owned(),
            Quantity::new(opened, Format::DecimalSi),
        );
    }
}

const CLASS: &str = ".storageclass.storage.k8s.io/";

/// What the claim asks for, altogether and of its class. What it was given counts if it is more.
fn add_storage(claim: &Value, usage: &mut Amounts) {
    let amount = |pointer: &str| text(claim, pointer).parse::<Quantity>().ok();
    let asked = amount("/spec/resources/requests/storage");
    let given = amount("/status/allocatedResources/storage");
    let class = match text(claim, "/spec/storageClassName") {
        "" => claim
            .pointer("/metadata/annotations")
            .and_then(|annotations| annotations.get("volume.beta.kubernetes.io/storage-class"))
            .and_then(Value::as_str)
            .unwrap_or(""),
        class => class,
    };
    if !class.is_empty() {
        usage.insert(format!("{class}{CLASS}persistentvolumeclaims"), one());
    }
    if let Some(storage) = asked.max(given) {
        usage.insert("requests.storage".to_owned(), storage);
        if !class.is_empty() {
            usage.insert(format!("{class}{CLASS}requests.storage"), storage);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(group: &str, resource: &str, object: Value, expected: &[(&str, &str)]) {
        let resource = named(group, resource);
        let expected: Amounts = expected
            .iter()
            .map(|(name, amount)| ((*name).to_owned(), amount.parse().unwrap()))
            .collect();
        assert_eq!(usage(&resource, &object, 0), expected, "{object}");
    }

    #[test]
    fn objects_count_by_resource() {
        check(
            "apps",
            "deployments",
            json!({}),
            &[("count/deployments.apps", "1")],
        );
        check(
            "",
            "configmaps",
            json!({}),
            &[("count/configmaps", "1"), ("configmaps", "1")],
        );
        check("", "endpoints", json!({}), &[("count/endpoints", "1")]);
    }

    #[test]
    fn services_count_for_ports_and_balancers() {
        let both = [("count/services", "1"), ("services", "1")];
        check("", "services", json!({"spec": {"ports": [{}]}}), &both);
        let node = json!({"spec": {"type": "NodePort", "ports": [{}, {}]}});
        check(
            "",
            "services",
            node,
            &[both[0], both[1], ("services.nodeports", "2")],
        );
        let balanced =
            json!({"spec": {"type": "LoadBalancer", "ports": [{}], "allocateLoadBalancerNodePorts": false}});
        check(
            "",
            "services",
            balanced,
            &[both[0], both[1], ("services.loadbalancers", "1")],
        );
    }

    #[test]
    fn claims_count_by_class() {
        let claim =
            json!({"spec": {"storageClassName": "gold", "resources": {"requests": {"storage": "5Gi"}}}});
        check(
            "",
            "persistentvolumeclaims",
            claim,
            &[
                ("count/persistentvolumeclaims", "1"),
                ("persistentvolumeclaims", "1"),
                ("requests.storage", "5Gi"),
                ("gold.storageclass.storage.k8s.io/persistentvolumeclaims", "1"),
                ("gold.storageclass.storage.k8s.io/requests.storage", "5Gi"),
            ],
        );
    }

    #[test]
    fn names_are_about_resources() {
        for (name, resource) in [
            ("count/jobs.batch", "jobs.batch"),
            ("count/pods", "pods"),
            ("requests.cpu", "pods"),
            ("requests.nvidia.com/gpu", "pods"),
            ("secrets", "secrets"),
            ("services.nodeports", "services"),
            (
                "gold.deviceclass.resource.k8s.io/devices",
                "resourceclaims.resource.k8s.io",
            ),
            (
                "gold.storageclass.storage.k8s.io/requests.storage",
                "persistentvolumeclaims",
            ),
        ] {
            assert_eq!(counted(name).to_string(), resource, "{name}");
        }
    }
}
