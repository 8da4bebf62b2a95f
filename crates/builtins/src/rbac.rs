//! Nobody gives more than they have: the hooks around writes of roles and bindings.

use std::sync::Arc;

use async_trait::async_trait;
use auth::rbac::{GROUP, PolicyRule, RbacIndex, RoleRef, may_aggregate, may_grant};
use auth::{Attributes, Authorizer, ResourceTarget};
use meta::identity::GROUP_MASTERS;
use meta::{GroupResource, Status, User};
use registry::{Hooks, Pending, RequestContext};
use serde::Deserialize;
use serde_json::Value;

/// Checks writes of one of the four resources.
pub struct GrantCheck {
    /// Roles, and who has which.
    pub index: Arc<RbacIndex>,
    /// Knows who may do it all the same (the verbs `escalate` and `bind`).
    pub authorizer: Arc<dyn Authorizer>,
    /// `roles`, `clusterroles`, `rolebindings` or `clusterrolebindings`.
    pub plural: &'static str,
}

#[async_trait]
impl Hooks for GrantCheck {
    async fn begin_create(
        &self,
        context: &RequestContext,
        new: &mut Value,
    ) -> Result<Option<Box<dyn Pending>>, Status> {
        // Rights to escalate by name count only where the request names it: for an update that creates.
        self.check(&context.user, new, None, &context.requested_name)
            .await
            .map(|()| None)
    }

    async fn begin_update(
        &self,
        context: &RequestContext,
        new: &mut Value,
        old: &Value,
    ) -> Result<Option<Box<dyn Pending>>, Status> {
        if without_ownership(new) != without_ownership(old) {
            self.check(&context.user, new, Some(old), meta::object::name(old))
                .await?;
        }
        Ok(None)
    }
}

impl GrantCheck {
    async fn check(
        &self,
        user: &User,
        object: &Value,
        old: Option<&Value>,
        request_name: &str,
    ) -> Result<(), Status> {
        if user.in_group(GROUP_MASTERS) {
            return Ok(());
        }
        if self.plural.ends_with("bindings") {
            self.check_binding(user, object).await
        } else {
            self.check_role(user, object, old, request_name).await
        }
    }

    async fn check_role(
        &self,
        user: &User,
        role: &Value,
        old: Option<&Value>,
        request_name: &str,
    ) -> Result<(), Status> {
        let namespace = meta::object::namespace(role);
        if self
            .may(user, "escalate", self.plural, namespace, request_name)
            .await
        {
            return Ok(());
        }
        let (held, missing) = self.held(user, namespace);
        let name = meta::object::name(role);
        let rules: Vec<PolicyRule> = Vec::deserialize(&role["rules"]).unwrap_or_default();
        may_grant(user, &held, &missing, &rules).map_err(|error| self.refused(name, &error))?;
        if is_aggregated(role) || old.is_some_and(is_aggregated) {
            may_aggregate(&held).map_err(|error| self.refused(name, &error))?;
        }
        Ok(())
    }

    async fn check_binding(&self, user: &User, binding: &Value) -> Result<(), Status> {
        let namespace = meta::object::namespace(binding);
        let role = RoleRef::deserialize(&binding["roleRef"]).unwrap_or_default();
        let plural = if role.kind == "Role" {
            "roles"
        } else {
            "clusterroles"
        };
        if self.may(user, "bind", plural, namespace, &role.name).await {
            return Ok(());
        }
        let rules = self.index.role_rules(&role, namespace);
        let rules = rules.ok_or_else(|| Status::not_found(&self.resource(), &role.name))?;
        let (held, missing) = self.held(user, namespace);
        may_grant(user, &held, &missing, &rules)
            .map_err(|error| self.refused(meta::object::name(binding), &error))
    }

    async fn may(&self, user: &User, verb: &str, resource: &str, namespace: &str, name: &str) -> bool {
        let target = ResourceTarget {
            group: GROUP,
            version: "v1",
            resource,
            namespace,
            name,
            ..ResourceTarget::default()
        };
        let attributes = Attributes::resource(user, verb, target);
        self.authorizer.authorize(&attributes).await.is_allowed()
    }

    /// What the user has, and what went wrong looking for it: upstream names what the request is about, whatever was missing.
    fn held(&self, user: &User, namespace: &str) -> (Vec<PolicyRule>, Vec<String>) {
        let (held, missing) = self.index.rules_of(user, namespace);
        let resource = self.resource();
        let missing = missing
            .iter()
            .map(|role| Status::not_found(&resource, role).message);
        (held, missing.collect())
    }

    fn resource(&self) -> GroupResource {
        GroupResource::new(GROUP, self.plural)
    }

    fn refused(&self, name: &str, why: &dyn std::fmt::Display) -> Status {
        Status::forbidden(&self.resource(), name, &why.to_string())
    }
}

/// Whether a role gathers the rules of others.
fn is_aggregated(role: &Value) -> bool {
    let selectors = &role["aggregationRule"]["clusterRoleSelectors"];
    selectors
        .as_array()
        .is_some_and(|selectors| !selectors.is_empty())
}

/// The object without what the garbage collector may change in anything.
fn without_ownership(object: &Value) -> Value {
    let mut object = object.clone();
    if let Some(metadata) = meta::object::metadata_mut(&mut object) {
        for field in [
            "ownerReferences",
            "finalizers",
            "managedFields",
            "resourceVersion",
        ] {
            metadata.remove(field);
        }
    }
    object
}

#[cfg(test)]
mod tests {
    use auth::Follower;
    use auth::rbac::RbacAuthorizer;
    use serde_json::json;

    use super::*;

    /// A manager who may read config maps, and may bind `big` and escalate `new`.
    fn check(plural: &'static str) -> GrantCheck {
        let index = Arc::new(RbacIndex::default());
        let set =
            |plural: &'static str, object: Value| index.set(&GroupResource::new(GROUP, plural), &object);
        let rules = |rules: Value, name: &str, namespace: &str| json!({"metadata": {"name": name, "namespace": namespace}, "rules": rules});
        set(
            "roles",
            rules(
                json!([
                    {"verbs": ["get", "list"], "apiGroups": [""], "resources": ["configmaps"]},
                    {"verbs": ["bind"], "apiGroups": [GROUP], "resources": ["roles"], "resourceNames": ["big"]},
                    {"verbs": ["escalate"], "apiGroups": [GROUP], "resources": ["roles"], "resourceNames": ["new"]},
                ]),
                "manager",
                "d",
            ),
        );
        let everything = json!([{"verbs": ["*"], "apiGroups": [""], "resources": ["secrets"]}]);
        set("roles", rules(everything.clone(), "big", "d"));
        set("roles", rules(everything, "bigger", "d"));
        set(
            "rolebindings",
            json!({
                "metadata": {"name": "b", "namespace": "d"},
                "roleRef": {"kind": "Role", "name": "manager"},
                "subjects": [{"kind": "User", "name": "mgr"}],
            }),
        );
        GrantCheck {
            authorizer: Arc::new(RbacAuthorizer(Arc::clone(&index))),
            index,
            plural,
        }
    }

    fn context(groups: &[&str]) -> RequestContext {
        RequestContext::new(Arc::new(User::new("mgr", groups)), jiff::Timestamp::UNIX_EPOCH)
    }

    fn role(name: &str, verb: &str) -> Value {
        json!({
            "metadata": {"name": name, "namespace": "d"},
            "rules": [{"verbs": [verb], "apiGroups": [""], "resources": ["configmaps"]}],
        })
    }

    fn binding(role: &str) -> Value {
        json!({"metadata": {"name": "n", "namespace": "d"}, "roleRef": {"kind": "Role", "name": role}})
    }

    async fn create(plural: &'static str, groups: &[&str], object: &Value) -> Result<(), (u16, String)> {
        let created = check(plural)
            .begin_create(&context(groups), &mut object.clone())
            .await;
        created
            .map(|_| ())
            .map_err(|status| (status.code, status.message))
    }

    #[tokio::test]
    async fn what_is_held_can_be_given() {
        assert_eq!(create("roles", &[], &role("new", "get")).await, Ok(()));
        assert_eq!(
            create("roles", &["system:masters"], &role("new", "delete")).await,
            Ok(())
        );
        assert_eq!(
            create("rolebindings", &[], &binding("big")).await,
            Ok(()),
            "by the verb bind"
        );
        let (code, message) = create("roles", &[], &role("new", "delete"))
            .await
            .expect_err("refused");
        assert_eq!(code, 403);
        assert_eq!(
            message,
            concat!(
                r#"roles.rbac.authorization.k8s.io "new" is forbidden: user "mgr" (groups=[]) is attempting to grant "#,
                "RBAC permissions not currently held:\n",
                r#"{APIGroups:[""], Resources:["configmaps"], Verbs:["delete"]}"#
            )
        );
        let (code, _) = create("rolebindings", &[], &binding("bigger"))
            .await
            .expect_err("refused");
        assert_eq!(code, 403);
        let missing = create("rolebindings", &[], &binding("nothing")).await;
        let text = r#"rolebindings.rbac.authorization.k8s.io "nothing" not found"#;
        assert_eq!(missing, Err((404, text.to_owned())));
    }

    #[tokio::test]
    async fn roles_that_are_missing_are_told_under_the_name_of_what_is_written() {
        let roles = check("roles");
        for (name, role) in [("c", "none"), ("d", "neither")] {
            let lost = json!({
                "metadata": {"name": name, "namespace": "d"},
                "roleRef": {"kind": "ClusterRole", "name": role},
                "subjects": [{"kind": "User", "name": "mgr"}],
            });
            roles.index.set(&GroupResource::new(GROUP, "rolebindings"), &lost);
        }
        let refused = roles
            .begin_create(&context(&[]), &mut role("other", "delete"))
            .await;
        let message = refused.map(|_| ()).expect_err("refused").message;
        let end = concat!(
            r#"; resolution errors: [[roles.rbac.authorization.k8s.io "none" not found, "#,
            r#"roles.rbac.authorization.k8s.io "neither" not found]]"#
        );
        assert!(message.ends_with(end), "{message}");
    }

    #[tokio::test]
    async fn who_touches_aggregation_must_hold_everything() {
        let gathering = |selectors: Value| json!({"metadata": {"name": "n"}, "aggregationRule": {"clusterRoleSelectors": selectors}});
        let (none, some) = (gathering(json!([])), gathering(json!([{}])));
        for (old, new, allowed) in [
            (None, &none, true),
            (None, &some, false),
            (Some(&none), &some, false),
            (Some(&some), &none, false),
        ] {
            let roles = check("clusterroles");
            let user = User::new("mgr", &[]);
            let checked = roles.check(&user, new, old, "n").await;
            assert_eq!(checked.is_ok(), allowed, "{old:?} {new}");
        }
    }

    #[tokio::test]
    async fn updates_are_checked_unless_only_the_collector_is_concerned() {
        let update = async |old: Value, mut new: Value| {
            check("roles")
                .begin_update(&context(&[]), &mut new, &old)
                .await
                .is_ok()
        };
        assert!(
            update(role("new", "get"), role("new", "delete")).await,
            "by the verb escalate"
        );
        assert!(!update(role("other", "get"), role("other", "delete")).await);
        let mut labelled = role("other", "delete");
        labelled["metadata"]["labels"] = json!({"a": "b"});
        assert!(!update(role("other", "delete"), labelled).await);
        let mut owned = role("other", "delete");
        owned["metadata"]["finalizers"] = json!(["a/b"]);
        assert!(update(role("other", "delete"), owned).await);
    }
}
