//! Which bindings of a policy a request is judged under, and with which parameters.

use std::sync::Arc;

use meta::Status;
use registry::AdmissionRequest;
use serde_json::Value;

use super::binding::Binding;
use super::definition::Policy;
use super::parameters::{self, NoParameters};
use crate::cluster::{Cluster, Served};
use crate::hooks::{Matched, namespace_of};
use crate::request::Request;
use crate::request::resources::NAMESPACES;

/// A policy asked about a request under a binding, once for each of its parameters.
pub(super) struct Invocation<'a> {
    pub(super) binding: &'a Binding,
    pub(super) matched: Matched,
    /// None: the policy is asked without.
    pub(super) parameters: Vec<Option<Arc<Value>>>,
}

/// What becomes of a binding.
pub(super) enum Invoked<'a> {
    /// The policy is asked.
    Asked(Invocation<'a>),
    /// It cannot be; what follows is up to its failure policy. None: the policy itself is wrong.
    Misconfigured(Option<&'a Binding>, String),
}

/// How a policy is to be asked about a request. Nothing if it is not.
pub(super) async fn invocations<'a>(
    policy: &Policy,
    bindings: &[&'a Binding],
    request: &AdmissionRequest<'_>,
    cluster: &dyn Cluster,
) -> Vec<Invoked<'a>> {
    let of_policy = |why: String| {
        vec![Invoked::Misconfigured(
            None,
            format!("failed to configure policy: {why}"),
        )]
    };
    let matched = match policy.matcher.matches(request, cluster).await {
        Ok(Some(matched)) => matched,
        Ok(None) => return Vec::new(),
        Err(status) => return of_policy(status.message),
    };
    let served = policy
        .parameters
        .as_ref()
        .map(|kind| kind.served(cluster))
        .transpose();
    let served = match served {
        Ok(served) => served,
        Err(why) => return of_policy(why),
    };
    let mut invoked = Vec::new();
    for &binding in bindings {
        let outcome = under(binding, served.as_ref(), &matched, request, cluster).await;
        match outcome {
            Ok(Some(invocation)) => invoked.push(Invoked::Asked(invocation)),
            Ok(None) => {}
            Err(why) => {
                let why = format!("failed to configure binding: {why}");
                invoked.push(Invoked::Misconfigured(Some(binding), why));
            }
        }
    }
    invoked
}

async fn under<'a>(
    binding: &'a Binding,
    served: Option<&Served>,
    matched: &Matched,
    request: &AdmissionRequest<'_>,
    cluster: &dyn Cluster,
) -> Result<Option<Invocation<'a>>, String> {
    if let Some(matcher) = &binding.matcher {
        let holds = matcher.matches(request, cluster).await;
        if holds.map_err(|status| status.message)?.is_none() {
            return Ok(None);
        }
    }
    let parameters = match (served, &binding.parameters) {
        (Some(served), Some(reference)) => {
            let chosen = parameters::chosen(reference, served, namespace_of(request), cluster).await;
            let chosen = chosen.map_err(|why| match why {
                NoParameters::Misconfigured(why) => why,
                NoParameters::Failed(status) => status.message,
            })?;
            chosen.into_iter().map(Some).collect()
        }
        _ => vec![None],
    };
    Ok(Some(Invocation {
        binding,
        matched: matched.clone(),
        parameters,
    }))
}

/// The namespace that a request is in, for expressions; null if it is in none.
pub(super) async fn namespace(
    request: &AdmissionRequest<'_>,
    cluster: &dyn Cluster,
) -> Result<Value, Status> {
    let name = request.namespace;
    if name.is_empty() || request.is_for(&NAMESPACES, request.subresource) {
        return Ok(Value::Null);
    }
    let namespace = cluster.get(&NAMESPACES, "", name).await?;
    namespace
        .map(|namespace| namespace.tree())
        .ok_or_else(|| Status::not_found(&NAMESPACES.group_resource(), name))
}
