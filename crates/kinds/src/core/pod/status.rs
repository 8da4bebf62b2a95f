//! What a kubelet may say of a pod.

use std::net::IpAddr;

use serde_json::Value;

use crate::toolkit::columns::{list, text};
use crate::toolkit::{Field, Seen};

/// The rules for a change of status.
pub fn rules(pod: &Field, old: &Value) {
    let status = pod.child("status");
    let nominated = status.child("nominatedNodeName");
    if !nominated.is_empty() {
        nominated.dns_subdomain();
    }
    for condition in status.child("conditions").items() {
        // Upstream writes the field like this.
        let named = condition.standing_for("Type", condition.child("type").value());
        if !matches!(named.text(), "PodScheduled" | "Ready" | "Initialized") {
            named.qualified_name();
        }
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
    let hosts = status.child("hostIPs");
    let first = hosts.item(0);
    if !hosts.is_empty() && first.text_of("ip") != status.text_of("hostIP") {
        first
            .child("ip")
            .invalid_as(first.text_of("ip"), "must be equal to `hostIP`");
    }
    addresses(&hosts);
    claims(
        &status.child("resourceClaimStatuses"),
        &spec.child("resourceClaims"),
    );
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
    let mut seen = Seen::new();
    for address in addresses.items() {
        let text = address.text_of("ip");
        match meta::name::parse_ip(text) {
            Some(IpAddr::V4(_)) => families[0] += 1,
            Some(IpAddr::V6(_)) => families[1] += 1,
            None => {
                for complaint in meta::name::ip(text) {
                    address.invalid_as(text, &complaint);
                }
            }
        }
        if seen.again(text) {
            address.duplicate();
        }
    }
    if families.iter().any(|&count| count > 1) {
        addresses.invalid("may specify no more than one IP for each IP family");
    }
}

/// What is said of claims is said of claims the pod has, once of each.
fn claims(statuses: &Field, claims: &Field) {
    let mut seen = Seen::new();
    for status in statuses.items() {
        let name = status.child("name");
        if !claims.items().any(|claim| claim.text_of("name") == name.text()) {
            name.invalid_as(
                name.text(),
                "must match the name of an entry in `spec.resourceClaims`",
            );
        }
        if seen.again(name.text()) {
            name.duplicate();
        }
        let claim = status.child("resourceClaimName");
        if claim.is_set() {
            for complaint in meta::name::dns1123_subdomain(claim.text()) {
                name.invalid_as(claim.text(), &complaint);
            }
        }
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
