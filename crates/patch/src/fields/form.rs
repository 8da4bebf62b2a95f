//! How apply takes a value: as a whole, field by field, or item by item.

use schema::{Keys, ListType, SchemaRef, Shape};
use serde_json::Value;

use super::element::Element;

/// How a value at a position is owned.
#[derive(Clone, Copy)]
pub(crate) enum Form<'a> {
    /// As a whole: scalars, and what is atomic.
    Whole,
    /// Each declared field by itself.
    Fields(SchemaRef<'a>),
    /// Each key by itself.
    Map(SchemaRef<'a>),
    /// Each scalar by itself.
    Set(SchemaRef<'a>),
    /// Each item by itself, told apart by keys.
    Keyed(Keys<'a>, SchemaRef<'a>),
    /// An object key by key, anything else as a whole: the schema does not say which it is.
    Free(SchemaRef<'a>),
}

impl<'a> Form<'a> {
    pub fn of(schema: SchemaRef<'a>) -> Self {
        match schema.shape() {
            _ if schema.is_atomic() => Self::Whole,
            Shape::Object => Self::Fields(schema),
            Shape::Free => Self::Free(schema),
            Shape::Map => schema.element().map_or(Self::Whole, Self::Map),
            Shape::List => match (schema.list_type(), schema.element()) {
                (ListType::Set, Some(element)) => Self::Set(element),
                (ListType::Map, Some(element)) => Self::Keyed(schema.list_map_keys(), element),
                _ => Self::Whole,
            },
            _ => Self::Whole,
        }
    }
}

/// Why an item of a list cannot be told apart.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ItemError {
    #[error("associative list with keys may not have a null element")]
    Null,
    #[error("associative list with keys may not have non-map elements")]
    NotObject,
    #[error(
        "associative list with keys has an element that omits all key fields [{}] (and doesn't have default values for any key fields)",
        .0.iter().map(|key| meta::quote(key)).collect::<Vec<_>>().join(" ")
    )]
    NoKeys(Vec<String>),
    #[error("associative list without keys has an element that's a map type")]
    ObjectInSet,
    #[error("not supported: associative list with lists as elements")]
    ListInSet,
    #[error("associative list without keys has an element that's an explicit null")]
    NullInSet,
}

impl Form<'_> {
    /// What tells an item of such a list apart. None for forms that are no lists of items.
    pub fn element_of(self, item: &Value) -> Result<Option<Element>, ItemError> {
        match self {
            Self::Set(_) => set_element(item).map(Some),
            Self::Keyed(keys, element) => item_element(keys, element, item).map(Some),
            _ => Ok(None),
        }
    }
}

fn set_element(item: &Value) -> Result<Element, ItemError> {
    match item {
        Value::Object(_) => Err(ItemError::ObjectInSet),
        Value::Array(_) => Err(ItemError::ListInSet),
        Value::Null => Err(ItemError::NullInSet),
        scalar => Ok(Element::value(scalar)),
    }
}

/// What tells an item apart: the values of its keys, null too. A key that is missing has its default, or tells nothing.
pub(crate) fn item_element(
    keys: Keys<'_>,
    element: SchemaRef<'_>,
    item: &Value,
) -> Result<Element, ItemError> {
    let fields = match item {
        Value::Object(fields) => fields,
        Value::Null => return Err(ItemError::Null),
        _ => return Err(ItemError::NotObject),
    };
    let only = keys.iter().next().filter(|_| keys.iter().len() == 1);
    if let Some(key) = only
        && let Some(value) = fields.get(key)
    {
        return Ok(Element::key([(key, value)]));
    }
    let mut sorted: Vec<&str> = keys.iter().collect();
    sorted.sort_unstable();
    let default = |key: &&str| match fields.contains_key(*key) {
        true => None,
        false => default_of(element, key),
    };
    let defaults: Vec<Option<Value>> = sorted.iter().map(default).collect();
    let values = sorted.iter().zip(&defaults).filter_map(|(key, default)| {
        let value = fields.get(*key).or(default.as_ref())?;
        Some((*key, value))
    });
    let values: Vec<(&str, &Value)> = values.collect();
    if values.is_empty() {
        return Err(ItemError::NoKeys(keys.iter().map(str::to_owned).collect()));
    }
    Ok(Element::key(values))
}

/// The declared default of a key; without one, what Go writes of it if it was not given.
fn default_of(element: SchemaRef<'_>, key: &str) -> Option<Value> {
    let field = element.field(key)?;
    field
        .default_value()
        .or_else(|| field.absent())
        .filter(|value| !value.is_null())
}
