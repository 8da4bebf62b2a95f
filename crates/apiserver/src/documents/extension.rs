//! Paths that the program around the API server adds. They go through the whole chain like all others: to get there, a user
//! needs the right to the path.

use async_trait::async_trait;

use crate::call::{Call, Response};

/// Answers some paths that are no resources.
#[async_trait]
pub trait Extension: Send + Sync {
    /// The paths it answers, as the list of all paths has them.
    fn paths(&self) -> Vec<String>;

    /// Answers a call; none if it is about another path. An answer that takes long is a body that comes in time.
    async fn answer(&self, call: &Call) -> Option<Response>;
}
