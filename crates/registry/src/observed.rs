//! The seam to resources that are not stored: what they show is found out when somebody asks.

use async_trait::async_trait;
use meta::Status;
use serde_json::Value;

/// Looks at what a resource shows: `componentstatuses`.
#[async_trait]
pub trait Observed: Send + Sync {
    /// All of its objects as they are now.
    async fn all(&self) -> Vec<Value>;

    /// The one of that name; 404 if there is none.
    async fn named(&self, name: &str) -> Result<Value, Status>;
}
