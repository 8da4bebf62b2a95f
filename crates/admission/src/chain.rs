//! All plugins, one after the other.

use async_trait::async_trait;
use meta::Status;
use registry::{Admission, AdmissionRequest};

use crate::plugin::Plugin;

/// Plugins in the order in which they are asked. The first refusal ends it.
pub struct Chain {
    plugins: Vec<Box<dyn Plugin>>,
}

impl Chain {
    /// A chain of these plugins, in this order.
    pub fn new(plugins: Vec<Box<dyn Plugin>>) -> Self {
        Self { plugins }
    }

    /// The same without the plugins of these names.
    #[must_use]
    pub fn without(mut self, names: &[&str]) -> Self {
        self.plugins.retain(|plugin| !names.contains(&plugin.name()));
        self
    }
}

#[async_trait]
impl Admission for Chain {
    async fn mutate(&self, request: &mut AdmissionRequest<'_>) -> Result<(), Status> {
        for plugin in &self.plugins {
            plugin.mutate(request).await?;
        }
        Ok(())
    }

    async fn validate(&self, request: &AdmissionRequest<'_>) -> Result<(), Status> {
        for plugin in &self.plugins {
            plugin.validate(request).await?;
        }
        Ok(())
    }
}
