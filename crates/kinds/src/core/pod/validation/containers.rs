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
        container::restart_policy(&each);
        probes::lifecycle(&each.child("lifecycle"), pod);
        probes::liveness(&each.child("livenessProbe"), pod);
        probes::readiness(&each.child("readinessProbe"), pod);
        probes::startup(&each.child("startupProbe"), pod);
        unique(&each, &mut names);
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
        container::restart_policy(&each);
        if each.text_of("restartPolicy") == "Always" {
            probes::lifecycle(&each.child("lifecycle"), pod);
            probes::liveness(&each.child("livenessProbe"), pod);
            probes::readiness(&each.child("readinessProbe"), pod);
            probes::startup(&each.child("startupProbe"), pod);
        } else {
            for field in ["lifecycle", "livenessProbe", "readinessProbe", "startupProbe"] {
                let field = each.child(field);
                if field.is_set() {
                    field.forbidden("may not be set for init containers without restartPolicy=Always");
                }
            }
            let resizing = each.child("resizePolicy");
            if !resizing.is_empty() {
                resizing.invalid("must not be set for init containers");
            }
        }
        unique(&each, &mut names);
        ports::host_ports(&each.child("ports"), &mut Seen::new());
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
        only_allowed_fields(&each);
        unique(&each, &mut names);
        let target = each.child("targetContainerName");
        if !target.is_empty() && !pod.container_names().any(|name| name == target.text()) {
            target.not_found_as(target.text());
        }
        for mount in each.child("volumeMounts").items() {
            for field in ["subPath", "subPathExpr"] {
                let field = mount.child(field);
                if !field.is_empty() {
                    field.forbidden(NOT_FOR_EPHEMERAL);
                }
            }
        }
    }
    container::only_in_pods(containers);
}

const NOT_FOR_EPHEMERAL: &str = "cannot be set for an Ephemeral Container";

fn only_allowed_fields(container: &Field) {
    for field in [
        "ports",
        "livenessProbe",
        "readinessProbe",
        "startupProbe",
        "lifecycle",
        "resources",
        "resizePolicy",
        "restartPolicy",
        "restartPolicyRules",
    ] {
        let field = container.child(field);
        if !field.is_empty() {
            field.forbidden(NOT_FOR_EPHEMERAL);
        }
    }
}

fn unique<'v>(container: &Field<'_, 'v>, names: &mut Seen<&'v str>) {
    let name = container.text_of("name");
    if !name.is_empty() && names.again(name) {
        container.child("name").duplicate();
    }
}
