//! What a client wants an object to become.

use meta::Status;
use meta::object::uid;
use patch::{Patch, PatchType};
use schema::decode::misfit;
use schema::{FieldValidation, SchemaRef, YamlDocument};
use serde_json::{Map, Value};

use super::Resource;
use super::ownership::no_such_object;
use super::target::Target;
use crate::context::RequestContext;
use crate::metadata;
use crate::options::PatchBody;
use crate::owner_references::{self, Found};

/// A change, to be computed from the object as it is.
pub(super) enum Change {
    /// Another object in its place.
    Replace(Value),
    /// Less than that.
    Patch(Patch),
    /// A patch that cannot be read, which matters only if there is something to patch.
    Unreadable(Status),
    /// What one manager wants to be so.
    Apply(Configuration),
}

/// What one manager wants to be so.
pub(super) struct Configuration {
    pub(super) config: Value,
    /// Whether others who own what it changes lose that.
    pub(super) force: bool,
    /// A text for each key that its text has twice, if the client wants to hear of those.
    pub(super) repeated: Vec<String>,
}

impl Configuration {
    /// What is made of this by `apply`, which tells of keys that are there twice only then. Upstream does so as well: who is in
    /// conflict with others, or sends what no schema knows, hears of that alone.
    pub(super) fn applied_by(
        &self,
        context: &RequestContext,
        apply: impl FnOnce(&Value, bool) -> Result<Value, Status>,
    ) -> Result<Value, Status> {
        // An earlier attempt, on what the object was before, may have got further.
        context.warnings.take_back(&self.repeated);
        let applied = apply(&self.config, self.force)?;
        if context.field_validation == FieldValidation::Strict && !self.repeated.is_empty() {
            return Err(Status::bad_request(format!(
                "error strict decoding YAML: error converting YAML to JSON: yaml: unmarshal errors:\n  {}",
                self.repeated.join("\n  ")
            )));
        }
        for key in &self.repeated {
            context.warnings.add(key);
        }
        Ok(applied)
    }
}

impl Resource {
    /// Reads the body of a PUT.
    pub(super) fn replace(
        &self,
        context: &RequestContext,
        target: &Target<'_>,
        mut body: Value,
    ) -> Result<Change, Status> {
        context.audit.brought(&body, |body| {
            if self.is_own_kind(target) {
                self.kind.default(body);
            }
        });
        metadata::ensure_namespace(&mut body, target.namespace)?;
        metadata::ensure_name(&body, target.name)?;
        if self.is_own_kind(target) {
            self.kind.default(&mut body);
        }
        owner_references::fold(&mut body, &context.warnings, Found::InRequest);
        Ok(Change::Replace(body))
    }

    /// Reads the body of a PATCH.
    pub(super) fn read_patch(
        &self,
        context: &RequestContext,
        target: &Target<'_>,
        patch: PatchBody,
    ) -> Result<Change, Status> {
        let (patch_type, body) = match patch {
            PatchBody::Json(body) => (PatchType::Json, body),
            PatchBody::Merge(body) => (PatchType::Merge, body),
            PatchBody::Strategic(body) => (PatchType::Strategic, body),
            PatchBody::Apply { body, force } => {
                let configuration = self.read_configuration(context, target, &body, force)?;
                return Ok(Change::Apply(configuration));
            }
        };
        let parsed = match context.field_validation {
            FieldValidation::Ignore => Patch::parse_loosely(patch_type, &body),
            FieldValidation::Warn | FieldValidation::Strict => Patch::parse(patch_type, &body),
        };
        Ok(match parsed {
            Ok(patch) => Change::Patch(patch),
            Err(error) => Change::Unreadable(error.to_status()),
        })
    }

    fn read_configuration(
        &self,
        context: &RequestContext,
        target: &Target<'_>,
        body: &[u8],
        force: bool,
    ) -> Result<Configuration, Status> {
        let document = YamlDocument::parse(body).map_err(|problem| {
            Status::bad_request(format!(
                "error decoding YAML: error converting YAML to JSON: {problem}"
            ))
        })?;
        let repeated = match context.field_validation {
            FieldValidation::Ignore => Vec::new(),
            FieldValidation::Warn | FieldValidation::Strict => document.duplicate_keys().to_vec(),
        };
        let config = match document.into_value() {
            Value::Null => Map::new(),
            Value::Object(config) => config,
            other => return Err(no_map(&other)),
        };
        let config = Value::Object(config);
        self.check_type(target, &config)?;
        Ok(Configuration {
            config,
            force,
            repeated,
        })
    }

    /// A configuration says of what type it is, and that is the target's.
    fn check_type(&self, target: &Target<'_>, config: &Value) -> Result<(), Status> {
        let text = |field: &str| config.get(field).and_then(Value::as_str).unwrap_or("");
        let (api_version, kind) = (text("apiVersion"), text("kind"));
        let wanted = self.kind_of(target);
        if api_version == wanted.api_version() && kind == wanted.kind {
            return Ok(());
        }
        let slash = match api_version.matches('/').count() {
            0 => "/",
            1 => "",
            _ => return Err(Status::bad_request("invalid object type: /, Kind=")),
        };
        Err(Status::bad_request(format!(
            "invalid object type: {slash}{api_version}, Kind={kind}"
        )))
    }

    /// Whether the bodies of a target are objects of the resource's own kind.
    pub(super) fn is_own_kind(&self, target: &Target<'_>) -> bool {
        *self.kind_of(target) == self.kind.descriptor().kind
    }

    pub(super) fn schema_of(&self, target: &Target<'_>) -> Option<SchemaRef<'_>> {
        if self.is_own_kind(target) {
            Some(self.kind.schema())
        } else {
            schema::builtin(self.kind_of(target))
        }
    }

    /// What a change makes of an object.
    pub(super) fn next_state(
        &self,
        context: &RequestContext,
        target: &Target<'_>,
        change: &Change,
        old: &Value,
    ) -> Result<Value, Status> {
        let mut new = match change {
            Change::Apply(wanted) => wanted.applied_by(context, |config, force| {
                self.applied(context, target, Some(old), config, force)
            })?,
            _ => {
                let mut new = self.next_body(context, target, change, old)?;
                self.track(context, target.subresource, Some(old), &mut new);
                new
            }
        };
        metadata::ensure_namespace(&mut new, target.namespace)?;
        metadata::ensure_name(&new, target.name)?;
        Ok(new)
    }

    pub(super) fn next_body(
        &self,
        context: &RequestContext,
        target: &Target<'_>,
        change: &Change,
        old: &Value,
    ) -> Result<Value, Status> {
        match change {
            Change::Replace(body) => Ok(body.clone()),
            Change::Patch(patch) => self.patched(context, target, patch, old),
            Change::Unreadable(status) => Err(status.clone()),
            Change::Apply(_) => Err(Status::internal("an apply changes whole objects")),
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
                    return Err(self.uid_conflict(context, target, uid(body), ""));
                }
                let mut new = body.clone();
                self.track(context, target.subresource, None, &mut new);
                Ok(new)
            }
            Change::Apply(wanted) => {
                if let Some(refusal) = no_such_object(&self.group_resource, &wanted.config) {
                    return Err(refusal);
                }
                let mut new = wanted.applied_by(context, |config, force| {
                    self.applied(context, target, None, config, force)
                })?;
                metadata::ensure_namespace(&mut new, target.namespace)?;
                metadata::ensure_name(&new, target.name)?;
                metadata::resource_version(&new)?;
                if !context.dry_run {
                    // Nothing was there, so no version of it can have been changed.
                    metadata::remove(&mut new, "resourceVersion");
                }
                owner_references::fold(&mut new, &context.warnings, Found::InRequest);
                Ok(new)
            }
            Change::Patch(_) | Change::Unreadable(_) => Err(self.not_found(target.name)),
        }
    }
}

/// 400 for a configuration that is a list or a scalar.
fn no_map(value: &Value) -> Status {
    let why = misfit(value, "value of type map[string]interface {}");
    Status::bad_request(format!(
        "error decoding YAML: error unmarshaling JSON: while decoding JSON: {why}"
    ))
}
