//! What webhooks and policies have in common: objects of the cluster say which requests they see.

mod conditions;
mod matcher;
mod memo;
mod rule;
mod scene;
mod shown;

pub(crate) use conditions::{Conditions, Of};
pub(crate) use matcher::{Matched, Matcher};
pub(crate) use memo::{Compiled, Memo};
pub(crate) use scene::{Expression, Problem, Scene, Spending, Stage};
pub(crate) use shown::{Shown, as_requested, facts};

use meta::object::name;
use registry::AdmissionRequest;

use crate::request::Request;
use crate::request::resources::NAMESPACES;

const GROUP: &str = "admissionregistration.k8s.io";
const EXEMPT: [&str; 6] = [
    "validatingwebhookconfigurations",
    "mutatingwebhookconfigurations",
    "validatingadmissionpolicies",
    "validatingadmissionpolicybindings",
    "mutatingadmissionpolicies",
    "mutatingadmissionpolicybindings",
];

/// Whether a request is about the rules of admission themselves. Nobody is asked about those, or a bad rule could not be mended.
pub(crate) fn is_exempt(request: &AdmissionRequest<'_>) -> bool {
    request.resource.group == GROUP && EXEMPT.contains(&&*request.resource.resource)
}

/// The namespace that a request is about: of a namespace itself, its own name.
pub(crate) fn namespace_of<'a>(request: &'a AdmissionRequest<'_>) -> &'a str {
    let is_namespace = request.resource.group.is_empty() && request.resource.resource == NAMESPACES.resource;
    match (is_namespace, request.name) {
        (true, "") => name(request.proposed()),
        (true, own) => own,
        (false, _) => request.namespace,
    }
}

/// The name of the object that a request is about; empty while it is yet to be generated, or if the request names none.
pub(crate) fn name_of<'a>(request: &'a AdmissionRequest<'_>) -> &'a str {
    match request.name {
        "" => name(request.proposed()),
        own => own,
    }
}
