//! The answers to kubelets. What a node may write of its own is checked further by admission (NodeRestriction).

use std::sync::Arc;

use async_trait::async_trait;
use meta::User;
use meta::identity::GROUP_NODES;
use meta::quote::quote;

use super::graph::{NodeGraph, Vertex, VertexKind};
use super::rules;
use crate::attributes::{Attributes, ResourceTarget, Target};
use crate::authorizer::{Authorizer, Decision, Rules};

const USER_PREFIX: &str = "system:node:";
const LEASE_NAMESPACE: &str = "kube-node-lease";

/// Decides for nodes, and has no opinion on anyone else.
#[derive(Clone)]
pub struct NodeAuthorizer(pub Arc<NodeGraph>);

/// Allowed, or why there is no opinion.
type Answer = Result<(), String>;

impl NodeAuthorizer {
    /// The answer, without waiting for anything.
    pub fn decide(&self, attributes: &Attributes<'_>) -> Decision {
        let Some(node) = node_of(attributes.user) else {
            return Decision::no_opinion();
        };
        if node.is_empty() {
            let name = quote(&attributes.user.name);
            return Decision::NoOpinion(format!("unknown node for user {name}").into());
        }
        let Target::Resource(target) = &attributes.target else {
            return Decision::no_opinion();
        };
        match self.answer(node, attributes.verb, target) {
            Ok(()) => Decision::allow(),
            Err(reason) => Decision::NoOpinion(reason.into()),
        }
    }

    fn answer(&self, node: &str, verb: &str, target: &ResourceTarget<'_>) -> Answer {
        match (target.group, target.resource) {
            ("", "secrets") => self.read_namespaced(node, verb, target, VertexKind::Secret),
            ("", "configmaps") => self.read_namespaced(node, verb, target, VertexKind::ConfigMap),
            ("", "persistentvolumeclaims") if target.subresource == "status" => {
                self.claim_status(node, verb, target)
            }
            ("", "persistentvolumeclaims") => self.get(node, verb, target, VertexKind::Claim),
            ("", "persistentvolumes") => self.get(node, verb, target, VertexKind::Volume),
            ("", "serviceaccounts") => self.service_account(node, verb, target),
            ("", "nodes") if is_read(verb) && target.subresource.is_empty() => own_node(node, target),
            ("", "pods") if is_read(verb) && target.subresource.is_empty() => {
                self.read_pods(node, verb, target)
            }
            ("resource.k8s.io", "resourceclaims") => self.get(node, verb, target, VertexKind::ResourceClaim),
            ("resource.k8s.io", "resourceslices") => self.resource_slice(node, verb, target),
            ("storage.k8s.io", "volumeattachments") => {
                self.get(node, verb, target, VertexKind::VolumeAttachment)
            }
            ("storage.k8s.io", "csinodes") => csi_node(node, verb, target),
            ("coordination.k8s.io", "leases") => lease(node, verb, target),
            _ => allowed_if(rules::allow(verb, target), ""),
        }
    }

    fn related(&self, node: &str, target: &ResourceTarget<'_>, kind: VertexKind) -> Answer {
        allowed_if(!target.name.is_empty(), "No Object name found")?;
        let vertex = Vertex::new(kind, target.namespace, target.name);
        if self.0.is_related(node, &vertex) {
            Ok(())
        } else {
            Err(format!(
                "no relationship found between node '{node}' and this object"
            ))
        }
    }

    fn read_namespaced(
        &self,
        node: &str,
        verb: &str,
        target: &ResourceTarget<'_>,
        kind: VertexKind,
    ) -> Answer {
        allowed_if(is_read(verb), "can only read resources of this type")?;
        allowed_if(target.subresource.is_empty(), "cannot read subresource")?;
        allowed_if(
            !target.namespace.is_empty(),
            "can only read namespaced object of this type",
        )?;
        self.related(node, target, kind)
    }

    fn get(&self, node: &str, verb: &str, target: &ResourceTarget<'_>, kind: VertexKind) -> Answer {
        allowed_if(verb == "get", "can only get individual resources of this type")?;
        allowed_if(target.subresource.is_empty(), "cannot get subresource")?;
        self.related(node, target, kind)
    }

    fn claim_status(&self, node: &str, verb: &str, target: &ResourceTarget<'_>) -> Answer {
        let known = matches!(verb, "get" | "update" | "patch");
        allowed_if(known, "can only get/update/patch this type")?;
        self.related(node, target, VertexKind::Claim)
    }

    fn service_account(&self, node: &str, verb: &str, target: &ResourceTarget<'_>) -> Answer {
        if verb == "get" && target.subresource.is_empty() {
            return self.related(node, target, VertexKind::ServiceAccount);
        }
        allowed_if(
            verb == "create" && !target.name.is_empty(),
            "can only create tokens for individual service accounts",
        )?;
        allowed_if(
            target.subresource == "token",
            "can only create token subresource of serviceaccount",
        )?;
        self.related(node, target, VertexKind::ServiceAccount)
    }

    fn read_pods(&self, node: &str, verb: &str, target: &ResourceTarget<'_>) -> Answer {
        if verb == "get" {
            return self.related(node, target, VertexKind::Pod);
        }
        allowed_if(
            target.selects_field("spec.nodeName", node),
            "can only list/watch pods with spec.nodeName field selector",
        )
    }

    fn resource_slice(&self, node: &str, verb: &str, target: &ResourceTarget<'_>) -> Answer {
        allowed_if(
            target.subresource.is_empty(),
            "cannot authorize ResourceSlice subresources",
        )?;
        match verb {
            "create" => Ok(()),
            "list" | "watch" | "deletecollection" => allowed_if(
                target.selects_field("spec.nodeName", node),
                "can only list/watch/deletecollection resourceslices with nodeName field selector",
            ),
            "get" | "update" | "patch" | "delete" => self.related(node, target, VertexKind::ResourceSlice),
            _ => Err(String::from(
                "only the following verbs are allowed for a ResourceSlice: \
                 get, watch, list, create, update, patch, delete, deletecollection",
            )),
        }
    }
}

#[async_trait]
impl Authorizer for NodeAuthorizer {
    async fn authorize(&self, attributes: &Attributes<'_>) -> Decision {
        self.decide(attributes)
    }

    async fn rules_for(&self, user: &User, _namespace: &str) -> Rules {
        let mut rules = Rules::default();
        if node_of(user).is_some() {
            rules.incomplete = true;
            rules.errors.push(String::from(
                "node authorizer does not support user rule resolution",
            ));
        }
        rules
    }
}

/// The name behind `system:node:` (which may be missing), if the user is in the nodes' group.
fn node_of(user: &User) -> Option<&str> {
    user.name
        .strip_prefix(USER_PREFIX)
        .filter(|_| user.in_group(GROUP_NODES))
}

fn own_node(node: &str, target: &ResourceTarget<'_>) -> Answer {
    let name = target.name;
    if name == node {
        Ok(())
    } else if name.is_empty() {
        Err(format!(
            "node '{node}' cannot read all nodes, only its own Node object"
        ))
    } else {
        Err(format!(
            "node '{node}' cannot read '{name}', only its own Node object"
        ))
    }
}

fn lease(node: &str, verb: &str, target: &ResourceTarget<'_>) -> Answer {
    allowed_if(
        is_of_one_object(verb),
        "can only get, create, update, patch, or delete a node lease",
    )?;
    allowed_if(
        target.namespace == LEASE_NAMESPACE,
        r#"can only access leases in the "kube-node-lease" system namespace"#,
    )?;
    // A name in a body is admission's to check.
    allowed_if(
        verb == "create" || target.name == node,
        "can only access node lease with the same name as the requesting node",
    )
}

fn csi_node(node: &str, verb: &str, target: &ResourceTarget<'_>) -> Answer {
    allowed_if(
        target.subresource.is_empty(),
        "cannot authorize CSINode subresources",
    )?;
    allowed_if(
        is_of_one_object(verb),
        "can only get, create, update, patch, or delete a CSINode",
    )?;
    allowed_if(
        verb == "create" || target.name == node,
        "can only access CSINode with the same name as the requesting node",
    )
}

fn is_read(verb: &str) -> bool {
    matches!(verb, "get" | "list" | "watch")
}

fn is_of_one_object(verb: &str) -> bool {
    matches!(verb, "get" | "create" | "update" | "patch" | "delete")
}

fn allowed_if(condition: bool, otherwise: &str) -> Answer {
    if condition {
        Ok(())
    } else {
        Err(otherwise.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use meta::GroupResource;
    use meta::field_selector::FieldSelector;
    use serde_json::json;

    use super::*;
    use crate::follower::Follower;

    fn authorizer() -> NodeAuthorizer {
        let graph = NodeGraph::default();
        let pod = json!({
            "metadata": {"namespace": "d", "name": "p"},
            "spec": {
                "nodeName": "n",
                "serviceAccountName": "sa",
                "volumes": [{"name": "s", "secret": {"secretName": "used"}}],
            },
        });
        graph.set(&GroupResource::new("", "pods"), &pod);
        NodeAuthorizer(Arc::new(graph))
    }

    /// Verb, group, resource/subresource, namespace, name; the answer.
    struct Case(
        &'static str,
        &'static str,
        &'static str,
        &'static str,
        &'static str,
        Answer,
    );

    fn no(reason: &str) -> Answer {
        Err(reason.to_owned())
    }

    fn cases() -> Vec<Case> {
        const STRANGER: &str = "no relationship found between node 'n' and this object";
        vec![
            Case("get", "", "secrets", "d", "used", Ok(())),
            Case("list", "", "secrets", "d", "used", Ok(())),
            Case("get", "", "secrets", "d", "unused", no(STRANGER)),
            Case("get", "", "secrets", "e", "used", no(STRANGER)),
            Case("list", "", "secrets", "d", "", no("No Object name found")),
            Case(
                "watch",
                "",
                "secrets",
                "",
                "",
                no("can only read namespaced object of this type"),
            ),
            Case(
                "update",
                "",
                "secrets",
                "d",
                "used",
                no("can only read resources of this type"),
            ),
            Case("get", "", "configmaps", "d", "x", no(STRANGER)),
            Case("get", "", "pods", "d", "p", Ok(())),
            Case("get", "", "pods", "d", "q", no(STRANGER)),
            Case(
                "list",
                "",
                "pods",
                "",
                "",
                no("can only list/watch pods with spec.nodeName field selector"),
            ),
            Case("create", "", "pods", "d", "", Ok(())),
            Case("patch", "", "pods", "d", "p", no("")),
            Case("patch", "", "pods/status", "d", "p", Ok(())),
            Case("create", "", "pods/binding", "d", "p", no("")),
            Case("create", "", "pods/eviction", "d", "q", Ok(())),
            Case("get", "", "nodes", "", "n", Ok(())),
            Case(
                "get",
                "",
                "nodes",
                "",
                "m",
                no("node 'n' cannot read 'm', only its own Node object"),
            ),
            Case(
                "list",
                "",
                "nodes",
                "",
                "",
                no("node 'n' cannot read all nodes, only its own Node object"),
            ),
            Case("list", "", "nodes", "", "n", Ok(())),
            Case("get", "", "nodes/proxy", "", "n", no("")),
            Case("delete", "", "nodes", "", "n", no("")),
            Case("patch", "", "nodes", "", "m", Ok(())),
            Case("create", "", "serviceaccounts/token", "d", "sa", Ok(())),
            Case("create", "", "serviceaccounts/token", "d", "other", no(STRANGER)),
            Case("get", "", "serviceaccounts", "d", "sa", Ok(())),
            Case(
                "list",
                "",
                "serviceaccounts",
                "d",
                "",
                no("can only create tokens for individual service accounts"),
            ),
            Case("get", "", "persistentvolumes", "", "v", no(STRANGER)),
            Case(
                "list",
                "",
                "persistentvolumes",
                "",
                "",
                no("can only get individual resources of this type"),
            ),
            Case(
                "get",
                "coordination.k8s.io",
                "leases",
                "kube-node-lease",
                "n",
                Ok(()),
            ),
            Case(
                "create",
                "coordination.k8s.io",
                "leases",
                "kube-node-lease",
                "",
                Ok(()),
            ),
            Case(
                "patch",
                "coordination.k8s.io",
                "leases",
                "kube-node-lease",
                "m",
                no("can only access node lease with the same name as the requesting node"),
            ),
            Case(
                "create",
                "coordination.k8s.io",
                "leases",
                "d",
                "",
                no(r#"can only access leases in the "kube-node-lease" system namespace"#),
            ),
            Case(
                "list",
                "coordination.k8s.io",
                "leases",
                "kube-node-lease",
                "",
                no("can only get, create, update, patch, or delete a node lease"),
            ),
            Case("create", "storage.k8s.io", "csinodes", "", "", Ok(())),
            Case(
                "get",
                "storage.k8s.io",
                "csinodes",
                "",
                "m",
                no("can only access CSINode with the same name as the requesting node"),
            ),
            Case(
                "get",
                "storage.k8s.io",
                "volumeattachments",
                "",
                "x",
                no(STRANGER),
            ),
            Case("list", "", "services", "", "", Ok(())),
            Case("list", "apps", "deployments", "", "", no("")),
            Case("get", "resource.k8s.io", "resourceslices", "", "x", no(STRANGER)),
            Case(
                "list",
                "resource.k8s.io",
                "resourceslices",
                "",
                "",
                no("can only list/watch/deletecollection resourceslices with nodeName field selector"),
            ),
        ]
    }

    #[test]
    fn a_node_may_what_its_pods_need() {
        let authorizer = authorizer();
        let user = User::new("system:node:n", &["system:nodes"]);
        for Case(verb, group, resource, namespace, name, wanted) in cases() {
            let (resource, subresource) = resource.split_once('/').unwrap_or((resource, ""));
            let target = ResourceTarget {
                group,
                resource,
                subresource,
                namespace,
                name,
                ..ResourceTarget::default()
            };
            let attributes = Attributes::resource(&user, verb, target);
            let wanted = match wanted {
                Ok(()) => Decision::allow(),
                Err(reason) => Decision::NoOpinion(reason.into()),
            };
            assert_eq!(authorizer.decide(&attributes), wanted, "{attributes} {name}");
        }
    }

    #[test]
    fn lists_are_allowed_by_their_field_selector() {
        let authorizer = authorizer();
        let user = User::new("system:node:n", &["system:nodes"]);
        for (group, resource) in [("", "pods"), ("resource.k8s.io", "resourceslices")] {
            for (selector, allowed) in [
                ("spec.nodeName=n", true),
                ("spec.nodeName=n,metadata.name=x", true),
                ("spec.nodeName=m", false),
                ("spec.nodeName!=m", false),
                ("", false),
            ] {
                let selector = FieldSelector::parse(selector).expect("a selector");
                let target = ResourceTarget {
                    group,
                    resource,
                    field_selector: Some(&selector),
                    ..ResourceTarget::default()
                };
                let decision = authorizer.decide(&Attributes::resource(&user, "watch", target));
                assert_eq!(decision.is_allowed(), allowed, "{resource} {selector:?}");
            }
        }
    }

    #[tokio::test]
    async fn only_nodes_are_of_interest() {
        let authorizer = authorizer();
        let target = ResourceTarget {
            resource: "services",
            ..ResourceTarget::default()
        };
        for (name, groups, wanted) in [
            ("system:node:n", &["system:nodes"][..], Decision::allow()),
            ("system:node:n", &[], Decision::no_opinion()),
            ("x", &["system:nodes"], Decision::no_opinion()),
            (
                "system:node:",
                &["system:nodes"],
                Decision::NoOpinion(r#"unknown node for user "system:node:""#.into()),
            ),
        ] {
            let user = User::new(name, groups);
            assert_eq!(
                authorizer.decide(&Attributes::resource(&user, "list", target)),
                wanted,
                "{name}"
            );
            let rules = authorizer.rules_for(&user, "d").await;
            assert_eq!(
                rules.incomplete,
                name.starts_with("system:node:") && !groups.is_empty()
            );
        }
    }
}
