//! The baseline level: known ways to more privileges are closed.

use std::collections::BTreeSet;

use serde_json::Value;

use super::pod::Pod;
use super::words::{Setters, containers, plural, quoted, violation};
use super::{Check, Violation};
use crate::request::{items, text};

pub(super) const CHECKS: &[Check] = &[
    Check::new(&[(0, app_armor)]),
    Check::replaced(&[(0, capabilities)], 22),
    Check::new(&[(0, host_namespaces)]),
    Check::replaced(&[(0, host_path_volumes)], 0),
    Check::new(&[(0, host_ports)]),
    Check::new(&[(34, probe_hosts)]),
    Check::new(&[(0, privileged)]),
    Check::replaced(&[(0, proc_mount), (35, proc_mount_of_node)], 35),
    Check::new(&[(0, selinux_1_0), (31, selinux_1_31)]),
    Check::replaced(&[(0, seccomp_annotations), (19, seccomp)], 19),
    Check::new(&[
        (0, sysctls_1_0),
        (27, sysctls_1_27),
        (29, sysctls_1_29),
        (32, sysctls_1_32),
    ]),
    Check::new(&[(0, windows_host_process)]),
];

fn app_armor(pod: &Pod<'_>) -> Option<Violation> {
    const ANNOTATION: &str = "container.apparmor.security.beta.kubernetes.io/";
    let forbidden = |security: &Value| {
        let profile = text(security, "/appArmorProfile/type");
        Some(profile.to_owned())
            .filter(|profile| !["", "RuntimeDefault", "Localhost"].contains(&profile.as_str()))
    };
    let mut setters = set_by(pod, forbidden);
    for (key, value) in pod.annotations().filter(|(key, _)| key.starts_with(ANNOTATION)) {
        if !["", "runtime/default"].contains(&value) && !value.starts_with("localhost/") {
            setters.annotations += 1;
            setters.values.insert(format!("{key}={value:?}"));
        }
    }
    if setters.is_empty() {
        return None;
    }
    let reason = plural(
        setters.values.len(),
        "forbidden AppArmor profile",
        "forbidden AppArmor profiles",
    );
    let detail = format!(
        "{} must not set AppArmor profile type to {}",
        setters.named(),
        setters.quoted_values()
    );
    violation(reason, detail)
}

/// Who has set a forbidden value in a security context, the pod or its containers.
fn set_by<'a>(pod: &Pod<'a>, forbidden: impl Fn(&Value) -> Option<String>) -> Setters<'a> {
    let mut setters = Setters::default();
    if let Some(value) = forbidden(pod.security()) {
        setters.pod = true;
        setters.values.insert(value);
    }
    for (name, container) in pod.containers() {
        if let Some(value) = forbidden(&container["securityContext"]) {
            setters.containers.push(name);
            setters.values.insert(value);
        }
    }
    setters
}

fn capabilities(pod: &Pod<'_>) -> Option<Violation> {
    const DEFAULT: [&str; 13] = [
        "AUDIT_WRITE",
        "CHOWN",
        "DAC_OVERRIDE",
        "FOWNER",
        "FSETID",
        "KILL",
        "MKNOD",
        "NET_BIND_SERVICE",
        "SETFCAP",
        "SETGID",
        "SETPCAP",
        "SETUID",
        "SYS_CHROOT",
    ];
    let (names, added) = added_beyond(pod, &DEFAULT);
    if names.is_empty() {
        return None;
    }
    let detail = format!(
        "{} must not include {} in securityContext.capabilities.add",
        containers(&names),
        quoted(added)
    );
    violation("non-default capabilities", detail)
}

/// The containers that add other capabilities than these, and what they add.
pub(super) fn added_beyond<'a>(pod: &Pod<'a>, allowed: &[&str]) -> (Vec<&'a str>, BTreeSet<&'a str>) {
    let (mut names, mut added) = (Vec::new(), BTreeSet::new());
    for (name, container) in pod.containers() {
        let adds = items(container, "/securityContext/capabilities/add")
            .iter()
            .filter_map(Value::as_str);
        let beyond: Vec<&str> = adds.filter(|capability| !allowed.contains(capability)).collect();
        if !beyond.is_empty() {
            names.push(name);
            added.extend(beyond);
        }
    }
    (names, added)
}

fn host_namespaces(pod: &Pod<'_>) -> Option<Violation> {
    let shared = ["hostNetwork", "hostPID", "hostIPC"];
    let shared = shared
        .into_iter()
        .filter(|field| pod.spec[field].as_bool() == Some(true));
    let shared: Vec<String> = shared.map(|field| format!("{field}=true")).collect();
    if shared.is_empty() {
        return None;
    }
    violation("host namespaces", shared.join(", "))
}

fn host_path_volumes(pod: &Pod<'_>) -> Option<Violation> {
    let volumes = items(pod.spec, "/volumes").iter();
    let names: Vec<&str> = volumes
        .filter(|volume| !volume["hostPath"].is_null())
        .map(|volume| text(volume, "/name"))
        .collect();
    if names.is_empty() {
        return None;
    }
    let detail = format!("{} {}", plural(names.len(), "volume", "volumes"), quoted(names));
    violation("hostPath volumes", detail)
}

fn host_ports(pod: &Pod<'_>) -> Option<Violation> {
    let host_ports = |container: &Value| {
        let ports = items(container, "/ports").iter();
        let ports = ports
            .filter_map(|port| port["hostPort"].as_i64())
            .filter(|port| *port != 0);
        ports.map(|port| port.to_string()).collect::<Vec<_>>()
    };
    let names = pod.containers_that(|container| !host_ports(container).is_empty());
    let ports: BTreeSet<String> = pod
        .containers()
        .flat_map(|(_, container)| host_ports(container))
        .collect();
    if names.is_empty() {
        return None;
    }
    let detail = format!(
        "{} {} {} {}",
        containers(&names),
        plural(names.len(), "uses", "use"),
        plural(ports.len(), "hostPort", "hostPorts"),
        ports.into_iter().collect::<Vec<_>>().join(", ")
    );
    violation("hostPort", detail)
}

fn probe_hosts(pod: &Pod<'_>) -> Option<Violation> {
    const HANDLERS: [&str; 5] = [
        "/livenessProbe",
        "/readinessProbe",
        "/startupProbe",
        "/lifecycle/postStart",
        "/lifecycle/preStop",
    ];
    fn hosts(container: &Value) -> impl Iterator<Item = &str> {
        let handlers = HANDLERS
            .into_iter()
            .filter_map(|handler| container.pointer(handler));
        let hosts =
            handlers.flat_map(|handler| [text(handler, "/httpGet/host"), text(handler, "/tcpSocket/host")]);
        hosts.filter(|host| !host.is_empty())
    }
    let names = pod.containers_that(|container| hosts(container).next().is_some());
    let all: BTreeSet<&str> = pod
        .containers()
        .flat_map(|(_, container)| hosts(container))
        .collect();
    if names.is_empty() {
        return None;
    }
    let detail = format!(
        "{} {} probe or lifecycle {} {}",
        containers(&names),
        plural(names.len(), "uses", "use"),
        plural(all.len(), "host", "hosts"),
        quoted(all)
    );
    violation("probe or lifecycle host", detail)
}

fn privileged(pod: &Pod<'_>) -> Option<Violation> {
    let names =
        pod.containers_that(|container| container["securityContext"]["privileged"].as_bool() == Some(true));
    if names.is_empty() {
        return None;
    }
    let detail = format!(
        "{} must not set securityContext.privileged=true",
        containers(&names)
    );
    violation("privileged", detail)
}

/// Pods with users of their own may see all of `/proc`.
fn proc_mount_of_node(pod: &Pod<'_>) -> Option<Violation> {
    if pod.has_own_users() {
        None
    } else {
        proc_mount(pod)
    }
}

pub(super) fn proc_mount(pod: &Pod<'_>) -> Option<Violation> {
    let mut mounts = BTreeSet::new();
    let mut names = Vec::new();
    for (name, container) in pod.containers() {
        let mount = text(container, "/securityContext/procMount");
        if !["", "Default"].contains(&mount) {
            names.push(name);
            mounts.insert(mount);
        }
    }
    if names.is_empty() {
        return None;
    }
    let detail = format!(
        "{} must not set securityContext.procMount to {}",
        containers(&names),
        quoted(mounts)
    );
    violation("procMount", detail)
}

fn selinux_1_0(pod: &Pod<'_>) -> Option<Violation> {
    selinux(pod, &["", "container_t", "container_init_t", "container_kvm_t"])
}

fn selinux_1_31(pod: &Pod<'_>) -> Option<Violation> {
    selinux(
        pod,
        &[
            "",
            "container_t",
            "container_init_t",
            "container_kvm_t",
            "container_engine_t",
        ],
    )
}

fn selinux(pod: &Pod<'_>, allowed: &[&str]) -> Option<Violation> {
    let own = |security: &Value| {
        let option = |field: &str| text(&security["seLinuxOptions"], field).to_owned();
        (
            option("/type"),
            !option("/user").is_empty(),
            !option("/role").is_empty(),
        )
    };
    let is_bad = |security: &Value| {
        let (kind, user, role) = own(security);
        !allowed.contains(&kind.as_str()) || user || role
    };
    let mut setters = Setters {
        pod: is_bad(pod.security()),
        containers: pod.containers_that(|container| is_bad(&container["securityContext"])),
        ..Setters::default()
    };
    if setters.is_empty() {
        return None;
    }
    let contexts = pod
        .containers()
        .map(|(_, container)| &container["securityContext"]);
    let options: Vec<_> = contexts.chain([pod.security()]).map(own).collect();
    let types = options.iter().map(|(kind, _, _)| kind.clone());
    setters.values = types.filter(|kind| !allowed.contains(&kind.as_str())).collect();
    let mut bad = Vec::new();
    if !setters.values.is_empty() {
        let types = plural(setters.values.len(), "type", "types");
        bad.push(format!("{types} {}", setters.quoted_values()));
    }
    if options.iter().any(|(_, user, _)| *user) {
        bad.push(String::from("user may not be set"));
    }
    if options.iter().any(|(_, _, role)| *role) {
        bad.push(String::from("role may not be set"));
    }
    let detail = format!(
        "{} set forbidden securityContext.seLinuxOptions: {}",
        setters.named(),
        bad.join("; ")
    );
    violation("seLinuxOptions", detail)
}

/// Before there were fields, profiles stood in annotations.
fn seccomp_annotations(pod: &Pod<'_>) -> Option<Violation> {
    const OF_POD: &str = "seccomp.security.alpha.kubernetes.io/pod";
    const OF_CONTAINER: &str = "container.seccomp.security.alpha.kubernetes.io/";
    let chooses = |key: &str| key == OF_POD || key.starts_with(OF_CONTAINER);
    let is_fine = |value: &str| {
        ["", "runtime/default", "docker/default"].contains(&value) || value.starts_with("localhost/")
    };
    let forbidden = pod
        .annotations()
        .filter(|(key, value)| chooses(key) && !is_fine(value));
    let forbidden: BTreeSet<String> = forbidden.map(|(key, value)| format!("{key}={value:?}")).collect();
    if forbidden.is_empty() {
        return None;
    }
    let annotations = plural(forbidden.len(), "forbidden annotation", "forbidden annotations");
    let listed = forbidden.into_iter().collect::<Vec<_>>().join(", ");
    violation("seccompProfile", format!("{annotations} {listed}"))
}

fn seccomp(pod: &Pod<'_>) -> Option<Violation> {
    let setters = forbidden_seccomp(pod);
    if setters.is_empty() {
        return None;
    }
    violation("seccompProfile", seccomp_detail(&setters))
}

/// Who has set a seccomp profile that confines nothing.
pub(super) fn forbidden_seccomp<'a>(pod: &Pod<'a>) -> Setters<'a> {
    set_by(pod, |security| {
        let profile = text(security, "/seccompProfile/type");
        Some(profile.to_owned())
            .filter(|profile| !["", "RuntimeDefault", "Localhost"].contains(&profile.as_str()))
    })
}

pub(super) fn seccomp_detail(setters: &Setters<'_>) -> String {
    let values = setters.quoted_values();
    format!(
        "{} must not set securityContext.seccompProfile.type to {values}",
        setters.named()
    )
}

const SYSCTLS: [&str; 12] = [
    "kernel.shm_rmid_forced",
    "net.ipv4.ip_local_port_range",
    "net.ipv4.tcp_syncookies",
    "net.ipv4.ping_group_range",
    "net.ipv4.ip_unprivileged_port_start",
    // Since 1.27.
    "net.ipv4.ip_local_reserved_ports",
    // Since 1.29.
    "net.ipv4.tcp_keepalive_time",
    "net.ipv4.tcp_fin_timeout",
    "net.ipv4.tcp_keepalive_intvl",
    "net.ipv4.tcp_keepalive_probes",
    // Since 1.32.
    "net.ipv4.tcp_rmem",
    "net.ipv4.tcp_wmem",
];

fn sysctls_1_0(pod: &Pod<'_>) -> Option<Violation> {
    sysctls(pod, &SYSCTLS[..5])
}

fn sysctls_1_27(pod: &Pod<'_>) -> Option<Violation> {
    sysctls(pod, &SYSCTLS[..6])
}

fn sysctls_1_29(pod: &Pod<'_>) -> Option<Violation> {
    sysctls(pod, &SYSCTLS[..10])
}

fn sysctls_1_32(pod: &Pod<'_>) -> Option<Violation> {
    sysctls(pod, &SYSCTLS)
}

fn sysctls(pod: &Pod<'_>, allowed: &[&str]) -> Option<Violation> {
    let names = items(pod.security(), "/sysctls")
        .iter()
        .map(|sysctl| text(sysctl, "/name"));
    let forbidden: Vec<&str> = names.filter(|name| !allowed.contains(name)).collect();
    if forbidden.is_empty() {
        return None;
    }
    violation("forbidden sysctls", forbidden.join(", "))
}

fn windows_host_process(pod: &Pod<'_>) -> Option<Violation> {
    let is_host = |security: &Value| security["windowsOptions"]["hostProcess"].as_bool() == Some(true);
    let setters = Setters {
        pod: is_host(pod.security()),
        containers: pod.containers_that(|container| is_host(&container["securityContext"])),
        ..Setters::default()
    };
    if setters.is_empty() {
        return None;
    }
    let detail = format!(
        "{} must not set securityContext.windowsOptions.hostProcess=true",
        setters.named()
    );
    violation("hostProcess", detail)
}
