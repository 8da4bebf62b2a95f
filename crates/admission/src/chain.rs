//! All plugins, one after the other.

use async_trait::async_trait;
use meta::Status;
use registry::{Admission, AdmissionRequest, Operation};

use crate::plugin::Plugin;
use crate::rounds::Rounds;

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

impl Chain {
    fn asked(&self, operation: Operation) -> impl Iterator<Item = &dyn Plugin> {
        let plugins = self.plugins.iter().map(|plugin| &**plugin);
        plugins.filter(move |plugin| plugin.handles(operation))
    }

    async fn round(&self, request: &mut AdmissionRequest<'_>, rounds: &mut Rounds) -> Result<(), Status> {
        for plugin in self.asked(request.operation) {
            plugin.mutate_in(request, rounds).await?;
        }
        Ok(())
    }
}

#[async_trait]
impl Admission for Chain {
    async fn mutate(&self, request: &mut AdmissionRequest<'_>) -> Result<(), Status> {
        let mut rounds = Rounds::default();
        self.round(request, &mut rounds).await?;
        if rounds.begin_second() {
            self.round(request, &mut rounds).await?;
        }
        Ok(())
    }

    async fn validate(&self, request: &AdmissionRequest<'_>) -> Result<(), Status> {
        for plugin in self.asked(request.operation) {
            plugin.validate(request).await?;
        }
        Ok(())
    }
}
