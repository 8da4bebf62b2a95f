//! The parameters of a policy, as a binding chooses them.

use std::sync::Arc;

use meta::{GroupVersion, GroupVersionKind, Status};
use serde_json::Value;

use super::binding::{ParameterReference, Which};
use crate::cluster::{Cluster, Served};
use crate::request::text;

/// The kind of a policy's parameters, as it is written down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ParameterKind {
    pub(super) kind: GroupVersionKind,
}

/// Why there are no parameters to go by.
#[derive(Debug)]
pub(super) enum NoParameters {
    /// What the policy or its binding says cannot be done; the failure policy says what follows.
    Misconfigured(String),
    /// They cannot be read now.
    Failed(Status),
}

impl ParameterKind {
    /// Reads a `paramKind`; none if the policy has no parameters.
    pub(super) fn read(kind: &Value) -> Option<Self> {
        let version = GroupVersion::parse(text(kind, "/apiVersion"))?;
        Some(Self {
            kind: version.kind(kind.get("kind")?.as_str()?.to_owned()),
        })
    }

    /// Where its objects are served; else what is wrong with the policy.
    pub(super) fn served(&self, cluster: &dyn Cluster) -> Result<Served, String> {
        cluster.served_kind(&self.kind).ok_or_else(|| {
            let GroupVersionKind { kind, .. } = &self.kind;
            let api_version = self.kind.api_version();
            let slash = if api_version.contains('/') { "" } else { "/" };
            format!("failed to find resource referenced by paramKind: '{slash}{api_version}, Kind={kind}'")
        })
    }
}

/// The parameters that a reference chooses for a request about `namespace`. The policy is asked once for each of them.
pub(super) async fn chosen(
    reference: &ParameterReference,
    served: &Served,
    namespace: &str,
    cluster: &dyn Cluster,
) -> Result<Vec<Arc<Value>>, NoParameters> {
    let misconfigured = |why: &str| Err(NoParameters::Misconfigured(why.to_owned()));
    let namespace = match (served.is_namespaced, reference.namespace.as_str(), namespace) {
        (true, "", "") => {
            return misconfigured(
                "cannot use namespaced paramRef in policy binding that matches cluster-scoped resources",
            );
        }
        (true, "", of_request) => of_request,
        (true, own, _) => own,
        (false, "", _) => "",
        (false, ..) => {
            return misconfigured("paramRef.namespace must not be provided for a cluster-scoped `paramKind`");
        }
    };
    let resource = &served.resource;
    let found = match &reference.which {
        Which::Named(name) => cluster
            .get(resource, namespace, name)
            .await
            .map(|object| object.into_iter().collect()),
        Which::Selected(selector) => {
            let all = cluster.list(resource, served.is_namespaced.then_some(namespace));
            all.await.map(|mut objects| {
                objects.retain(|object| selector.matches(&**object));
                objects
            })
        }
    };
    let found = found.map_err(NoParameters::Failed)?;
    if found.is_empty() && reference.must_exist {
        return misconfigured("no params found for policy binding with `Deny` parameterNotFoundAction");
    }
    Ok(found.iter().map(|object| Arc::new(object.tree())).collect())
}
