//! What ended a node.

use std::sync::{Arc, OnceLock};

use super::error::NodeError;

/// The first failure of a part that cannot go on.
#[derive(Clone, Debug, Default)]
pub struct Failure(Arc<OnceLock<NodeError>>);

impl Failure {
    pub(super) fn set(&self, error: NodeError) {
        // Only the first says why; what follows follows from it.
        let _ = self.0.set(error);
    }

    /// Fails if a part has failed.
    pub fn check(self) -> Result<(), NodeError> {
        match Arc::into_inner(self.0).and_then(OnceLock::into_inner) {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }
}
