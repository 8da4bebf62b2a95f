//! SelfSubjectReview: who am I?

use async_trait::async_trait;
use meta::Status;
use registry::{Action, ActionRequest, Registry};
use serde_json::{Value, json};

use super::users;
use crate::json::seconds;

/// Tells a user who they are.
pub struct ReviewSelf;

#[async_trait]
impl Action for ReviewSelf {
    async fn run(&self, request: ActionRequest<'_>, _registry: &Registry) -> Result<Value, Status> {
        let mut answer = request.body;
        answer["metadata"] = json!({ "creationTimestamp": seconds(request.context.now) });
        answer["status"] = json!({ "userInfo": users::to_json(&request.context.user) });
        Ok(answer)
    }
}
