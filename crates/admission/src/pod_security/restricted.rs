//! The restricted level: what hardened pods keep to, beyond the baseline.

use std::collections::BTreeSet;

use serde_json::Value;

use super::baseline::{added_beyond, forbidden_seccomp, proc_mount, seccomp_detail};
use super::pod::Pod;
use super::words::{containers, plural, quoted, violation};
use super::{Check, Violation};
use crate::request::{items, text};

pub(super) const CHECKS: &[Check] = &[
    Check::new(&[(8, privilege_escalation), (25, privilege_escalation_on_linux)]),
    Check::new(&[(22, capabilities), (25, capabilities_on_linux)]),
    Check::new(&[(35, proc_mount)]),
    Check::new(&[(0, volumes)]),
    Check::new(&[(0, run_as_non_root), (35, run_as_non_root_of_node)]),
    Check::new(&[(23, run_as_user), (35, run_as_user_of_node)]),
    Check::new(&[(19, seccomp), (25, seccomp_on_linux)]),
];

fn on_linux(pod: &Pod<'_>, look: fn(&Pod<'_>) -> Option<Violation>) -> Option<Violation> {
    if pod.is_for_windows() { None } else { look(pod) }
}

/// Pods with users of their own may be root among them.
fn unless_own_users(pod: &Pod<'_>, look: fn(&Pod<'_>) -> Option<Violation>) -> Option<Violation> {
    if pod.has_own_users() { None } else { look(pod) }
}

fn privilege_escalation_on_linux(pod: &Pod<'_>) -> Option<Violation> {
    on_linux(pod, privilege_escalation)
}

fn privilege_escalation(pod: &Pod<'_>) -> Option<Violation> {
    let escalates =
        |container: &Value| container["securityContext"]["allowPrivilegeEscalation"].as_bool() != Some(false);
    let names = pod.containers_that(escalates);
    if names.is_empty() {
        return None;
    }
    let detail = format!(
        "{} must set securityContext.allowPrivilegeEscalation=false",
        containers(&names)
    );
    violation("allowPrivilegeEscalation != false", detail)
}

fn capabilities_on_linux(pod: &Pod<'_>) -> Option<Violation> {
    on_linux(pod, capabilities)
}

fn capabilities(pod: &Pod<'_>) -> Option<Violation> {
    let keeps = |container: &Value| {
        let dropped = items(container, "/securityContext/capabilities/drop");
        !dropped.iter().any(|capability| capability == "ALL")
    };
    let mut details = Vec::new();
    let keeping = pod.containers_that(keeps);
    if !keeping.is_empty() {
        let names = containers(&keeping);
        details.push(format!(
            "{names} must set securityContext.capabilities.drop=[\"ALL\"]"
        ));
    }
    let (adding, added) = added_beyond(pod, &["NET_BIND_SERVICE"]);
    if !adding.is_empty() {
        let (names, added) = (containers(&adding), quoted(added));
        details.push(format!(
            "{names} must not include {added} in securityContext.capabilities.add"
        ));
    }
    if details.is_empty() {
        return None;
    }
    violation("unrestricted capabilities", details.join("; "))
}

fn volumes(pod: &Pod<'_>) -> Option<Violation> {
    /// What a volume without source is.
    const DEFAULT: &str = "emptyDir";
    const ALLOWED: [&str; 9] = [
        "configMap",
        "csi",
        "downwardAPI",
        DEFAULT,
        "ephemeral",
        "image",
        "persistentVolumeClaim",
        "projected",
        "secret",
    ];
    let (mut names, mut kinds) = (Vec::new(), BTreeSet::new());
    for volume in items(pod.spec, "/volumes") {
        let members = volume.as_object().into_iter().flatten();
        let mut sources = members
            .map(|(member, _)| member.as_str())
            .filter(|member| *member != "name");
        let kind = sources.next().unwrap_or(DEFAULT);
        if !ALLOWED.contains(&kind) {
            names.push(text(volume, "/name"));
            kinds.insert(kind);
        }
    }
    if names.is_empty() {
        return None;
    }
    let detail = format!(
        "{} {} {} restricted volume {} {}",
        plural(names.len(), "volume", "volumes"),
        quoted(names.iter().copied()),
        plural(names.len(), "uses", "use"),
        plural(kinds.len(), "type", "types"),
        quoted(kinds)
    );
    violation("restricted volume types", detail)
}

fn run_as_non_root_of_node(pod: &Pod<'_>) -> Option<Violation> {
    unless_own_users(pod, run_as_non_root)
}

fn run_as_non_root(pod: &Pod<'_>) -> Option<Violation> {
    let own = |security: &Value| security["runAsNonRoot"].as_bool();
    let of_pod = own(pod.security());
    let with =
        |wanted: Option<bool>| pod.containers_that(|container| own(&container["securityContext"]) == wanted);
    let mut details = Vec::new();
    if of_pod == Some(false) {
        details.push(String::from(
            "pod must not set securityContext.runAsNonRoot=false",
        ));
    }
    let refusing = with(Some(false));
    if !refusing.is_empty() {
        let names = containers(&refusing);
        details.push(format!("{names} must not set securityContext.runAsNonRoot=false"));
    }
    let silent = with(None);
    if details.is_empty() && of_pod.is_none() && !silent.is_empty() {
        let names = containers(&silent);
        details.push(format!(
            "pod or {names} must set securityContext.runAsNonRoot=true"
        ));
    }
    if details.is_empty() {
        return None;
    }
    violation("runAsNonRoot != true", details.join(", "))
}

fn run_as_user_of_node(pod: &Pod<'_>) -> Option<Violation> {
    unless_own_users(pod, run_as_user)
}

fn run_as_user(pod: &Pod<'_>) -> Option<Violation> {
    let is_root = |security: &Value| security["runAsUser"].as_i64() == Some(0);
    let mut details = Vec::new();
    if is_root(pod.security()) {
        details.push(String::from("pod must not set runAsUser=0"));
    }
    let names = pod.containers_that(|container| is_root(&container["securityContext"]));
    if !names.is_empty() {
        details.push(format!("{} must not set runAsUser=0", containers(&names)));
    }
    if details.is_empty() {
        return None;
    }
    violation("runAsUser=0", details.join(", "))
}

fn seccomp_on_linux(pod: &Pod<'_>) -> Option<Violation> {
    on_linux(pod, seccomp)
}

fn seccomp(pod: &Pod<'_>) -> Option<Violation> {
    let setters = forbidden_seccomp(pod);
    if !setters.is_empty() {
        return violation("seccompProfile", seccomp_detail(&setters));
    }
    let is_silent = |security: &Value| text(security, "/seccompProfile/type").is_empty();
    let silent = pod.containers_that(|container| is_silent(&container["securityContext"]));
    if !is_silent(pod.security()) || silent.is_empty() {
        return None;
    }
    let detail = format!(
        "pod or {} must set securityContext.seccompProfile.type to \"RuntimeDefault\" or \"Localhost\"",
        containers(&silent)
    );
    violation("seccompProfile", detail)
}
