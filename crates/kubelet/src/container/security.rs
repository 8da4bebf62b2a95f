//! Namespaces, users, groups, capabilities and profiles.

use std::path::Path;

use k8s_openapi::api::core::v1::{
    AppArmorProfile, PodSecurityContext, SELinuxOptions, SeccompProfile, SecurityContext,
};

use crate::cri::message::{
    Capability, Int64Value, LinuxContainerSecurityContext, LinuxSandboxSecurityContext, NamespaceMode,
    NamespaceOption, ProfileType, SeLinuxOption, SecurityProfile, SupplementalGroupsPolicy,
};
use crate::images::ImageRef;
use crate::pod::{Member, PodToRun};

use super::error::ConfigError;
use super::settings::NodeSettings;

/// What containers do not see of the node, unless they ask for it.
const MASKED_PATHS: [&str; 12] = [
    "/proc/asound",
    "/proc/acpi",
    "/proc/interrupts",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/sys/firmware",
    "/sys/devices/virtual/powercap",
];
/// What containers see but cannot change.
const READONLY_PATHS: [&str; 5] = [
    "/proc/bus",
    "/proc/fs",
    "/proc/irq",
    "/proc/sys",
    "/proc/sysrq-trigger",
];

/// Whether any container of the pod is privileged: then its sandbox must be.
pub fn has_privileged(pod: &PodToRun) -> bool {
    pod.members().iter().any(is_privileged)
}

fn is_privileged(member: &Member) -> bool {
    let context = member.container.security_context.as_ref();
    context.is_some_and(|context| context.privileged == Some(true))
}

fn namespaces(pod: &PodToRun) -> NamespaceOption {
    let spec = pod.spec();
    let or_node = |node: Option<bool>, mode: NamespaceMode| match node {
        Some(true) => NamespaceMode::Node,
        _ => mode,
    };
    let pid = match spec.share_process_namespace {
        Some(true) => NamespaceMode::Pod,
        _ => NamespaceMode::Container,
    };
    NamespaceOption {
        network: or_node(spec.host_network, NamespaceMode::Pod) as i32,
        pid: or_node(spec.host_pid, pid) as i32,
        ipc: or_node(spec.host_ipc, NamespaceMode::Pod) as i32,
        target_id: String::new(),
    }
}

fn number(value: Option<i64>) -> Option<Int64Value> {
    value.map(|value| Int64Value { value })
}

/// What the pod says about groups; `extra`: those its volumes need.
fn groups(context: &PodSecurityContext, extra: &[i64]) -> Vec<i64> {
    let mut groups = context.supplemental_groups.clone().unwrap_or_default();
    groups.extend(context.fs_group);
    groups.extend(extra);
    groups
}

fn groups_policy(context: &PodSecurityContext) -> i32 {
    let policy = match context.supplemental_groups_policy.as_deref() {
        Some("Strict") => SupplementalGroupsPolicy::Strict,
        _ => SupplementalGroupsPolicy::Merge,
    };
    policy as i32
}

fn selinux(options: Option<&SELinuxOptions>) -> Option<SeLinuxOption> {
    options.map(|options| SeLinuxOption {
        user: options.user.clone().unwrap_or_default(),
        role: options.role.clone().unwrap_or_default(),
        r#type: options.type_.clone().unwrap_or_default(),
        level: options.level.clone().unwrap_or_default(),
    })
}

/// The security context of a sandbox.
pub fn of_sandbox(pod: &PodToRun) -> LinuxSandboxSecurityContext {
    let none = PodSecurityContext::default();
    let context = pod.spec().security_context.as_ref().unwrap_or(&none);
    LinuxSandboxSecurityContext {
        namespace_options: Some(namespaces(pod)),
        selinux_options: selinux(context.se_linux_options.as_ref()),
        run_as_user: number(context.run_as_user),
        // The runtime takes a group only beside a user.
        run_as_group: number(context.run_as_group.filter(|_| context.run_as_user.is_some())),
        supplemental_groups: groups(context, &[]),
        supplemental_groups_policy: groups_policy(context),
        privileged: has_privileged(pod),
        // The sandbox's own process never needs more.
        seccomp: Some(profile(ProfileType::RuntimeDefault, String::new())),
        ..LinuxSandboxSecurityContext::default()
    }
}

fn profile(kind: ProfileType, localhost_ref: String) -> SecurityProfile {
    SecurityProfile {
        profile_type: kind as i32,
        localhost_ref,
    }
}

/// Everything a container's security context depends on.
#[derive(Clone, Copy)]
pub struct ContainerSecurity<'a> {
    pub pod: &'a PodToRun,
    pub member: &'a Member,
    pub image: &'a ImageRef,
    pub node: &'a NodeSettings,
    /// The instance whose processes an ephemeral container sees.
    pub target_id: Option<&'a str>,
    /// Groups its volumes need.
    pub extra_groups: &'a [i64],
}

impl ContainerSecurity<'_> {
    /// The security context of the container.
    pub fn context(self) -> Result<LinuxContainerSecurityContext, ConfigError> {
        let none = (SecurityContext::default(), PodSecurityContext::default());
        let own = self.member.container.security_context.as_ref().unwrap_or(&none.0);
        let of_pod = self.pod.spec().security_context.as_ref().unwrap_or(&none.1);
        let run_as_user = own.run_as_user.or(of_pod.run_as_user);
        let non_root = own.run_as_non_root.or(of_pod.run_as_non_root) == Some(true);
        self.check_non_root(non_root, run_as_user)?;
        let apparmor = own
            .app_armor_profile
            .as_ref()
            .or(of_pod.app_armor_profile.as_ref());
        check_apparmor(apparmor, apparmor_works())?;
        let unmasked = own.proc_mount.as_deref() == Some("Unmasked");
        let paths = |paths: &[&str]| match unmasked {
            true => Vec::new(),
            false => paths.iter().map(|path| (*path).to_owned()).collect(),
        };
        let seccomp_profile = own.seccomp_profile.as_ref().or(of_pod.seccomp_profile.as_ref());
        let apparmor = own
            .app_armor_profile
            .as_ref()
            .or(of_pod.app_armor_profile.as_ref());
        let selinux_options = own.se_linux_options.as_ref().or(of_pod.se_linux_options.as_ref());
        Ok(LinuxContainerSecurityContext {
            capabilities: capabilities(own),
            privileged: own.privileged == Some(true),
            namespace_options: Some(self.namespaces()),
            selinux_options: selinux(selinux_options),
            run_as_user: number(run_as_user.or(self.image.uid)),
            run_as_username: match run_as_user {
                None if self.image.uid.is_none() => self.image.username.clone(),
                _ => String::new(),
            },
            run_as_group: number(own.run_as_group.or(of_pod.run_as_group)),
            readonly_rootfs: own.read_only_root_filesystem == Some(true),
            supplemental_groups: groups(of_pod, self.extra_groups),
            supplemental_groups_policy: groups_policy(of_pod),
            no_new_privs: own.allow_privilege_escalation == Some(false),
            masked_paths: paths(&MASKED_PATHS),
            readonly_paths: paths(&READONLY_PATHS),
            seccomp: Some(seccomp(seccomp_profile, self.node)),
            apparmor: apparmor.map(apparmor_profile),
        })
    }

    fn namespaces(self) -> NamespaceOption {
        let mut namespaces = namespaces(self.pod);
        if let Some(id) = self.target_id {
            namespaces.pid = NamespaceMode::Target as i32;
            id.clone_into(&mut namespaces.target_id);
        }
        namespaces
    }

    /// Who must not be root is not: by the specification, or by the image.
    fn check_non_root(self, non_root: bool, run_as_user: Option<i64>) -> Result<(), ConfigError> {
        let problem = match (run_as_user, self.image.uid, self.image.username.as_str()) {
            _ if !non_root => return Ok(()),
            (Some(0), ..) => "container's runAsUser breaks non-root policy".to_owned(),
            (Some(_), ..) => return Ok(()),
            (None, Some(0), _) => "container has runAsNonRoot and image will run as root".to_owned(),
            (None, None, name) if !name.is_empty() => format!(
                "container has runAsNonRoot and image has non-numeric user ({name}), cannot verify user is non-root"
            ),
            (None, None, _) => return Ok(()),
            (None, Some(_), _) => return Ok(()),
        };
        Err(ConfigError::config(format!(
            "{problem} (pod: {:?}, container: {})",
            self.pod.described(),
            self.member.name()
        )))
    }
}

fn capabilities(context: &SecurityContext) -> Option<Capability> {
    let capabilities = context.capabilities.as_ref()?;
    Some(Capability {
        add_capabilities: capabilities.add.clone().unwrap_or_default(),
        drop_capabilities: capabilities.drop.clone().unwrap_or_default(),
    })
}

fn seccomp(wanted: Option<&SeccompProfile>, node: &NodeSettings) -> SecurityProfile {
    let Some(wanted) = wanted else {
        let default = match node.seccomp_default {
            true => ProfileType::RuntimeDefault,
            false => ProfileType::Unconfined,
        };
        return profile(default, String::new());
    };
    match wanted.type_.as_str() {
        "RuntimeDefault" => profile(ProfileType::RuntimeDefault, String::new()),
        "Localhost" => {
            let name = wanted.localhost_profile.as_deref().unwrap_or_default();
            profile(ProfileType::Localhost, in_folder(&node.seccomp_root(), name))
        }
        _ => profile(ProfileType::Unconfined, String::new()),
    }
}

fn in_folder(folder: &Path, name: &str) -> String {
    folder.join(name).to_string_lossy().into_owned()
}

/// Whether the kernel has AppArmor and uses it.
fn apparmor_works() -> bool {
    std::fs::read_to_string("/sys/module/apparmor/parameters/enabled").is_ok_and(|text| text.starts_with('Y'))
}

/// A profile that could not be enforced must not be taken to be.
fn check_apparmor(wanted: Option<&AppArmorProfile>, works: bool) -> Result<(), ConfigError> {
    match wanted {
        Some(profile) if profile.type_ != "Unconfined" && !works => Err(ConfigError::config(
            "Cannot enforce AppArmor: AppArmor is not enabled on the host",
        )),
        _ => Ok(()),
    }
}

fn apparmor_profile(wanted: &AppArmorProfile) -> SecurityProfile {
    match wanted.type_.as_str() {
        "Localhost" => profile(
            ProfileType::Localhost,
            wanted.localhost_profile.clone().unwrap_or_default(),
        ),
        "RuntimeDefault" => profile(ProfileType::RuntimeDefault, String::new()),
        _ => profile(ProfileType::Unconfined, String::new()),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::{Value, json};

    use super::*;

    fn context(spec: Value, image: &ImageRef) -> Result<LinuxContainerSecurityContext, ConfigError> {
        let object = json!({ "metadata": { "name": "p", "namespace": "ns", "uid": "u" }, "spec": spec });
        let pod = PodToRun::new(Arc::new(serde_json::from_value(object).unwrap()));
        ContainerSecurity {
            pod: &pod,
            member: &pod.members()[0],
            image,
            node: &NodeSettings::default(),
            target_id: None,
            extra_groups: &[7],
        }
        .context()
    }

    fn image(uid: Option<i64>, username: &str) -> ImageRef {
        ImageRef {
            uid,
            username: username.to_owned(),
            ..ImageRef::default()
        }
    }

    fn with(pod: Value, container: Value) -> Value {
        json!({ "securityContext": pod, "containers": [{ "name": "c", "securityContext": container }] })
    }

    #[test]
    fn users_come_from_the_container_then_the_pod_then_the_image() {
        for (pod, container, from_image, uid, name) in [
            (json!({}), json!({}), image(Some(5), ""), Some(5), ""),
            (json!({}), json!({}), image(None, "web"), None, "web"),
            (
                json!({ "runAsUser": 6 }),
                json!({}),
                image(None, "web"),
                Some(6),
                "",
            ),
            (
                json!({ "runAsUser": 6 }),
                json!({ "runAsUser": 0 }),
                image(Some(5), ""),
                Some(0),
                "",
            ),
        ] {
            let context = context(with(pod, container), &from_image).unwrap();
            assert_eq!(context.run_as_user.map(|user| user.value), uid);
            assert_eq!(context.run_as_username, name);
        }
    }

    #[test]
    fn who_must_not_be_root_is_not() {
        let check = |pod: Value, container: Value, image: ImageRef, problem: &str| {
            let message = context(with(pod, container), &image)
                .err()
                .map(|e| e.message)
                .unwrap_or_default();
            match problem {
                "" => assert_eq!(message, ""),
                _ => assert_eq!(message, format!("{problem} (pod: \"p_ns(u)\", container: c)")),
            }
        };
        let must = json!({ "runAsNonRoot": true });
        let runs_as_root = "container has runAsNonRoot and image will run as root";
        check(must.clone(), json!({}), image(Some(0), ""), runs_as_root);
        check(must.clone(), json!({}), image(Some(1), ""), "");
        check(
            must.clone(),
            json!({ "runAsUser": 0 }),
            image(None, ""),
            "container's runAsUser breaks non-root policy",
        );
        check(must.clone(), json!({ "runAsUser": 1 }), image(Some(0), ""), "");
        check(
            must.clone(),
            json!({}),
            image(None, "web"),
            "container has runAsNonRoot and image has non-numeric user (web), cannot verify user is non-root",
        );
        check(must, json!({ "runAsNonRoot": false }), image(Some(0), ""), "");
    }

    #[test]
    fn profiles_groups_and_paths() {
        let spec = with(
            json!({ "seccompProfile": { "type": "RuntimeDefault" }, "fsGroup": 3, "supplementalGroups": [2] }),
            json!({ "procMount": "Unmasked", "allowPrivilegeEscalation": false,
                "seccompProfile": { "type": "Localhost", "localhostProfile": "a/b.json" } }),
        );
        let found = context(spec, &image(None, "")).unwrap();
        let seccomp = found.seccomp.unwrap();
        assert_eq!(seccomp.profile_type(), ProfileType::Localhost);
        assert_eq!(seccomp.localhost_ref, "/var/lib/kubelet/seccomp/a/b.json");
        assert_eq!(found.supplemental_groups, [2, 3, 7]);
        assert!(found.masked_paths.is_empty() && found.readonly_paths.is_empty() && found.no_new_privs);
        let plain = context(with(json!({}), json!({})), &image(None, "")).unwrap();
        assert_eq!(plain.seccomp.unwrap().profile_type(), ProfileType::Unconfined);
        assert_eq!(plain.masked_paths.len(), MASKED_PATHS.len());
    }

    #[test]
    fn profiles_that_cannot_be_enforced_are_refused() {
        let profile = |kind: &str| AppArmorProfile {
            type_: kind.to_owned(),
            localhost_profile: None,
        };
        assert!(check_apparmor(Some(&profile("RuntimeDefault")), false).is_err());
        assert!(check_apparmor(Some(&profile("RuntimeDefault")), true).is_ok());
        assert!(check_apparmor(Some(&profile("Unconfined")), false).is_ok());
        assert!(check_apparmor(None, false).is_ok());
    }

    #[test]
    fn namespaces_are_shared_as_asked() {
        let modes = |spec: Value| {
            let found = context(spec, &image(None, ""))
                .unwrap()
                .namespace_options
                .unwrap();
            (found.network(), found.pid(), found.ipc())
        };
        let with = |field: &str| {
            let mut spec = with(json!({}), json!({}));
            spec[field] = json!(true);
            modes(spec)
        };
        use NamespaceMode::{Container, Node, Pod};
        assert_eq!(with("hostNetwork"), (Node, Container, Pod));
        assert_eq!(with("hostPID"), (Pod, Node, Pod));
        assert_eq!(with("hostIPC"), (Pod, Container, Node));
        assert_eq!(with("shareProcessNamespace"), (Pod, Pod, Pod));
    }
}
