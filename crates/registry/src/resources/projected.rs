//! Changes through a projection of an object: its scale.

use meta::object::{metadata_str, uid};
use meta::{GroupResource, Reason, Status};
use patch::apply::{apply, not_decodable};
use patch::managed::{Write, return_owners, show_owners, track_update};
use resource::SubresourceKind;
use schema::FieldValidation;
use serde_json::Value;

use super::Resource;
use super::change::Change;
use super::target::Target;
use crate::context::RequestContext;
use crate::metadata;

/// The version of every projection.
const FACE_VERSION: &str = "autoscaling/v1";
/// Where a projection shows what it is about.
const SHOWN: &[&str] = &["spec", "replicas"];

/// What a change of a projection makes of both.
pub(super) struct Projected {
    /// The object behind it.
    pub(super) new: Value,
    /// The projection.
    pub(super) face: Value,
}

/// Upstream fails where an apply changes the projection of a custom object.
fn unwritable(name: &str, api_version: &str, kind: &str) -> Status {
    let message = format!(
        "failed to convert new object (/{name}; {api_version}, Kind={kind}) to proper version: request to convert CR to an invalid group/version: {api_version}"
    );
    Status::failure(500, Reason::UNKNOWN, message)
}

/// Upstream fails where it would note who owned the projection of a custom object before it was first applied.
fn unowned(api_version: &str, kind: &str) -> Status {
    let message = format!(
        "failed to create manager for existing fields: failed to convert live object (/; {api_version}, Kind={kind}) to proper version: request to convert CR to an invalid group/version: {api_version}"
    );
    Status::failure(500, Reason::UNKNOWN, message)
}

/// What a projection wants of its object.
fn wishes(face: &Value) -> Option<&Value> {
    face.get("spec")?.get("replicas")
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
        let place = projection.place_of_replicas();
        let mut seen = projection.read_to_change(old)?;
        show_owners(old, &place, &mut seen, SHOWN);
        let mut face = match change {
            Change::Apply(wanted) => {
                let apply = |config: &Value, force| self.applied_face(context, target, &seen, config, force);
                wanted.applied_by(context, apply)?
            }
            _ => self.changed_face(context, target, change, &seen)?,
        };
        let mut new = old.clone();
        let api_version = self.kind.descriptor().kind.api_version();
        return_owners(&mut new, &place, &face, SHOWN, &api_version);
        metadata::ensure_namespace(&mut face, target.namespace)?;
        metadata::ensure_name(&face, target.name)?;
        self.check_face_uid(target, &face, old)?;
        metadata::remove(&mut face, "managedFields");
        Ok(Projected { new, face })
    }

    /// What any other change makes of the projection. Who changes it owns nothing of what had no owner.
    fn changed_face(
        &self,
        context: &RequestContext,
        target: &Target<'_>,
        change: &Change,
        seen: &Value,
    ) -> Result<Value, Status> {
        let mut face = self.next_body(context, target, change, seen)?;
        let is_owned = meta::object::metadata(seen).is_some_and(|seen| seen.contains_key("managedFields"));
        if is_owned {
            let write = self.face_write(context, target)?;
            track_update(&write, Some(seen), &mut face);
        } else {
            metadata::remove(&mut face, "managedFields");
        }
        Ok(face)
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
        if self.kind.is_custom()
            && seen
                .get("metadata")
                .is_none_or(|m| m.get("managedFields").is_none())
        {
            return Err(unowned(&kind.api_version(), &kind.kind));
        }
        let write = self.face_write(context, target)?;
        let applied = apply(&write, seen, config, force).map_err(|error| error.to_status())?;
        if self.kind.is_custom() && wishes(&applied) != wishes(seen) {
            return Err(unwritable(target.name, &kind.api_version(), &kind.kind));
        }
        let decoded = schema::decode_tree(applied, write.schema, FieldValidation::Ignore);
        let (face, _) = decoded.map_err(|error| not_decodable(config, &error.to_string()))?;
        Ok(face)
    }

    /// A write of the projection itself. Its time is noted nowhere.
    fn face_write<'a>(
        &'a self,
        context: &'a RequestContext,
        target: &'a Target<'_>,
    ) -> Result<Write<'a>, Status> {
        let kind = self.kind_of(target);
        let Some(schema) = schema::builtin(kind) else {
            return Err(Status::internal(format_args!("{} is not known", kind.kind)));
        };
        Ok(Write {
            manager: &context.field_manager,
            api_version: FACE_VERSION,
            subresource: target.subresource,
            time: "",
            schema,
            reset_fields: &[],
            resets_in_all_versions: true,
            convert: None,
        })
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
