//! Kernel settings of pods: those that stay in the pod and cannot harm the node.

use crate::pod::PodToRun;

/// Settings every pod may change.
const SAFE: [&str; 12] = [
    "kernel.shm_rmid_forced",
    "net.ipv4.ip_local_port_range",
    "net.ipv4.ip_local_reserved_ports",
    "net.ipv4.ip_unprivileged_port_start",
    "net.ipv4.ping_group_range",
    "net.ipv4.tcp_fin_timeout",
    "net.ipv4.tcp_keepalive_intvl",
    "net.ipv4.tcp_keepalive_probes",
    "net.ipv4.tcp_keepalive_time",
    "net.ipv4.tcp_rmem",
    "net.ipv4.tcp_syncookies",
    "net.ipv4.tcp_wmem",
];

/// Why a pod may not run here for the settings it asks for, if so: the message of its failure, whose reason is
/// `SysctlForbidden`.
pub fn forbidden(pod: &PodToRun) -> Option<String> {
    let spec = pod.spec();
    let context = spec.security_context.as_ref()?;
    let mut names = context
        .sysctls
        .iter()
        .flatten()
        .map(|sysctl| sysctl.name.replace('/', "."));
    names.find_map(|name| {
        let problem = if !SAFE.contains(&name.as_str()) {
            "not allowlisted"
        } else if name.starts_with("net.") && spec.host_network == Some(true) {
            "not allowed with host net enabled"
        } else if name.starts_with("kernel.shm") && spec.host_ipc == Some(true) {
            "not allowed with host ipc enabled"
        } else {
            return None;
        };
        Some(format!("forbidden sysctl: {name:?} {problem}"))
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::{Value, json};

    use super::*;

    fn check(name: &str, mut spec: Value, problem: Option<&str>) {
        spec["containers"] = json!([]);
        spec["securityContext"] = json!({ "sysctls": [{ "name": name, "value": "1" }] });
        let pod = PodToRun::new(Arc::new(
            serde_json::from_value(json!({ "metadata": {}, "spec": spec })).unwrap(),
        ));
        assert_eq!(forbidden(&pod).as_deref(), problem);
    }

    #[test]
    fn only_what_stays_in_the_pod() {
        check("kernel.shm_rmid_forced", json!({}), None);
        check("net/ipv4/tcp_syncookies", json!({}), None);
        check(
            "kernel.msgmax",
            json!({}),
            Some("forbidden sysctl: \"kernel.msgmax\" not allowlisted"),
        );
        check(
            "net.ipv4.tcp_syncookies",
            json!({ "hostNetwork": true }),
            Some("forbidden sysctl: \"net.ipv4.tcp_syncookies\" not allowed with host net enabled"),
        );
        check(
            "kernel.shm_rmid_forced",
            json!({ "hostIPC": true }),
            Some("forbidden sysctl: \"kernel.shm_rmid_forced\" not allowed with host ipc enabled"),
        );
    }
}
