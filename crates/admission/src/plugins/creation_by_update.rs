//! Who writes what is not there makes it, and must be allowed to.

use std::sync::Arc;

use async_trait::async_trait;
use auth::{Attributes, Authorizer, ResourceTarget};
use meta::Status;
use registry::{AdmissionRequest, Operation};

use crate::plugin::Plugin;

/// Asks for the verb `create` where an update or an apply turns out to be one: the request was allowed under another verb.
pub(crate) struct CreationByUpdate {
    pub(crate) authorizer: Arc<dyn Authorizer>,
}

#[async_trait]
impl Plugin for CreationByUpdate {
    fn name(&self) -> &'static str {
        "CreationByUpdate"
    }

    async fn validate(&self, request: &AdmissionRequest<'_>) -> Result<(), Status> {
        let name = &*request.context.requested_name;
        if request.operation != Operation::Create || !request.subresource.is_empty() || name.is_empty() {
            return Ok(());
        }
        let resource = request.resource;
        let target = ResourceTarget {
            group: &resource.group,
            version: &resource.version,
            resource: &resource.resource,
            namespace: request.namespace,
            name,
            ..ResourceTarget::default()
        };
        let question = Attributes::resource(&request.context.user, "create", target);
        let decision = self.authorizer.authorize(&question).await;
        if decision.is_allowed() {
            return Ok(());
        }
        Err(question.forbidden(decision.reason()))
    }
}

#[cfg(test)]
mod tests {
    use auth::{Decision, Rules};
    use meta::{GroupVersionResource, User};
    use serde_json::json;

    use super::*;
    use crate::testing::Write;

    /// Lets people do the one thing that their name says.
    struct ByName;

    #[async_trait]
    impl Authorizer for ByName {
        async fn authorize(&self, question: &Attributes<'_>) -> Decision {
            if question.user.name == question.verb {
                Decision::allow()
            } else {
                Decision::no_opinion()
            }
        }

        async fn rules_for(&self, _user: &User, _namespace: &str) -> Rules {
            Rules::default()
        }
    }

    #[tokio::test]
    async fn who_makes_an_object_by_an_update_must_be_allowed_to_create() {
        let leases = GroupVersionResource::new("coordination.k8s.io", "v1", "leases");
        let plugin = CreationByUpdate {
            authorizer: Arc::new(ByName),
        };
        let lease = json!({"metadata": {"name": "l", "namespace": "n"}});
        for (user, requested, refused) in [
            ("create", "l", false),
            ("update", "l", true),
            ("update", "", false),
        ] {
            let mut write = Write::create(&leases, lease.clone()).by(User::new(user, &[]));
            write.requested_name = requested;
            let outcome = write.through(&plugin).await;
            let expected = "leases.coordination.k8s.io \"l\" is forbidden: User \"update\" cannot create resource \
                            \"leases\" in API group \"coordination.k8s.io\" in the namespace \"n\"";
            assert_eq!(outcome.err().as_deref(), refused.then_some(expected), "{user}");
        }
    }
}
