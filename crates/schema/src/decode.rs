//! Strict decoding: from JSON to a tree that is what Go's decoder would hold.
//!
//! One pass over the input, with the schema at hand. Unknown fields are dropped, nulls and empty scalars go or appear as Go's
//! encoder would write them, quantities and times become canonical; unknown and duplicate fields are reported with their
//! paths. Empty lists and maps stay, until [`crate::ordered`] writes the object or [`crate::stored`] settles it.

mod misfit;
mod number;
mod place;
mod problems;
mod type_meta;
mod value;

use std::fmt;

use serde::Deserializer;
use serde::de::DeserializeSeed;
use serde_json::Value;

use crate::reference::SchemaRef;
use crate::structural;
use crate::syntax;
use crate::zero::zero;
pub use misfit::misfit;
use number::{Amount, Flaw};
pub(crate) use problems::{MAX_OBJECTS, MAX_STRICT};
use problems::{Problems, Wording};
pub use type_meta::{TypeMeta, type_meta};
use value::Slot;

/// What a client wants to know of unknown and duplicate fields (`fieldValidation`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FieldValidation {
    /// Nothing.
    Ignore,
    /// Warnings.
    #[default]
    Warn,
    /// The request fails.
    Strict,
}

impl FieldValidation {
    /// As the query parameter spells it; empty is the default.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "" | "Warn" => Some(Self::Warn),
            "Ignore" => Some(Self::Ignore),
            "Strict" => Some(Self::Strict),
            _ => None,
        }
    }
}

/// Unknown and duplicate fields, in upstream's words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StrictReport {
    /// `line 6: key "k" already set in map`
    duplicate_keys: Vec<String>,
    /// `unknown field "spec.foo"`
    fields: Vec<String>,
}

impl StrictReport {
    pub(crate) fn new(duplicate_keys: Vec<String>, fields: Vec<String>) -> Self {
        Self {
            duplicate_keys,
            fields,
        }
    }

    /// Whether nothing was found.
    pub fn is_empty(&self) -> bool {
        self.duplicate_keys.is_empty() && self.fields.is_empty()
    }

    /// One text for each thing found, for Warning headers.
    pub fn warnings(&self) -> impl Iterator<Item = &str> {
        self.duplicate_keys.iter().chain(&self.fields).map(String::as_str)
    }
}

/// As the message of a strict decoder: `strict decoding error: unknown field "a", duplicate field "b"`.
impl fmt::Display for StrictReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("strict decoding error: ")?;
        let mut separator = "";
        if !self.duplicate_keys.is_empty() {
            write!(
                f,
                "yaml: unmarshal errors:\n  {}",
                self.duplicate_keys.join("\n  ")
            )?;
            separator = ", ";
        }
        for field in &self.fields {
            write!(f, "{separator}{field}")?;
            separator = ", ";
        }
        Ok(())
    }
}

/// Why something cannot be decoded. The texts are Go's; the request's handler says around them what it was about.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The input is no JSON (or YAML) at all, or beyond its bounds.
    #[error("{0}")]
    Syntax(String),
    /// A value is not what the type wants: `json: cannot unmarshal string into Go struct field ...`.
    #[error("{0}")]
    Value(String),
    /// Strictness was asked for and there was something to find.
    #[error("{0}")]
    Strict(StrictReport),
}

/// Decodes JSON. A report that is not empty is an error under [`FieldValidation::Strict`], and empty under
/// [`FieldValidation::Ignore`].
///
/// # Errors
/// For bad syntax, nesting too deep, more objects than make sense, values of the wrong type, and as said above.
pub fn decode_json(
    json: &[u8],
    schema: SchemaRef<'_>,
    validation: FieldValidation,
) -> Result<(Value, StrictReport), DecodeError> {
    if let Some(custom) = schema.custom() {
        let read = syntax::read(json, |deserializer| structural::read(deserializer));
        let (object, duplicates) = read.map_err(DecodeError::Syntax)?;
        return structural::decode(object, duplicates, Vec::new(), custom, validation);
    }
    let read = |json: &[u8]| {
        let decoded = syntax::read(json, |deserializer| {
            decode(deserializer, schema, validation, Wording::Json)
        });
        decoded.map_err(DecodeError::Syntax)
    };
    let mut decoded = read(json)?;
    if decoded
        .outcome
        .as_ref()
        .is_err_and(|flaw| flaw.is_signed_nought(json))
    {
        decoded = read(&syntax::without_signed_noughts(json))?;
    }
    for amount in &decoded.amounts {
        amount.put(&mut decoded.value, json);
    }
    finish(decoded, Some(json), Vec::new(), validation)
}

/// The same for a tree that is no longer text: the outcome of a patch, or YAML.
///
/// # Errors
/// As [`decode_json`], syntax aside.
pub fn decode_value(
    value: Value,
    schema: SchemaRef<'_>,
    validation: FieldValidation,
) -> Result<(Value, StrictReport), DecodeError> {
    decode_keyed(value, Vec::new(), schema, validation)
}

/// The same, with the messages upstream has for trees that never were text: `cannot restore slice from string`. A strategic
/// merge patch yields such.
///
/// # Errors
/// As [`decode_value`].
pub fn decode_tree(
    value: Value,
    schema: SchemaRef<'_>,
    validation: FieldValidation,
) -> Result<(Value, StrictReport), DecodeError> {
    if let Some(custom) = schema.custom() {
        return structural::decode(value, Vec::new(), Vec::new(), custom, validation);
    }
    let decoded = decode(value, schema, validation, Wording::Tree);
    let decoded = decoded.map_err(|error| DecodeError::Syntax(error.to_string()))?;
    finish(decoded, None, Vec::new(), validation)
}

/// As [`decode_value`], with keys that a YAML reader has found twice.
pub(crate) fn decode_keyed(
    value: Value,
    duplicate_keys: Vec<String>,
    schema: SchemaRef<'_>,
    validation: FieldValidation,
) -> Result<(Value, StrictReport), DecodeError> {
    if let Some(custom) = schema.custom() {
        return structural::decode(value, Vec::new(), duplicate_keys, custom, validation);
    }
    let decoded = decode(value, schema, validation, Wording::Json);
    let decoded = decoded.map_err(|error| DecodeError::Syntax(error.to_string()))?;
    finish(decoded, None, duplicate_keys, validation)
}

/// A tree, and what was found in the input.
struct Decoded {
    value: Value,
    /// What is wrong.
    outcome: Result<Vec<String>, Flaw>,
    /// Quantities to be looked up in the text.
    amounts: Vec<Amount>,
}

fn decode<'de, D: Deserializer<'de>>(
    deserializer: D,
    schema: SchemaRef<'_>,
    validation: FieldValidation,
    wording: Wording,
) -> Result<Decoded, D::Error> {
    let mut problems = Problems::new(validation, wording);
    let kind = schema.kind();
    let value = Slot::root(kind, &mut problems).deserialize(deserializer)?;
    let value = if value.is_null() { zero(kind) } else { value };
    Ok(Decoded {
        value,
        amounts: problems.take_amounts(),
        outcome: problems.into_outcome(),
    })
}

fn finish(
    Decoded { value, outcome, .. }: Decoded,
    text: Option<&[u8]>,
    duplicate_keys: Vec<String>,
    validation: FieldValidation,
) -> Result<(Value, StrictReport), DecodeError> {
    let outcome = outcome.map_err(|flaw| DecodeError::Value(flaw.message_for(text)));
    let report = StrictReport::new(duplicate_keys, outcome?);
    match validation {
        FieldValidation::Ignore => Ok((value, StrictReport::default())),
        FieldValidation::Strict if !report.is_empty() => Err(DecodeError::Strict(report)),
        FieldValidation::Warn | FieldValidation::Strict => Ok((value, report)),
    }
}

#[cfg(test)]
mod tests;
