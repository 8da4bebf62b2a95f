//! Removing fields from an object.

use schema::SchemaRef;
use serde_json::{Map, Value};

use crate::fields::{Element, FieldSet, Form, is_empty};

impl FieldSet {
    /// The value without these fields. What has nothing left becomes null; what is atomic goes as a whole. What only loses
    /// all that is in it stays, empty.
    pub(super) fn remove_from(&self, value: Value, schema: SchemaRef<'_>) -> Value {
        if is_empty(&value) {
            return Value::Null;
        }
        match (Form::of(schema), value) {
            (Form::Fields(schema) | Form::Free(schema), Value::Object(fields)) => {
                let fields = fields.into_iter().filter_map(|(name, field)| {
                    let field = self.without_field(&name, field, schema.field(&name))?;
                    Some((name, field))
                });
                or_null(Value::Object(fields.collect()))
            }
            (Form::Map(schema), Value::Object(fields)) => {
                let fields = fields.into_iter().filter_map(|(name, field)| {
                    let field = self.without_field(&name, field, Some(schema))?;
                    Some((name, field))
                });
                or_null(Value::Object(fields.collect()))
            }
            (form @ (Form::Set(schema) | Form::Keyed(_, schema)), Value::Array(items)) => {
                let items = items.into_iter().filter_map(|item| {
                    let element = form.element_of(&item).ok().flatten();
                    self.without_element(element.as_ref(), item, schema)
                });
                or_null(items.collect())
            }
            _ => Value::Null,
        }
    }

    fn without_field(&self, name: &str, field: Value, schema: Option<SchemaRef<'_>>) -> Option<Value> {
        match (self.get_field(name), schema) {
            (Some(node), _) if node.member => None,
            (Some(node), Some(schema)) => Some(node.below.emptied(field, schema)),
            _ => Some(field),
        }
    }

    fn without_element(
        &self,
        element: Option<&Element>,
        item: Value,
        schema: SchemaRef<'_>,
    ) -> Option<Value> {
        match element.and_then(|element| self.get(element)) {
            Some(node) if node.member => None,
            Some(node) => Some(node.below.emptied(item, schema)),
            None => Some(item),
        }
    }

    /// The value without these fields, itself not one of them.
    fn emptied(&self, value: Value, schema: SchemaRef<'_>) -> Value {
        let empty = match value {
            Value::Object(_) => Value::Object(Map::new()),
            Value::Array(_) => Value::Array(Vec::new()),
            _ => Value::Null,
        };
        match self.remove_from(value, schema) {
            Value::Null => empty,
            left => left,
        }
    }

    /// The set with every declared field that leads to one of its paths. Removing a field then removes what is left empty,
    /// but neither free maps nor items.
    pub(super) fn with_declared_fields(self, schema: Option<SchemaRef<'_>>) -> Self {
        let form = schema.map(Form::of);
        let entries = self.into_entries().into_iter().map(|(element, mut node)| {
            let below = match (form, element.as_field()) {
                (Some(Form::Fields(schema)), Some(name)) => {
                    let field = schema.field(name);
                    node.member |= field.is_some() && !node.below.is_empty();
                    field
                }
                (Some(Form::Map(schema)), Some(_)) => Some(schema),
                (Some(Form::Free(schema)), Some(name)) => {
                    node.member |= schema.declares(name) && !node.below.is_empty();
                    schema.field(name)
                }
                (Some(Form::Keyed(_, schema)), None) if element.is_key() => Some(schema),
                _ => None,
            };
            node.below = node.below.with_declared_fields(below);
            (element, node)
        });
        entries.collect()
    }
}

fn or_null(value: Value) -> Value {
    if is_empty(&value) { Value::Null } else { value }
}
