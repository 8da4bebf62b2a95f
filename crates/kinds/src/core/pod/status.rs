//! What a kubelet may say of a pod.

use std::net::IpAddr;

use serde_json::Value;

use crate::toolkit::Field;
use crate::toolkit::columns::{list, text};

/// The rules for a change of status.
pub fn rules(pod: &Field, old: &Value) {
    let status = pod.child("status");
    let nominated = status.child("nominatedNodeName");
    if !nominated.is_empty() {
        nominated.dns_subdomain();
    }
    for condition in status.child("conditions").items() {
        let named = condition.standing_for("Type", condition.child("type").value());
        named.qualified_name();
    }
    let (spec, old_status) = (pod.child("spec"), &old["status"]);
    for (list, restart_policy) in [
        ("containerStatuses", spec.text_of("restartPolicy")),
        (
            "initContainerStatuses",
            init_policy(spec.text_of("restartPolicy")),
        ),
    ] {
        transitions(&status.child(list), old_status, restart_policy, &spec);
    }
    let ephemeral = status.child("ephemeralContainerStatuses");
    transitions(&ephemeral, old_status, "Never", &spec);
    addresses(&status.child("podIPs"));
    addresses(&status.child("hostIPs"));
    status.child("qosClass").immutable(old_status.get("qosClass"));
}

/// An init container that failed is started again unless the pod never restarts.
fn init_policy(policy: &str) -> &str {
    if policy == "Always" { "OnFailure" } else { policy }
}

/// What has ended for good cannot run again.
fn transitions(statuses: &Field, old: &Value, policy: &str, spec: &Field) {
    let Some(list_name) = statuses.name() else {
        return;
    };
    if policy == "Always" {
        return;
    }
    for old in list(old, &[list_name]) {
        let terminated = &old["state"]["terminated"];
        if !terminated.is_object() {
            continue;
        }
        let may_run_again = (policy == "OnFailure" && terminated["exitCode"] != 0)
            || restarts_itself(spec, text(old, &["name"]));
        if may_run_again {
            continue;
        }
        for status in statuses.items() {
            let state = status.child("state");
            if status.text_of("name") == text(old, &["name"]) && !state.child("terminated").is_set() {
                state.forbidden("may not be transitioned to non-terminated state");
            }
        }
    }
}

/// Whether the container has a restart policy of its own.
fn restarts_itself(spec: &Field, name: &str) -> bool {
    ["containers", "initContainers"].iter().any(|list| {
        spec.child(list).items().any(|each| {
            each.text_of("name") == name && !matches!(each.text_of("restartPolicy"), "" | "Never")
        })
    })
}

/// Two addresses at most, of different families.
fn addresses(addresses: &Field) {
    let mut families = [0, 0];
    for address in addresses.items() {
        let text = address.child("ip");
        match meta::name::parse_ip(text.text()) {
            Some(IpAddr::V4(_)) => families[0] += 1,
            Some(IpAddr::V6(_)) => families[1] += 1,
            None => text.ip_address(),
        }
    }
    if families.iter().any(|&count| count > 1) {
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
}
