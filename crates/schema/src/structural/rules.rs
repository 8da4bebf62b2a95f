//! What makes a schema structural: every field is declared outside of junctors, and junctors only restrict its values.

use meta::{ErrorList, FieldError, Path, Pattern};
use serde_json::Value;

use super::parse::{entries, flag, is_said, list, text};

/// Everything because of which a schema, which stands at `path` in a definition, is not structural; sorted.
pub fn violations(schema: &Value, path: &Path) -> ErrorList {
    let mut errors = ErrorList::new();
    structure(schema, Level::Root, path, &mut errors);
    Completeness { errors: &mut errors }.junctors(schema, Some(schema), path, path);
    errors.sort_by_cached_key(ToString::to_string);
    errors
}

/// Where in the whole a schema stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Level {
    Root,
    Item,
    Field,
}

/// A schema that says what a value is.
fn structure(schema: &Value, level: Level, path: &Path, errors: &mut ErrorList) {
    match schema.get("items").filter(|items| items.is_object()) {
        Some(items) => structure(items, Level::Item, &path.child("items"), errors),
        None if text(schema, "type") == "array" => {
            errors.push(FieldError::required(&path.child("items"), "must be specified"));
        }
        None => {}
    }
    let properties = path.child("properties");
    for (name, property) in entries(schema, "properties") {
        structure(property, Level::Field, &properties.key(name), errors);
    }
    if let Some(additional) = schema
        .get("additionalProperties")
        .filter(|value| !value.is_null())
    {
        let path = path.child("additionalProperties");
        if level == Level::Root {
            errors.push(FieldError::forbidden(&path, "must not be used at the root"));
        }
        if additional.is_object() {
            structure(additional, Level::Field, &path, errors);
        }
    }
    extensions(schema, path, errors);
    own_type(schema, level, path, errors);
    resource(schema, level, path, errors);
    let exception = int_or_string_exception(schema);
    junctors(schema, exception, path, errors);
}

fn extensions(schema: &Value, path: &Path, errors: &mut ErrorList) {
    if !flag(schema, "x-kubernetes-int-or-string") {
        return;
    }
    for field in [
        "x-kubernetes-preserve-unknown-fields",
        "x-kubernetes-embedded-resource",
    ] {
        if flag(schema, field) {
            let detail = "must be false if x-kubernetes-int-or-string is true";
            errors.push(FieldError::invalid(&path.child(field), true, detail));
        }
    }
}

fn own_type(schema: &Value, level: Level, path: &Path, errors: &mut ErrorList) {
    let (place, name) = (path.child("type"), text(schema, "type"));
    let needs_none =
        flag(schema, "x-kubernetes-int-or-string") || flag(schema, "x-kubernetes-preserve-unknown-fields");
    if flag(schema, "x-kubernetes-embedded-resource") && name != "object" {
        let detail = "must be object if x-kubernetes-embedded-resource is true";
        errors.push(match name {
            "" => FieldError::required(&place, detail),
            _ => FieldError::invalid(&place, name, detail),
        });
    } else if name.is_empty() && !needs_none {
        let detail = match level {
            Level::Root => "must not be empty at the root",
            Level::Item => "must not be empty for specified array items",
            Level::Field => "must not be empty for specified object fields",
        };
        errors.push(FieldError::required(&place, detail));
    }
    if level == Level::Root && !name.is_empty() && name != "object" {
        errors.push(FieldError::invalid(&place, name, "must be object at the root"));
    }
}

/// What is said of `apiVersion`, `kind` and `metadata`.
fn resource(schema: &Value, level: Level, path: &Path, errors: &mut ErrorList) {
    let is_embedded = flag(schema, "x-kubernetes-embedded-resource");
    if is_embedded && is_said_at_all(schema, "additionalProperties") {
        let detail = "must not be used if x-kubernetes-embedded-resource is set";
        errors.push(FieldError::forbidden(&path.child("additionalProperties"), detail));
    }
    let is_resource = is_embedded || level == Level::Root;
    let properties = path.child("properties");
    let property = |name: &str| {
        schema
            .get("properties")
            .and_then(|properties| properties.get(name))
    };
    for (name, wanted) in [
        ("kind", "string"),
        ("apiVersion", "string"),
        ("metadata", "object"),
    ] {
        let Some(property) = property(name).filter(|_| is_resource) else {
            continue;
        };
        let found = text(property, "type");
        if found != wanted {
            let place = properties.key(name).child("type");
            errors.push(FieldError::invalid(&place, found, &format!("must be {wanted}")));
        }
    }
    if let Some(metadata) = property("metadata").filter(|_| level == Level::Root)
        && !restricts_names_only(metadata)
    {
        let detail = "must not specify anything other than name and generateName, but metadata is implicitly specified";
        errors.push(FieldError::forbidden(&properties.key("metadata"), detail));
    }
    let keeps_unknown = flag(schema, "x-kubernetes-preserve-unknown-fields");
    if is_embedded && !keeps_unknown && !is_said(schema, "properties") {
        let detail = "must not be empty if x-kubernetes-embedded-resource is true without x-kubernetes-preserve-unknown-fields";
        errors.push(FieldError::required(&properties, detail));
    }
}

fn is_said_at_all(schema: &Value, field: &str) -> bool {
    schema.get(field).is_some_and(|value| !value.is_null())
}

/// Whether nothing is said of an object's metadata but of its names.
fn restricts_names_only(metadata: &Value) -> bool {
    let is_free = |name: &str| matches!(name, "name" | "generateName");
    let names_only = entries(metadata, "properties").all(|(name, _)| is_free(name));
    let fields = metadata.as_object().into_iter().flatten();
    let nothing_else = fields
        .filter(|(_, value)| !value.is_null() && **value != Value::Bool(false))
        .all(|(field, _)| matches!(field.as_str(), "type" | "default" | "properties"));
    names_only && nothing_else
}

/// Where a schema may say, in junctors, that a value is a number or text.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Exception {
    None,
    AnyOf,
    FirstAllOf,
}

fn int_or_string_exception(schema: &Value) -> Exception {
    let first = list(schema, "allOf").first();
    if is_either(list(schema, "anyOf")) {
        Exception::AnyOf
    } else if first.is_some_and(|first| is_either(list(first, "anyOf"))) {
        Exception::FirstAllOf
    } else {
        Exception::None
    }
}

/// Whether alternatives say no more than that a value is a number or text.
fn is_either(alternatives: &[Value]) -> bool {
    // That nothing else may be there is said of every schema.
    let says =
        |field: &str, value: &Value| !(field == "additionalProperties" && *value == Value::Bool(false));
    let is_only = |schema: &Value, kind: &str| {
        let fields = schema.as_object().into_iter().flatten();
        let mut fields = fields.filter(|(field, value)| says(field, value));
        fields
            .next()
            .is_some_and(|(field, value)| field == "type" && value == kind)
            && fields.next().is_none()
    };
    matches!(alternatives, [first, second] if is_only(first, "integer") && is_only(second, "string"))
}

fn junctors(schema: &Value, exception: Exception, path: &Path, errors: &mut ErrorList) {
    for (field, spared) in [
        ("anyOf", Exception::AnyOf),
        ("allOf", Exception::None),
        ("oneOf", Exception::None),
    ] {
        if exception == spared && spared != Exception::None {
            continue;
        }
        for (index, junctor) in list(schema, field).iter().enumerate() {
            let is_spared = field == "allOf" && index == 0 && exception == Exception::FirstAllOf;
            let below = if is_spared {
                Exception::AnyOf
            } else {
                Exception::None
            };
            nested(junctor, below, &path.child(field).index(index), errors);
        }
    }
    if let Some(not) = schema.get("not").filter(|not| not.is_object()) {
        nested(not, Exception::None, &path.child("not"), errors);
    }
    let pattern = text(schema, "pattern");
    if !pattern.is_empty()
        && let Err(error) = Pattern::new(pattern)
    {
        let detail = format!("must be a valid regular expression, but isn't: {error}");
        errors.push(FieldError::invalid(&path.child("pattern"), pattern, &detail));
    }
}

/// What a schema in a junctor may not say, and why not.
const FORBIDDEN: [(&str, &str); 12] = [
    ("type", "must be empty to be structural"),
    ("additionalProperties", "must be undefined to be structural"),
    ("default", "must be undefined to be structural"),
    ("title", "must be empty to be structural"),
    ("description", "must be empty to be structural"),
    ("nullable", "must be false to be structural"),
    (
        "x-kubernetes-preserve-unknown-fields",
        "must be false to be structural",
    ),
    ("x-kubernetes-embedded-resource", "must be false to be structural"),
    ("x-kubernetes-int-or-string", "must be false to be structural"),
    ("x-kubernetes-list-map-keys", "must be empty to be structural"),
    ("x-kubernetes-list-type", "must be undefined to be structural"),
    ("x-kubernetes-map-type", "must be undefined to be structural"),
];

/// A schema in a junctor: it may restrict values, and no more.
fn nested(schema: &Value, exception: Exception, path: &Path, errors: &mut ErrorList) {
    junctors(schema, exception, path, errors);
    if let Some(items) = schema.get("items").filter(|items| items.is_object()) {
        nested(items, Exception::None, &path.child("items"), errors);
    }
    let properties = path.child("properties");
    for (name, property) in entries(schema, "properties") {
        nested(property, Exception::None, &properties.key(name), errors);
    }
    for (field, detail) in FORBIDDEN {
        // That nothing else may be there is no more than a restriction.
        let says = match schema.get(field) {
            Some(Value::Bool(said)) => *said || field == "default",
            Some(Value::Array(items)) => !items.is_empty() || field == "default",
            Some(Value::String(text)) => {
                !text.is_empty() || !matches!(field, "type" | "title" | "description")
            }
            None | Some(Value::Null) => false,
            Some(_) => true,
        };
        if says {
            errors.push(FieldError::forbidden(&path.child(field), detail));
        }
    }
    if is_said(schema, "x-kubernetes-validations") && !list(schema, "x-kubernetes-validations").is_empty() {
        let place = path.child("x-kubernetes-validations");
        errors.push(FieldError::forbidden(&place, "must be empty to be structural"));
    }
    if schema
        .get("properties")
        .is_some_and(|properties| properties.get("metadata").is_some())
    {
        let place = properties.key("metadata");
        errors.push(FieldError::forbidden(
            &place,
            "must not be specified in a nested context",
        ));
    }
}

/// Whether all that junctors speak of is declared outside of them.
struct Completeness<'e> {
    errors: &'e mut ErrorList,
}

impl Completeness<'_> {
    /// The junctors of a schema at `said`, that restrict what is declared by the schema at `path`.
    fn junctors(&mut self, schema: &Value, declared: Option<&Value>, path: &Path, said: &Path) {
        if let Some(not) = schema.get("not").filter(|not| not.is_object()) {
            self.nested(not, declared, path, &said.child("not"));
        }
        for field in ["allOf", "anyOf", "oneOf"] {
            for (index, junctor) in list(schema, field).iter().enumerate() {
                self.nested(junctor, declared, path, &said.child(field).index(index));
            }
        }
    }

    fn nested(&mut self, schema: &Value, declared: Option<&Value>, path: &Path, said: &Path) {
        let Some(declared) = declared else {
            return self.missing(path, said);
        };
        self.junctors(schema, Some(declared), path, said);
        if let Some(items) = schema.get("items").filter(|items| items.is_object()) {
            let below = declared.get("items").filter(|items| items.is_object());
            self.nested(items, below, &path.child("items"), &said.child("items"));
        }
        for (name, property) in entries(schema, "properties") {
            let below = declared
                .get("properties")
                .and_then(|properties| properties.get(name));
            let step = |path: &Path| path.child("properties").key(name);
            self.nested(property, below, &step(path), &step(said));
        }
    }

    fn missing(&mut self, path: &Path, said: &Path) {
        self.errors.push(FieldError::required(
            path,
            &format!("because it is defined in {said}"),
        ));
    }
}
