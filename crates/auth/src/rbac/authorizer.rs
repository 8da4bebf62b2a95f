//! The answers of role-based access control.

use std::sync::Arc;

use async_trait::async_trait;
use meta::User;

use super::index::RbacIndex;
use crate::attributes::{Attributes, Target};
use crate::authorizer::{Authorizer, Decision, NonResourceRule, ResourceRule, Rules};

/// Decides by roles and bindings.
#[derive(Clone)]
pub struct RbacAuthorizer(pub Arc<RbacIndex>);

impl RbacAuthorizer {
    /// The answer, without waiting for anything.
    pub fn decide(&self, attributes: &Attributes<'_>) -> Decision {
        let namespace = match attributes.target {
            Target::Resource(target) => target.namespace,
            Target::Path(_) => "",
        };
        let mut allowed = None;
        let missing = self.0.visit_rules(attributes.user, namespace, |rule, reason| {
            if rule.allows(attributes) {
                allowed = Some(Arc::clone(reason));
            }
            allowed.is_none()
        });
        match (allowed, meta::aggregate(missing)) {
            (Some(reason), _) => Decision::Allow(reason),
            (None, None) => Decision::no_opinion(),
            (None, Some(missing)) => Decision::NoOpinion(format!("RBAC: {missing}").into()),
        }
    }
}

#[async_trait]
impl Authorizer for RbacAuthorizer {
    async fn authorize(&self, attributes: &Attributes<'_>) -> Decision {
        self.decide(attributes)
    }

    async fn rules_for(&self, user: &User, namespace: &str) -> Rules {
        let mut rules = Rules::default();
        let missing = self.0.visit_rules(user, namespace, |rule, _| {
            if !rule.resources.is_empty() {
                rules.resource.push(ResourceRule {
                    verbs: rule.verbs.clone(),
                    api_groups: rule.api_groups.clone(),
                    resources: rule.resources.clone(),
                    resource_names: rule.resource_names.clone(),
                });
            }
            if !rule.non_resource_urls.is_empty() {
                rules.non_resource.push(NonResourceRule {
                    verbs: rule.verbs.clone(),
                    paths: rule.non_resource_urls.clone(),
                });
            }
            true
        });
        rules.errors = missing;
        rules
    }
}

#[cfg(test)]
mod tests {
    use meta::GroupResource;
    use serde_json::{Value, json};

    use super::*;
    use crate::attributes::ResourceTarget;
    use crate::follower::Follower;
    use crate::rbac::GROUP;

    const CLUSTER_ROLES: GroupResource = GroupResource::new(GROUP, "clusterroles");
    const ROLES: GroupResource = GroupResource::new(GROUP, "roles");
    const CLUSTER_ROLE_BINDINGS: GroupResource = GroupResource::new(GROUP, "clusterrolebindings");
    const ROLE_BINDINGS: GroupResource = GroupResource::new(GROUP, "rolebindings");

    fn role(namespace: &str, name: &str, verbs: &[&str], resource: &str) -> Value {
        json!({
            "metadata": {"namespace": namespace, "name": name},
            "rules": [{"verbs": verbs, "apiGroups": [""], "resources": [resource]}],
        })
    }

    fn binding(namespace: &str, name: &str, role: (&str, &str), subjects: Value) -> Value {
        json!({
            "metadata": {"namespace": namespace, "name": name},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": role.0, "name": role.1},
            "subjects": subjects,
        })
    }

    fn index() -> Arc<RbacIndex> {
        let index = RbacIndex::default();
        index.set(&CLUSTER_ROLES, &role("", "reader", &["get"], "pods"));
        index.set(&ROLES, &role("d", "r", &["get"], "configmaps"));
        index.set(
            &CLUSTER_ROLE_BINDINGS,
            &binding(
                "",
                "all",
                ("ClusterRole", "reader"),
                json!([{"kind": "Group", "name": "g"}]),
            ),
        );
        let subjects = json!([
            {"kind": "User", "name": "u"},
            {"kind": "ServiceAccount", "name": "sa", "namespace": "d"},
            {"kind": "ServiceAccount", "name": "here"},
            {"kind": "User", "name": "u"},
        ]);
        index.set(
            &ROLE_BINDINGS,
            &binding("d", "b", ("Role", "r"), subjects.clone()),
        );
        index.set(
            &ROLE_BINDINGS,
            &binding("e", "b", ("ClusterRole", "reader"), subjects),
        );
        index.set(
            &CLUSTER_ROLE_BINDINGS,
            &binding(
                "",
                "lost",
                ("ClusterRole", "none"),
                json!([{"kind": "User", "name": "lost"}]),
            ),
        );
        index.set(
            &ROLE_BINDINGS,
            &binding(
                "d",
                "lost",
                ("Role", "none"),
                json!([{"kind": "User", "name": "lost"}]),
            ),
        );
        Arc::new(index)
    }

    fn decide(index: &Arc<RbacIndex>, user: &User, resource: &str, namespace: &str) -> Decision {
        let target = ResourceTarget {
            resource,
            namespace,
            name: "x",
            ..ResourceTarget::default()
        };
        RbacAuthorizer(Arc::clone(index)).decide(&Attributes::resource(user, "get", target))
    }

    #[test]
    fn who_is_bound_may_and_is_told_why() {
        let index = index();
        let (u, lost) = (User::new("u", &[]), User::new("lost", &[]));
        let member = User::new("x", &["g"]);
        let account = |namespace, name| User::service_account(namespace, name);
        let allow = |reason: &str| Decision::Allow(reason.into());
        let no = Decision::no_opinion;
        let cases = [
            (
                u.clone(),
                "configmaps",
                "d",
                allow(r#"RBAC: allowed by RoleBinding "b/d" of Role "r" to User "u""#),
            ),
            (u.clone(), "configmaps", "e", no()),
            (u.clone(), "configmaps", "", no()),
            (u.clone(), "pods", "d", no()),
            (
                u,
                "pods",
                "e",
                allow(r#"RBAC: allowed by RoleBinding "b/e" of ClusterRole "reader" to User "u""#),
            ),
            (
                account("d", "sa"),
                "configmaps",
                "d",
                allow(r#"RBAC: allowed by RoleBinding "b/d" of Role "r" to ServiceAccount "sa/d""#),
            ),
            (account("e", "sa"), "configmaps", "d", no()),
            (
                account("e", "here"),
                "pods",
                "e",
                allow(
                    r#"RBAC: allowed by RoleBinding "b/e" of ClusterRole "reader" to ServiceAccount "here/e""#,
                ),
            ),
            (
                member.clone(),
                "pods",
                "anywhere",
                allow(r#"RBAC: allowed by ClusterRoleBinding "all" of ClusterRole "reader" to Group "g""#),
            ),
            (
                member,
                "pods",
                "",
                allow(r#"RBAC: allowed by ClusterRoleBinding "all" of ClusterRole "reader" to Group "g""#),
            ),
            (
                lost.clone(),
                "pods",
                "",
                Decision::NoOpinion(r#"RBAC: clusterrole.rbac.authorization.k8s.io "none" not found"#.into()),
            ),
            (
                lost,
                "pods",
                "d",
                Decision::NoOpinion(
                    concat!(
                        r#"RBAC: [clusterrole.rbac.authorization.k8s.io "none" not found, "#,
                        r#"role.rbac.authorization.k8s.io "none" not found]"#
                    )
                    .into(),
                ),
            ),
        ];
        for (user, resource, namespace, wanted) in cases {
            let found = decide(&index, &user, resource, namespace);
            assert_eq!(found, wanted, "{} {resource} {namespace}", user.name);
        }
    }

    #[test]
    fn changes_count_at_once() {
        let index = index();
        let u = User::new("u", &[]);
        let may = |index: &Arc<RbacIndex>| decide(index, &u, "configmaps", "d").is_allowed();
        assert!(may(&index));
        index.set(&ROLES, &role("d", "r", &["list"], "configmaps"));
        assert!(!may(&index));
        index.set(&ROLES, &role("d", "r", &["get"], "configmaps"));
        assert!(may(&index));
        let other = json!([{"kind": "User", "name": "other"}]);
        index.set(&ROLE_BINDINGS, &binding("d", "b", ("Role", "r"), other));
        assert!(!may(&index));
        let back = json!([{"kind": "User", "name": "u"}]);
        index.set(&ROLE_BINDINGS, &binding("d", "b", ("Role", "r"), back));
        assert!(may(&index));
        index.remove(&ROLE_BINDINGS, "d", "b");
        assert!(!may(&index));
    }

    #[tokio::test]
    async fn rules_can_be_listed() {
        let authorizer = RbacAuthorizer(index());
        let rules = authorizer.rules_for(&User::new("u", &["g"]), "d").await;
        let resources: Vec<&str> = rules.resource.iter().map(|r| r.resources[0].as_str()).collect();
        assert_eq!(resources, ["pods", "configmaps"]);
        assert!(!rules.incomplete && rules.errors.is_empty());
    }

    #[tokio::test]
    async fn a_binding_counts_once_by_its_first_subject() {
        let index = index();
        let subjects = json!([{"kind": "Group", "name": "h"}, {"kind": "User", "name": "u"}]);
        index.set(
            &ROLE_BINDINGS,
            &binding("f", "b", ("ClusterRole", "reader"), subjects),
        );
        for (user, by) in [
            (User::new("u", &["h"]), r#"Group "h""#),
            (User::new("u", &[]), r#"User "u""#),
            (User::new("x", &["h"]), r#"Group "h""#),
        ] {
            let reason = format!(r#"RBAC: allowed by RoleBinding "b/f" of ClusterRole "reader" to {by}"#);
            assert_eq!(
                decide(&index, &user, "pods", "f"),
                Decision::Allow(reason.into()),
                "{user:?}"
            );
            let rules = RbacAuthorizer(Arc::clone(&index)).rules_for(&user, "f").await;
            assert_eq!(rules.resource.len(), 1, "{user:?}");
        }
    }
}
