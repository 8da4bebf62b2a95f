//! SubjectAccessReview and its kin: may they?

use std::sync::Arc;

use async_trait::async_trait;
use auth::{Attributes, Authorizer, ResourceTarget};
use meta::field::{FieldError, Path};
use meta::{GroupVersionKind, Status, User};
use registry::{Action, ActionRequest, Registry};
use serde_json::{Map, Value};

use super::users;
use crate::json::text;

/// About whom a review asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhoseAccess {
    /// The user in the body (SubjectAccessReview).
    Anyones,
    /// The user in the body, in the namespace of the request (LocalSubjectAccessReview).
    AnyonesInNamespace,
    /// Who asks (SelfSubjectAccessReview).
    Mine,
}

/// Tells whether somebody may do something.
pub struct ReviewAccess {
    /// Decides.
    pub authorizer: Arc<dyn Authorizer>,
    /// About whom it asks.
    pub whose: WhoseAccess,
}

impl ReviewAccess {
    fn kind(&self) -> GroupVersionKind {
        let name = match self.whose {
            WhoseAccess::Anyones => "SubjectAccessReview",
            WhoseAccess::AnyonesInNamespace => "LocalSubjectAccessReview",
            WhoseAccess::Mine => "SelfSubjectAccessReview",
        };
        GroupVersionKind::new("authorization.k8s.io", "v1", name)
    }

    fn check(&self, spec: &Value, namespace: &str) -> Result<(), Status> {
        let mut errors = Vec::new();
        let path = Path::new("spec.resourceAttributes");
        let (resource, other) = (spec.get("resourceAttributes"), spec.get("nonResourceAttributes"));
        if resource.is_some() && other.is_some() {
            let why = "cannot be specified in combination with resourceAttributes";
            errors.push(FieldError::invalid(
                &Path::new("spec.nonResourceAttributes"),
                other.cloned().unwrap_or_default(),
                why,
            ));
        }
        if resource.is_none() && other.is_none() {
            let why = "exactly one of nonResourceAttributes or resourceAttributes must be specified";
            errors.push(FieldError::invalid(&path, Value::Null, why));
        }
        let is_about_somebody = !text(spec, "/user").is_empty() || spec.get("groups").is_some();
        if self.whose != WhoseAccess::Mine && !is_about_somebody {
            let why = "at least one of user or group must be specified";
            errors.push(FieldError::invalid(&Path::new("spec.user"), "", why));
        }
        if self.whose == WhoseAccess::AnyonesInNamespace {
            let asked = text(spec, "/resourceAttributes/namespace");
            if asked != namespace {
                let message = format!("spec.resourceAttributes.namespace must match namespace: {namespace}");
                return Err(Status::bad_request(message));
            }
        }
        if errors.is_empty() {
            Ok(())
        } else {
            Err(Status::invalid(&self.kind(), "", &errors))
        }
    }
}

#[async_trait]
impl Action for ReviewAccess {
    async fn run(&self, request: ActionRequest<'_>, _registry: &Registry) -> Result<Value, Status> {
        let mut answer = request.body.clone();
        let spec = &request.body["spec"];
        self.check(spec, request.namespace)?;
        let somebody: User;
        let user: &User = if self.whose == WhoseAccess::Mine {
            &request.context.user
        } else {
            somebody = users::from_spec(spec);
            &somebody
        };
        let decision = self.authorizer.authorize(&attributes(user, spec)).await;
        let mut status = Map::new();
        status.insert(String::from("allowed"), decision.is_allowed().into());
        if decision.is_denied() {
            status.insert(String::from("denied"), true.into());
        }
        if !decision.reason().is_empty() {
            status.insert(String::from("reason"), decision.reason().into());
        }
        answer["status"] = status.into();
        Ok(answer)
    }
}

fn attributes<'a>(user: &'a User, spec: &'a Value) -> Attributes<'a> {
    if let Some(path) = spec.get("nonResourceAttributes") {
        return Attributes::path(user, text(path, "/verb"), text(path, "/path"));
    }
    let of = &spec["resourceAttributes"];
    let target = ResourceTarget {
        group: text(of, "/group"),
        version: text(of, "/version"),
        resource: text(of, "/resource"),
        subresource: text(of, "/subresource"),
        namespace: text(of, "/namespace"),
        name: text(of, "/name"),
        field_selector: None,
        label_selector: None,
    };
    Attributes::resource(user, text(of, "/verb"), target)
}
