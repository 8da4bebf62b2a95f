//! What differs between two states of an object.

use std::cell::Cell;
use std::cmp::Ordering;

use schema::{SchemaRef, Shape};
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
    /// Whether the new state has items that nothing tells apart, so that upstream cannot say who owns what.
    pub is_unclear: bool,
}

impl Delta {
    /// Compares two states of an object. Of duplicates in a keyed list or set only the list's whole matters.
    pub fn between(old: &Value, new: &Value, schema: SchemaRef<'_>) -> Self {
        Self::as_seen(old, new, schema, false)
    }

    /// The same of what would be written of them: without empty lists and maps that are left out.
    pub fn between_written(old: &Value, new: &Value, schema: SchemaRef<'_>) -> Self {
        Self::as_seen(old, new, schema, true)
    }

    fn as_seen(old: &Value, new: &Value, schema: SchemaRef<'_>, written: bool) -> Self {
        let is_unclear = Cell::new(false);
        let sees = Sees {
            written,
            is_unclear: &is_unclear,
        };
        let (changed, removed) = compare(Some(old), Some(new), schema, sees);
        Self {
            changed: changed.below,
            removed: removed.below,
            is_unclear: is_unclear.get(),
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
            ..self
        }
    }
}

/// How objects are looked at.
#[derive(Clone, Copy)]
struct Sees<'a> {
    /// Only what would be written of them.
    written: bool,
    /// Whether there is something in the new one that cannot be told apart.
    is_unclear: &'a Cell<bool>,
}

/// What changed and what was removed at a position.
type Difference = (Node, Node);

fn compare(old: Option<&Value>, new: Option<&Value>, schema: SchemaRef<'_>, sees: Sees<'_>) -> Difference {
    if old.is_none_or(is_empty) && new.is_none_or(is_empty) {
        return compare_whole(old, new);
    }
    let (mut changed, mut removed) = match Form::of(schema) {
        Form::Whole => {
            let is_same = |(old, new)| sees.written && is_written_alike(old, new, schema);
            return match old.zip(new).is_some_and(is_same) {
                true => (Node::default(), Node::default()),
                false => compare_whole(old, new),
            };
        }
        Form::Fields(schema) => compare_fields(object(old), object(new), |name| schema.field(name), sees),
        Form::Map(schema) => compare_fields(object(old), object(new), |_| Some(schema), sees),
        Form::Free(schema) => {
            let is_other = |value: Option<&Value>| value.is_some_and(|value| !value.is_object());
            if is_other(old) || is_other(new) {
                return compare_whole(old, new);
            }
            compare_fields(object(old), object(new), |name| schema.field(name), sees)
        }
        form @ (Form::Set(schema) | Form::Keyed(_, schema)) => {
            compare_items(list(old), list(new), form, schema, sees)
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

/// Whether two values are the same once they are written.
fn is_written_alike(a: &Value, b: &Value, schema: SchemaRef<'_>) -> bool {
    match (a, b) {
        (Value::Object(a), Value::Object(b)) => {
            let below = |name: &str| match schema.shape() {
                Shape::Map => schema.element(),
                _ => schema.field(name),
            };
            let missing_is_fine =
                |name: &str, value: &Value| below(name).is_some_and(|schema| schema.leaves_out(value));
            a.iter().all(|(name, a)| match (b.get(name), below(name)) {
                (Some(b), Some(schema)) => is_written_alike(a, b, schema),
                (Some(b), None) => a == b,
                (None, _) => missing_is_fine(name, a),
            }) && b
                .iter()
                .all(|(name, b)| a.contains_key(name) || missing_is_fine(name, b))
        }
        (Value::Array(a), Value::Array(b)) => match schema.element() {
            Some(element) if a.len() == b.len() => {
                a.iter().zip(b).all(|(a, b)| is_written_alike(a, b, element))
            }
            _ => a == b,
        },
        _ => a == b,
    }
}

fn compare_fields<'a>(
    old: Option<&Map<String, Value>>,
    new: Option<&Map<String, Value>>,
    schema_of: impl Fn(&str) -> Option<SchemaRef<'a>>,
    sees: Sees<'_>,
) -> Difference {
    let (mut changed, mut removed) = (Node::default(), Node::default());
    if old.is_none() {
        changed.below = FieldSet::with_capacity(new.map_or(0, Map::len));
    }
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
        let seen = |value: &&Value| !sees.written || !schema.leaves_out(value);
        let was = was.map(|(_, value)| value).filter(seen);
        let is = is.map(|(_, value)| value).filter(seen);
        let (change, removal) = compare(was, is, schema, sees);
        if !change.is_empty() {
            changed.below.push(Element::field(name), change);
        }
        if !removal.is_empty() {
            removed.below.push(Element::field(name), removal);
        }
    }
}

fn compare_items(
    old: &[Value],
    new: &[Value],
    form: Form<'_>,
    schema: SchemaRef<'_>,
    sees: Sees<'_>,
) -> Difference {
    if old == new {
        return (Node::default(), Node::default());
    }
    let mut items = Vec::with_capacity(old.len() + new.len());
    for (list, is_new) in [(old, false), (new, true)] {
        items.extend(list.iter().filter_map(|item| {
            let element = form.element_of(item);
            if is_new && element.is_err() {
                sees.is_unclear.set(true);
            }
            let element = element.ok().flatten()?;
            Some(Item {
                element,
                is_new,
                value: item,
            })
        }));
    }
    items.sort_by(|a, b| a.element.cmp(&b.element));

    let (mut changed, mut removed) = (Node::default(), Node::default());
    for same in items.chunk_by_mut(|a, b| a.element == b.element) {
        let (change, removal) = compare_item(same, schema, sees);
        let Some(first) = same.first_mut() else {
            continue;
        };
        match (change.is_empty(), removal.is_empty()) {
            (true, true) => {}
            (false, true) => changed.below.push(first.element.take(), change),
            (true, false) => removed.below.push(first.element.take(), removal),
            (false, false) => {
                changed.below.push(first.element.clone(), change);
                removed.below.push(first.element.take(), removal);
            }
        }
    }
    (changed, removed)
}

/// An item of a list, before or after.
struct Item<'a> {
    element: Element,
    is_new: bool,
    value: &'a Value,
}

/// Items of one element are compared one with one. Duplicates count as one item that is added, removed or changed as a
/// whole.
fn compare_item(items: &[Item<'_>], schema: SchemaRef<'_>, sees: Sees<'_>) -> Difference {
    // The sort is stable: old items come first.
    let (old, new) = items.split_at(items.iter().take_while(|item| !item.is_new).count());
    match (old.len(), new.len()) {
        (0 | 1, 0 | 1) => compare(first(old), first(new), schema, sees),
        (2.., 2..) => {
            let same = old
                .iter()
                .map(|item| item.value)
                .eq(new.iter().map(|item| item.value));
            let changed = if same { Node::default() } else { Node::leaf() };
            (changed, Node::default())
        }
        (2.., _) => {
            let changed = first(new).map(|item| compare(None, Some(item), schema, sees).0);
            (changed.unwrap_or_default(), Node::leaf())
        }
        _ => {
            let removed = first(old).map(|item| compare(Some(item), None, schema, sees).1);
            (Node::leaf(), removed.unwrap_or_default())
        }
    }
}

fn first<'a>(items: &[Item<'a>]) -> Option<&'a Value> {
    items.first().map(|item| item.value)
}

fn object(value: Option<&Value>) -> Option<&Map<String, Value>> {
    value.and_then(Value::as_object)
}

fn list(value: Option<&Value>) -> &[Value] {
    value.and_then(Value::as_array).map_or(&[], Vec::as_slice)
}
