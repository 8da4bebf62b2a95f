//! Rules for the three lists of containers.

use super::{container, ports, probes};
use crate::core::pod::context::PodContext;
use crate::toolkit::{Field, Seen};

/// The containers proper.
pub fn regular(containers: &Field, pod: &PodContext) {
    if containers.is_empty() {
        return containers.required("");
    }
    let mut names = Seen::new();
    for each in containers.items() {
        container::common(&each, pod);
        if names.again(each.text_of("name")) {
            each.child("name").duplicate_as(each.text_of("name"));
        }
        probes(&each, pod);
        container::restart_policy(&each);
    }
    let mut host_ports = Seen::new();
    for each in containers.items() {
        ports::host_ports(&each.child("ports"), &mut host_ports);
    }
}

/// Init containers: those that stay (sidecars) are allowed what containers are.
pub fn init(containers: &Field, pod: &PodContext) {
    let mut names = Seen::new();
    for name in pod.container_names() {
        names.again(name);
    }
    for each in containers.items() {
        container::common(&each, pod);
        container::restart_policy_of_init(&each);
        unique(&each, &mut names);
        // They run one by one, so each has all ports; upstream names the first one's place for all of them.
        let first = containers.standing_item(0, each.value());
        ports::host_ports(&first.child("ports"), &mut Seen::new());
        if each.text_of("restartPolicy") == "Always" {
            probes(&each, pod);
        } else {
            no_probes(&each);
        }
    }
}

fn probes(container: &Field, pod: &PodContext) {
    probes::lifecycle(&container.child("lifecycle"), pod);
    probes::liveness(&container.child("livenessProbe"), pod);
    probes::readiness(&container.child("readinessProbe"), pod);
    probes::startup(&container.child("startupProbe"), pod);
}

/// A container that ends before the pod starts is not looked after while it runs.
fn no_probes(container: &Field) {
    for field in ["lifecycle", "livenessProbe", "readinessProbe", "startupProbe"] {
        let field = container.child(field);
        if field.is_set() {
            field.forbidden("may not be set for init containers without restartPolicy=Always");
        }
    }
    for policy in container.child("resizePolicy").items() {
        let restart = policy.child("restartPolicy");
        if restart.text() == "RestartContainer" {
            restart.invalid("must not be set to 'RestartContainer' for non-sidecar initContainers");
        }
    }
}

/// Ephemeral containers: for a look at a running pod, so without all that a service needs.
pub fn ephemeral(containers: &Field, pod: &PodContext) {
    if containers.is_empty() {
        return;
    }
    let mut names = Seen::new();
    for name in pod.container_names().chain(pod.init_container_names()) {
        names.again(name);
    }
    for each in containers.items() {
        container::common(&each, pod);
        container::only_in_pods(&each);
        if names.again(each.text_of("name")) {
            each.child("name").duplicate_as(each.text_of("name"));
        }
        let target = each.child("targetContainerName");
        let mut others = pod.container_names().chain(pod.init_container_names());
        if !target.is_empty() && !others.any(|name| name == target.text()) {
            target.not_found_as(target.text());
        }
        only_allowed_fields(&each);
        for mount in each.child("volumeMounts").items() {
            for field in ["subPath", "subPathExpr"] {
                let field = mount.child(field);
                if !field.is_empty() {
                    field.forbidden(NOT_FOR_EPHEMERAL);
                }
            }
        }
    }
}

const NOT_FOR_EPHEMERAL: &str = "cannot be set for an Ephemeral Container";

fn only_allowed_fields(container: &Field) {
    for name in [
        "ports",
        "resources",
        "resizePolicy",
        "restartPolicy",
        "restartPolicyRules",
        "livenessProbe",
        "readinessProbe",
        "startupProbe",
        "lifecycle",
    ] {
        let field = container.child(name);
        // Whoever writes an empty list has set it; resources alone are always there.
        let is_set = match name {
            "resources" => field.entries().any(|(_, part)| part.is_set()),
            _ => field.is_set(),
        };
        if is_set {
            field.forbidden(NOT_FOR_EPHEMERAL);
        }
    }
}

fn unique<'v>(container: &Field<'_, 'v>, names: &mut Seen<&'v str>) {
    let name = container.text_of("name");
    if names.contains(name) {
        container.child("name").duplicate_as(name);
    } else if !name.is_empty() {
        names.again(name);
    }
}
