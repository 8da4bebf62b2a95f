//! A pod as the kubelet reads it: its specification, its containers by the way they live, its identity. Pure.

mod labels;
mod member;
pub mod qos;
pub mod resources;
mod restart;

use std::sync::{Arc, LazyLock};

use k8s_openapi::api::core::v1::{Pod, PodSpec};

pub use labels::{ContainerNote, PodLabels, annotation, label};
pub use member::{Member, Role};
pub use restart::restarts_after;

/// A pod that is to run here.
#[derive(Clone, Debug)]
pub struct PodToRun {
    object: Arc<Pod>,
    members: Vec<Member>,
}

/// What every pod without a specification would be; the API does not let one in.
static NO_SPEC: LazyLock<PodSpec> = LazyLock::new(PodSpec::default);

impl PodToRun {
    /// Reads a pod.
    pub fn new(object: Arc<Pod>) -> Self {
        let members = object.spec.as_ref().map(Member::all).unwrap_or_default();
        Self { object, members }
    }

    /// The object as it came from the API or a manifest.
    pub fn object(&self) -> &Arc<Pod> {
        &self.object
    }

    /// Its specification.
    pub fn spec(&self) -> &PodSpec {
        self.object.spec.as_ref().unwrap_or(&NO_SPEC)
    }

    /// All containers: init containers and sidecars in order, then the main ones, then ephemeral ones.
    pub fn members(&self) -> &[Member] {
        &self.members
    }

    /// The containers that are started one after the other, before the main ones.
    pub fn starters(&self) -> impl DoubleEndedIterator<Item = &Member> {
        self.members
            .iter()
            .filter(|member| matches!(member.role, Role::Init | Role::Sidecar))
    }

    /// The containers of one role.
    pub fn of_role(&self, role: Role) -> impl DoubleEndedIterator<Item = &Member> {
        self.members.iter().filter(move |member| member.role == role)
    }

    /// The container of a name.
    pub fn member(&self, name: &str) -> Option<&Member> {
        self.members.iter().find(|member| member.name() == name)
    }

    pub fn uid(&self) -> &str {
        self.object.metadata.uid.as_deref().unwrap_or_default()
    }

    pub fn name(&self) -> &str {
        self.object.metadata.name.as_deref().unwrap_or_default()
    }

    pub fn namespace(&self) -> &str {
        self.object.metadata.namespace.as_deref().unwrap_or_default()
    }

    /// `name_namespace(uid)`, as upstream writes pods in messages.
    pub fn described(&self) -> String {
        format!("{}_{}({})", self.name(), self.namespace(), self.uid())
    }

    pub fn restart_policy(&self) -> &str {
        self.spec().restart_policy.as_deref().unwrap_or("Always")
    }

    pub fn is_host_network(&self) -> bool {
        self.spec().host_network == Some(true)
    }

    pub fn annotation(&self, key: &str) -> Option<&str> {
        self.object
            .metadata
            .annotations
            .as_ref()?
            .get(key)
            .map(String::as_str)
    }

    /// Whether it came from a file on this node.
    pub fn is_static(&self) -> bool {
        matches!(self.annotation(annotation::CONFIG_SOURCE), Some(source) if source != "api")
    }
}
