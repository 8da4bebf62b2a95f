//! What a client wants an object to become.

use meta::Status;
use meta::object::uid;
use serde_json::Value;

use super::Resource;
use super::target::Target;
use crate::context::RequestContext;
use crate::managed;
use crate::metadata;
use crate::options::PatchBody;
use crate::owner_references::{self, Found};

/// A change, to be computed from the object as it is.
pub(super) enum Change {
    /// Another object in its place.
    Replace(Value),
    /// Less than that.
    Patch(PatchBody),
}

impl Resource {
    /// Reads the body of a PUT.
    pub(super) fn replace(
        &self,
        context: &RequestContext,
        target: &Target<'_>,
        mut body: Value,
    ) -> Result<Change, Status> {
        metadata::ensure_namespace(&mut body, target.namespace)?;
        metadata::ensure_name(&body, target.name)?;
        if self.is_own_kind(target) {
            self.kind.default(&mut body);
        }
        owner_references::fold(&mut body, &context.warnings, Found::InRequest);
        Ok(Change::Replace(body))
    }

    /// Whether the bodies of a target are objects of the resource's own kind.
    fn is_own_kind(&self, target: &Target<'_>) -> bool {
        *self.kind_of(target) == self.kind.descriptor().kind
    }

    /// What a change makes of an object (or of its projection).
    pub(super) fn next_state(
        &self,
        context: &RequestContext,
        target: &Target<'_>,
        change: &Change,
        old: &Value,
    ) -> Result<Value, Status> {
        match change {
            Change::Replace(body) => {
                let mut new = body.clone();
                if self.is_own_kind(target) {
                    managed::track(&*self.kind, context, target.subresource, Some(old), &mut new);
                }
                Ok(new)
            }
            Change::Patch(_) => Err(Status::internal("patches are not served yet")),
        }
    }

    /// What a change makes of nothing.
    pub(super) fn first_state(
        &self,
        context: &RequestContext,
        target: &Target<'_>,
        change: &Change,
    ) -> Result<Value, Status> {
        match change {
            Change::Replace(body) => {
                if !uid(body).is_empty() {
                    return Err(self.uid_conflict(target, uid(body), ""));
                }
                let mut new = body.clone();
                managed::track(&*self.kind, context, "", None, &mut new);
                Ok(new)
            }
            Change::Patch(_) => Err(Status::internal("patches are not served yet")),
        }
    }
}
