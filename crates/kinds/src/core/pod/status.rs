//! What a kubelet may say of a pod.

mod claims;
mod containers;
mod restarts;

use std::net::IpAddr;

use meta::FieldError;
use serde_json::Value;

use super::update;
use crate::toolkit::Field;

/// The rules for a change of status.
pub fn rules(pod: &Field, old: &Value) {
    update::annotations(pod, old);
    let status = pod.child("status");
    let (spec, old_status) = (pod.child("spec"), &old["status"]);
    conditions(&status.child("conditions"));
    nominated_node(&status.child("nominatedNodeName"), old);
    generation(&status.child("observedGeneration"));
    status.child("qosClass").immutable(old_status.get("qosClass"));
    restarts::rules(&status, old);
    claims::rules(
        &status.child("resourceClaimStatuses"),
        &spec.child("resourceClaims"),
    );
    claims::extended(&status.child("extendedResourceClaimStatus"), &spec);
    addresses(&status.child("podIPs"));
    let hosts = status.child("hostIPs");
    let first = hosts.item(0);
    if !hosts.is_empty() && first.text_of("ip") != status.text_of("hostIP") {
        first
            .child("ip")
            .invalid_as(first.text_of("ip"), "must be equal to `hostIP`");
    }
    addresses(&hosts);
    containers::rules(&status, &spec);
}

fn conditions(conditions: &Field) {
    for condition in conditions.items() {
        generation(&condition.child("observedGeneration"));
        // Upstream writes the field like this.
        let named = condition.standing_for("Type", condition.child("type").value());
        if !matches!(named.text(), "PodScheduled" | "Ready" | "Initialized") {
            named.qualified_name();
        }
    }
}

fn generation(generation: &Field) {
    if generation.number() < 0 {
        generation.invalid("must be a non-negative integer");
    }
}

/// Where the pod may go is said until it is somewhere.
fn nominated_node(nominated: &Field, old: &Value) {
    let is_new = old["status"]["nominatedNodeName"].as_str().unwrap_or("") != nominated.text();
    if nominated.is_empty() || !is_new {
        return;
    }
    nominated.dns_subdomain();
    if old["spec"]["nodeName"]
        .as_str()
        .is_some_and(|node| !node.is_empty())
    {
        nominated.forbidden("may not be set on pods that are already bound to a node");
    }
}

/// Two addresses at most, of different families.
fn addresses(addresses: &Field) {
    let mut families = [0, 0];
    let mut unreadable = None;
    for (index, address) in addresses.items().enumerate() {
        let text = address.text_of("ip");
        match meta::name::parse_ip(text) {
            Some(IpAddr::V4(_)) => families[0] += 1,
            Some(IpAddr::V6(_)) => families[1] += 1,
            None => {
                unreadable = unreadable.or(Some((index, text)));
                for complaint in meta::name::ip(text) {
                    address.invalid_as(text, &complaint);
                }
            }
        }
    }
    if let Some((index, text)) = unreadable.filter(|_| addresses.len() > 1) {
        let why = format!("failed to check for dual stack with error:invalid IP[{index}]: {text}");
        addresses
            .report()
            .push(FieldError::internal(&addresses.path(), &why));
    }
    if addresses.len() > 1 && families != [1, 1] {
        addresses.invalid("may specify no more than one IP for each IP family");
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::part_errors;
    use serde_json::{Value, json};

    fn check(policy: &str, old: Value, new: Value, expected: &[&str]) {
        let pod = |status: Value| json!({"spec": {"restartPolicy": policy, "containers": [{"name": "c"}]}, "status": status});
        assert_eq!(part_errors("", "pods", "status", &pod(new), &pod(old)), expected);
    }

    #[test]
    fn what_has_ended_stays_so() {
        let with = |state: Value| json!({"containerStatuses": [{"name": "c", "state": state}]});
        let (running, failed) = (
            with(json!({"running": {}})),
            with(json!({"terminated": {"exitCode": 1}})),
        );
        let refused =
            "status.containerStatuses[0].state: Forbidden: may not be transitioned to non-terminated state";
        check("Never", failed.clone(), running.clone(), &[refused]);
        check("OnFailure", failed.clone(), running.clone(), &[]);
        check("Always", failed, running, &[]);
    }

    #[test]
    fn addresses_are_one_of_each_family() {
        let with = |ips: Value| json!({"podIPs": ips});
        check(
            "Always",
            json!({}),
            with(json!([{"ip": "1.2.3.4"}, {"ip": "::1"}])),
            &[],
        );
        check(
            "Always",
            json!({}),
            with(json!([{"ip": "1.2.3.4"}, {"ip": "1.2.3.5"}])),
            &[
                r#"status.podIPs: Invalid value: [{"IP":"1.2.3.4"},{"IP":"1.2.3.5"}]: may specify no more than one IP for each IP family"#,
            ],
        );
        check(
            "Always",
            json!({}),
            with(json!([{"ip": "1.2.3.4"}, {"ip": "x"}])),
            &[
                r#"status.podIPs[1]: Invalid value: "x": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"#,
                "status.podIPs: Internal error: failed to check for dual stack with error:invalid IP[1]: x",
                r#"status.podIPs: Invalid value: [{"IP":"1.2.3.4"},{"IP":"x"}]: may specify no more than one IP for each IP family"#,
            ],
        );
    }

    #[test]
    fn quality_of_service_is_decided_once() {
        check(
            "Always",
            json!({"qosClass": "BestEffort"}),
            json!({"qosClass": "Guaranteed"}),
            &[r#"status.qosClass: Invalid value: "Guaranteed": field is immutable"#],
        );
    }

    #[test]
    fn addresses_of_the_host_begin_with_its_own() {
        check(
            "Always",
            json!({}),
            json!({"hostIP": "1.2.3.4", "hostIPs": [{"ip": "1.2.3.5"}, {"ip": "::1"}]}),
            &[r#"status.hostIPs[0].ip: Invalid value: "1.2.3.5": must be equal to `hostIP`"#],
        );
        check(
            "Always",
            json!({}),
            json!({"podIPs": [{"ip": "x"}]}),
            &[
                r#"status.podIPs[0]: Invalid value: "x": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"#,
            ],
        );
    }

    #[test]
    fn claims_are_those_of_the_pod() {
        check(
            "Always",
            json!({}),
            json!({"resourceClaimStatuses": [{"name": "a"}]}),
            &[
                r#"status.resourceClaimStatuses[0].name: Invalid value: "a": must match the name of an entry in `spec.resourceClaims`"#,
            ],
        );
    }
}
