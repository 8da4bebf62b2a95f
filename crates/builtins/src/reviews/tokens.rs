//! TokenReview: whose token is this?

use std::sync::Arc;

use async_trait::async_trait;
use auth::{Authenticator, Credentials};
use meta::{GroupVersionKind, Status};
use registry::{Action, ActionRequest, Registry};
use serde_json::{Value, json};

use super::users;
use crate::json::{text, texts};

/// Tells whose a token is.
pub struct ReviewToken {
    /// Knows tokens.
    pub authenticator: Arc<dyn Authenticator>,
    /// The audiences of the API server itself.
    pub audiences: Vec<String>,
}

#[async_trait]
impl Action for ReviewToken {
    async fn run(&self, request: ActionRequest<'_>, _registry: &Registry) -> Result<Value, Status> {
        let mut answer = request.body.clone();
        let token = text(&request.body, "/spec/token");
        if token.is_empty() {
            let kind = GroupVersionKind::new("authentication.k8s.io", "v1", "TokenReview");
            let message = format!("token is required for {} in authentication", kind.kind);
            return Err(Status::bad_request(message));
        }
        let audiences = texts(&request.body, "/spec/audiences");
        let credentials = Credentials::of_token(token, &audiences, request.context.now);
        answer["status"] = match self.authenticator.authenticate(&credentials).await {
            Ok(Some(found)) => {
                let mut status = json!({ "authenticated": true, "user": users::to_json(&found.user) });
                let of_token = if found.audiences.is_empty() {
                    self.audiences.clone()
                } else {
                    found.audiences
                };
                status["audiences"] = json!(of_token);
                status
            }
            Ok(None) => json!({ "user": {} }),
            Err(error) => json!({ "user": {}, "error": error.to_string() }),
        };
        Ok(answer)
    }
}
