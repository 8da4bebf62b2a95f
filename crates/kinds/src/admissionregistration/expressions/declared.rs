//! Types of built-in objects, for expressions that are checked against them.

use std::sync::Arc;

use cel::{Declaration, Declared, Field, Fields, ObjectType, Type, escape};
use meta::GroupVersion;
use schema::{SchemaRef, Shape};

/// How deep a type is told. A type that contains itself would never end.
const DEPTH: usize = 16;

/// What is declared of an object of that type.
pub(super) fn object(schema: SchemaRef<'_>) -> Declaration {
    place(schema, DEPTH)
}

/// What is declared of the metadata of any object.
pub(super) fn metadata() -> Declaration {
    let any = GroupVersion::new("", "v1").kind("ConfigMap");
    let found = schema::builtin(&any).and_then(|of| of.fields().find(|(name, _)| *name == "metadata"));
    found.map_or(Declaration::plain(Type::Dyn), |(_, metadata)| object(metadata))
}

fn place(schema: SchemaRef<'_>, depth: usize) -> Declaration {
    let plain = Declaration::plain;
    if depth == 0 {
        return plain(Type::Dyn);
    }
    let element = || {
        let element = schema.element().map(|element| place(element, depth - 1));
        Arc::new(element.unwrap_or_else(|| plain(Type::Dyn)))
    };
    match schema.shape() {
        Shape::Bool => plain(Type::Bool),
        Shape::Int32 | Shape::Int64 => plain(Type::Int),
        Shape::Float64 => plain(Type::Double),
        Shape::String => plain(Type::String),
        Shape::Bytes => plain(Type::Bytes),
        Shape::Time | Shape::MicroTime => plain(Type::Timestamp),
        Shape::Duration => plain(Type::Duration),
        Shape::Quantity | Shape::IntOrString | Shape::Raw | Shape::Free => plain(Type::Dyn),
        Shape::List => Declaration::new(Declared::List(element()), None),
        Shape::Map => {
            let keys = Arc::new(plain(Type::String));
            Declaration::new(Declared::Map(keys, element()), None)
        }
        Shape::Object => Declaration::new(Declared::Object(fields(schema, depth)), None),
    }
}

fn fields(schema: SchemaRef<'_>, depth: usize) -> Arc<ObjectType> {
    let fields = schema.fields().filter_map(|(name, field)| {
        let field = Field {
            json_name: name.to_owned(),
            holds: place(field, depth - 1),
        };
        Some((escape::property(name)?, field))
    });
    Arc::new(ObjectType {
        name: schema.openapi_name().unwrap_or_default(),
        fields: Fields::Known(fields.collect()),
    })
}
