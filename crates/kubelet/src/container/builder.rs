//! A container, from its specification to what the runtime is told.

use std::fs::{self, Permissions};
use std::io;
use std::net::IpAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;

use crate::cri::message::{
    ContainerConfig, ContainerMetadata, ImageSpec, KeyValue, LinuxContainerConfig, LinuxContainerResources,
    Mount, StringMap,
};
use crate::images::ImageRef;
use crate::objects::Objects;
use crate::pod::{ContainerNote, Member, PodLabels, PodToRun, label};
use crate::volumes::MountedVolumes;

use super::cgroups;
use super::env::expand::expand;
use super::env::fields::FieldContext;
use super::env::{Environment, Variables};
use super::error::ConfigError;
use super::mounts::Mounts;
use super::resources::container_resources;
use super::security::ContainerSecurity;
use super::settings::{NodeSettings, PodFolder};
use super::{hostname, hosts};

/// Where a container writes its last words, if it does not say otherwise.
const DEFAULT_TERMINATION_PATH: &str = "/dev/termination-log";

/// A container that is to be made.
#[derive(Clone, Copy)]
pub struct ContainerRequest<'a> {
    pub pod: &'a PodToRun,
    pub member: &'a Member,
    pub image: &'a ImageRef,
    /// The addresses of the sandbox; empty for pods in the node's network.
    pub sandbox_ips: &'a [IpAddr],
    pub restart_count: u32,
    pub volumes: &'a MountedVolumes,
    /// The instance whose processes an ephemeral container sees, if it names one.
    pub target_id: Option<&'a str>,
}

/// Makes what the runtime is told of containers, and the files that belong to them.
pub struct Builder {
    node: Arc<NodeSettings>,
    objects: Arc<dyn Objects>,
    unified: bool,
}

impl Builder {
    pub fn new(node: Arc<NodeSettings>, objects: Arc<dyn Objects>) -> Self {
        let unified = cgroups::is_unified(&node.cgroup_mount);
        Self {
            node,
            objects,
            unified,
        }
    }

    /// What a container may use.
    pub fn resources(&self, pod: &PodToRun, member: &Member) -> LinuxContainerResources {
        container_resources(pod, member, &self.node, self.unified)
    }

    /// What the runtime is told. The container's folders, its hosts file and the parts of volumes it mounts are there
    /// afterwards.
    pub async fn container_config(
        &self,
        request: ContainerRequest<'_>,
    ) -> Result<ContainerConfig, ConfigError> {
        let ContainerRequest { pod, member, .. } = request;
        refuse_claims(member)?;
        let context = ContainerSecurity {
            pod,
            member,
            image: request.image,
            node: &self.node,
            target_id: request.target_id,
            extra_groups: request.volumes.groups(),
        }
        .context()?;
        let variables = self.variables(request).await?;
        let mounts = self.mounts(request, &variables)?;
        let container = &member.container;
        let expanded = |words: &Option<Vec<String>>| -> Vec<String> {
            let words = words.iter().flatten();
            words
                .map(|word| expand(word, |name| variables.get(name).cloned()))
                .collect()
        };
        Ok(ContainerConfig {
            metadata: Some(ContainerMetadata {
                name: member.name().to_owned(),
                attempt: request.restart_count,
            }),
            image: Some(ImageSpec {
                image: request.image.id.clone(),
                user_specified_image: member.image().to_owned(),
                ..ImageSpec::default()
            }),
            command: expanded(&container.command),
            args: expanded(&container.args),
            working_dir: container.working_dir.clone().unwrap_or_default(),
            envs: key_values(variables),
            mounts,
            devices: Vec::new(),
            labels: labels(pod, member),
            annotations: note(request).write(),
            log_path: self.log_path(request)?,
            stdin: container.stdin == Some(true),
            stdin_once: container.stdin_once == Some(true),
            tty: container.tty == Some(true),
            linux: Some(LinuxContainerConfig {
                resources: Some(container_resources(pod, member, &self.node, self.unified)),
                security_context: Some(context),
            }),
        })
    }

    fn pod_ips<'a>(&'a self, request: ContainerRequest<'a>) -> &'a [IpAddr] {
        match request.pod.is_host_network() {
            true => &self.node.node_ips,
            false => request.sandbox_ips,
        }
    }

    async fn variables(&self, request: ContainerRequest<'_>) -> Result<Variables, ConfigError> {
        let environment = Environment {
            pod: request.pod,
            member: request.member,
            objects: self.objects.as_ref(),
            fields: FieldContext {
                node: &self.node,
                pod_ips: self.pod_ips(request),
            },
            volumes: request.volumes,
        };
        environment.variables().await
    }

    fn mounts(
        &self,
        request: ContainerRequest<'_>,
        variables: &Variables,
    ) -> Result<Vec<Mount>, ConfigError> {
        let folder = self.node.pod(request.pod.uid());
        let mounts = Mounts {
            pod: request.pod,
            member: request.member,
            volumes: request.volumes,
            variables,
            folder: &folder,
        };
        let mut all = mounts.of_volumes()?;
        if !mounts.has_own_hosts() {
            all.extend(self.hosts(request, &folder)?);
        }
        let path = termination_path(request.member);
        if !all.iter().any(|mount| mount.container_path == path) {
            let file = termination_file(&folder, request.member).map_err(|error| {
                ConfigError::config(format!("failed to make the termination log: {error}"))
            })?;
            all.push(plain_mount(path, &file));
        }
        Ok(all)
    }

    fn hosts(&self, request: ContainerRequest<'_>, folder: &PodFolder) -> Result<Option<Mount>, ConfigError> {
        let pod = request.pod;
        let aliases = pod.spec().host_aliases.as_deref().unwrap_or_default();
        let text = if pod.is_host_network() {
            hosts::of_node(&hosts::read_node(&self.node.hosts_file), aliases)
        } else if request.sandbox_ips.is_empty() {
            return Ok(None);
        } else {
            let names = hostname::hostname(pod, &self.node.cluster_domain)?;
            hosts::of_pod(request.sandbox_ips, &names, aliases)
        };
        let path = folder.hosts_file();
        write_in_place(&path, &text)
            .map_err(|error| ConfigError::config(format!("failed to write the hosts file: {error}")))?;
        Ok(Some(plain_mount(hosts::HOSTS_PATH, &path)))
    }

    /// The log, relative to the sandbox's folder of logs. Its own folder must be there.
    fn log_path(&self, request: ContainerRequest<'_>) -> Result<String, ConfigError> {
        let ContainerRequest { pod, member, .. } = request;
        let logs = self.node.pod_log_dir(pod.namespace(), pod.name(), pod.uid());
        let folder = logs.join(member.name());
        fs::create_dir_all(&folder).map_err(|error| {
            ConfigError::config(format!(
                "failed to create log directory {}: {error}",
                folder.display()
            ))
        })?;
        Ok(format!("{}/{}.log", member.name(), request.restart_count))
    }
}

/// Devices by claim would have to be prepared by a driver.
fn refuse_claims(member: &Member) -> Result<(), ConfigError> {
    let resources = member.container.resources.as_ref();
    match resources.and_then(|resources| resources.claims.as_ref()?.first()) {
        Some(claim) => Err(ConfigError::config(format!(
            "resource claim {:?}: dynamic resource allocation is not supported by this node",
            claim.name
        ))),
        None => Ok(()),
    }
}

fn key_values(variables: Variables) -> Vec<KeyValue> {
    let pair = |(key, value)| KeyValue {
        key,
        value: Bytes::from(value),
    };
    variables.into_iter().map(pair).collect()
}

fn labels(pod: &PodToRun, member: &Member) -> StringMap {
    let own = PodLabels {
        namespace: pod.namespace().to_owned(),
        name: pod.name().to_owned(),
        uid: pod.uid().to_owned(),
    };
    let mut labels = own.write();
    labels.insert(label::CONTAINER_NAME.to_owned(), member.name().to_owned());
    labels
}

fn termination_path(member: &Member) -> &str {
    let path = member.container.termination_message_path.as_deref();
    path.filter(|path| !path.is_empty())
        .unwrap_or(DEFAULT_TERMINATION_PATH)
}

fn note(request: ContainerRequest<'_>) -> ContainerNote {
    let ContainerRequest { pod, member, .. } = request;
    let policy = member.container.termination_message_policy.as_deref();
    let object = pod.object();
    ContainerNote {
        hash: member.hash.clone(),
        restart_count: request.restart_count,
        termination_message_path: termination_path(member).to_owned(),
        termination_message_policy: policy.unwrap_or("File").to_owned(),
        grace_period_seconds: object
            .metadata
            .deletion_grace_period_seconds
            .or(pod.spec().termination_grace_period_seconds),
    }
}

fn plain_mount(container_path: &str, host_path: &Path) -> Mount {
    Mount {
        container_path: container_path.to_owned(),
        host_path: host_path.to_string_lossy().into_owned(),
        ..Mount::default()
    }
}

/// A file of its own for each run, which whoever runs in the container may write.
fn termination_file(folder: &PodFolder, member: &Member) -> io::Result<PathBuf> {
    let folder = folder.container(member.name());
    fs::create_dir_all(&folder)?;
    let (_, path) = unused_file(&folder)?;
    fs::set_permissions(&path, Permissions::from_mode(0o666))?;
    Ok(path)
}

fn unused_file(folder: &Path) -> io::Result<(fs::File, PathBuf)> {
    use std::hash::{BuildHasher, Hasher};
    loop {
        let random = std::hash::RandomState::new().build_hasher().finish();
        let path = folder.join(format!("{:08x}", random & 0xffff_ffff));
        match fs::File::create_new(&path) {
            Ok(file) => return Ok((file, path)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
}

/// Writes the same file anew: containers that run have it mounted.
fn write_in_place(path: &Path, text: &str) -> io::Result<()> {
    if fs::read_to_string(path).is_ok_and(|before| before == text) {
        return Ok(());
    }
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    fs::write(path, text)?;
    fs::set_permissions(path, Permissions::from_mode(0o644))
}

#[cfg(test)]
mod tests;
