//! SelfSubjectRulesReview: what may I do in a namespace?

use std::sync::Arc;

use async_trait::async_trait;
use auth::Authorizer;
use meta::Status;
use registry::{Action, ActionRequest, Registry};
use serde_json::{Map, Value, json};

use crate::json::text;

/// Lists what a user may do in a namespace.
pub struct ReviewRules {
    /// Knows the rules.
    pub authorizer: Arc<dyn Authorizer>,
}

#[async_trait]
impl Action for ReviewRules {
    async fn run(&self, request: ActionRequest<'_>, _registry: &Registry) -> Result<Value, Status> {
        let namespace = text(&request.body, "/spec/namespace");
        if namespace.is_empty() {
            return Err(Status::bad_request("no namespace on request"));
        }
        let rules = self.authorizer.rules_for(&request.context.user, namespace).await;
        let of_resources: Vec<_> = rules
            .resource
            .iter()
            .map(|rule| {
                listed([
                    ("verbs", &rule.verbs),
                    ("apiGroups", &rule.api_groups),
                    ("resources", &rule.resources),
                    ("resourceNames", &rule.resource_names),
                ])
            })
            .collect();
        let of_paths: Vec<_> = rules
            .non_resource
            .iter()
            .map(|rule| listed([("verbs", &rule.verbs), ("nonResourceURLs", &rule.paths)]))
            .collect();
        let mut status = json!({
            "resourceRules": of_resources,
            "nonResourceRules": of_paths,
            "incomplete": rules.incomplete,
        });
        if let Some(errors) = meta::aggregate(&rules.errors) {
            status["evaluationError"] = errors.into();
        }
        // Nothing of the question is repeated.
        Ok(json!({
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectRulesReview",
            "metadata": {},
            "spec": {},
            "status": status,
        }))
    }
}

/// An object of lists; empty ones are left out.
fn listed<const N: usize>(lists: [(&str, &Vec<String>); N]) -> Value {
    let kept = lists.into_iter().filter(|(_, list)| !list.is_empty());
    kept.map(|(key, list)| (key.to_owned(), json!(list)))
        .collect::<Map<_, _>>()
        .into()
}
