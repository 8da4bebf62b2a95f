//! Which part of the old object a part of the new one was before.

use serde_json::Value;

use crate::reference::ListType;
use crate::structural::node::Node;

/// A value, and what it was before.
#[derive(Clone, Copy)]
pub(super) struct Correlation<'a> {
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

    /// The same of an item. Those of sets and of lists that are taken as a whole were nothing before.
    pub fn item(self, index: usize) -> Option<Self> {
        let value = self.value.as_array()?.get(index)?;
        let old = self.old.as_array()?;
        let old = match self.node.list_type {
            Some(ListType::Map) => old.iter().find(|old| self.is_same_item(old, value))?,
            Some(ListType::Set | ListType::Atomic) => return None,
            None => old.get(index)?,
        };
        let node = self.node.items.as_deref()?;
        (!old.is_null()).then_some(Self { node, value, old })
    }

    fn is_same_item(self, one: &Value, other: &Value) -> bool {
        one.is_object()
            && other.is_object()
            && self
                .node
                .list_map_keys
                .iter()
                .all(|key| one.get(key) == other.get(key))
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
        let is_keyed = self.node.list_type == Some(ListType::Map);
        (0..new.len()).all(|index| match self.item(index) {
            Some(item) => item.is_unchanged(),
            None => !is_keyed && new == old,
        })
    }
}
