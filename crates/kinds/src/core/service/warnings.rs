//! What clients are told of services that are taken as they are.

use serde_json::Value;

use super::needs;
use crate::toolkit::columns::{list, text};

const HINTS: &str = "service.kubernetes.io/topology-aware-hints";

/// All warnings about a service, in order.
pub fn of(service: &Value) -> Vec<String> {
    let spec = &service["spec"];
    let mut warnings = Vec::new();
    if service["metadata"]["annotations"].get(HINTS).is_some() {
        warnings.push(format!(
            "annotation {HINTS} is deprecated, please use service.kubernetes.io/topology-mode instead"
        ));
    }
    let is_headless = needs::is_headless(spec);
    if is_headless {
        warnings.extend(ignored(spec));
    } else {
        odd_addresses(&mut warnings, spec, "clusterIPs");
    }
    odd_addresses(&mut warnings, spec, "externalIPs");
    let is_external = text(spec, &["type"]) == "ExternalName";
    let has_addresses = !list(spec, &["externalIPs"]).is_empty();
    if has_addresses && !is_headless && !is_external {
        warnings.push(
            "spec.externalIPs is deprecated and may no longer be implemented in some clusters".to_owned(),
        );
    }
    let balancer = meta::name::ip_warning(text(spec, &["loadBalancerIP"]));
    warnings.extend(balancer.map(|warning| format!("spec.loadBalancerIP: {warning}")));
    for (index, range) in list(spec, &["loadBalancerSourceRanges"]).iter().enumerate() {
        let told = meta::name::cidr_warnings(range.as_str().unwrap_or(""));
        warnings.extend(
            told.iter()
                .map(|warning| format!("spec.loadBalancerSourceRanges[{index}]: {warning}")),
        );
    }
    if is_external && has_addresses {
        warnings.push(r#"spec.externalIPs is ignored when spec.type is "ExternalName""#.to_owned());
    }
    if !is_external && !text(spec, &["externalName"]).is_empty() {
        warnings.push(r#"spec.externalName is ignored when spec.type is not "ExternalName""#.to_owned());
    }
    if text(spec, &["trafficDistribution"]) == "PreferClose" {
        warnings.push(
            r#"spec.trafficDistribution: "PreferClose" is deprecated; use "PreferSameZone""#.to_owned(),
        );
    }
    warnings
}

/// What means nothing without an address.
fn ignored(spec: &Value) -> Vec<String> {
    let given = [
        ("loadBalancerIP", !text(spec, &["loadBalancerIP"]).is_empty()),
        ("externalIPs", !list(spec, &["externalIPs"]).is_empty()),
        ("SessionAffinity", text(spec, &["sessionAffinity"]) != "None"),
    ];
    let ignored = given.iter().filter(|(_, given)| *given);
    ignored
        .map(|(field, _)| format!("spec.{field} is ignored for headless services"))
        .collect()
}

fn odd_addresses(warnings: &mut Vec<String>, spec: &Value, field: &str) {
    for (index, address) in list(spec, &[field]).iter().enumerate() {
        let warning = meta::name::ip_warning(address.as_str().unwrap_or(""));
        warnings.extend(warning.map(|warning| format!("spec.{field}[{index}]: {warning}")));
    }
}

#[cfg(test)]
mod tests {
    use super::of;
    use serde_json::json;

    #[test]
    fn what_is_ignored_or_old_is_told() {
        for (spec, expected) in [
            (json!({"type": "ClusterIP", "sessionAffinity": "None"}), vec![]),
            (
                json!({"type": "ClusterIP", "clusterIPs": ["None"], "sessionAffinity": "ClientIP", "externalIPs": ["1.2.3.4"]}),
                vec![
                    "spec.externalIPs is ignored for headless services",
                    "spec.SessionAffinity is ignored for headless services",
                ],
            ),
            (
                json!({"type": "ExternalName", "externalIPs": ["1.2.3.4"]}),
                vec![r#"spec.externalIPs is ignored when spec.type is "ExternalName""#],
            ),
            (
                json!({"type": "LoadBalancer", "loadBalancerSourceRanges": ["10.0.0.1/8"], "externalName": "x"}),
                vec![
                    r#"spec.loadBalancerSourceRanges[0]: CIDR value "10.0.0.1/8" is ambiguous in this context (should be "10.0.0.0/8" or "10.0.0.1/32"?)"#,
                    r#"spec.externalName is ignored when spec.type is not "ExternalName""#,
                ],
            ),
        ] {
            assert_eq!(of(&json!({"spec": spec})), expected, "{spec}");
        }
    }
}
