//! Requests for devices with an administrator's access, and when taints of devices were added.

use std::sync::Arc;

use async_trait::async_trait;
use auth::Authorizer;
use meta::field::Path;
use meta::{ErrorList, FieldError, GroupVersionResource, Status, object};
use registry::{GetOptions, Hooks, PartChange, Pending, RequestContext, WeakRegistry};
use resource::Kind;
use serde_json::Value;

use crate::claim_rights;

const NAMESPACES: GroupVersionResource = GroupVersionResource::new("", "v1", "namespaces");
const LABEL: &str = "resource.kubernetes.io/admin-access";

/// Lets claims, and templates of claims, ask for an administrator's access only in namespaces that say so.
pub struct AdminAccess {
    /// Where namespaces are found.
    pub registry: WeakRegistry,
    /// Claims or their templates.
    pub kind: Arc<dyn Kind>,
    /// Where the claim's own spec is in the object.
    pub spec: &'static str,
    /// Says who may change which part of a claim's status.
    pub authorizer: Arc<dyn Authorizer>,
}

// An update is not asked about: what is asked for cannot change.
#[async_trait]
impl Hooks for AdminAccess {
    async fn begin_create(
        &self,
        _context: &RequestContext,
        new: &mut Value,
    ) -> Result<Option<Box<dyn Pending>>, Status> {
        let Some(index) = asks(new, self.spec) else {
            return Ok(None);
        };
        if self.is_allowed(object::namespace(new)).await? {
            return Ok(None);
        }
        // What else is wrong is told with it.
        // Upstream names the request, not what is in it, and a claim's place even in a template.
        let requests = Path::new("spec").child("devices").child("requests");
        let mut errors = vec![refusal(&requests.index(index))];
        errors.extend(self.kind.validate(new));
        Err(Status::invalid(
            &self.kind.descriptor().kind,
            object::name(new),
            &errors,
        ))
    }

    async fn judge_part(&self, change: PartChange<'_>) -> Result<ErrorList, Status> {
        let mut errors = ErrorList::new();
        if granted(change.old).is_none()
            && let Some(index) = granted(change.new)
            && !self.is_allowed(object::namespace(change.old)).await?
        {
            let results = ["allocation", "devices", "results"];
            let path = results
                .iter()
                .fold(Path::new("status"), |path, name| path.child(name));
            errors.push(refusal(&path.index(index)));
        }
        errors.extend(claim_rights::missing(&*self.authorizer, &change).await);
        Ok(errors)
    }
}

impl AdminAccess {
    async fn is_allowed(&self, namespace: &str) -> Result<bool, Status> {
        let namespaces = self.registry.upgrade()?.resource(&NAMESPACES);
        let namespaces = namespaces.ok_or_else(|| Status::internal("namespaces are not served"))?;
        let found = namespaces.get("", namespace, &GetOptions::default()).await?;
        Ok(found.labels().any(|label| label == (LABEL, "true")))
    }
}

/// The first request that asks for an administrator's access.
fn asks(claim: &Value, spec: &str) -> Option<usize> {
    let requests = claim.pointer(spec)?.pointer("/devices/requests")?.as_array()?;
    requests
        .iter()
        .position(|request| request["exactly"]["adminAccess"] == Value::Bool(true))
}

/// The first result that gives an administrator's access.
fn granted(claim: &Value) -> Option<usize> {
    let results = claim.pointer("/status/allocation/devices/results")?.as_array()?;
    results
        .iter()
        .position(|result| result["adminAccess"] == Value::Bool(true))
}

fn refusal(place: &Path) -> FieldError {
    let detail =
        format!("admin access to devices requires the `{LABEL}: true` label on the containing namespace");
    FieldError::forbidden(&place.child("adminAccess"), &detail)
}

/// Notes in slices when taints were added, where their drivers do not say so.
pub struct StampTaints;

#[async_trait]
impl Hooks for StampTaints {
    async fn begin_create(
        &self,
        context: &RequestContext,
        new: &mut Value,
    ) -> Result<Option<Box<dyn Pending>>, Status> {
        stamp(new, context.now);
        Ok(None)
    }

    async fn begin_update(
        &self,
        context: &RequestContext,
        new: &mut Value,
        _old: &Value,
    ) -> Result<Option<Box<dyn Pending>>, Status> {
        stamp(new, context.now);
        Ok(None)
    }
}

fn stamp(slice: &mut Value, now: jiff::Timestamp) {
    let devices = slice.pointer_mut("/spec/devices").and_then(Value::as_array_mut);
    for device in devices.into_iter().flatten() {
        let taints = device.get_mut("taints").and_then(Value::as_array_mut);
        for taint in taints.into_iter().flatten().filter_map(Value::as_object_mut) {
            if taint.get("timeAdded").is_none_or(Value::is_null) {
                taint.insert(
                    "timeAdded".to_owned(),
                    now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string().into(),
                );
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_first_request_for_all_access_is_found() {
        let of = |access: [bool; 2]| {
            let requests = access.map(|access| json!({"exactly": {"adminAccess": access}}));
            json!({"spec": {"spec": {"devices": {"requests": requests}}}})
        };
        assert_eq!(asks(&of([false, true]), "/spec/spec"), Some(1));
        assert_eq!(asks(&of([false, false]), "/spec/spec"), None);
        assert_eq!(asks(&of([false, true]), "/spec"), None);
    }

    #[test]
    fn taints_have_a_time() {
        let mut slice =
            json!({"spec": {"devices": [{"taints": [{"key": "a"}, {"key": "b", "timeAdded": "t"}]}]}});
        stamp(&mut slice, jiff::Timestamp::UNIX_EPOCH);
        assert_eq!(
            slice["spec"]["devices"][0]["taints"],
            json!([{"key": "a", "timeAdded": "1970-01-01T00:00:00Z"}, {"key": "b", "timeAdded": "t"}])
        );
    }
}
