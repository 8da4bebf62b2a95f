//! Types of expressions, and what is declared of variables: types with the most that values of them can hold.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use crate::words;

/// The type of an expression or value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Type {
    /// Anything; known when it is evaluated.
    Dyn,
    /// The type of what is wrong anyway, and fits everything so that one error is told once.
    Error,
    /// `null`
    Null,
    /// `bool`
    Bool,
    /// `int`
    Int,
    /// `uint`
    Uint,
    /// `double`
    Double,
    /// `string`
    String,
    /// `bytes`
    Bytes,
    /// `google.protobuf.Duration`
    Duration,
    /// `google.protobuf.Timestamp`
    Timestamp,
    /// A list of elements of one type.
    List(Arc<Type>),
    /// A map, key and value.
    Map(Arc<(Type, Type)>),
    /// Something or nothing.
    Optional(Arc<Type>),
    /// The type of a type.
    Type(Arc<Type>),
    /// A type without fields that only functions know, by its name.
    Opaque(&'static str),
    /// A type with named fields.
    Object(Arc<ObjectType>),
    /// A placeholder in the declaration of a function.
    Parameter(&'static str),
    /// A placeholder that the checker is looking for.
    Variable(usize),
}

impl Type {
    /// A list of `element`.
    pub fn list(element: Self) -> Self {
        Self::List(Arc::new(element))
    }

    /// A map from `key` to `value`.
    pub fn map(key: Self, value: Self) -> Self {
        Self::Map(Arc::new((key, value)))
    }

    /// Perhaps an `inner`.
    pub fn optional(inner: Self) -> Self {
        Self::Optional(Arc::new(inner))
    }

    /// The type of the type `inner`.
    pub fn type_of(inner: Self) -> Self {
        Self::Type(Arc::new(inner))
    }

    /// The type as declarations write it: `list(google.protobuf.Duration)`.
    pub fn declared(&self) -> impl fmt::Display + '_ {
        Written(self)
    }

    /// What values call their type: parameters left out.
    pub fn runtime_name(&self) -> &str {
        match self {
            Self::Dyn => "dyn",
            Self::Error => "error",
            Self::Null => "null_type",
            Self::Bool => "bool",
            Self::Int => "int",
            Self::Uint => "uint",
            Self::Double => "double",
            Self::String => "string",
            Self::Bytes => "bytes",
            Self::Duration => "google.protobuf.Duration",
            Self::Timestamp => "google.protobuf.Timestamp",
            Self::List(_) => "list",
            Self::Map(_) => "map",
            Self::Optional(_) => "optional_type",
            Self::Type(_) => "type",
            Self::Opaque(name) | Self::Parameter(name) => name,
            Self::Object(object) => &object.name,
            Self::Variable(_) => "dyn",
        }
    }
}

/// A type as declarations write it, where the messages of the checker have shorter names.
struct Written<'t>(&'t Type);

impl fmt::Display for Written<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Type::List(element) => write!(f, "list({})", Written(element)),
            Type::Map(pair) => write!(f, "map({}, {})", Written(&pair.0), Written(&pair.1)),
            Type::Optional(inner) => write!(f, "optional_type({})", Written(inner)),
            Type::Type(inner) => write!(f, "type({})", Written(inner)),
            named => f.write_str(named.runtime_name()),
        }
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Error => f.write_str("!error!"),
            Self::Null => f.write_str("null"),
            Self::Duration => f.write_str("duration"),
            Self::Timestamp => f.write_str("timestamp"),
            Self::List(element) => write!(f, "list({element})"),
            Self::Map(pair) => write!(f, "map({}, {})", pair.0, pair.1),
            Self::Optional(inner) => write!(f, "optional_type({inner})"),
            // The name `type` stands for types of anything.
            Self::Type(inner) if matches!(&**inner, Self::Type(of) if **of == Self::Dyn) => {
                f.write_str("type(type)")
            }
            Self::Type(inner) => write!(f, "type({inner})"),
            Self::Variable(number) => write!(f, "_var{number}"),
            named => f.write_str(named.runtime_name()),
        }
    }
}

/// A type with named fields. Two of one name are the same.
#[derive(Clone, Debug)]
pub struct ObjectType {
    /// What errors call it.
    pub name: String,
    /// Its fields.
    pub fields: Fields,
}

impl PartialEq for ObjectType {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for ObjectType {}

/// The fields of an object type.
#[derive(Clone, Debug)]
pub enum Fields {
    /// These, by the names that expressions call them.
    Known(BTreeMap<String, Field>),
    /// Any name, each a type of its own.
    Any(fn(object: &str, field: &str) -> Type),
}

/// A field of an object type.
#[derive(Clone, Debug)]
pub struct Field {
    /// What objects call it. Expressions call it so too, unless it is no name there (`escape::property`).
    pub json_name: String,
    /// What it holds.
    pub holds: Declaration,
}

impl ObjectType {
    /// The field of that name.
    pub fn field(&self, name: &str) -> Option<&Field> {
        match &self.fields {
            Fields::Known(fields) => match fields.get(name) {
                None if words::is_no_name(name) => fields.get(&format!("__{name}__")),
                found => found,
            },
            Fields::Any(_) => None,
        }
    }

    /// The type of the field of that name.
    pub fn field_type(&self, name: &str) -> Option<Type> {
        match &self.fields {
            Fields::Known(_) => self.field(name).map(|field| field.holds.cel_type()),
            Fields::Any(make) => Some(make(&self.name, name)),
        }
    }
}

/// What is known of values before there are any: their type and the most they can hold.
#[derive(Clone, Debug)]
pub struct Declaration {
    /// What kind of value.
    pub kind: Declared,
    /// The most characters, bytes, elements or entries, if that is known.
    pub most: Option<u64>,
    /// How lists of it are compared and joined.
    pub list: ListKind,
}

/// What a declared value is.
#[derive(Clone, Debug)]
pub enum Declared {
    /// A value without parts, or one whose parts are not declared.
    Plain(Type),
    /// A list of these.
    List(Arc<Declaration>),
    /// A map from names to these; the keys first.
    Map(Arc<Declaration>, Arc<Declaration>),
    /// An object with fields.
    Object(Arc<ObjectType>),
}

/// How lists are compared and joined.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ListKind {
    /// Element by element, one after the other.
    #[default]
    Atomic,
    /// Whatever the order; joined without repetition.
    Set,
    /// Whatever the order; elements with the same values of these fields are one.
    Map(Vec<String>),
}

impl Declaration {
    /// A type of which nothing more is known.
    pub fn plain(of: Type) -> Self {
        Self::new(Declared::Plain(of), None)
    }

    /// With the most that a value can hold.
    pub fn new(kind: Declared, most: Option<u64>) -> Self {
        Self {
            kind,
            most,
            list: ListKind::Atomic,
        }
    }

    /// The type.
    pub fn cel_type(&self) -> Type {
        match &self.kind {
            Declared::Plain(plain) => plain.clone(),
            Declared::List(element) => Type::list(element.cel_type()),
            Declared::Map(key, value) => Type::map(key.cel_type(), value.cel_type()),
            Declared::Object(object) => Type::Object(object.clone()),
        }
    }

    /// What is declared of a part: `@items`, `@keys`, `@values`, or a field.
    pub fn part(&self, step: &str) -> Option<&Self> {
        match (&self.kind, step) {
            (Declared::List(element), "@items") => Some(element),
            (Declared::Map(key, _), "@keys") => Some(key),
            (Declared::Map(_, value), "@values") => Some(value),
            (Declared::Object(object), field) => object.field(field).map(|field| &field.holds),
            _ => None,
        }
    }
}
