//! The order in which a kind prepares and checks what is to be written, around what the server does to every object.

use std::sync::LazyLock;

use meta::validation::{self, MetaRules};
use meta::{ErrorList, GroupVersion, GroupVersionKind, Path, Status};
use resource::{Kind, SubresourceKind};
use schema::decode::TypeMeta;
use schema::stored;
use serde_json::{Map, Value};

use crate::amend::amend;
use crate::context::Warnings;
use crate::metadata;

/// Prepares and checks a new object.
pub(crate) fn create(kind: &dyn Kind, new: &mut Value, warnings: &Warnings) -> Result<(), Status> {
    if has_status(kind) && !kind.keeps_status_on_create() {
        replace_status(kind, new, None);
    }
    if kind.generation_image(new).is_some() && !kind.keeps_generation_on_create() {
        metadata::set(new, "generation", 1.into());
    }
    kind.disabled_fields().drop(new, None);
    for warning in kind.early_warnings(new) {
        warnings.add(warning);
    }
    kind.prepare_for_create(new);
    let mut errors = match kind.checks_metadata_of_new() {
        true => metadata_errors(kind, new),
        false => ErrorList::new(),
    };
    errors.extend(kind.validate(new));
    refuse(kind, new, &errors)?;
    for warning in kind.warnings(new, None) {
        warnings.add(warning);
    }
    // What is asked of the metadata of every kind is asked last, and so is heard of where the kind asks for less.
    refuse(kind, new, &general_errors(kind, new))?;
    as_stored(kind, new);
    Ok(())
}

/// What a change is one of.
pub(crate) struct Part<'a> {
    /// The part of the object; empty for the object itself.
    pub(crate) subresource: &'a str,
    /// What others have found wrong with the change, to be told before what the kind finds.
    pub(crate) found: ErrorList,
}

/// Prepares and checks a change of an object or of a part of it.
pub(crate) fn update(
    kind: &dyn Kind,
    Part { subresource, found }: Part<'_>,
    new: &mut Value,
    old: &Value,
    warnings: &Warnings,
) -> Result<(), Status> {
    metadata::keep(new, old);
    let part = part(kind, subresource);
    let mut is_new_generation = false;
    if part != Some("status") {
        kind.disabled_fields().drop(new, Some(old));
    }
    match part {
        None => {
            if has_status(kind) {
                replace_status(kind, new, Some(old));
            }
            is_new_generation = kind.counts_what_is_dropped() && begins_generation(kind, new, old);
            kind.prepare_for_update(new, old);
        }
        Some(part) => {
            if part == "status" {
                keep_all_but_status(new, old);
            }
            kind.prepare_part_for_update(part, new, old);
        }
    }
    if part != Some("status") && (is_new_generation || begins_generation(kind, new, old)) {
        metadata::count_generation(new);
    }
    let mut errors = metadata_update_errors(kind, part.unwrap_or(""), new, old);
    errors.extend(found);
    errors.extend(match part {
        None => kind.validate_update(new, old),
        Some(part) => kind.validate_part_update(part, new, old),
    });
    refuse(kind, new, &errors)?;
    // Who writes a part is told nothing of the rest.
    if part.is_none() {
        for warning in kind.warnings(new, Some(old)) {
            warnings.add(warning);
        }
    }
    as_stored(kind, new);
    Ok(())
}

/// What does not survive upstream's store is not shown either. Custom resources are stored as they are.
fn as_stored(kind: &dyn Kind, object: &mut Value) {
    if !kind.is_custom() && stored::has_empty(object) {
        stored::forget_empty(object, kind.descriptor().schema);
    }
}

/// Whether a change means something else than before, and so begins a new generation.
fn begins_generation(kind: &dyn Kind, new: &Value, old: &Value) -> bool {
    if !kind.begins_generation(new, old) {
        return false;
    }
    if kind.is_custom() || kind.tells_empty_from_none() {
        return true;
    }
    let mut settled = new.clone();
    stored::forget_empty(&mut settled, kind.descriptor().schema);
    kind.begins_generation(&settled, old)
}

/// The subresource, if it is a part of the object; a projection is written through the object itself.
fn part<'a>(kind: &dyn Kind, subresource: &'a str) -> Option<&'a str> {
    let works_as = &kind.descriptor().subresource(subresource)?.works_as;
    matches!(works_as, SubresourceKind::Part).then_some(subresource)
}

fn has_status(kind: &dyn Kind) -> bool {
    kind.descriptor().subresource("status").is_some()
}

/// Puts the old status in, or what is written of a status that was never given.
fn replace_status(kind: &dyn Kind, new: &mut Value, old: Option<&Value>) {
    let Some(new) = new.as_object_mut() else { return };
    let blank = if old.is_none() { blank_status(kind) } else { None };
    match old.map_or(blank.as_ref(), |old| old.get("status")) {
        Some(status) => amend(new.entry("status").or_insert(Value::Null), status),
        None => drop(new.remove("status")),
    }
}

fn blank_status(kind: &dyn Kind) -> Option<Value> {
    if kind.is_custom() {
        return None;
    }
    let schema = kind.descriptor().schema.field("status")?;
    if schema.is_pointer() {
        return None;
    }
    let (blank, _) = schema::decode_value(Value::Null, schema, schema::FieldValidation::Ignore).ok()?;
    blank.is_object().then_some(blank)
}

/// A status endpoint changes metadata and status; the rest is put back. Of the metadata, the kind takes back what it wants.
fn keep_all_but_status(new: &mut Value, old: &Value) {
    let (Some(new), Some(old)) = (new.as_object_mut(), old.as_object()) else {
        return;
    };
    let changes = |field: &str| field == "status" || field == "metadata";
    new.retain(|field, _| changes(field) || old.contains_key(field));
    for (field, value) in old.iter().filter(|(field, _)| !changes(field)) {
        new.insert(field.clone(), value.clone());
    }
}

/// What is wrong with the metadata of a new object.
fn metadata_errors(kind: &dyn Kind, new: &Value) -> ErrorList {
    let name = |name: &str, prefix: bool| kind.validate_name(name, prefix);
    validation::object_meta(&metadata_path(), metadata_of(new), &rules(kind, &name))
}

/// What is wrong with the metadata of a new object of any kind.
fn general_errors(kind: &dyn Kind, new: &Value) -> ErrorList {
    validation::object_meta(&metadata_path(), metadata_of(new), &general_rules(kind))
}

/// What is wrong with a change of metadata. Upstream checks it for all kinds and then once more for most kinds, and so
/// names some things twice.
fn metadata_update_errors(kind: &dyn Kind, part: &str, new: &Value, old: &Value) -> ErrorList {
    let checks = kind.metadata_checks(part);
    let (new, old) = (metadata_of(new), metadata_of(old));
    let path = metadata_path();
    let of_kind = rules(kind, &path_segment);
    let of_all = general_rules(kind);
    let mut errors = validation::object_meta(&path, new, &of_all);
    errors.extend(validation::object_meta_update(&path, new, old, &of_all));
    for _ in 0..checks.as_change {
        errors.extend(validation::object_meta_update(&path, new, old, &of_kind));
    }
    for _ in 0..checks.as_new {
        let name = |name: &str, prefix: bool| kind.validate_name(name, prefix);
        errors.extend(validation::object_meta(&path, new, &rules(kind, &name)));
    }
    errors
}

fn rules<'a>(kind: &dyn Kind, name: &'a dyn Fn(&str, bool) -> Vec<String>) -> MetaRules<'a> {
    MetaRules {
        namespaced: kind.descriptor().is_namespaced(),
        name,
        known_finalizers: !kind.allows_any_finalizer(),
    }
}

/// What is asked of the metadata of every kind.
fn general_rules(kind: &dyn Kind) -> MetaRules<'static> {
    MetaRules {
        namespaced: kind.descriptor().is_namespaced(),
        name: &path_segment,
        known_finalizers: false,
    }
}

/// What any name must be: something that can stand in a path.
fn path_segment(name: &str, prefix: bool) -> Vec<String> {
    if prefix {
        meta::name::path_segment_prefix(name)
    } else {
        meta::name::path_segment(name)
    }
}

fn metadata_path() -> Path {
    Path::new("metadata")
}

fn metadata_of(object: &Value) -> &Map<String, Value> {
    static NONE: LazyLock<Map<String, Value>> = LazyLock::new(Map::new);
    meta::object::metadata(object).unwrap_or(&NONE)
}

fn refuse(kind: &dyn Kind, object: &Value, errors: &ErrorList) -> Result<(), Status> {
    if errors.is_empty() {
        return Ok(());
    }
    let name = meta::object::name(object);
    if kind.is_custom() {
        // Upstream names what the object says it is, whether or not that is right.
        return Err(Status::invalid(&stated_kind(object), name, errors));
    }
    let named = kind.named_in_refusals().unwrap_or(&kind.descriptor().kind);
    Err(Status::invalid(named, name, errors))
}

fn stated_kind(object: &Value) -> GroupVersionKind {
    let TypeMeta { api_version, kind } = TypeMeta::of(object);
    match GroupVersion::parse(&api_version) {
        Some(version) => version.kind(kind),
        None => GroupVersionKind::new("", "", "").group_version().kind(kind),
    }
}
