//! Which part of the old object a part of the new one was before.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::reference::ListType;
use crate::structural::node::Node;

/// A value, and what it was before.
#[derive(Clone, Copy)]
pub(in crate::structural) struct Correlation<'a> {
    pub node: &'a Node,
    pub value: &'a Value,
    pub old: &'a Value,
}

impl<'a> Correlation<'a> {
    /// The same of a declared field; none if it is new.
    pub fn field(self, name: &str) -> Option<Self> {
        Some(Self {
            node: self.node.field(name)?,
            value: self.value.as_object()?.get(name)?,
            old: self.old.as_object()?.get(name)?,
        })
    }

    /// The same of all items. Those of sets and of lists that are taken as a whole were nothing before.
    pub fn items(self) -> Vec<Option<Self>> {
        let (Some(new), Some(old)) = (self.value.as_array(), self.old.as_array()) else {
            return Vec::new();
        };
        let Some(node) = self.node.items.as_deref() else {
            return Vec::new();
        };
        let with = |value: &'a Value, old: &'a Value| (!old.is_null()).then_some(Self { node, value, old });
        match self.node.list_type {
            Some(ListType::Map) => {
                let mut by_key = BTreeMap::new();
                for item in old {
                    if let Some(key) = self.key_of(item) {
                        by_key.entry(key).or_insert(item);
                    }
                }
                let find = |item: &'a Value| with(item, by_key.get(&self.key_of(item)?)?);
                new.iter().map(find).collect()
            }
            Some(ListType::Set | ListType::Atomic) | None => Vec::new(),
        }
    }

    /// What tells an item apart, as text.
    fn key_of(self, item: &Value) -> Option<String> {
        let fields = item.as_object()?;
        let values = self.node.list_map_keys.iter().map(|key| fields.get(key));
        serde_json::to_string(&values.collect::<Vec<_>>()).ok()
    }

    /// Whether nothing changed. Fields that the schema does not know count as changed.
    pub fn is_unchanged(self) -> bool {
        match (self.value, self.old) {
            (Value::Array(new), Value::Array(old)) => {
                new.len() == old.len() && self.are_items_unchanged(new, old)
            }
            (Value::Object(new), Value::Object(old)) => {
                new.len() == old.len()
                    && new
                        .keys()
                        .all(|name| self.field(name).is_some_and(Correlation::is_unchanged))
            }
            (new, old) => new == old,
        }
    }

    fn are_items_unchanged(self, new: &[Value], old: &[Value]) -> bool {
        let items = self.items();
        if self.node.list_type != Some(ListType::Map) && items.iter().flatten().count() < new.len() {
            return new == old;
        }
        items.len() == new.len() && items.iter().all(|item| item.is_some_and(Self::is_unchanged))
    }
}
