//! What differs between two states of an object.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use schema::SchemaRef;
use serde_json::{Map, Value};

use super::element::Element;
use super::form::Form;
use super::object::is_empty;
use super::set::{FieldSet, Node};

/// The fields that differ between two states of an object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Delta {
    /// New or with another value.
    pub changed: FieldSet,
    /// No longer there.
    pub removed: FieldSet,
}

impl Delta {
    /// Compares two states of an object. Of duplicates in a keyed list or set only the list's whole matters.
    pub fn between(old: &Value, new: &Value, schema: SchemaRef<'_>) -> Self {
        let (changed, removed) = compare(Some(old), Some(new), schema);
        Self {
            changed: changed.below,
            removed: removed.below,
        }
    }

    /// Whether nothing differs.
    pub fn is_empty(&self) -> bool {
        self.changed.is_empty() && self.removed.is_empty()
    }

    /// The same without some fields and what is below them.
    #[must_use]
    pub fn without(self, fields: &FieldSet) -> Self {
        Self {
            changed: self.changed.difference_below(fields),
            removed: self.removed.difference_below(fields),
        }
    }
}

/// What changed and what was removed at a position.
type Difference = (Node, Node);

fn compare(old: Option<&Value>, new: Option<&Value>, schema: SchemaRef<'_>) -> Difference {
    if old.is_none_or(is_empty) && new.is_none_or(is_empty) {
        return compare_whole(old, new);
    }
    let (mut changed, mut removed) = match Form::of(schema) {
        Form::Whole => return compare_whole(old, new),
        Form::Fields(schema) => compare_fields(object(old), object(new), |name| schema.field(name)),
        Form::Map(schema) => compare_fields(object(old), object(new), |_| Some(schema)),
        form @ (Form::Set(schema) | Form::Keyed(_, schema)) => {
            compare_items(list(old), list(new), form, schema)
        }
    };
    changed.member |= old.is_none();
    removed.member |= new.is_none();
    (changed, removed)
}

fn compare_whole(old: Option<&Value>, new: Option<&Value>) -> Difference {
    match (old, new) {
        (Some(old), Some(new)) if old == new => (Node::default(), Node::default()),
        (_, Some(_)) => (Node::leaf(), Node::default()),
        (Some(_), None) => (Node::default(), Node::leaf()),
        (None, None) => (Node::default(), Node::default()),
    }
}

fn compare_fields<'a>(
    old: Option<&Map<String, Value>>,
    new: Option<&Map<String, Value>>,
    schema_of: impl Fn(&str) -> Option<SchemaRef<'a>>,
) -> Difference {
    let (mut changed, mut removed) = (Node::default(), Node::default());
    let mut old = old.into_iter().flatten().peekable();
    let mut new = new.into_iter().flatten().peekable();
    loop {
        let order = match (old.peek(), new.peek()) {
            (None, None) => return (changed, removed),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some((old, _)), Some((new, _))) => old.cmp(new),
        };
        let was = if order.is_le() { old.next() } else { None };
        let is = if order.is_ge() { new.next() } else { None };
        let Some((name, _)) = was.or(is) else {
            return (changed, removed);
        };
        let Some(schema) = schema_of(name) else {
            continue;
        };
        let (change, removal) = compare(was.map(|(_, value)| value), is.map(|(_, value)| value), schema);
        if !change.is_empty() {
            changed.below.push(Element::field(name), change);
        }
        if !removal.is_empty() {
            removed.below.push(Element::field(name), removal);
        }
    }
}

/// The items of one element, before and after.
#[derive(Default)]
struct Items<'a> {
    old: Vec<&'a Value>,
    new: Vec<&'a Value>,
}

fn compare_items(old: &[Value], new: &[Value], form: Form<'_>, schema: SchemaRef<'_>) -> Difference {
    if old == new {
        return (Node::default(), Node::default());
    }
    let mut items: BTreeMap<Element, Items<'_>> = BTreeMap::new();
    let element_of = |item: &Value| form.element_of(item).ok().flatten();
    for item in old {
        if let Some(element) = element_of(item) {
            items.entry(element).or_default().old.push(item);
        }
    }
    for item in new {
        if let Some(element) = element_of(item) {
            items.entry(element).or_default().new.push(item);
        }
    }
    let (mut changed, mut removed) = (Node::default(), Node::default());
    for (element, items) in items {
        let (change, removal) = compare_item(&items, schema);
        if !change.is_empty() {
            changed.below.push(element.clone(), change);
        }
        if !removal.is_empty() {
            removed.below.push(element, removal);
        }
    }
    (changed, removed)
}

/// Items are compared one with one. Duplicates count as one item that is added, removed or changed as a whole.
fn compare_item(items: &Items<'_>, schema: SchemaRef<'_>) -> Difference {
    match (items.old.as_slice(), items.new.as_slice()) {
        (old @ ([] | [_]), new @ ([] | [_])) => compare(old.first().copied(), new.first().copied(), schema),
        (old @ [_, _, ..], new @ [_, _, ..]) => {
            let changed = if old == new { Node::default() } else { Node::leaf() };
            (changed, Node::default())
        }
        ([_, _, ..], new) => {
            let changed = new.first().map(|item| compare(None, Some(item), schema).0);
            (changed.unwrap_or_default(), Node::leaf())
        }
        (old, _) => {
            let removed = old.first().map(|item| compare(Some(item), None, schema).1);
            (Node::leaf(), removed.unwrap_or_default())
        }
    }
}

fn object(value: Option<&Value>) -> Option<&Map<String, Value>> {
    value.and_then(Value::as_object)
}

fn list(value: Option<&Value>) -> &[Value] {
    value.and_then(Value::as_array).map_or(&[], Vec::as_slice)
}
