//! A container of a pod's specification, and the way it lives.

use k8s_openapi::api::core::v1::{Container, EphemeralContainer, PodSpec};

/// How a container lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Runs to its end before the next one starts.
    Init,
    /// An init container that always restarts: the next one starts once it has started, and it ends after the main ones.
    Sidecar,
    /// What the pod is for.
    Main,
    /// Put into a running pod to look at it; never restarted.
    Ephemeral,
}

/// A container of a pod.
#[derive(Clone, Debug)]
pub struct Member {
    pub role: Role,
    /// An ephemeral container has the same fields as any other.
    pub container: Container,
    /// The container whose processes an ephemeral one sees.
    pub target: Option<String>,
    /// Tells a changed specification from the one a container was made from.
    pub hash: String,
}

impl Member {
    /// All containers of a specification, in the order in which they are listed.
    pub fn all(spec: &PodSpec) -> Vec<Self> {
        let init = spec.init_containers.iter().flatten().map(|container| {
            let always = container.restart_policy.as_deref() == Some("Always");
            Self::new(
                if always { Role::Sidecar } else { Role::Init },
                container.clone(),
                None,
            )
        });
        let main = spec
            .containers
            .iter()
            .map(|container| Self::new(Role::Main, container.clone(), None));
        let ephemeral = spec.ephemeral_containers.iter().flatten().map(|ephemeral| {
            let target = ephemeral
                .target_container_name
                .clone()
                .filter(|name| !name.is_empty());
            Self::new(Role::Ephemeral, as_container(ephemeral), target)
        });
        init.chain(main).chain(ephemeral).collect()
    }

    fn new(role: Role, container: Container, target: Option<String>) -> Self {
        let hash = hash(&container);
        Self {
            role,
            container,
            target,
            hash,
        }
    }

    pub fn name(&self) -> &str {
        &self.container.name
    }

    pub fn image(&self) -> &str {
        self.container.image.as_deref().unwrap_or_default()
    }

    /// Whether it mounts a volume.
    pub fn sees(&self, volume: &str) -> bool {
        let mut mounts = self.container.volume_mounts.iter().flatten();
        mounts.any(|mount| mount.name == volume)
    }

    /// Where events about it point: `spec.containers{web}`.
    pub fn field_path(&self) -> String {
        let list = match self.role {
            Role::Init | Role::Sidecar => "initContainers",
            Role::Main => "containers",
            Role::Ephemeral => "ephemeralContainers",
        };
        format!("spec.{list}{{{}}}", self.name())
    }
}

/// Name and image: what may not change while a container runs. Everything else is either immutable or changed in place.
fn hash(container: &Container) -> String {
    let image = container.image.as_deref().unwrap_or_default();
    format!(
        "{:x}",
        fnv1a(&[container.name.as_bytes(), b"\0", image.as_bytes()])
    )
}

/// The FNV-1a hash, 32 bits: stable over versions, which the standard library's is not.
pub fn fnv1a(parts: &[&[u8]]) -> u32 {
    let bytes = parts.iter().flat_map(|part| part.iter());
    bytes.fold(0x811c_9dc5, |hash, byte| {
        (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193)
    })
}

fn as_container(ephemeral: &EphemeralContainer) -> Container {
    let EphemeralContainer {
        args,
        command,
        env,
        env_from,
        image,
        image_pull_policy,
        lifecycle,
        liveness_probe,
        name,
        ports,
        readiness_probe,
        resize_policy,
        resources,
        restart_policy,
        restart_policy_rules,
        security_context,
        startup_probe,
        stdin,
        stdin_once,
        target_container_name: _,
        termination_message_path,
        termination_message_policy,
        tty,
        volume_devices,
        volume_mounts,
        working_dir,
    } = ephemeral.clone();
    Container {
        args,
        command,
        env,
        env_from,
        image,
        image_pull_policy,
        lifecycle,
        liveness_probe,
        name,
        ports,
        readiness_probe,
        resize_policy,
        resources,
        restart_policy,
        restart_policy_rules,
        security_context,
        startup_probe,
        stdin,
        stdin_once,
        termination_message_path,
        termination_message_policy,
        tty,
        volume_devices,
        volume_mounts,
        working_dir,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn roles_come_from_the_lists_and_the_restart_policy() {
        let spec: PodSpec = serde_json::from_value(json!({
            "initContainers": [{ "name": "first" }, { "name": "side", "restartPolicy": "Always" }],
            "containers": [{ "name": "web", "image": "a" }],
            "ephemeralContainers": [{ "name": "debug", "targetContainerName": "web" }],
        }))
        .unwrap();
        let members = Member::all(&spec);
        let roles: Vec<_> = members.iter().map(|m| (m.name(), m.role)).collect();
        assert_eq!(
            roles,
            [
                ("first", Role::Init),
                ("side", Role::Sidecar),
                ("web", Role::Main),
                ("debug", Role::Ephemeral)
            ]
        );
        assert_eq!(members[3].target.as_deref(), Some("web"));
        assert_eq!(members[1].field_path(), "spec.initContainers{side}");
    }

    #[test]
    fn the_hash_follows_name_and_image_alone() {
        let container = |image: &str, tty: bool| Container {
            name: "web".to_owned(),
            image: Some(image.to_owned()),
            tty: Some(tty),
            ..Container::default()
        };
        assert_eq!(hash(&container("a", true)), hash(&container("a", false)));
        assert_ne!(hash(&container("a", true)), hash(&container("b", true)));
    }
}
