//! A position in a schema, whatever holds it: the generated table for built-in types, a structural schema for custom
//! resources. Decoders, patches and apply walk objects with it.

use serde_json::Value;

use crate::generated::meta_v1::OBJECT_META;
use crate::structural::{Additional, Node, StructuralSchema, TypeName};
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
    /// Whatever it turns out to be. Apply takes objects field by field, and everything else as a whole.
    Free,
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

/// The names of the fields that tell the items of a list apart.
#[derive(Clone, Copy, Debug)]
pub enum Keys<'a> {
    /// Of a built-in type.
    Builtin(&'a [&'a str]),
    /// Of a custom resource.
    Custom(&'a [String]),
}

impl<'a> Keys<'a> {
    /// The names, in order.
    pub fn iter(self) -> impl ExactSizeIterator<Item = &'a str> {
        let length = match self {
            Self::Builtin(names) => names.len(),
            Self::Custom(names) => names.len(),
        };
        (0..length).map(move |index| match self {
            Self::Builtin(names) => names[index],
            Self::Custom(names) => names[index].as_str(),
        })
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

/// Who knows about the position.
#[derive(Clone, Copy, Debug)]
enum Position<'a> {
    /// The generated table.
    Builtin {
        kind: Kind,
        /// The field that led here; none at the root and inside lists and maps.
        field: Option<&'a Field>,
    },
    /// A whole custom resource.
    Custom(&'a StructuralSchema),
    /// A place in one.
    Node {
        node: &'a Node,
        /// Whether something above keeps what is not declared: for apply that goes for everything below.
        is_free: bool,
    },
    /// A place in one of which the schema says nothing.
    Free,
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

    /// A custom resource.
    pub const fn of_custom(schema: &'a StructuralSchema) -> Self {
        Self(Position::Custom(schema))
    }

    /// The schema of the custom resource that this is, if it is one.
    pub fn custom(self) -> Option<&'a StructuralSchema> {
        match self.0 {
            Position::Custom(schema) => Some(schema),
            _ => None,
        }
    }

    /// What is known of this place, if it is one of a custom resource.
    pub fn node(self) -> Option<&'a Node> {
        match self.0 {
            Position::Custom(schema) => Some(schema.root()),
            Position::Node { node, .. } => Some(node),
            Position::Builtin { .. } | Position::Free => None,
        }
    }

    /// What a value here is.
    pub fn shape(self) -> Shape {
        match self.0 {
            Position::Free => return Shape::Free,
            Position::Custom(schema) => return shape_of(schema.root(), false),
            Position::Node { node, is_free } => return shape_of(node, is_free),
            Position::Builtin { .. } => {}
        }
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
        match self.0 {
            Position::Free => return Some(self),
            Position::Custom(schema) => return field_of(schema.root(), false, json_name),
            Position::Node { node, is_free } => return field_of(node, is_free, json_name),
            Position::Builtin { .. } => {}
        }
        match self.kind() {
            Kind::Object(of) => of.field(json_name).map(SchemaRef::of_field),
            _ => None,
        }
    }

    /// The field of that JSON name if this is an object of a built-in type, and how many are declared before it.
    pub(crate) fn declared(self, json_name: &str) -> Option<(usize, SchemaRef<'a>)> {
        let Kind::Object(of) = self.kind() else {
            return None;
        };
        let place = of.position(json_name)?;
        Some((place, SchemaRef::of_field(&of.fields[place])))
    }

    /// All fields with their JSON names, in the order of their declaration, if this is an object.
    pub fn fields(self) -> impl Iterator<Item = (&'a str, SchemaRef<'a>)> {
        let fields: &'static [Field] = match self.kind() {
            Kind::Object(of) => of.fields,
            _ => &[],
        };
        let declared = fields
            .iter()
            .map(|field| (field.name, SchemaRef::of_field(field)));
        let properties = self.node().into_iter().flat_map(|node| &node.properties);
        declared.chain(properties.filter_map(move |(name, _)| Some((name.as_str(), self.field(name)?))))
    }

    /// Whether a field is declared, rather than one of those that may be there too.
    pub fn declares(self, json_name: &str) -> bool {
        match self.node() {
            Some(node) => {
                let is_of_all = node.is_resource && matches!(json_name, "apiVersion" | "kind" | "metadata");
                is_of_all || node.properties.contains_key(json_name)
            }
            None => matches!(self.kind(), Kind::Object(of) if of.field(json_name).is_some()),
        }
    }

    /// What the elements of this list or map are.
    pub fn element(self) -> Option<SchemaRef<'a>> {
        match self.0 {
            Position::Custom(_) | Position::Free => return None,
            Position::Node { node, is_free } => return element_of(node, is_free),
            Position::Builtin { .. } => {}
        }
        match self.kind() {
            Kind::List(of) | Kind::WrappedList(of) | Kind::Map(of) => Some(SchemaRef::of_kind(*of)),
            _ => None,
        }
    }

    /// How apply merges this list.
    pub fn list_type(self) -> ListType {
        let declared = match self.node() {
            Some(node) => node.list_type,
            None => self.facts().list_type,
        };
        declared.unwrap_or(ListType::Atomic)
    }

    /// The JSON names of the keys of a `ListType::Map` list, in order.
    pub fn list_map_keys(self) -> Keys<'a> {
        match self.node() {
            Some(node) => Keys::Custom(&node.list_map_keys),
            None => Keys::Builtin(self.facts().list_map_keys),
        }
    }

    /// Whether apply takes this object or map as a whole (`x-kubernetes-map-type: atomic`). What the table knows nothing
    /// of is always taken so.
    pub fn is_atomic(self) -> bool {
        match self.0 {
            Position::Free => return false,
            Position::Custom(_) | Position::Node { .. } => {
                return self.node().is_some_and(|node| node.is_atomic_map);
            }
            Position::Builtin { .. } => {}
        }
        self.facts().atomic.unwrap_or(match self.kind() {
            Kind::Object(of) => of.atomic,
            _ => self.shape() == Shape::Raw,
        })
    }

    /// Whether a schema of a custom resource says that this is an object, whatever its fields.
    pub fn is_declared_object(self) -> bool {
        self.node()
            .is_some_and(|node| node.type_name == Some(TypeName::Object))
    }

    /// How Go writes a value here of which nothing was given.
    pub fn zero(self) -> Value {
        match self.custom() {
            Some(_) => Value::Object(serde_json::Map::new()),
            None => zero::zero(self.kind()),
        }
    }

    /// How Go writes the field that led here if it was not given; none if it leaves it out.
    pub fn absent(self) -> Option<Value> {
        zero::absent(self.declaration()?)
    }

    /// Whether Go writes no field here for a value that it holds: an empty list or map where none would be left out.
    pub fn leaves_out(self, value: &Value) -> bool {
        self.declaration()
            .is_some_and(|field| zero::is_unwritten(field, value))
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

    /// The declared default of the field that led here. Most built-in kinds set further defaults in code.
    pub fn default_value(self) -> Option<Value> {
        match self.node() {
            Some(node) => node.default.clone(),
            None => serde_json::from_str(self.facts().default?).ok(),
        }
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

    /// What the table has it for; of custom resources it knows nothing.
    pub(crate) fn kind(self) -> Kind {
        match self.0 {
            Position::Builtin { kind, .. } => kind,
            Position::Custom(_) | Position::Node { .. } | Position::Free => Kind::Any,
        }
    }

    pub(crate) fn declaration(self) -> Option<&'a Field> {
        match self.0 {
            Position::Builtin { field, .. } => field,
            Position::Custom(_) | Position::Node { .. } | Position::Free => None,
        }
    }

    fn facts(self) -> &'a Facts {
        self.declaration().map_or(&NO_FACTS, |field| field.facts)
    }
}

fn shape_of(node: &Node, is_free: bool) -> Shape {
    match node.type_name {
        // Upstream's apply does not know that it is one of the two.
        _ if node.int_or_string => Shape::Free,
        Some(TypeName::Array) => Shape::List,
        Some(TypeName::Boolean) => Shape::Bool,
        Some(TypeName::Integer) => Shape::Int64,
        Some(TypeName::Number) => Shape::Float64,
        // Nor what a text of some format is.
        Some(TypeName::String) if !matches!(node.checks().format.as_str(), "" | "byte") => Shape::IntOrString,
        Some(TypeName::String) => Shape::String,
        _ if node.preserves_unknown || is_free => Shape::Free,
        Some(TypeName::Object) if node.properties.is_empty() && !node.is_resource => Shape::Map,
        Some(TypeName::Object) => Shape::Object,
        None => Shape::Free,
    }
}

/// What stands at a field. Metadata is the same for all kinds, whatever the schema says of it.
fn field_of<'a>(node: &'a Node, is_free: bool, name: &str) -> Option<SchemaRef<'a>> {
    if node.is_resource {
        match name {
            "apiVersion" | "kind" => return Some(SchemaRef::of_kind(Kind::String)),
            "metadata" => return Some(SchemaRef::of_type(&OBJECT_META)),
            _ => {}
        }
    }
    let is_free = is_free || node.preserves_unknown;
    let declared = node
        .field(name)
        .filter(|_| is_free || node.properties.contains_key(name));
    let free = is_free.then_some(SchemaRef(Position::Free));
    declared
        .map(|node| SchemaRef(Position::Node { node, is_free }))
        .or(free)
}

fn element_of(node: &Node, is_free: bool) -> Option<SchemaRef<'_>> {
    let is_free = is_free || node.preserves_unknown;
    let below = |node| SchemaRef(Position::Node { node, is_free });
    match shape_of(node, is_free) {
        Shape::List => Some(node.items.as_deref().map_or(SchemaRef(Position::Free), below)),
        Shape::Map => Some(match &node.additional {
            Some(Additional::Schema(element)) => below(element),
            // Without a word about its fields, an object may have any.
            _ => SchemaRef(Position::Free),
        }),
        _ => None,
    }
}
