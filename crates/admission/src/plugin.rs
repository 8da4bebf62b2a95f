//! One reason to change or refuse a write.

use async_trait::async_trait;
use meta::Status;
use registry::{AdmissionRequest, Operation};

use crate::rounds::Rounds;

/// A plugin of the chain. Both methods see every request; a plugin looks at what concerns it.
#[async_trait]
pub trait Plugin: Send + Sync {
    /// Upstream's name, as in `--disable-admission-plugins`.
    fn name(&self) -> &'static str;

    /// Whether it is asked about such operations at all. Few look at streams.
    fn handles(&self, operation: Operation) -> bool {
        operation != Operation::Connect
    }

    /// As [`Plugin::mutate`], for a plugin whose answer depends on what others have made of the object.
    async fn mutate_in(
        &self,
        request: &mut AdmissionRequest<'_>,
        _rounds: &mut Rounds,
    ) -> Result<(), Status> {
        self.mutate(request).await
    }

    /// May change the object, or refuse.
    async fn mutate(&self, _request: &mut AdmissionRequest<'_>) -> Result<(), Status> {
        Ok(())
    }

    /// May refuse what is about to be stored.
    async fn validate(&self, _request: &AdmissionRequest<'_>) -> Result<(), Status> {
        Ok(())
    }
}
