//! What a pod's spec must be like, in pods and in templates.

pub mod affinity;
pub mod container;
pub mod containers;
pub mod dns;
pub mod env;
pub mod mounts;
pub mod os;
pub mod ports;
pub mod probes;
pub mod references;
pub mod requirements;
pub mod scheduling;
pub mod security;
#[cfg(test)]
mod tests;
pub mod volumes;

use crate::core::pod::context::PodContext;
use crate::toolkit::checks::not_between;
use crate::toolkit::{Field, Seen};

/// What restarts when a container ends.
const RESTART_POLICIES: &[&str] = &["Always", "OnFailure", "Never"];
const MAX_HOSTNAME_OVERRIDE: usize = 64;

/// Everything a pod and a template have in common. `pod_name` is empty in a template.
pub fn spec(spec: &Field, pod_name: &str) {
    let wrong_volumes = volumes::volumes(&spec.child("volumes"), pod_name);
    let pod = &PodContext::new(spec).without_volumes(wrong_volumes);
    resource_claims(&spec.child("resourceClaims"), pod_name);
    containers::regular(&spec.child("containers"), pod);
    containers::init(&spec.child("initContainers"), pod);
    containers::ephemeral(&spec.child("ephemeralContainers"), pod);
    security::host_ports(spec, pod_name.is_empty());
    requirements::of_pod(spec);
    spec.child("restartPolicy").one_of(RESTART_POLICIES);
    dns::dns(spec);
    spec.child("nodeSelector").labels();
    security::of_pod(spec, pod);
    security::host_users(spec, pod);
    security::host_process(spec);
    os::os(spec);
    for name in [
        "serviceAccountName",
        "nodeName",
        "priorityClassName",
        "runtimeClassName",
    ] {
        let name = spec.child(name);
        if !name.is_empty() {
            name.dns_subdomain();
        }
    }
    affinity::affinity(&spec.child("affinity"));
    scheduling::readiness_gates(&spec.child("readinessGates"));
    scheduling::gates(&spec.child("schedulingGates"));
    scheduling::topology_spread(&spec.child("topologySpreadConstraints"));
    scheduling::tolerations(&spec.child("tolerations"));
    dns::host_aliases(&spec.child("hostAliases"));
    let deadline = spec.child("activeDeadlineSeconds");
    if let Some(seconds) = deadline.int() {
        let (least, most) = (1, i64::from(i32::MAX));
        if !(least..=most).contains(&seconds) {
            deadline.invalid(&not_between(least, most));
        }
    }
    names(spec);
    let preemption = spec.child("preemptionPolicy");
    if preemption.is_set() {
        preemption.one_of(&["PreemptLowerPriority", "Never"]);
    }
    requirements::overhead(&spec.child("overhead"));
}

/// The containers of all three lists.
pub fn each_container(spec: &Field, mut rules: impl FnMut(&Field)) {
    for list in ["initContainers", "containers", "ephemeralContainers"] {
        for container in spec.child(list).items() {
            rules(&container);
        }
    }
}

fn names(spec: &Field) {
    for name in ["hostname", "subdomain"] {
        let name = spec.child(name);
        if !name.is_empty() {
            name.dns_label();
        }
    }
    let name = spec.child("hostnameOverride");
    if name.is_set() {
        if spec.child("setHostnameAsFQDN").is_true() {
            name.forbidden("may not be specified when setHostnameAsFQDN is true");
        }
        if spec.child("hostNetwork").is_true() {
            name.forbidden("may not be specified when hostNetwork is true");
        }
        if name.text().len() > MAX_HOSTNAME_OVERRIDE {
            name.too_long(MAX_HOSTNAME_OVERRIDE);
        }
        name.dns_subdomain();
    }
}

/// A claim that is made for the pod is named after both.
fn final_name(name: &Field, pod_name: &str) {
    let claim = format!("{pod_name}-{}", name.text());
    for complaint in meta::name::dns1123_subdomain(&claim) {
        name.invalid_as(claim.as_str(), &format!("final ResourceClaim name: {complaint}"));
    }
}

/// Devices that the pod's containers may use.
fn resource_claims(claims: &Field, pod_name: &str) {
    let mut names = Seen::new();
    for claim in claims.items() {
        let name = claim.child("name");
        if name.is_empty() {
            name.required("");
        } else if names.again(name.text()) {
            name.duplicate();
        } else {
            let complaints = meta::name::dns1123_label(name.text());
            if complaints.is_empty()
                && !pod_name.is_empty()
                && claim.child("resourceClaimTemplateName").is_set()
            {
                final_name(&name, pod_name);
            }
            name.complain(complaints);
        }
        let (by_name, by_template) = (
            claim.child("resourceClaimName"),
            claim.child("resourceClaimTemplateName"),
        );
        match (by_name.is_set(), by_template.is_set()) {
            (true, true) => claim.invalid(
                "at most one of `resourceClaimName` or `resourceClaimTemplateName` may be specified",
            ),
            (false, false) => {
                claim.invalid("must specify one of: `resourceClaimName`, `resourceClaimTemplateName`")
            }
            (true, false) => by_name.dns_subdomain(),
            (false, true) => by_template.dns_subdomain(),
        }
    }
}
