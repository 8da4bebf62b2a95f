//! The form of the generated type table: packages, types, fields and what is known of each.
//!
//! Everything here is plain static data, so that the table costs nothing at start and nothing to copy.

use crate::reference::{ListType, PatchStrategy};

/// Types that are published together: a group version, or a package that only others use.
#[derive(Debug)]
pub struct Package {
    /// The last word of the package's path, with which messages qualify its types: `v1`.
    pub go_name: &'static str,
    /// With which OpenAPI qualifies its types: `io.k8s.api.core.v1`.
    pub openapi_name: &'static str,
}

/// An object with known fields.
#[derive(Debug)]
pub struct Type {
    /// Where it is published.
    pub package: &'static Package,
    /// Its name there: `PodSpec`.
    pub name: &'static str,
    /// Its fields as they stand in JSON, in the order of their declaration; those of embedded types included.
    pub fields: &'static [Field],
    /// Indexes of all fields, sorted by JSON name.
    pub by_name: &'static [u8],
    /// Indexes of the fields that are the type's own in protobuf, sorted by number.
    pub by_number: &'static [u8],
    /// Types whose fields stand among this one's in JSON, but in a message of their own in protobuf; sorted by number.
    pub embedded: &'static [Embedded],
    /// Whether it has a protobuf form at all.
    pub message: bool,
    /// Apply takes it as a whole (`x-kubernetes-map-type: atomic`).
    pub atomic: bool,
    /// If a value holds one of several members: how it tells which.
    pub union: Option<Union>,
}

/// An embedded type that is a message of its own in protobuf.
#[derive(Debug)]
pub struct Embedded {
    /// The number of the field that holds it.
    pub number: u16,
    /// The embedded type.
    pub of: &'static Type,
}

impl Type {
    /// Whether it is a struct that Go has no name for. Go's own decoder reads into such, which minds no case in names.
    pub(crate) fn is_nameless(&self) -> bool {
        self.name.is_empty() && self.package.go_name.is_empty()
    }
}

/// A choice between members (`x-kubernetes-unions`).
#[derive(Debug)]
pub struct Union {
    /// The JSON name of the field that names the member.
    pub discriminator: Option<&'static str>,
    /// Members: JSON name and the discriminator's value for it, sorted.
    pub members: &'static [(&'static str, &'static str)],
}

/// A field of a type.
#[derive(Debug)]
pub struct Field {
    /// Its protobuf number; 0 if it has none, or stands in an embedded message.
    pub number: u16,
    /// Left out of JSON when it has its zero value. A struct never counts as zero.
    pub omitempty: bool,
    /// Left out of JSON when it has its zero value, structs included.
    pub omitzero: bool,
    /// Can be absent, which differs from its zero value.
    pub pointer: bool,
    /// A client must give it (OpenAPI's `required`).
    pub required: bool,
    /// Its JSON name.
    pub name: &'static str,
    /// What its values are.
    pub kind: Kind,
    /// What few fields have.
    pub facts: &'static Facts,
}

/// What few fields have.
#[derive(Debug)]
pub struct Facts {
    /// The name of its type in messages, where it does not follow from the kind: `v1.Protocol`.
    pub go_type: Option<&'static str>,
    /// How apply merges the list, if that is declared.
    pub list_type: Option<ListType>,
    /// JSON names of the keys of a [`ListType::Map`].
    pub list_map_keys: &'static [&'static str],
    /// Whether apply takes the map or object as a whole, if that is declared at this field.
    pub atomic: Option<bool>,
    /// How a strategic merge patch merges it.
    pub patch_strategy: PatchStrategy,
    /// What tells elements apart in a strategic merge patch.
    pub patch_merge_key: Option<&'static str>,
    /// The declared default, as JSON.
    pub default: Option<&'static str>,
    /// The values that it, or the elements of the list or map, may have, where they are a closed set.
    pub enum_values: &'static [&'static str],
}

/// What most fields have: nothing special.
pub const NO_FACTS: Facts = Facts {
    go_type: None,
    list_type: None,
    list_map_keys: &[],
    atomic: None,
    patch_strategy: PatchStrategy {
        merge: false,
        retain_keys: false,
        replace: false,
    },
    patch_merge_key: None,
    default: None,
    enum_values: &[],
};

/// What a value is, in JSON and in protobuf.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// `true` or `false`.
    Bool,
    /// `int32`.
    Int32,
    /// `int64`.
    Int64,
    /// `double`.
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
    /// An object of any kind, `runtime.RawExtension`.
    RawExtension,
    /// A set of field paths, `FieldsV1`.
    Fields,
    /// Any JSON, `apiextensions.JSON`.
    Json,
    /// Any value at all, without a protobuf form.
    Any,
    /// A schema or something short for one, in `CustomResourceDefinition`.
    SchemaOr(SchemaOr),
    /// An object with known fields.
    Object(&'static Type),
    /// A list.
    List(&'static Kind),
    /// A list that is a message of its own in protobuf, so that a map can hold it.
    WrappedList(&'static Kind),
    /// An object with free keys.
    Map(&'static Kind),
}

/// What may stand in the place of a JSON schema. In protobuf each is a message with the schema and the alternative in
/// two fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SchemaOr {
    /// A list of schemas.
    Schemas,
    /// Whether anything is allowed.
    Bool,
    /// Names of properties.
    Strings,
}

/// A field with its protobuf number (0 for none), JSON name and kind; the rest is chained on.
pub(crate) const fn field(number: u16, name: &'static str, kind: Kind) -> Field {
    Field {
        number,
        omitempty: false,
        omitzero: false,
        pointer: false,
        required: false,
        name,
        kind,
        facts: &NO_FACTS,
    }
}

impl Field {
    pub(crate) const fn omitempty(mut self) -> Self {
        self.omitempty = true;
        self
    }

    pub(crate) const fn omitzero(mut self) -> Self {
        self.omitzero = true;
        self
    }

    pub(crate) const fn pointer(mut self) -> Self {
        self.pointer = true;
        self
    }

    pub(crate) const fn required(mut self) -> Self {
        self.required = true;
        self
    }

    pub(crate) const fn facts(mut self, facts: &'static Facts) -> Self {
        self.facts = facts;
        self
    }
}

impl Kind {
    /// The name messages have for values of this kind, where nothing else is declared: `[]v1.Container`.
    pub(crate) fn go_name(self) -> String {
        let name = match self {
            Self::Bool => "bool",
            Self::Int32 => "int32",
            Self::Int64 => "int64",
            Self::Float64 => "float64",
            Self::String => "string",
            Self::Bytes => "[]uint8",
            Self::Quantity => "resource.Quantity",
            Self::IntOrString => "intstr.IntOrString",
            Self::Time => "v1.Time",
            Self::MicroTime => "v1.MicroTime",
            Self::Duration => "v1.Duration",
            Self::RawExtension => "runtime.RawExtension",
            Self::Fields => "v1.FieldsV1",
            Self::Json => "v1.JSON",
            Self::Any => "interface {}",
            Self::SchemaOr(SchemaOr::Schemas) => "v1.JSONSchemaPropsOrArray",
            Self::SchemaOr(SchemaOr::Bool) => "v1.JSONSchemaPropsOrBool",
            Self::SchemaOr(SchemaOr::Strings) => "v1.JSONSchemaPropsOrStringArray",
            Self::Object(of) => return of.go_name(),
            Self::List(of) | Self::WrappedList(of) => return format!("[]{}", of.go_name()),
            Self::Map(of) => return format!("map[string]{}", of.go_name()),
        };
        name.to_owned()
    }
}

impl Type {
    /// Whether a field holds amounts of resources, which are kept to thousandths. Only the core group has such.
    pub(crate) fn counts_resources(&self, field: &Field) -> bool {
        matches!(field.kind, Kind::Map(Kind::Quantity)) && self.package.openapi_name == "io.k8s.api.core.v1"
    }

    /// The position of the field of that JSON name.
    pub(crate) fn position(&self, json_name: &str) -> Option<usize> {
        // Names differ early: to compare them here is less than a call.
        let found = self.by_name.binary_search_by(|&index| {
            let name = self.fields[usize::from(index)].name;
            name.bytes().cmp(json_name.bytes())
        });
        found.ok().map(|position| usize::from(self.by_name[position]))
    }

    /// The field of that JSON name.
    pub fn field(&self, json_name: &str) -> Option<&'static Field> {
        Some(&self.fields[self.position(json_name)?])
    }

    /// The types by which a field comes to stand in this one's JSON, outermost first; none for a field of its own.
    pub(crate) fn embedding(&self, field: &Field) -> Vec<&'static str> {
        if field.number != 0 {
            return Vec::new();
        }
        if self.embedded.is_empty() {
            let of_any_object =
                matches!(field.name, "kind" | "apiVersion") && self.field("metadata").is_some();
            return if of_any_object {
                vec!["TypeMeta"]
            } else {
                Vec::new()
            };
        }
        let holder = self.embedded.iter().find_map(|embedded| {
            let inner = embedded.of.field(field.name)?;
            Some((embedded.of, inner))
        });
        holder.map_or_else(Vec::new, |(of, inner)| {
            let mut names = vec![of.name];
            names.extend(of.embedding(inner));
            names
        })
    }

    /// The name by which OpenAPI knows it: `io.k8s.api.core.v1.PodSpec`.
    pub fn openapi_name(&self) -> String {
        format!("{}.{}", self.package.openapi_name, self.name)
    }

    /// The name by which messages know it: `v1.PodSpec`.
    pub fn go_name(&self) -> String {
        format!("{}.{}", self.package.go_name, self.name)
    }
}
