//! Requests that need nobody's approval: those of kubelets, for what they are, and for the parts of their nodes.

use client::k8s_openapi::api::authorization::v1::{
    ResourceAttributes, SubjectAccessReview, SubjectAccessReviewSpec,
};
use client::k8s_openapi::api::certificates::v1::CertificateSigningRequest;
use client::k8s_openapi::api::core::v1::Node;
use pki::{NodePart, SigningRequest};

use super::sign::{
    CLIENT, KUBELET_CLIENT, KUBELET_SERVING, is_kubelet_client, is_kubelet_serving, is_plain_client, parse,
};

/// What stands between a recognized request and its approval.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Approval {
    /// Nothing: a node asks for itself. What to say on approval.
    Own(&'static str),
    /// The requester must be allowed to create `certificatesigningrequests/nodeclient`.
    NewNode,
    /// The node must be there and have the names asked for.
    Node(String),
}

/// The subresource that stands for the permission to become a node.
const NEW_NODE: &str = "nodeclient";

const SELF: Approval = Approval::Own("Auto approving self kubelet client certificate.");
const PART: Approval = Approval::Own("Auto approving client certificate of a node's part.");
const NEW: Approval = Approval::NewNode;

/// What a request needs to be approved; none if a person has to decide.
pub(super) fn recognize(csr: &CertificateSigningRequest) -> Option<Approval> {
    let request = parse(csr).ok()?;
    let user = csr.spec.username.as_deref().unwrap_or_default();
    match csr.spec.signer_name.as_str() {
        KUBELET_CLIENT if is_kubelet_client(csr, &request).is_ok() => {
            Some(if user == request.common_name { SELF } else { NEW })
        }
        KUBELET_SERVING if is_kubelet_serving(csr, &request).is_ok() && user == request.common_name => {
            let node = user.strip_prefix("system:node:")?;
            Some(Approval::Node(node.to_owned()))
        }
        CLIENT if is_node_part(csr, &request, user) => Some(PART),
        _ => None,
    }
}

/// Whether a node asks for a part of itself, and for nothing else.
fn is_node_part(csr: &CertificateSigningRequest, request: &SigningRequest, user: &str) -> bool {
    let Some(node) = user.strip_prefix("system:node:") else {
        return false;
    };
    NodePart::of_user(&request.common_name).is_some()
        && request.organizations == [NodePart::group(node)]
        && request.names.is_empty()
        && is_plain_client(csr)
}

/// The question whether the requester may become a node.
pub(super) fn review(csr: &CertificateSigningRequest) -> SubjectAccessReview {
    let text = |value: &str| Some(value.to_owned());
    SubjectAccessReview {
        spec: SubjectAccessReviewSpec {
            user: csr.spec.username.clone(),
            uid: csr.spec.uid.clone(),
            groups: csr.spec.groups.clone(),
            extra: csr.spec.extra.clone(),
            resource_attributes: Some(ResourceAttributes {
                group: text("certificates.k8s.io"),
                resource: text("certificatesigningrequests"),
                verb: text("create"),
                subresource: text(NEW_NODE),
                version: text("*"),
                ..ResourceAttributes::default()
            }),
            ..SubjectAccessReviewSpec::default()
        },
        ..SubjectAccessReview::default()
    }
}

/// Whether a node may serve under the names it asks for: they are its own.
pub(super) fn may_serve(csr: &CertificateSigningRequest, node: &Node) -> bool {
    let Ok(SigningRequest { names, .. }) = parse(csr) else {
        return false;
    };
    let addresses = node.status.iter().flat_map(|status| &status.addresses).flatten();
    let mut own: Vec<&str> = addresses.map(|address| address.address.as_str()).collect();
    own.extend(node.metadata.name.as_deref());
    let is_own = |name: &str| own.iter().any(|o| o.eq_ignore_ascii_case(name));
    names.dns.iter().all(|name| is_own(name)) && names.addresses.iter().all(|ip| is_own(&ip.to_string()))
}

#[cfg(test)]
mod tests {
    use client::k8s_openapi::api::core::v1::{NodeAddress, NodeStatus};
    use client::k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
    use pki::AlternativeNames;

    use super::super::sign::tests::csr;
    use super::*;

    fn names(names: &[&str]) -> AlternativeNames {
        let mut all = AlternativeNames::default();
        names.iter().for_each(|name| all.add(name));
        all
    }

    #[test]
    fn kubelets_are_recognized_by_what_they_ask_for() {
        const CLIENT: &[&str] = &["digital signature", "client auth"];
        const OLDER: &[&str] = &["key encipherment", "digital signature", "client auth"];
        const SERVER: &[&str] = &["digital signature", "server auth"];
        const CLIENT_SIGNER: &str = "kubernetes.io/kube-apiserver-client";
        let none = names(&[]);
        let own = names(&["a"]);
        let nodes: &[&str] = &["system:nodes"];
        let cases = [
            (
                "x",
                KUBELET_CLIENT,
                "system:node:a",
                nodes,
                &none,
                CLIENT,
                Some(NEW),
            ),
            (
                "x",
                KUBELET_CLIENT,
                "system:node:a",
                nodes,
                &none,
                OLDER,
                Some(NEW),
            ),
            (
                "system:node:a",
                KUBELET_CLIENT,
                "system:node:a",
                nodes,
                &none,
                CLIENT,
                Some(SELF),
            ),
            ("x", KUBELET_CLIENT, "system:node:a", nodes, &own, CLIENT, None),
            ("x", KUBELET_CLIENT, "system:node:a", nodes, &none, SERVER, None),
            (
                "x",
                KUBELET_CLIENT,
                "system:node:a",
                &["system:masters"],
                &none,
                CLIENT,
                None,
            ),
            (
                "x",
                KUBELET_CLIENT,
                "system:node:a",
                &["system:nodes", "x"],
                &none,
                CLIENT,
                None,
            ),
            ("x", KUBELET_CLIENT, "a", nodes, &none, CLIENT, None),
            (
                "x",
                "kubernetes.io/kube-apiserver-client",
                "system:node:a",
                nodes,
                &none,
                CLIENT,
                None,
            ),
            (
                "system:node:a",
                KUBELET_SERVING,
                "system:node:a",
                nodes,
                &own,
                SERVER,
                Some(Approval::Node(String::from("a"))),
            ),
            (
                "system:node:b",
                KUBELET_SERVING,
                "system:node:a",
                nodes,
                &own,
                SERVER,
                None,
            ),
            (
                "system:node:a",
                KUBELET_SERVING,
                "system:node:a",
                nodes,
                &none,
                SERVER,
                None,
            ),
        ];
        let part_cases = [
            (
                "system:node:a",
                "system:kube-proxy",
                "system:pintle:node:a",
                &none,
                CLIENT,
                Some(PART),
            ),
            (
                "system:node:a",
                "system:pintle:cluster-dns",
                "system:pintle:node:a",
                &none,
                OLDER,
                Some(PART),
            ),
            (
                "system:node:b",
                "system:kube-proxy",
                "system:pintle:node:a",
                &none,
                CLIENT,
                None,
            ),
            (
                "x",
                "system:kube-proxy",
                "system:pintle:node:a",
                &none,
                CLIENT,
                None,
            ),
            (
                "system:node:a",
                "system:kube-scheduler",
                "system:pintle:node:a",
                &none,
                CLIENT,
                None,
            ),
            (
                "system:node:a",
                "system:kube-proxy",
                "system:masters",
                &none,
                CLIENT,
                None,
            ),
            (
                "system:node:a",
                "system:kube-proxy",
                "system:pintle:node:a",
                &own,
                CLIENT,
                None,
            ),
            (
                "system:node:a",
                "system:kube-proxy",
                "system:pintle:node:a",
                &none,
                SERVER,
                None,
            ),
        ];
        let part_cases = part_cases
            .each_ref()
            .map(|(user, name, group, names, usages, wanted)| {
                (
                    *user,
                    CLIENT_SIGNER,
                    *name,
                    std::slice::from_ref(group),
                    *names,
                    *usages,
                    wanted.clone(),
                )
            });
        for (user, signer, common_name, groups, names, usages, wanted) in cases.into_iter().chain(part_cases)
        {
            let mut csr = csr(signer, common_name, groups, names, usages);
            csr.spec.username = Some(user.to_owned());
            assert_eq!(
                recognize(&csr),
                wanted,
                "{user} {signer} {common_name} {groups:?} {usages:?}"
            );
        }
    }

    #[test]
    fn a_node_serves_under_its_own_names_only() {
        let node = Node {
            metadata: ObjectMeta {
                name: Some(String::from("a")),
                ..ObjectMeta::default()
            },
            status: Some(NodeStatus {
                addresses: Some(vec![NodeAddress {
                    type_: String::from("InternalIP"),
                    address: String::from("192.0.2.1"),
                }]),
                ..NodeStatus::default()
            }),
            ..Node::default()
        };
        for (asked, allowed) in [
            (&["a", "192.0.2.1"][..], true),
            (&["a"], true),
            (&["192.0.2.2"], false),
            (&["a", "kubernetes"], false),
        ] {
            let csr = csr(
                KUBELET_SERVING,
                "system:node:a",
                &["system:nodes"],
                &names(asked),
                &["digital signature", "server auth"],
            );
            assert_eq!(may_serve(&csr, &node), allowed, "{asked:?}");
        }
    }
}
