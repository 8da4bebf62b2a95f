//! Reading custom resources: what the decoder of built-in kinds does field by field, upstream does here in steps. The tree is
//! read as it is, then metadata is read, what the schema does not know is taken away, and nulls that may not be.

use std::fmt;

use serde::Deserializer;
use serde::de::{DeserializeSeed, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use super::{StructuralSchema, metadata, prune};
use crate::decode::{DecodeError, FieldValidation, MAX_OBJECTS, MAX_STRICT, StrictReport};
use meta::GroupVersion;

/// A tree as it was read, and the fields that were given twice.
#[derive(Default)]
pub(crate) struct Tree {
    duplicates: Vec<String>,
    objects: usize,
    path: String,
}

/// Reads a tree, with the names of fields that are in it twice; the last one counts.
pub(crate) fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<(Value, Vec<String>), D::Error> {
    let mut tree = Tree::default();
    let value = Slot(&mut tree).deserialize(deserializer)?;
    Ok((value, tree.duplicates))
}

/// Makes of a tree what upstream has after decoding: the report holds duplicate fields first, then unknown ones.
///
/// # Errors
/// If metadata is of the wrong type, and as [`crate::decode_json`].
pub(crate) fn decode(
    mut object: Value,
    mut found: Vec<String>,
    duplicate_keys: Vec<String>,
    schema: &StructuralSchema,
    validation: FieldValidation,
) -> Result<(Value, StrictReport), DecodeError> {
    let unknown = coerce(&mut object, schema, Nulls::Pruned).map_err(DecodeError::Value)?;
    found.extend(unknown.iter().map(|path| format!("unknown field \"{path}\"")));
    let report = StrictReport::new(duplicate_keys, found);
    match validation {
        FieldValidation::Ignore => Ok((object, StrictReport::default())),
        FieldValidation::Strict if !report.is_empty() => Err(DecodeError::Strict(report)),
        FieldValidation::Warn | FieldValidation::Strict => Ok((object, report)),
    }
}

/// The same for the outcome of an apply: nulls that may not be there stay, for validation to find them.
///
/// # Errors
/// If metadata is of the wrong type.
pub fn decode_applied(mut object: Value, schema: &StructuralSchema) -> Result<Value, DecodeError> {
    coerce(&mut object, schema, Nulls::Kept).map_err(DecodeError::Value)?;
    Ok(object)
}

/// What becomes of nulls that may not be there, and that no default replaces.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Nulls {
    Pruned,
    Kept,
}

/// Prunes and reads metadata; gives back the paths of what is not known.
fn coerce(object: &mut Value, schema: &StructuralSchema, nulls: Nulls) -> Result<Vec<String>, String> {
    if !object.is_object() {
        return Ok(Vec::new());
    }
    for field in ["kind", "apiVersion"] {
        super::scale::text_at(object, field)?;
    }
    let mut unknown = Vec::new();
    if let Some(given) = object.get_mut("metadata") {
        let (read, fields) = metadata::read(given.take())?;
        *given = read;
        unknown.extend(fields.iter().map(|field| format!("metadata.{field}")));
    }
    match said(object, schema) {
        Said::OtherKind => {}
        Said::OtherVersion => {
            unknown.extend(prune::prune(object, Some(StructuralSchema::empty(false).root())))
        }
        Said::Kind => {
            unknown.extend(schema.prune(object));
            if nulls == Nulls::Pruned {
                schema.drop_nulls(object);
            }
            let embedded = metadata::read_embedded(object, &schema.root, false, &meta::Path::root());
            unknown.extend(embedded.map_err(|error| error.to_string())?);
        }
    }
    Ok(unknown)
}

/// What an object says it is.
enum Said {
    /// Something else altogether.
    OtherKind,
    /// The kind in a version of which nothing is known here.
    OtherVersion,
    /// What the schema is of.
    Kind,
}

fn said(object: &Value, schema: &StructuralSchema) -> Said {
    let Some(wanted) = schema.kind() else {
        return Said::Kind;
    };
    let text = |field: &str| object.get(field).and_then(Value::as_str).unwrap_or("");
    let Some(version) = GroupVersion::parse(text("apiVersion")) else {
        return Said::OtherKind;
    };
    if version.group != wanted.group || text("kind") != &*wanted.kind {
        Said::OtherKind
    } else if version.version != wanted.version {
        Said::OtherVersion
    } else {
        Said::Kind
    }
}

/// Where the next value is read.
struct Slot<'t>(&'t mut Tree);

impl<'de> DeserializeSeed<'de> for Slot<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Slot<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    /// What does not fit Go's `int64` becomes a floating-point number.
    #[allow(clippy::cast_precision_loss)]
    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        match i64::try_from(value) {
            Ok(value) => Ok(value.into()),
            Err(_) => self.visit_f64(value as f64),
        }
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E: Error>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let tree = self.0;
        tree.count()?;
        let length = tree.path.len();
        let mut list = Vec::new();
        loop {
            tree.path.push_str(&format!("[{}]", list.len()));
            let item = items.next_element_seed(Slot(tree))?;
            tree.path.truncate(length);
            match item {
                Some(item) => list.push(item),
                None => return Ok(list.into()),
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let tree = self.0;
        tree.count()?;
        let length = tree.path.len();
        let mut object = Map::new();
        while let Some(name) = entries.next_key::<String>()? {
            if length > 0 {
                tree.path.push('.');
            }
            tree.path.push_str(&name);
            if object.contains_key(&name) {
                tree.duplicate();
            }
            let value = entries.next_value_seed(Slot(tree))?;
            tree.path.truncate(length);
            object.insert(name, value);
        }
        Ok(object.into())
    }
}

impl Tree {
    fn count<E: Error>(&mut self) -> Result<(), E> {
        self.objects += 1;
        if self.objects > MAX_OBJECTS {
            return Err(E::custom(format_args!("more than {MAX_OBJECTS} objects in one")));
        }
        Ok(())
    }

    fn duplicate(&mut self) {
        let message = format!("duplicate field {}", meta::quote(&self.path));
        if self.duplicates.len() < MAX_STRICT && !self.duplicates.contains(&message) {
            self.duplicates.push(message);
        }
    }
}
