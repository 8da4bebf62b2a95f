//! The fields that an object sets.

use schema::SchemaRef;
use serde_json::Value;

use super::element::Element;
use super::form::Form;
use super::set::{FieldSet, Node};

impl FieldSet {
    /// Every field that `value` sets, as an applied configuration owns it. Items that cannot be told apart are left out.
    pub fn of(value: &Value, schema: SchemaRef<'_>) -> Self {
        match (Form::of(schema), value) {
            (Form::Fields(schema), Value::Object(fields)) => {
                let mut set = Self::new();
                for (name, field) in fields {
                    if let Some(schema) = schema.field(name) {
                        set.push(Element::field(name), node_of(field, schema, is_nothing(field)));
                    }
                }
                set
            }
            (Form::Map(schema), Value::Object(fields)) => {
                let mut set = Self::new();
                for (name, field) in fields {
                    set.push(Element::field(name), node_of(field, schema, true));
                }
                set
            }
            (Form::Free(free), Value::Object(fields)) => {
                let mut set = Self::new();
                for (name, field) in fields {
                    if let Some(schema) = free.field(name) {
                        let member = !free.declares(name) || is_nothing(field);
                        set.push(Element::field(name), node_of(field, schema, member));
                    }
                }
                set
            }
            (form @ (Form::Set(schema) | Form::Keyed(_, schema)), Value::Array(items)) => items
                .iter()
                .filter_map(|item| Some((form.element_of(item).ok()??, node_of(item, schema, true))))
                .collect(),
            _ => Self::new(),
        }
    }
}

fn node_of(value: &Value, schema: SchemaRef<'_>, member: bool) -> Node {
    let below = FieldSet::of(value, schema);
    let whole = match Form::of(schema) {
        Form::Whole => true,
        Form::Free(_) => !value.is_object(),
        _ => false,
    };
    Node {
        member: member || whole,
        below,
    }
}

/// Null, or an object without fields: it is owned as such, for there is nothing in it to own.
fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Object(fields) => fields.is_empty(),
        _ => false,
    }
}

/// Whether a list or object has nothing in it; null counts as either.
pub(crate) fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Object(fields) => fields.is_empty(),
        Value::Array(items) => items.is_empty(),
        _ => false,
    }
}
