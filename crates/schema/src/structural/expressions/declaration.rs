//! What rules in CEL know of a place in an object before there is one: types, and the most that values can hold. What is not
//! bounded by the schema is bounded by what fits in a request.

use std::collections::BTreeMap;
use std::sync::Arc;

use cel::{Declaration, Declared, Field, Fields, ListKind, ObjectType, Type, escape};

use crate::reference::ListType;
use crate::structural::node::{Additional, Node, TypeName};

/// The largest request, in bytes.
pub(super) const LARGEST_REQUEST: u64 = 3 * 1024 * 1024;
/// The longest duration or time, in characters of JSON.
const LONGEST_TIME: u64 = 32;
/// A date, in characters of JSON.
const DATE: u64 = 12;

/// What is declared of a place, and the fewest bytes that a value there takes as JSON.
#[derive(Clone)]
pub(super) struct Place {
    pub declaration: Declaration,
    pub fewest_bytes: u64,
}

/// What is declared of a place. None where the schema says too little for rules to be asked.
///
/// Types of objects are named after `name` and the way to them.
pub(super) fn place(node: &Node, name: &str) -> Option<Place> {
    if node.int_or_string {
        let longest = node
            .checks()
            .max_length
            .map_or(LARGEST_REQUEST - 2, |length| bounded(length) * 4);
        return Some(plain(Type::Dyn, longest, 1));
    }
    match node.type_name? {
        TypeName::Array => list(node, name),
        TypeName::Object => match &node.additional {
            Some(Additional::Schema(values)) => map(node, values, name),
            _ => Some(object(node, name)),
        },
        TypeName::String => Some(text(node)),
        TypeName::Boolean => Some(plain(Type::Bool, 0, 4)),
        TypeName::Number => Some(plain(Type::Double, 0, 1)),
        TypeName::Integer => Some(plain(Type::Int, 0, 1)),
    }
}

fn bounded(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

fn plain(of: Type, most: u64, fewest_bytes: u64) -> Place {
    Place {
        declaration: Declaration::new(Declared::Plain(of), Some(most)),
        fewest_bytes,
    }
}

fn list(node: &Node, name: &str) -> Option<Place> {
    let items = place(node.items.as_deref()?, &format!("{name}.@idx"))?;
    let most = match node.checks().max_items {
        Some(most) => bounded(most),
        None => (LARGEST_REQUEST - 2) / (items.fewest_bytes + 1),
    };
    let mut declaration = Declaration::new(Declared::List(Arc::new(items.declaration)), Some(most));
    declaration.list = match node.list_type {
        Some(ListType::Set) => ListKind::Set,
        Some(ListType::Map) => ListKind::Map(
            node.list_map_keys
                .iter()
                .map(|key| escape::property(key).unwrap_or_default())
                .collect(),
        ),
        _ => ListKind::Atomic,
    };
    Some(Place {
        declaration,
        fewest_bytes: 2,
    })
}

fn map(node: &Node, values: &Node, name: &str) -> Option<Place> {
    let values = place(values, &format!("{name}.@elem"))?;
    let most = match node.checks().max_properties {
        Some(most) => bounded(most),
        None => (LARGEST_REQUEST - 2) / (values.fewest_bytes + 6),
    };
    // Upstream takes keys for empty when it estimates.
    let key = Arc::new(Declaration::new(Declared::Plain(Type::String), Some(0)));
    Some(Place {
        declaration: Declaration::new(Declared::Map(key, Arc::new(values.declaration)), Some(most)),
        fewest_bytes: 2,
    })
}

fn object(node: &Node, name: &str) -> Place {
    let mut fields = BTreeMap::new();
    let mut fewest_bytes = 2;
    for (json_name, property) in &node.properties {
        if node.is_resource && is_always_there(json_name) {
            continue;
        }
        let Some(below) = place(property, &format!("{name}.{json_name}")) else {
            continue;
        };
        if node.checks().required.contains(json_name) && property.default.is_none() {
            fewest_bytes += json_name.len() as u64 + below.fewest_bytes + 4;
        }
        if let Some(escaped) = escape::property(json_name) {
            fields.insert(escaped, field(json_name, below.declaration));
        }
    }
    if node.is_resource {
        fields.extend(of_resources(name));
    }
    Place {
        declaration: made(name, fields),
        fewest_bytes,
    }
}

fn is_always_there(name: &str) -> bool {
    matches!(name, "apiVersion" | "kind" | "metadata")
}

/// What every object with metadata has, whatever its schema says.
fn of_resources(name: &str) -> [(String, Field); 3] {
    let text = || plain(Type::String, LARGEST_REQUEST - 2, 2).declaration;
    let metadata = ["name", "generateName"].map(|name| (name.to_owned(), field(name, text())));
    let metadata = made(&format!("{name}.metadata"), metadata.into());
    [
        ("apiVersion".to_owned(), field("apiVersion", text())),
        ("kind".to_owned(), field("kind", text())),
        ("metadata".to_owned(), field("metadata", metadata)),
    ]
}

fn field(json_name: &str, holds: Declaration) -> Field {
    Field {
        json_name: json_name.to_owned(),
        holds,
    }
}

fn made(name: &str, fields: BTreeMap<String, Field>) -> Declaration {
    let object = ObjectType {
        name: name.to_owned(),
        fields: Fields::Known(fields),
    };
    Declaration::new(Declared::Object(Arc::new(object)), Some(0))
}

fn text(node: &Node) -> Place {
    let checks = node.checks();
    let longest = match (&checks.max_length, &checks.enum_values) {
        (Some(length), _) => bounded(*length) * 4,
        (None, Some(values)) => {
            let lengths = values.iter().filter_map(|value| value.as_str()).map(str::len);
            lengths.max().unwrap_or(0) as u64
        }
        (None, None) => LARGEST_REQUEST - 2,
    };
    match checks.format.as_str() {
        "byte" => plain(
            Type::Bytes,
            checks.max_length.map_or(LARGEST_REQUEST - 2, bounded),
            2,
        ),
        "duration" => plain(Type::Duration, LONGEST_TIME, 3),
        "date" => plain(Type::Timestamp, DATE, DATE),
        "date-time" => plain(Type::Timestamp, LONGEST_TIME, 21),
        _ => plain(Type::String, longest, 2),
    }
}
