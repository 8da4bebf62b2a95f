//! Changes through a projection of an object: its scale.

use meta::object::{metadata_str, uid};
use meta::{GroupResource, Reason, Status};
use patch::apply::{apply, not_decodable};
use patch::managed::{Write, show_owners};
use resource::{Projection, SubresourceKind};
use schema::FieldValidation;
use serde_json::{Value, json};

use super::Resource;
use super::change::Change;
use super::target::Target;
use crate::context::RequestContext;
use crate::metadata;

/// Where a projection shows what it is about.
const SHOWN: &[&str] = &["spec", "replicas"];

/// What a change of a projection makes of both.
pub(super) struct Projected {
    /// The object behind it.
    pub(super) new: Value,
    /// The projection.
    pub(super) face: Value,
    /// Whether who changes it is yet to be noted as an owner: nobody is of what had no owner, and an apply has noted it.
    pub(super) is_tracked: bool,
}

/// Upstream fails where it would note who owned the projection of a custom object before it was first applied.
fn unowned(api_version: &str, kind: &str) -> Status {
    let message = format!(
        "failed to create manager for existing fields: failed to convert live object (/; {api_version}, Kind={kind}) to proper version: request to convert CR to an invalid group/version: {api_version}"
    );
    Status::failure(500, Reason::UNKNOWN, message)
}

impl Resource {
    /// What a change makes of an object that is the projection of another, and of that other.
    pub(super) fn next_projection(
        &self,
        context: &RequestContext,
        target: &Target<'_>,
        change: &Change,
        old: &Value,
    ) -> Result<Projected, Status> {
        let Some(SubresourceKind::Projection(projection)) = self.works_as(target)? else {
            return Err(Status::internal("a subresource is no projection"));
        };
        let mut seen = projection.read_to_change(old)?;
        show_owners(old, &projection.place_of_replicas(), &mut seen, SHOWN);
        let is_owned = meta::object::metadata(&seen).is_some_and(|seen| seen.contains_key("managedFields"));
        let is_tracked = is_owned && !matches!(change, Change::Apply { .. });
        let (new, mut face) = match change {
            Change::Apply { config, force } => {
                let face = self.applied_face(context, target, &seen, config, *force)?;
                self.apply_through(context, target, &*projection, old, config, face)?
            }
            _ => (old.clone(), self.next_body(context, target, change, &seen)?),
        };
        metadata::ensure_namespace(&mut face, target.namespace)?;
        metadata::ensure_name(&face, target.name)?;
        self.check_face_uid(target, &face, old)?;
        metadata::remove(&mut face, "managedFields");
        Ok(Projected {
            new,
            face,
            is_tracked,
        })
    }

    /// What a configuration makes of the projection itself: that it fits, and who is in its way, is judged there.
    fn applied_face(
        &self,
        context: &RequestContext,
        target: &Target<'_>,
        seen: &Value,
        config: &Value,
        force: bool,
    ) -> Result<Value, Status> {
        let kind = self.kind_of(target);
        let Some(schema) = schema::builtin(kind) else {
            return Err(Status::internal(format_args!("{} is not known", kind.kind)));
        };
        if self.kind.is_custom()
            && seen
                .get("metadata")
                .is_none_or(|m| m.get("managedFields").is_none())
        {
            return Err(unowned(&kind.api_version(), &kind.kind));
        }
        let write = Write {
            manager: &context.field_manager,
            api_version: &kind.api_version(),
            subresource: target.subresource,
            time: &metadata::seconds(context.now),
            schema,
            reset_fields: &[],
            convert: None,
        };
        let applied = apply(&write, seen, config, force).map_err(|error| error.to_status())?;
        let decoded = schema::decode_tree(applied, schema, FieldValidation::Ignore);
        let (face, _) = decoded.map_err(|error| not_decodable(config, &error.to_string()))?;
        Ok(face)
    }

    /// The same for the object behind it, where its owners are noted.
    fn apply_through(
        &self,
        context: &RequestContext,
        target: &Target<'_>,
        projection: &dyn Projection,
        old: &Value,
        config: &Value,
        face: Value,
    ) -> Result<(Value, Value), Status> {
        let replicas = config.get("spec").and_then(|spec| spec.get("replicas"));
        if replicas.is_none_or(Value::is_null) {
            return Ok((old.clone(), face));
        }
        let kind = &self.kind.descriptor().kind;
        let mut whole = json!({
            "apiVersion": kind.api_version(), "kind": kind.kind,
            "metadata": {"name": target.name, "namespace": target.namespace},
        });
        metadata::ensure_namespace(&mut whole, target.namespace)?;
        // That the number is right is judged when it is written from the projection.
        let mut place = &mut whole;
        for name in projection.place_of_replicas() {
            place = &mut place[name];
        }
        *place = replicas.cloned().unwrap_or_default();
        // Upstream notes no time here.
        let new = self.applied_at("", context, target, Some(old), &whole, true)?;
        Ok((new, face))
    }

    /// 409 for a projection that means another object of the same name.
    fn check_face_uid(&self, target: &Target<'_>, face: &Value, old: &Value) -> Result<(), Status> {
        let (wanted, found) = (uid(face), uid(old));
        if wanted.is_empty() || wanted == found {
            return Ok(());
        }
        let resource = GroupResource {
            resource: format!("{}/{}", self.group_resource.resource, target.subresource).into(),
            ..self.group_resource.clone()
        };
        let why = format!("Precondition failed: UID in precondition: {wanted}, UID in object meta: {found}");
        Err(Status::conflict(&resource, metadata_str(old, "name"), &why))
    }
}
