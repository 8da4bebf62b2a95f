//! Values. Those of objects are views of their JSON: nothing is copied until an expression makes something new.

mod compare;
mod convert;
mod json;
mod key;
mod moment;

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Deref;
use std::rc::Rc;
use std::sync::Arc;

use meta::Duration;
use serde_json::Value as Json;

use crate::error::EvaluationError;
use crate::functions::opaque::Opaque;
use crate::types::{Declaration, ListKind, ObjectType, Type};

pub use compare::{compare, contains, equal, same_keys};
pub use json::from_json;
pub use key::Key;
pub use moment::Moment;

/// A value while an expression is evaluated. It may point into the objects it is evaluated on.
#[derive(Clone)]
pub enum Value<'v> {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A signed integer.
    Int(i64),
    /// An unsigned integer.
    Uint(u64),
    /// A floating-point number.
    Double(f64),
    /// A text.
    String(Text<'v>),
    /// Bytes.
    Bytes(Arc<[u8]>),
    /// A span of time.
    Duration(Duration),
    /// A point in time.
    Timestamp(Moment),
    /// A list.
    List(List<'v>),
    /// A map, or an object of which only the fields are asked.
    Map(Map<'v>),
    /// A type.
    Type(Type),
    /// Something or nothing.
    Optional(Option<Rc<Value<'v>>>),
    /// What only functions know.
    Opaque(Opaque<'v>),
}

/// A text that is borrowed or shared.
#[derive(Clone)]
pub enum Text<'v> {
    /// Of an object.
    Borrowed(&'v str),
    /// Made.
    Shared(Arc<str>),
}

impl Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        match self {
            Self::Borrowed(text) => text,
            Self::Shared(text) => text,
        }
    }
}

impl From<&str> for Text<'_> {
    fn from(text: &str) -> Self {
        Self::Shared(text.into())
    }
}

impl From<String> for Text<'_> {
    fn from(text: String) -> Self {
        Self::Shared(text.into())
    }
}

/// A list.
#[derive(Clone)]
pub enum List<'v> {
    /// Of an object, with what is declared of the list.
    Json(&'v [Json], Option<&'v Declaration>),
    /// Made.
    Made(Rc<Vec<Value<'v>>>),
    /// Joined from declared lists: it compares and joins as they do.
    Declared(Rc<Vec<Value<'v>>>, &'v Declaration),
}

/// A map.
#[derive(Clone)]
pub enum Map<'v> {
    /// Of an object, with what is declared of it.
    Json(&'v serde_json::Map<String, Json>, Option<&'v Declaration>),
    /// Made.
    Made(Rc<BTreeMap<Key, Value<'v>>>),
    /// An object made by its type's name.
    Object(Arc<ObjectType>, Rc<BTreeMap<String, Value<'v>>>),
    /// Whose fields are worked out when they are asked for.
    Lazy(Rc<dyn LazyFields<'v> + 'v>),
}

/// Named values that are worked out when an expression asks for them.
pub trait LazyFields<'v> {
    /// The value of that name; none if there is no such name.
    ///
    /// # Errors
    /// If it cannot be worked out.
    fn field(&self, name: &str) -> Option<Result<Value<'v>, EvaluationError>>;

    /// All names.
    fn names(&self) -> Vec<String>;

    /// What its type is called.
    fn type_name(&self) -> String;
}

impl<'v> Value<'v> {
    /// A text.
    pub fn text(text: impl Into<Text<'v>>) -> Self {
        Self::String(text.into())
    }

    /// A list of values.
    pub fn list(values: Vec<Self>) -> Self {
        Self::List(List::Made(Rc::new(values)))
    }

    /// A map of values.
    pub fn map(entries: BTreeMap<Key, Self>) -> Self {
        Self::Map(Map::Made(Rc::new(entries)))
    }

    /// Something.
    pub fn some(value: Self) -> Self {
        Self::Optional(Some(Rc::new(value)))
    }

    /// The type it has now. What lists, maps and optionals hold is not said.
    pub fn runtime_type(&self) -> Type {
        match self {
            Self::Null => Type::Null,
            Self::Bool(_) => Type::Bool,
            Self::Int(_) => Type::Int,
            Self::Uint(_) => Type::Uint,
            Self::Double(_) => Type::Double,
            Self::String(_) => Type::String,
            Self::Bytes(_) => Type::Bytes,
            Self::Duration(_) => Type::Duration,
            Self::Timestamp(_) => Type::Timestamp,
            Self::List(_) => Type::list(Type::Dyn),
            Self::Map(map) => map.runtime_type(),
            Self::Type(of) => Type::type_of(of.clone()),
            Self::Optional(_) => Type::optional(Type::Dyn),
            Self::Opaque(opaque) => opaque.cel_type(),
        }
    }

    /// Characters, bytes, elements or entries; none for what has no size.
    pub fn size(&self) -> Option<u64> {
        Some(match self {
            Self::String(text) => text.chars().count() as u64,
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::List(list) => list.len() as u64,
            Self::Map(Map::Object(..)) => return None,
            Self::Map(map) => map.len() as u64,
            Self::Opaque(opaque) => return opaque.size(),
            _ => return None,
        })
    }

    /// Whether it is true; none if it is no truth value.
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Self::Bool(truth) => Some(*truth),
            _ => None,
        }
    }

    /// The text, if it is one.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            _ => None,
        }
    }
}

impl<'v> List<'v> {
    /// How many elements.
    pub fn len(&self) -> usize {
        match self {
            Self::Json(elements, _) => elements.len(),
            Self::Made(elements) | Self::Declared(elements, _) => elements.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The element at a place.
    pub fn get(&self, index: usize) -> Option<Value<'v>> {
        match self {
            Self::Json(elements, declared) => {
                let element = declared.and_then(|list| list.part("@items"));
                elements.get(index).map(|value| from_json(value, element))
            }
            Self::Made(elements) | Self::Declared(elements, _) => elements.get(index).cloned(),
        }
    }

    /// All elements.
    pub fn iter(&self) -> impl Iterator<Item = Value<'v>> + '_ {
        (0..self.len()).filter_map(|index| self.get(index))
    }

    /// What is declared of the list.
    pub fn declared(&self) -> Option<&'v Declaration> {
        match self {
            Self::Json(_, declared) => *declared,
            Self::Made(_) => None,
            Self::Declared(_, declared) => Some(declared),
        }
    }

    /// How it is compared and joined.
    pub fn kind(&self) -> &ListKind {
        self.declared()
            .map_or(&ListKind::Atomic, |declared| &declared.list)
    }
}

impl<'v> Map<'v> {
    fn runtime_type(&self) -> Type {
        match self {
            Self::Object(of, _) => Type::Object(of.clone()),
            _ => Type::map(Type::Dyn, Type::Dyn),
        }
    }

    /// How many entries.
    pub fn len(&self) -> usize {
        match self {
            Self::Json(entries, _) => entries.len(),
            Self::Made(entries) => entries.len(),
            Self::Object(_, fields) => fields.len(),
            Self::Lazy(fields) => fields.names().len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The value of a key.
    ///
    /// # Errors
    /// If it had to be worked out and could not be.
    pub fn get(&self, key: &Key) -> Result<Option<Value<'v>>, EvaluationError> {
        match (self, key) {
            (Self::Made(entries), key) => Ok(key.entry_in(entries).cloned()),
            (map, Key::String(name)) => map.field(name),
            _ => Ok(None),
        }
    }

    /// The value of a key that is a text.
    ///
    /// # Errors
    /// If it had to be worked out and could not be.
    pub fn field(&self, name: &str) -> Result<Option<Value<'v>>, EvaluationError> {
        match self {
            Self::Json(entries, declared) => Ok(json::field(entries, *declared, name)),
            Self::Made(entries) => Ok(entries.get(&Key::String(name.into())).cloned()),
            Self::Object(_, fields) => Ok(fields.get(name).cloned()),
            Self::Lazy(fields) => fields.field(name).transpose(),
        }
    }

    /// All keys, in order.
    pub fn keys(&self) -> Vec<Key> {
        let text = |name: &str| Key::String(name.into());
        match self {
            Self::Json(entries, _) => entries.keys().map(|name| text(name)).collect(),
            Self::Made(entries) => entries.keys().cloned().collect(),
            Self::Object(_, fields) => fields.keys().map(|name| text(name)).collect(),
            Self::Lazy(fields) => fields.names().iter().map(|name| text(name)).collect(),
        }
    }
}

impl fmt::Debug for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Bool(truth) => write!(f, "{truth}"),
            Self::Int(number) => write!(f, "{number}"),
            Self::Uint(number) => write!(f, "{number}u"),
            Self::Double(number) => write!(f, "{number:?}"),
            Self::String(text) => write!(f, "{:?}", &**text),
            Self::Bytes(bytes) => write!(f, "b{:?}", String::from_utf8_lossy(bytes)),
            Self::Duration(span) => write!(f, "duration({span})"),
            Self::Timestamp(time) => write!(f, "timestamp({time})"),
            Self::List(list) => f.debug_list().entries(list.iter()).finish(),
            Self::Map(map) => {
                let entries = map.keys().into_iter().map(|key| {
                    let value = map.get(&key);
                    (key, value.ok().flatten())
                });
                f.debug_map().entries(entries).finish()
            }
            Self::Type(of) => write!(f, "type({of})"),
            Self::Optional(None) => f.write_str("optional.none()"),
            Self::Optional(Some(value)) => write!(f, "optional.of({value:?})"),
            Self::Opaque(opaque) => write!(f, "{opaque:?}"),
        }
    }
}
