//! A position in a schema, whatever holds it: the generated table for built-in types, a structural schema for custom
//! resources. Decoders, patches and apply walk objects with it.

use serde_json::Value;

use crate::table::{Facts, Field, Kind, NO_FACTS, Type};
use crate::zero;

/// What a value at a position is on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// `true` or `false`.
    Bool,
    /// A number that fits 32 bits.
    Int32,
    /// A number that fits 64 bits.
    Int64,
    /// A floating-point number.
    Float64,
    /// Text.
    String,
    /// Bytes, base64 in JSON.
    Bytes,
    /// A quantity such as `100m`.
    Quantity,
    /// A number or text.
    IntOrString,
    /// RFC 3339 with seconds, or null.
    Time,
    /// RFC 3339 with microseconds, or null.
    MicroTime,
    /// A Go duration such as `1m0s`.
    Duration,
    /// Any JSON, kept as it is.
    Raw,
    /// An object with known fields.
    Object,
    /// A list of elements.
    List,
    /// An object with free keys.
    Map,
}

/// How apply merges a list (`x-kubernetes-list-type`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListType {
    /// Replaced as a whole.
    Atomic,
    /// Unique scalars.
    Set,
    /// Objects told apart by keys.
    Map,
}

impl ListType {
    /// As OpenAPI spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Atomic => "atomic",
            Self::Set => "set",
            Self::Map => "map",
        }
    }
}

/// How a strategic merge patch merges (`x-kubernetes-patch-strategy`). Nothing set: lists are replaced, objects merged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PatchStrategy {
    /// Lists and maps are merged rather than replaced.
    pub merge: bool,
    /// Only the fields of the patch are kept (`retainKeys`).
    pub retain_keys: bool,
    /// Objects are replaced rather than merged.
    pub replace: bool,
}

impl PatchStrategy {
    /// As OpenAPI spells it; none if nothing is set.
    pub fn as_str(self) -> Option<&'static str> {
        match (self.merge, self.retain_keys, self.replace) {
            (false, false, false) => None,
            (true, false, _) => Some("merge"),
            (true, true, _) => Some("merge,retainKeys"),
            (false, true, _) => Some("retainKeys"),
            (false, false, true) => Some("replace"),
        }
    }
}

/// A position in a schema. Copied freely.
#[derive(Clone, Copy, Debug)]
pub struct SchemaRef<'a>(Position<'a>);

/// Who knows about the position. Custom resources add the node of a structural schema.
#[derive(Clone, Copy, Debug)]
enum Position<'a> {
    /// The generated table.
    Builtin {
        kind: Kind,
        /// The field that led here; none at the root and inside lists and maps.
        field: Option<&'a Field>,
    },
}

impl<'a> SchemaRef<'a> {
    /// An object of a built-in type.
    pub const fn of_type(of: &'static Type) -> Self {
        Self::of_kind(Kind::Object(of))
    }

    /// A value of a built-in kind that no field led to.
    pub(crate) const fn of_kind(kind: Kind) -> Self {
        Self(Position::Builtin { kind, field: None })
    }

    /// What stands at a field of a built-in type.
    pub(crate) const fn of_field(field: &'a Field) -> Self {
        Self(Position::Builtin {
            kind: field.kind,
            field: Some(field),
        })
    }

    /// What a value here is.
    pub fn shape(self) -> Shape {
        match self.kind() {
            Kind::Bool => Shape::Bool,
            Kind::Int32 => Shape::Int32,
            Kind::Int64 => Shape::Int64,
            Kind::Float64 => Shape::Float64,
            Kind::String => Shape::String,
            Kind::Bytes => Shape::Bytes,
            Kind::Quantity => Shape::Quantity,
            Kind::IntOrString => Shape::IntOrString,
            Kind::Time => Shape::Time,
            Kind::MicroTime => Shape::MicroTime,
            Kind::Duration => Shape::Duration,
            Kind::RawExtension | Kind::Fields | Kind::Json | Kind::Any | Kind::SchemaOr(_) => Shape::Raw,
            Kind::Object(_) => Shape::Object,
            Kind::List(_) | Kind::WrappedList(_) => Shape::List,
            Kind::Map(_) => Shape::Map,
        }
    }

    /// The field of that JSON name, if this is an object; inlined fields included.
    pub fn field(self, json_name: &str) -> Option<SchemaRef<'a>> {
        match self.kind() {
            Kind::Object(of) => of.field(json_name).map(SchemaRef::of_field),
            _ => None,
        }
    }

    /// All fields with their JSON names, in the order of their declaration, if this is an object.
    pub fn fields(self) -> impl Iterator<Item = (&'a str, SchemaRef<'a>)> {
        let fields: &'static [Field] = match self.kind() {
            Kind::Object(of) => of.fields,
            _ => &[],
        };
        fields
            .iter()
            .map(|field| (field.name, SchemaRef::of_field(field)))
    }

    /// What the elements of this list or map are.
    pub fn element(self) -> Option<SchemaRef<'a>> {
        match self.kind() {
            Kind::List(of) | Kind::WrappedList(of) | Kind::Map(of) => Some(SchemaRef::of_kind(*of)),
            _ => None,
        }
    }

    /// How apply merges this list.
    pub fn list_type(self) -> ListType {
        self.facts().list_type.unwrap_or(ListType::Atomic)
    }

    /// The JSON names of the keys of a `ListType::Map` list, in order.
    pub fn list_map_keys(self) -> &'a [&'a str] {
        self.facts().list_map_keys
    }

    /// Whether apply takes this object or map as a whole (`x-kubernetes-map-type: atomic`). What the table knows nothing
    /// of is always taken so.
    pub fn is_atomic(self) -> bool {
        self.facts().atomic.unwrap_or(match self.kind() {
            Kind::Object(of) => of.atomic,
            _ => self.shape() == Shape::Raw,
        })
    }

    /// How Go writes a value here of which nothing was given.
    pub fn zero(self) -> Value {
        zero::zero(self.kind())
    }

    /// How Go writes the field that led here if it was not given; none if it leaves it out.
    pub fn absent(self) -> Option<Value> {
        zero::absent(self.declaration()?)
    }

    /// How a strategic merge patch merges the field that led here.
    pub fn patch_strategy(self) -> PatchStrategy {
        self.facts().patch_strategy
    }

    /// The key by which a strategic merge patch tells the elements of this list apart.
    pub fn patch_merge_key(self) -> Option<&'a str> {
        self.facts().patch_merge_key
    }

    /// Whether a client must give the field that led here (OpenAPI's `required`).
    pub fn is_required(self) -> bool {
        self.declaration().is_some_and(|field| field.required)
    }

    /// Whether the field that led here can be absent, as something other than its zero value.
    pub fn is_pointer(self) -> bool {
        self.declaration().is_some_and(|field| field.pointer)
    }

    /// The declared default of the field that led here, as JSON. Most kinds set further defaults in code.
    pub fn default_json(self) -> Option<&'a str> {
        self.facts().default
    }

    /// The values this text may have, where they are a closed set; else empty.
    pub fn enum_values(self) -> &'a [&'a str] {
        match self.kind() {
            Kind::String => self.facts().enum_values,
            _ => &[],
        }
    }

    /// The name by which OpenAPI knows this object: `io.k8s.api.core.v1.Pod`.
    pub fn openapi_name(self) -> Option<String> {
        match self.kind() {
            Kind::Object(of) => Some(of.openapi_name()),
            _ => None,
        }
    }

    pub(crate) fn kind(self) -> Kind {
        let Position::Builtin { kind, .. } = self.0;
        kind
    }

    pub(crate) fn declaration(self) -> Option<&'a Field> {
        let Position::Builtin { field, .. } = self.0;
        field
    }

    fn facts(self) -> &'a Facts {
        self.declaration().map_or(&NO_FACTS, |field| field.facts)
    }
}
