//! Metadata of custom resources: read as that of built-in kinds is, whatever the schema says.

use meta::{FieldError, Path};
use serde_json::Value;

use super::node::Node;
use crate::decode::{DecodeError, FieldValidation, decode_value};
use crate::generated::meta_v1::OBJECT_META;
use crate::reference::SchemaRef;
use crate::stored::forget_unwritten;

/// The metadata of an object in its canonical form, with the paths of fields it does not know.
///
/// # Errors
/// Go's message if a field is of the wrong type.
pub(super) fn read(metadata: Value) -> Result<(Value, Vec<String>), String> {
    let schema = SchemaRef::of_type(&OBJECT_META);
    match decode_value(metadata, schema, FieldValidation::Warn) {
        Ok((mut metadata, report)) => {
            // Here nothing empty says anything, other than in what is typed.
            forget_unwritten(&mut metadata, schema);
            Ok((metadata, report.warnings().filter_map(unknown_field).collect()))
        }
        Err(DecodeError::Syntax(message) | DecodeError::Value(message)) => Err(message),
        Err(DecodeError::Strict(report)) => Err(report.to_string()),
    }
}

/// The same of metadata that lies in the store: what cannot be read of it is left out.
pub(super) fn read_what_can_be(metadata: Value) -> Value {
    match read(metadata.clone()) {
        Ok((metadata, _)) => metadata,
        Err(_) => {
            let fields = metadata.as_object().into_iter().flatten();
            let readable = fields.filter_map(|(name, value)| {
                let field = Value::Object([(name.clone(), value.clone())].into_iter().collect());
                let (Value::Object(read), _) = read(field).ok()? else {
                    return None;
                };
                read.into_iter().find(|(read, _)| read == name)
            });
            Value::Object(readable.collect())
        }
    }
}

/// Leaves out what cannot be read of all objects that are embedded in one.
pub(super) fn mend_embedded(object: &mut Value, root: &Node) {
    for_each_embedded(object, root, &mut |object| {
        for field in ["apiVersion", "kind"] {
            if object.get(field).is_some_and(|value| !value.is_string())
                && let Some(fields) = object.as_object_mut()
            {
                fields.remove(field);
            }
        }
        if let Some(metadata) = object.get_mut("metadata") {
            *metadata = read_what_can_be(metadata.take());
        }
    });
}

fn for_each_embedded(value: &mut Value, node: &Node, change: &mut impl FnMut(&mut Value)) {
    if !node.holds.embedded {
        return;
    }
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                let Some(below) = node.field(name) else { continue };
                if below.is_resource && value.is_object() {
                    change(value);
                }
                for_each_embedded(value, below, change);
            }
        }
        Value::Array(items) => {
            let Some(below) = &node.items else { return };
            for item in items {
                if below.is_resource && item.is_object() {
                    change(item);
                }
                for_each_embedded(item, below, change);
            }
        }
        _ => {}
    }
}

/// The path in a warning such as `unknown field "labels.x"`.
fn unknown_field(warning: &str) -> Option<String> {
    let quoted = warning.strip_prefix("unknown field ")?;
    serde_json::from_str(quoted).ok()
}

/// Reads the metadata of all objects that are embedded in one, and the object's own if `is_own_too`.
pub(super) fn read_embedded(
    object: &mut Value,
    root: &Node,
    is_own_too: bool,
    path: &Path,
) -> Result<Vec<String>, FieldError> {
    let mut reading = Reading { unknown: Vec::new() };
    if is_own_too {
        reading.value(object, root, path)?;
    } else {
        reading.below(object, root, path)?;
    }
    reading.unknown.sort_unstable();
    Ok(reading.unknown)
}

struct Reading {
    unknown: Vec<String>,
}

impl Reading {
    fn value(&mut self, value: &mut Value, node: &Node, path: &Path) -> Result<(), FieldError> {
        if node.is_resource && value.is_object() {
            self.resource(value, path)?;
        }
        self.below(value, node, path)
    }

    fn below(&mut self, value: &mut Value, node: &Node, path: &Path) -> Result<(), FieldError> {
        if !node.holds.embedded {
            return Ok(());
        }
        match value {
            Value::Object(fields) => fields.iter_mut().try_for_each(|(name, value)| {
                let Some(below) = node.field(name).filter(|below| below.holds.embedded) else {
                    return Ok(());
                };
                let is_declared = node.properties.contains_key(name);
                let path = if is_declared {
                    path.child(name)
                } else {
                    path.key(name)
                };
                self.value(value, below, &path)
            }),
            Value::Array(items) => match &node.items {
                Some(below) => (items.iter_mut().enumerate())
                    .try_for_each(|(index, item)| self.value(item, below, &path.index(index))),
                None => Ok(()),
            },
            _ => Ok(()),
        }
    }

    fn resource(&mut self, object: &mut Value, path: &Path) -> Result<(), FieldError> {
        for field in ["apiVersion", "kind"] {
            if let Some(value) = object.get(field).filter(|value| !value.is_string()) {
                return Err(FieldError::invalid(
                    &path.child(field),
                    value.clone(),
                    "must be a string",
                ));
            }
        }
        let Some(metadata) = object.get_mut("metadata") else {
            return Ok(());
        };
        let place = path.child("metadata");
        let (read, unknown) = read(metadata.clone())
            .map_err(|message| FieldError::invalid(&place, metadata.clone(), &message))?;
        self.unknown
            .extend(unknown.iter().map(|field| format!("{place}.{field}")));
        *metadata = read;
        Ok(())
    }
}
