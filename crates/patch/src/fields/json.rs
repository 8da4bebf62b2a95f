//! Field sets as `FieldsV1` writes them.

use serde_json::{Map, Value};

use super::element::{Element, ElementError};
use super::set::{FieldSet, Node};

/// With this key a path is in the set although others below it are as well.
const SELF: &str = ".";

/// Why a value is no `FieldsV1`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FieldsError {
    /// Somewhere stands something other than an object.
    #[error("a set of fields is an object")]
    NotObject,
    /// A key has not the form of a path element.
    #[error(transparent)]
    Element(#[from] ElementError),
}

impl FieldSet {
    /// Reads `FieldsV1`. Steps of kinds that are not known are passed over, with what is below them.
    ///
    /// # Errors
    /// If it has not that form.
    pub fn from_json(json: &Value) -> Result<Self, FieldsError> {
        let fields = json.as_object().ok_or(FieldsError::NotObject)?;
        let mut entries = Vec::with_capacity(fields.len());
        for (key, below) in fields {
            if key == SELF || Element::is_of_other_kind(key) {
                continue;
            }
            let below_fields = below.as_object().ok_or(FieldsError::NotObject)?;
            let node = Node {
                member: below_fields.is_empty() || below_fields.contains_key(SELF),
                below: Self::from_json(below)?,
            };
            entries.push((Element::parse(key)?, node));
        }
        Ok(entries.into_iter().collect())
    }

    /// Whether some path is in this set and in one that was written by [`FieldSet::into_json`].
    pub(crate) fn intersects_json(&self, json: &Value) -> bool {
        let Some(fields) = json.as_object() else {
            return false;
        };
        self.entries().iter().any(|(element, node)| {
            let Some(below) = fields.get(element.as_str()).and_then(Value::as_object) else {
                return false;
            };
            let is_member = below.is_empty() || below.contains_key(SELF);
            (node.member && is_member)
                || fields
                    .get(element.as_str())
                    .is_some_and(|json| node.below.intersects_json(json))
        })
    }

    /// Takes the paths of this set out of one that was written by [`FieldSet::into_json`]: what [`FieldSet::difference`] does,
    /// of sets that are large beside what they lose.
    pub(crate) fn subtract_from_json(&self, json: &mut Map<String, Value>) {
        for (element, node) in self.entries() {
            let Some(Value::Object(below)) = json.get_mut(element.as_str()) else {
                continue;
            };
            let was_member = below.is_empty() || below.contains_key(SELF);
            below.remove(SELF);
            node.below.subtract_from_json(below);
            match (was_member && !node.member, below.is_empty()) {
                (false, true) => {
                    json.remove(element.as_str());
                }
                (true, false) => {
                    below.insert(SELF.to_owned(), Value::Object(Map::new()));
                }
                (true, true) | (false, false) => {}
            }
        }
    }

    /// Adds the paths of this set to such a one: what [`FieldSet::union`] does.
    pub(crate) fn add_to_json(self, json: &mut Map<String, Value>) {
        for (element, node) in self.into_entries() {
            let Some(Value::Object(below)) = json.get_mut(element.as_str()) else {
                let with_self = node.member && !node.below.is_empty();
                json.insert(
                    element.into_string(),
                    Value::Object(node.below.into_map(with_self)),
                );
                continue;
            };
            let is_member = node.member || below.is_empty() || below.contains_key(SELF);
            node.below.add_to_json(below);
            if is_member && !below.is_empty() {
                below.insert(SELF.to_owned(), Value::Object(Map::new()));
            }
        }
    }

    /// Writes `FieldsV1`.
    pub fn into_json(self) -> Value {
        Value::Object(self.into_map(false))
    }

    fn into_map(self, with_self: bool) -> Map<String, Value> {
        let own = with_self.then(|| (SELF.to_owned(), Value::Object(Map::new())));
        let below = self.into_entries().into_iter().map(|(element, node)| {
            let with_self = node.member && !node.below.is_empty();
            (
                element.into_string(),
                Value::Object(node.below.into_map(with_self)),
            )
        });
        own.into_iter().chain(below).collect()
    }
}
