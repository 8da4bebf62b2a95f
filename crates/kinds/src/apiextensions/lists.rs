//! What a schema may say of how lists and maps are merged.

use serde_json::Value;

use super::printed;
use super::schema_rules::{Leniency, text};
use crate::toolkit::Field;
use crate::toolkit::columns::list;

const LIST_TYPE: &str = "x-kubernetes-list-type";
const KEYS: &str = "x-kubernetes-list-map-keys";
const MAP_TYPE: &str = "x-kubernetes-map-type";

pub fn rules(schema: &Field, value: &Value, leniency: &Leniency) {
    map_type(schema);
    let list_type = schema.child(LIST_TYPE);
    if list_type.is_set() && !is_of_type(schema, "array", LIST_TYPE) && !leniency.may_have_loose_sets {
        set_items(schema, value);
    }
    if list_type.is_set() && !matches!(list_type.text(), "atomic" | "set" | "map") {
        list_type.not_supported(&["atomic", "set", "map"]);
    }
    if !schema.child(KEYS).is_empty() {
        const RULE: &str = "must be map if x-kubernetes-list-map-keys is non-empty";
        if !list_type.is_set() {
            list_type.required(RULE);
        } else if list_type.text() != "map" {
            list_type.invalid(RULE);
        }
    }
    if list_type.text() == "map" {
        keyed(schema, value);
    }
    if !leniency.may_have_loose_keys {
        tight_keys(schema, value);
    }
}

/// Says so if the schema is not of the type that an extension wants; true if it has said something.
fn is_of_type(schema: &Field, wanted: &str, extension: &str) -> bool {
    let kind = schema.child("type");
    let rule = format!("must be {wanted} if {extension} is specified");
    match kind.text() {
        found if found == wanted => return false,
        "" => kind.required(&rule),
        _ => kind.invalid(&rule),
    }
    true
}

fn map_type(schema: &Field) {
    let map_type = schema.child(MAP_TYPE);
    if !map_type.is_set() {
        return;
    }
    is_of_type(schema, "object", MAP_TYPE);
    if !matches!(map_type.text(), "atomic" | "granular") {
        map_type.not_supported(&["atomic", "granular"]);
    }
}

/// Whether items of a set could be changed in part.
pub fn has_loose_items(schema: &Value) -> bool {
    let items = &schema["items"];
    text(schema, LIST_TYPE) == "set"
        && match text(items, "type") {
            "array" => !items[LIST_TYPE].is_null() && text(items, LIST_TYPE) != "atomic",
            "object" => text(items, MAP_TYPE) != "atomic",
            _ => false,
        }
}

fn set_items(schema: &Field, value: &Value) {
    if !has_loose_items(value) {
        return;
    }
    const RULE: &str = "must be atomic as item of a list with x-kubernetes-list-type=set";
    let items = schema.child("items");
    let field = if items.text_of("type") == "array" {
        LIST_TYPE
    } else {
        MAP_TYPE
    };
    // Upstream prints the list type for both.
    match items.value().and_then(|items| items.get(LIST_TYPE)) {
        Some(found) => items.child(field).invalid_as(found.clone(), RULE),
        None => items.child(field).invalid_as(Value::Null, RULE),
    }
}

fn keyed(schema: &Field, value: &Value) {
    let (keys, items) = (schema.child(KEYS), schema.child("items"));
    if keys.is_empty() {
        keys.required("must not be empty if x-kubernetes-list-type is map");
    }
    match &value["items"] {
        Value::Null => return items.required("must have a schema if x-kubernetes-list-type is map"),
        Value::Object(_) => {}
        found => {
            let rule = "must only have a single schema if x-kubernetes-list-type is map";
            return items.invalid_printed(&printed::items(found), rule);
        }
    }
    let kind = items.child("type");
    if kind.text() != "object" {
        let shown = kind.text();
        return kind.invalid_as(
            shown,
            "must be object if parent array's x-kubernetes-list-type is map",
        );
    }
    let mut seen = crate::toolkit::Seen::new();
    let properties = items.child("properties");
    for name in list(value, &[KEYS]).iter().filter_map(Value::as_str) {
        let property = properties.key(name);
        if !property.is_set() {
            keys.invalid("entries must all be names of item properties");
        } else if matches!(property.text_of("type"), "array" | "object") {
            // Upstream prints the type of the items.
            let rule = "must be a scalar type if parent array's x-kubernetes-list-type is map";
            property.child("type").invalid_as("object", rule);
        }
        if seen.again(name) {
            keys.invalid("must not contain duplicate entries");
        }
    }
}

/// What is wrong with items of sets and keyed lists: the path below the schema, whether it is required, and why.
fn loose_keys(schema: &Value) -> Vec<(Vec<&str>, bool, String)> {
    let list_type = text(schema, LIST_TYPE);
    let items = &schema["items"];
    let mut found = Vec::new();
    if !items.is_object() || !matches!(list_type, "set" | "map") {
        return found;
    }
    if items["nullable"] == Value::Bool(true) {
        let rule = format!("cannot be nullable when x-kubernetes-list-type is {list_type}");
        found.push((vec!["nullable"], false, rule));
    }
    let keys = list(schema, &[KEYS]).iter().filter_map(Value::as_str);
    for key in keys.filter(|_| list_type == "map") {
        let property = &items["properties"][key];
        if property.is_null() {
            continue;
        }
        let is_required = list(items, &["required"]).iter().any(|name| name == key);
        if !is_required && property["default"].is_null() {
            let rule = "this property is in x-kubernetes-list-map-keys, so it must have a default or be a required property";
            found.push((vec![key, "default"], true, rule.to_owned()));
        }
        if property["nullable"] == Value::Bool(true) {
            let rule = "this property is in x-kubernetes-list-map-keys, so it cannot be nullable";
            found.push((vec![key, "nullable"], false, rule.to_owned()));
        }
    }
    found
}

/// Whether an item could be null, or lack a key.
pub fn has_loose_keys(schema: &Value) -> bool {
    !loose_keys(schema).is_empty()
}

fn tight_keys(schema: &Field, value: &Value) {
    let path = schema.path().child("items");
    for (below, is_required, rule) in loose_keys(value) {
        let place = match below.as_slice() {
            [key, field] => path.child("properties").key(key).child(field),
            other => other.iter().fold(path.clone(), |path, field| path.child(field)),
        };
        schema.report().push(match is_required {
            true => meta::FieldError::required(&place, &rule),
            false => meta::FieldError::forbidden(&place, &rule),
        });
    }
}
