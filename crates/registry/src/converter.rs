//! The seam to who converts the objects of a kind whose versions differ in more than their names.

use async_trait::async_trait;
use meta::Status;
use serde_json::Value;

/// Turns objects of a kind into another version of it.
#[async_trait]
pub trait Converter: Send + Sync {
    /// The objects in the version `api_version`, in the same order.
    ///
    /// # Errors
    /// What is told to who has asked for the objects.
    async fn convert(&self, objects: Vec<Value>, api_version: &str) -> Result<Vec<Value>, Status>;
}
