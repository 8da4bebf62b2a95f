//! Strategic merge patch: a merge patch that knows how lists are keyed, with directives for what merging cannot say.

mod directive;
mod error;
mod go_text;
mod left;
mod list;
mod order;

use schema::{SchemaRef, Shape};
use serde_json::{Map, Value};

pub use error::StrategicError;
pub(crate) use go_text::printed;
pub(crate) use left::leave;

use directive::{DELETE_FROM_PREFIX, ORDER_PREFIX, PATCH};
use list::{ItemType, ListPatch};

/// Merges `patch` into `original`.
///
/// # Errors
/// With upstream's texts.
pub(crate) fn apply(
    original: &mut Map<String, Value>,
    mut patch: Map<String, Value>,
    schema: SchemaRef<'_>,
) -> Result<(), StrategicError> {
    match patch.get(PATCH) {
        None => {}
        Some(Value::String(directive)) if directive == "replace" => {
            patch.remove(PATCH);
            *original = patch;
            return Ok(());
        }
        Some(Value::String(directive)) if directive == "delete" => {
            original.clear();
            return Ok(());
        }
        Some(_) => return Err(StrategicError::unknown_directive(&patch)),
    }
    directive::retain_keys(original, &mut patch)?;
    order::merge_ordered_lists(original, &mut patch, schema)?;
    for (key, value) in patch {
        match directive::deletion_key(&key)? {
            Some(field) => delete_from_list(original, field, value, schema)?,
            None => merge_field(original, key, value, schema)?,
        }
    }
    Ok(())
}

fn merge_field(
    original: &mut Map<String, Value>,
    key: String,
    patch: Value,
    schema: SchemaRef<'_>,
) -> Result<(), StrategicError> {
    if patch.is_null() {
        original.remove(&key);
        return Ok(());
    }
    match (original.get_mut(&key), patch) {
        (Some(Value::Object(original)), Value::Object(patch)) => {
            let field = field_of(schema, &key)?;
            if field.patch_strategy().replace {
                *original = patch;
                return Ok(());
            }
            apply(original, patch, field)
        }
        (Some(Value::Array(original)), Value::Array(patch)) => {
            let field = field_of(schema, &key)?;
            ListPatch::of_field(field).merge(original, patch)
        }
        // A value of another type takes the place of what was there; upstream tells lists, objects and kinds of scalars
        // apart, but a scalar replaces a scalar either way.
        (Some(slot), patch) if is_scalar(slot) && is_scalar(&patch) => {
            *slot = patch;
            Ok(())
        }
        (_, patch) => {
            match directive::plain(patch) {
                Some(value) => original.insert(key, value),
                None => original.remove(&key),
            };
            Ok(())
        }
    }
}

/// Takes scalars away from a list, if both are there. What is of one type otherwise is merged, as if the directive were not
/// there.
fn delete_from_list(
    original: &mut Map<String, Value>,
    field: &str,
    values: Value,
    schema: SchemaRef<'_>,
) -> Result<(), StrategicError> {
    match (original.get_mut(field), values) {
        (Some(Value::Array(original)), Value::Array(values)) => {
            let field = field_of(schema, field)?;
            match list::same_type(original, &values)? {
                Some(ItemType::Object) => ListPatch::of_field(field).merge_always(original, values)?,
                Some(ItemType::Scalar) | None => original.retain(|item| !values.contains(item)),
            }
            Ok(())
        }
        (Some(_), Value::Null) => merge_field(original, field.to_owned(), Value::Null, schema),
        (Some(known), value) if go_text::type_name(known) == go_text::type_name(&value) => {
            merge_field(original, field.to_owned(), value, schema)
        }
        _ => Ok(()),
    }
}

/// The position below `key`.
fn field_of<'a>(schema: SchemaRef<'a>, key: &str) -> Result<SchemaRef<'a>, StrategicError> {
    let found = match schema.shape() {
        Shape::Map => schema.element(),
        _ => schema.field(key),
    };
    found.ok_or_else(|| StrategicError::UnknownField {
        of: schema
            .openapi_name()
            .and_then(|name| name.rsplit('.').next().map(str::to_owned))
            .unwrap_or_else(|| String::from("RawExtension")),
        field: key.to_owned(),
    })
}

fn is_scalar(value: &Value) -> bool {
    !(value.is_object() || value.is_array())
}

/// Whether a key is a directive that stands beside fields.
fn is_sibling_directive(key: &str) -> bool {
    key.starts_with(ORDER_PREFIX) || key.starts_with(DELETE_FROM_PREFIX)
}

#[cfg(test)]
mod tests;
