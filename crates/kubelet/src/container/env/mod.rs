//! A container's environment.

pub mod expand;
pub mod fields;
mod file;
mod resource_fields;
pub mod services;

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::api::core::v1::{EnvFromSource, EnvVarSource, Service};

use crate::objects::{ObjectError, Objects};
use crate::pod::{Member, PodToRun};
use crate::volumes::MountedVolumes;

use super::error::ConfigError;
use expand::expand;
use fields::{FieldContext, pod_field};

pub use resource_fields::ResourceFields;

/// Variables by name.
pub type Variables = BTreeMap<String, String>;

/// Where the API server's own Service is.
const MASTER_NAMESPACE: &str = "default";
const MASTER_SERVICE: &str = "kubernetes";

/// Everything a container's environment depends on.
#[derive(Clone, Copy)]
pub struct Environment<'a> {
    pub pod: &'a PodToRun,
    pub member: &'a Member,
    pub objects: &'a dyn Objects,
    pub fields: FieldContext<'a>,
    pub volumes: &'a MountedVolumes,
}

impl Environment<'_> {
    /// The variables: what whole objects give, then the container's own over them; last those of Services, where nothing
    /// else has that name.
    pub async fn variables(self) -> Result<Variables, ConfigError> {
        let mut services = self.service_variables().await?;
        let mut variables = Variables::new();
        for source in self.member.container.env_from.iter().flatten() {
            self.add_all(source, &mut variables).await?;
        }
        for variable in self.member.container.env.iter().flatten() {
            let value = match (variable.value.as_deref(), &variable.value_from) {
                (Some(text), _) if !text.is_empty() => {
                    let known = |name: &str| variables.get(name).or_else(|| services.get(name)).cloned();
                    Some(expand(text, known))
                }
                (_, Some(source)) => self.value_from(source).await?,
                _ => Some(String::new()),
            };
            if let Some(value) = value {
                services.remove(&variable.name);
                variables.insert(variable.name.clone(), value);
            }
        }
        for (name, value) in services {
            variables.entry(name).or_insert(value);
        }
        Ok(variables)
    }

    async fn service_variables(self) -> Result<Variables, ConfigError> {
        let mut found: Vec<Arc<Service>> = Vec::new();
        for service in self.services(MASTER_NAMESPACE).await? {
            if service.metadata.name.as_deref() == Some(MASTER_SERVICE) {
                found.push(service);
            }
        }
        if self.pod.spec().enable_service_links != Some(false) {
            let own = self.services(self.pod.namespace()).await?;
            // The API server's own Service wins over one of the same name.
            found.splice(0..0, own);
        }
        Ok(services::variables(&found))
    }

    /// A pod from a file must not wait for the API.
    async fn services(self, namespace: &str) -> Result<Vec<Arc<Service>>, ConfigError> {
        match self.objects.services(namespace).await {
            Err(_) if self.pod.is_static() => Ok(Vec::new()),
            other => Ok(other?),
        }
    }

    async fn add_all(self, source: &EnvFromSource, variables: &mut Variables) -> Result<(), ConfigError> {
        let namespace = self.pod.namespace();
        let mut entries = Variables::new();
        if let Some(map) = &source.config_map_ref {
            let found = self.objects.config_map(namespace, &map.name).await;
            if let Some(found) = unless_optional(found, map.optional)? {
                entries.extend(found.data.clone().unwrap_or_default());
            }
        }
        if let Some(secret) = &source.secret_ref {
            let found = self.objects.secret(namespace, &secret.name).await;
            if let Some(found) = unless_optional(found, secret.optional)? {
                let data = found.data.iter().flatten();
                entries.extend(data.map(|(key, value)| (key.clone(), text(&value.0))));
            }
        }
        let prefix = source.prefix.as_deref().unwrap_or_default();
        for (key, value) in entries {
            let name = format!("{prefix}{key}");
            // No variable can have a name with this sign in it.
            if !name.contains('=') && !name.is_empty() {
                variables.insert(name, value);
            }
        }
        Ok(())
    }

    /// None: what is optional is not there, and the variable is not either.
    async fn value_from(self, source: &EnvVarSource) -> Result<Option<String>, ConfigError> {
        let namespace = self.pod.namespace();
        if let Some(field) = &source.field_ref {
            return pod_field(self.pod, &field.field_path, self.fields)
                .map(Some)
                .map_err(ConfigError::config);
        }
        if let Some(selector) = &source.resource_field_ref {
            let fields = ResourceFields {
                pod: self.pod,
                node: self.fields.node,
            };
            return fields
                .value(selector, self.member.name())
                .map(Some)
                .map_err(ConfigError::config);
        }
        if let Some(key) = &source.config_map_key_ref {
            let found = self.objects.config_map(namespace, &key.name).await;
            let found = unless_optional(found, key.optional)?;
            let value = found
                .as_ref()
                .and_then(|map| map.data.as_ref()?.get(&key.key).cloned());
            return value_or(value, key.optional, || {
                format!(
                    "couldn't find key {} in ConfigMap {namespace}/{}",
                    key.key, key.name
                )
            });
        }
        if let Some(key) = &source.secret_key_ref {
            let found = self.objects.secret(namespace, &key.name).await;
            let found = unless_optional(found, key.optional)?;
            let value = found.as_ref().and_then(|secret| {
                let data = secret.data.as_ref()?.get(&key.key)?;
                Some(text(&data.0))
            });
            return value_or(value, key.optional, || {
                format!("couldn't find key {} in Secret {namespace}/{}", key.key, key.name)
            });
        }
        if let Some(key) = &source.file_key_ref {
            return file::value(key, self.volumes);
        }
        Ok(Some(String::new()))
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// What is optional may be missing.
fn unless_optional<T>(
    found: Result<Arc<T>, ObjectError>,
    optional: Option<bool>,
) -> Result<Option<Arc<T>>, ConfigError> {
    match found {
        Ok(object) => Ok(Some(object)),
        Err(error) if error.is_not_found() && optional == Some(true) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn value_or(
    value: Option<String>,
    optional: Option<bool>,
    problem: impl FnOnce() -> String,
) -> Result<Option<String>, ConfigError> {
    match value {
        None if optional != Some(true) => Err(ConfigError::config(problem())),
        value => Ok(value),
    }
}

#[cfg(test)]
mod tests;
