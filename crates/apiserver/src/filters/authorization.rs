//! Decides whether the user may do what the request asks.

use std::sync::Arc;

use auth::{Attributes, Authorizer, Decision, ResourceTarget};
use meta::{FieldSelector, LabelSelector};

use crate::call::{Call, Response};
use crate::handler::{Filter, Handler};
use crate::respond::status;

/// Hands on what is allowed, answers 403 to the rest.
#[derive(Clone)]
pub struct Authorization {
    /// Who decides.
    pub authorizer: Arc<dyn Authorizer>,
}

impl Filter for Authorization {
    const NAME: &'static str = "authorization";

    async fn filter(&self, call: &mut Call, next: &impl Handler) -> Response {
        let selection = Selection::of(call);
        let attributes = attributes(call, &selection);
        let decision = self.authorizer.authorize(&attributes).await;
        note(call, &decision);
        if decision.is_allowed() {
            return next.handle(call).await;
        }
        let refusal = attributes.forbidden(decision.reason());
        status(call, &refusal)
    }
}

/// Has it written what was decided.
fn note(call: &Call, decision: &Decision) {
    if let Some(record) = &call.audit {
        let decided = if decision.is_allowed() { "allow" } else { "forbid" };
        record.annotate("authorization.k8s.io/decision", decided);
        record.annotate("authorization.k8s.io/reason", decision.reason());
    }
}

/// The selectors of a request, as far as they can be read.
#[derive(Debug, Default)]
pub(crate) struct Selection {
    fields: Option<FieldSelector>,
    labels: Option<LabelSelector>,
}

impl Selection {
    pub(crate) fn of(call: &Call) -> Self {
        if !matches!(call.info.verb(), "list" | "watch" | "deletecollection") {
            return Self::default();
        }
        let text = |name| call.query.first(name).unwrap_or_default();
        Self {
            fields: FieldSelector::parse(text("fieldSelector")).ok(),
            labels: LabelSelector::parse(text("labelSelector")).ok(),
        }
    }
}

/// The question whether the call's user may do what the call is about.
pub(crate) fn attributes<'a>(call: &'a Call, selection: &'a Selection) -> Attributes<'a> {
    let info = &call.info;
    if !info.is_resource() {
        return Attributes::path(&call.user, info.verb(), info.path());
    }
    let target = ResourceTarget {
        group: info.group(),
        version: info.version(),
        resource: info.resource(),
        subresource: info.subresource(),
        namespace: info.namespace(),
        name: info.authorized_name(),
        field_selector: selection.fields.as_ref(),
        label_selector: selection.labels.as_ref(),
    };
    Attributes::resource(&call.user, info.verb(), target)
}
