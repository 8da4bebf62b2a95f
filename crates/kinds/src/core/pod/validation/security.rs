//! Rules for security contexts of containers and pods.

use super::each_container;
use super::windows::windows_options;
use crate::core::pod::context::PodContext;
use crate::toolkit::{Field, Seen};

const MAX_ID: i64 = i32::MAX as i64;

/// Rights of one container.
pub fn of_container(context: &Field, pod: &PodContext) {
    if !context.is_set() {
        return;
    }
    for id in ["runAsUser", "runAsGroup"] {
        user_or_group(&context.child(id));
    }
    let proc_mount = context.child("procMount");
    proc_mount.any_of_if_set(&["Default", "Unmasked"]);
    if proc_mount.text() == "Unmasked" && pod.has_host_users() {
        proc_mount.invalid("`hostUsers` must be false to use `Unmasked`");
    }
    seccomp(&context.child("seccompProfile"));
    if context.child("allowPrivilegeEscalation").bool() == Some(false) {
        if context.child("privileged").is_true() {
            context.invalid("cannot set `allowPrivilegeEscalation` to false and `privileged` to true");
        }
        let capabilities = context.child("capabilities");
        let added = capabilities.child("add");
        for _ in added.texts().filter(|capability| *capability == "CAP_SYS_ADMIN") {
            context.invalid(
                "cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` CAP_SYS_ADMIN",
            );
        }
    }
    windows_options(&context.child("windowsOptions"));
    app_armor(&context.child("appArmorProfile"));
}

/// Rights that the containers of a pod share.
pub fn of_pod(spec: &Field, pod: &PodContext) {
    let context = spec.child("securityContext");
    for id in ["fsGroup", "runAsUser", "runAsGroup"] {
        user_or_group(&context.child(id));
    }
    for group in context.child("supplementalGroups").items() {
        user_or_group(&group);
    }
    if spec.child("shareProcessNamespace").is_true() && pod.has_host_pid() {
        context
            .child("shareProcessNamespace")
            .invalid_as(true, "ShareProcessNamespace and HostPID cannot both be enabled");
    }
    sysctls(&context.child("sysctls"), spec);
    context
        .child("fsGroupChangePolicy")
        .any_of_if_set(&["Always", "OnRootMismatch"]);
    seccomp(&context.child("seccompProfile"));
    windows_options(&context.child("windowsOptions"));
    app_armor(&context.child("appArmorProfile"));
    context
        .child("supplementalGroupsPolicy")
        .any_of_if_set(&["Merge", "Strict"]);
    context.child("seLinuxChangePolicy").any_of_if_set(&["Recursive"]);
}

/// In the host's network a port cannot be mapped. A template need not say it, as its pods will.
pub fn host_ports(spec: &Field, is_template: bool) {
    if !spec.child("hostNetwork").is_true() {
        return;
    }
    for container in spec.child("containers").items() {
        for port in container.child("ports").items() {
            let host_port = port.child("hostPort").number();
            if host_port != port.child("containerPort").number() && !(is_template && host_port == 0) {
                port.child("hostPort")
                    .invalid_as(host_port, "must match `containerPort` when `hostNetwork` is true");
            }
        }
    }
}

fn user_or_group(id: &Field) {
    if id.is_set() {
        id.between(0, MAX_ID);
    }
}

/// Linux kernel parameters.
fn sysctls(sysctls: &Field, spec: &Field) {
    let mut names = Seen::new();
    for sysctl in sysctls.items() {
        let name = sysctl.child("name");
        if name.is_empty() {
            name.required("");
        } else if !is_sysctl(name.text()) {
            name.invalid(
                "must have at most 253 characters and match regex ^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$",
            );
        } else if names.again(name.text()) {
            name.duplicate();
        }
        let shared = shared_field(name.text());
        if shared.is_some_and(|shared| spec.child(shared).is_true()) {
            let shared = shared.unwrap_or_default();
            name.invalid(&format!("may not be specified when '{shared}' is true"));
        }
    }
}

/// The field by which a pod shares with the host what the parameter is about.
fn shared_field(sysctl: &str) -> Option<&'static str> {
    // Both dots and slashes separate; the first one in the name says which of them does.
    let is_dotted = sysctl
        .find(['.', '/'])
        .is_none_or(|at| sysctl[at..].starts_with('.'));
    let name = if is_dotted {
        sysctl.to_owned()
    } else {
        sysctl.replace('/', ".")
    };
    if name.starts_with("net.") {
        return Some("hostNetwork");
    }
    (name.starts_with("fs.mqueue.") || OF_IPC.contains(&name.as_str())).then_some("hostIPC")
}

/// What belongs to the namespace of IPC by its whole name.
const OF_IPC: [&str; 10] = [
    "kernel.sem",
    "kernel.shmall",
    "kernel.shmmax",
    "kernel.shmmni",
    "kernel.shm_rmid_forced",
    "kernel.shm",
    "kernel.msgmax",
    "kernel.msgmnb",
    "kernel.msgmni",
    "kernel.msg",
];

fn is_sysctl(name: &str) -> bool {
    let is_word = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    name.len() <= 253
        && name.split(['.', '/']).all(|part| {
            let bytes = part.as_bytes();
            bytes.first().copied().is_some_and(is_word)
                && bytes.last().copied().is_some_and(is_word)
                && bytes.iter().all(|&b| is_word(b) || b == b'-' || b == b'_')
        })
}

fn seccomp(profile: &Field) {
    if !profile.is_set() {
        return;
    }
    let kind = profile.child("type");
    if kind.is_empty() {
        kind.required("type is required when seccompProfile is set");
    } else {
        kind.any_of(&["Localhost", "RuntimeDefault", "Unconfined"]);
    }
    let file = profile.child("localhostProfile");
    if kind.text() == "Localhost" {
        if file.is_set() {
            file.local_descending_path();
        } else {
            file.required("must be set when seccomp type is Localhost");
        }
    } else if file.is_set() {
        let detail = "can only be set when seccomp type is Localhost";
        file.invalid_printed(&profile.printed(), detail);
    }
}

fn app_armor(profile: &Field) {
    if !profile.is_set() {
        return;
    }
    let (kind, file) = (profile.child("type"), profile.child("localhostProfile"));
    if kind.is_empty() {
        kind.required("type is required when appArmorProfile is set");
    } else {
        kind.any_of(&["Localhost", "RuntimeDefault", "Unconfined"]);
    }
    if kind.text() == "Localhost" {
        let name = file.text().trim();
        if !file.is_set() {
            file.required("must be set when AppArmor type is Localhost");
        } else if name != file.text() {
            file.invalid("must not be padded with whitespace");
        } else if name.is_empty() {
            file.required("must be set when AppArmor type is Localhost");
        }
        if file.text().len() > MAX_APP_ARMOR_NAME {
            file.too_long(MAX_APP_ARMOR_NAME);
        }
    } else if file.is_set() && matches!(kind.text(), "RuntimeDefault" | "Unconfined") {
        file.invalid("can only be set when AppArmor type is Localhost");
    }
}

/// The longest name of an AppArmor profile, in bytes.
pub const MAX_APP_ARMOR_NAME: usize = 4095;

/// A pod with its own users cannot share what belongs to the host's.
pub fn host_users(spec: &Field, pod: &PodContext) {
    const WHY: &str = "when `hostUsers` is false";
    if pod.has_host_users() {
        return;
    }
    // Upstream writes two of the names with a capital.
    for (field, place) in [
        ("hostNetwork", "hostNetwork"),
        ("hostPID", "HostPID"),
        ("hostIPC", "HostIPC"),
    ] {
        let field = spec.child(field);
        if field.is_true() {
            spec.standing_for(place, None).forbidden(WHY);
        }
    }
    each_container(spec, |container| {
        let devices = container.child("volumeDevices");
        if !devices.is_empty() {
            devices.forbidden(WHY);
        }
    });
}
