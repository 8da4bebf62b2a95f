//! A position in a schema, whatever holds it: the generated table for built-in types, a structural schema for custom
//! resources. Decoders, patches and apply walk objects with it.

use std::marker::PhantomData;

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

/// How a strategic merge patch merges (`x-kubernetes-patch-strategy`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PatchStrategy {
    /// Lists and maps are merged rather than replaced.
    pub merge: bool,
    /// Only the fields of the patch are kept (`retainKeys`).
    pub retain_keys: bool,
}

/// A position in a schema. Copied freely.
#[derive(Clone, Copy, Debug)]
pub struct SchemaRef<'a>(PhantomData<&'a ()>);

impl<'a> SchemaRef<'a> {
    /// What a value here is.
    pub fn shape(self) -> Shape {
        Shape::Raw
    }

    /// The field of that JSON name, if this is an object; inlined fields included.
    pub fn field(self, _json_name: &str) -> Option<SchemaRef<'a>> {
        None
    }

    /// What the elements of this list or map are.
    pub fn element(self) -> Option<SchemaRef<'a>> {
        None
    }

    /// How apply merges this list.
    pub fn list_type(self) -> ListType {
        ListType::Atomic
    }

    /// The JSON names of the keys of a `ListType::Map` list, in order.
    pub fn list_map_keys(self) -> &'a [&'a str] {
        &[]
    }

    /// Whether apply takes this object or map as a whole (`x-kubernetes-map-type: atomic`).
    pub fn is_atomic(self) -> bool {
        false
    }

    /// How a strategic merge patch merges the field that led here.
    pub fn patch_strategy(self) -> PatchStrategy {
        PatchStrategy::default()
    }

    /// The key by which a strategic merge patch tells the elements of this list apart.
    pub fn patch_merge_key(self) -> Option<&'a str> {
        None
    }
}
