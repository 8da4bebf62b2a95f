//! What a pod's spec must be like, in pods and in templates.

pub mod affinity;
pub mod claims;
pub mod container;
pub mod containers;
pub mod dns;
pub mod env;
pub mod mounts;
pub mod os;
pub mod pod_resources;
pub mod ports;
pub mod probes;
pub mod references;
pub mod requirements;
pub mod scheduling;
pub mod security;
pub mod spread;
#[cfg(test)]
mod tests;
pub mod volumes;
pub mod windows;

use crate::core::pod::context::PodContext;
use crate::toolkit::Field;

/// What restarts when a container ends.
const RESTART_POLICIES: &[&str] = &["Always", "OnFailure", "Never"];
const MAX_HOSTNAME_OVERRIDE: usize = 64;

/// Everything a pod and a template have in common. `metadata` is that of a pod; a template has none that counts here.
pub fn spec(spec: &Field, metadata: Option<&Field>) {
    let pod_name = metadata.map_or("", |metadata| metadata.text_of("name"));
    let wrong_volumes = volumes::volumes(&spec.child("volumes"), pod_name);
    let pod = &PodContext::new(spec).without_volumes(wrong_volumes);
    claims::claims(&spec.child("resourceClaims"), metadata);
    containers::regular(&spec.child("containers"), pod);
    containers::init(&spec.child("initContainers"), pod);
    containers::ephemeral(&spec.child("ephemeralContainers"), pod);
    pod_resources::of_pod(spec, pod);
    security::host_ports(spec, metadata.is_none());
    spec.child("restartPolicy").one_of(RESTART_POLICIES);
    dns::policy(&spec.child("dnsPolicy"));
    spec.child("nodeSelector").labels();
    security::of_pod(spec, pod);
    affinity::affinity(&spec.child("affinity"));
    dns::config(spec);
    scheduling::readiness_gates(&spec.child("readinessGates"));
    scheduling::gates(&spec.child("schedulingGates"));
    spread::topology_spread(&spec.child("topologySpreadConstraints"));
    windows::host_process(spec);
    security::host_users(spec, pod);
    names(spec);
    requirements::overhead(&spec.child("overhead"));
    os::os(spec);
    env::file_volumes(spec);
}

/// Names and small things.
fn names(spec: &Field) {
    hostname_override(spec);
    for name in ["serviceAccountName", "nodeName"] {
        name_of_object(&spec.child(name));
    }
    let deadline = spec.child("activeDeadlineSeconds");
    if deadline.is_set() {
        deadline.between(1, i64::from(i32::MAX));
    }
    for name in ["hostname", "subdomain"] {
        let name = spec.child(name);
        if !name.is_empty() {
            name.dns_label();
        }
    }
    scheduling::tolerations(&spec.child("tolerations"));
    dns::host_aliases(&spec.child("hostAliases"));
    name_of_object(&spec.child("priorityClassName"));
    let runtime_class = spec.child("runtimeClassName");
    if runtime_class.is_set() {
        runtime_class.dns_subdomain();
    }
    let preemption = spec.child("preemptionPolicy");
    if preemption.is_set() {
        preemption.one_of(&["PreemptLowerPriority", "Never"]);
    }
}

fn name_of_object(name: &Field) {
    if !name.is_empty() {
        name.dns_subdomain();
    }
}

/// The containers of all three lists.
pub fn each_container<'v>(spec: &Field<'_, 'v>, mut rules: impl FnMut(&Field<'_, 'v>)) {
    for list in ["initContainers", "containers", "ephemeralContainers"] {
        for container in spec.child(list).items() {
            rules(&container);
        }
    }
}

fn hostname_override(spec: &Field) {
    let name = spec.child("hostnameOverride");
    if !name.is_set() {
        return;
    }
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
