//! What rules about one part of a pod must know of the others.

use serde_json::Value;

use crate::toolkit::Field;

/// A pod's spec, seen from one of its parts.
#[derive(Clone, Debug)]
pub struct PodContext<'v> {
    spec: Option<&'v Value>,
    /// Places of volumes that do not count.
    wrong_volumes: Vec<usize>,
}

impl<'v> PodContext<'v> {
    /// The context of everything below `spec`.
    pub fn new(spec: &Field<'_, 'v>) -> Self {
        Self {
            spec: spec.value(),
            wrong_volumes: Vec::new(),
        }
    }

    /// The same without the volumes at these places.
    #[must_use]
    pub fn without_volumes(self, wrong_volumes: Vec<usize>) -> Self {
        Self {
            wrong_volumes,
            ..self
        }
    }

    fn field(&self, name: &str) -> Option<&'v Value> {
        self.spec?.get(name).filter(|value| !value.is_null())
    }

    fn list(&self, name: &str) -> impl Iterator<Item = &'v Value> {
        self.field(name).and_then(Value::as_array).into_iter().flatten()
    }

    fn flag(&self, name: &str) -> bool {
        self.field(name) == Some(&Value::Bool(true))
    }

    /// The volume of that name.
    pub fn volume(&self, name: &str) -> Option<&'v Value> {
        let mut volumes = self.list("volumes").enumerate();
        let found = volumes.find(|(at, volume)| name_of(volume) == name && !self.wrong_volumes.contains(at));
        found.map(|(_, volume)| volume)
    }

    /// Names of the containers proper.
    pub fn container_names(&self) -> impl Iterator<Item = &'v str> {
        self.list("containers").map(name_of)
    }

    /// Names of the init containers.
    pub fn init_container_names(&self) -> impl Iterator<Item = &'v str> {
        self.list("initContainers").map(name_of)
    }

    /// Names of the resource claims.
    pub fn resource_claim_names(&self) -> impl Iterator<Item = &'v str> {
        self.list("resourceClaims").map(name_of)
    }

    /// How long the pod has to end, in seconds.
    pub fn termination_grace_period_seconds(&self) -> i64 {
        let seconds = self
            .field("terminationGracePeriodSeconds")
            .and_then(Value::as_i64);
        seconds.unwrap_or(30)
    }

    /// `Always`, `OnFailure` or `Never`.
    pub fn restart_policy(&self) -> &'v str {
        self.field("restartPolicy").and_then(Value::as_str).unwrap_or("")
    }

    /// Whether the pod sees the host's processes.
    pub fn has_host_pid(&self) -> bool {
        self.flag("hostPID")
    }

    /// Whether the pod shares the host's users; it does if nothing is said.
    pub fn has_host_users(&self) -> bool {
        self.field("hostUsers") != Some(&Value::Bool(false))
    }
}

fn name_of(item: &Value) -> &str {
    item.get("name").and_then(Value::as_str).unwrap_or("")
}
