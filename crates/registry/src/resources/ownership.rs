//! Who owns which field (`metadata.managedFields`), kept true through every write.

use std::sync::Arc;

use meta::object::metadata_str;
use meta::{GroupVersion, Status};
use patch::apply::{apply, not_decodable};
use patch::managed::{Write, track_update};
use resource::Kind;
use schema::{FieldValidation, SchemaRef};
use serde_json::Value;

use super::Resource;
use super::target::Target;
use crate::context::RequestContext;
use crate::custom;
use crate::metadata;

impl Resource {
    /// Notes that the manager of a request has made `new` of `old`.
    pub(super) fn track(
        &self,
        context: &RequestContext,
        subresource: &str,
        old: Option<&Value>,
        new: &mut Value,
    ) {
        let time = metadata::seconds(context.now);
        self.with_write(context, subresource, &time, |write| track_update(write, old, new));
    }

    /// The same for the body of an action, which is an object of its own kind that comes from nothing. Bodies without a type
    /// of their own have no fields to own.
    pub(super) fn track_action(&self, context: &RequestContext, target: &Target<'_>, body: &mut Value) {
        let kind = self.kind_of(target);
        let Some(schema) = schema::builtin(kind) else {
            return;
        };
        let time = metadata::seconds(context.now);
        let write = Write {
            manager: &context.field_manager,
            api_version: &kind.api_version(),
            subresource: target.subresource,
            time: &time,
            schema,
            reset_fields: &[],
            resets_in_all_versions: true,
            convert: None,
        };
        track_update(&write, None, body);
    }

    /// What a configuration makes of an object, or of nothing.
    pub(super) fn applied(
        &self,
        context: &RequestContext,
        target: &Target<'_>,
        live: Option<&Value>,
        config: &Value,
        force: bool,
    ) -> Result<Value, Status> {
        let time = metadata::seconds(context.now);
        self.applied_at(&time, context, target, live, config, force)
    }

    /// The same as of a time, or of none.
    pub(super) fn applied_at(
        &self,
        time: &str,
        context: &RequestContext,
        target: &Target<'_>,
        live: Option<&Value>,
        config: &Value,
        force: bool,
    ) -> Result<Value, Status> {
        let schema = self.kind.schema();
        let nothing = schema.zero();
        let live = live.unwrap_or(&nothing);
        let applied = self.with_write(context, target.subresource, time, |write| {
            apply(write, live, config, force)
        });
        let applied = applied.map_err(|error| error.to_status())?;
        let decoded = match self.kind.is_custom() {
            true => custom::decode_applied(&*self.kind, applied)
                .map_err(|error| format!("error decoding from json: {error}")),
            false => schema::decode_tree(applied, schema, FieldValidation::Ignore)
                .map_err(|error| error.to_string())
                .map(|(new, _)| new),
        };
        let mut new = decoded.map_err(|why| not_decodable(config, &why))?;
        self.kind.default(&mut new);
        Ok(new)
    }

    fn with_write<T>(
        &self,
        context: &RequestContext,
        subresource: &str,
        time: &str,
        act: impl FnOnce(&Write<'_>) -> T,
    ) -> T {
        let descriptor = self.kind.descriptor();
        // What was written in another group, as events are in two, is owned by nobody here.
        let is_of_group = |version: &str| {
            GroupVersion::parse(version).is_some_and(|version| version.group == descriptor.kind.group)
        };
        let convert = |object: &Value, api_version: &str| {
            is_of_group(api_version).then(|| as_owners_see(&self.siblings, object, api_version))?
        };
        act(&Write {
            manager: &context.field_manager,
            api_version: &descriptor.kind.api_version(),
            subresource,
            time,
            schema: self.kind.schema(),
            reset_fields: self.kind.reset_fields(subresource),
            resets_in_all_versions: !self.kind.is_custom() || !subresource.is_empty(),
            convert: (self.siblings.len() > 1).then_some(&convert),
        })
    }
}

/// The same for those who own fields in another version. Of custom resources they see no defaults: what was taken away is
/// gone.
fn as_owners_see<'a>(
    siblings: &'a [Arc<dyn Kind>],
    object: &Value,
    api_version: &str,
) -> Option<(Value, SchemaRef<'a>)> {
    let mut kinds = siblings.iter();
    let to = kinds.find(|kind| kind.descriptor().kind.api_version() == api_version)?;
    if !to.is_custom() {
        return convert(siblings, object, api_version);
    }
    let mut object = object.clone();
    object
        .as_object_mut()?
        .insert("apiVersion".to_owned(), api_version.into());
    to.prune(&mut object);
    Some((object, to.schema()))
}

/// An object of one of the kinds that share a storage prefix, as another of them shows it.
pub(super) fn convert<'a>(
    siblings: &'a [Arc<dyn Kind>],
    object: &Value,
    api_version: &str,
) -> Option<(Value, SchemaRef<'a>)> {
    let wanted = GroupVersion::parse(api_version)?;
    let own = GroupVersion::parse(object.get("apiVersion")?.as_str()?)?;
    let of_version = |version: &GroupVersion| {
        let mut kinds = siblings.iter();
        kinds.find(|kind| kind.descriptor().kind.group_version() == *version)
    };
    let (from, to) = (of_version(&own)?, of_version(&wanted)?);
    let mut object = object.clone();
    if from.converts() {
        from.convert_to_stored(&mut object);
    }
    if to.converts() {
        to.convert_from_stored(&mut object);
    }
    Some((object, to.schema()))
}

/// 409 for an apply that expects another object than none.
pub(super) fn no_such_object(resource: &meta::GroupResource, config: &Value) -> Option<Status> {
    let uid = meta::object::uid(config);
    if uid.is_empty() {
        return None;
    }
    let why =
        format!("uid mismatch: the provided object specified uid {uid}, and no existing object was found");
    Some(Status::conflict(resource, metadata_str(config, "name"), &why))
}
