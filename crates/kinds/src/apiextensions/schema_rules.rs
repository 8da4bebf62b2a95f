//! What a schema in a definition may say.

use schema::StructuralSchema;
use schema::structural::{TypeName, expressions, formats, violations};
use serde_json::Value;

use super::shared::{Shared, schema_of};
use super::{lists, printed, validation_rules};
use crate::toolkit::Field;
use crate::toolkit::columns::list;

/// What a definition that was there before may go on doing, though it no longer may be begun.
#[derive(Debug, Default)]
pub struct Leniency {
    /// Every version must have a schema.
    pub requires_schema: bool,
    may_be_unstructured: bool,
    may_have_odd_types: bool,
    may_have_unknown_defaults: bool,
    pub(super) may_have_loose_sets: bool,
    pub(super) may_have_loose_keys: bool,
    many_selectable: Vec<String>,
}

impl Leniency {
    /// For a definition that is new.
    pub fn none() -> Self {
        Self {
            requires_schema: true,
            ..Self::default()
        }
    }

    /// For a definition that was `old` before.
    pub fn of(old: &Value, new: &Shared) -> Self {
        let before = Shared::of(old);
        let has = |rule: &dyn Fn(&Value) -> bool| before.schemas().any(|schema| any(schema, rule));
        let has_schema = |version: &Value| schema_of(version).is_some();
        let needs_structure = !new.keeps_unknown()
            || new
                .schemas()
                .any(|schema| has_defaults(schema) || any(schema, &has_extensions));
        let was_unstructured = || {
            before
                .schemas()
                .any(|schema| StructuralSchema::parse(schema).is_err())
        };
        Self {
            requires_schema: before.versions().iter().all(has_schema),
            may_be_unstructured: !needs_structure && was_unstructured(),
            may_have_odd_types: has(&|schema| {
                !text(schema, "type").is_empty() && TypeName::parse(text(schema, "type")).is_none()
            }),
            may_have_unknown_defaults: before.schemas().any(has_unknown_defaults),
            may_have_loose_sets: has(&|schema| lists::has_loose_items(schema)),
            may_have_loose_keys: has(&|schema| lists::has_loose_keys(schema)),
            many_selectable: many_selectable(&before, new),
        }
    }

    /// Whether a version (empty: all together) had too many selectable fields already, and has the same.
    pub fn may_have_many_selectable(&self, version: &str) -> bool {
        self.many_selectable.iter().any(|name| name == version)
    }
}

fn many_selectable(before: &Shared, now: &Shared) -> Vec<String> {
    let many = |fields: Option<&Value>| {
        fields
            .and_then(Value::as_array)
            .is_some_and(|fields| fields.len() > 8)
    };
    let mut names = Vec::new();
    let (old, new) = (before.common("selectableFields"), now.common("selectableFields"));
    if many(old) && old == new {
        names.push(String::new());
    }
    for version in now.versions() {
        let old = before
            .versions()
            .iter()
            .find(|old| old["name"] == version["name"]);
        let old = old.and_then(|old| old.get("selectableFields"));
        if many(old) && old == version.get("selectableFields") {
            names.extend(version["name"].as_str().map(str::to_owned));
        }
    }
    names
}

fn has_unknown_defaults(schema: &Value) -> bool {
    let Ok(schema) = StructuralSchema::parse(schema) else {
        return false;
    };
    let path = meta::Path::root();
    schema.validate_defaults(&path, false).len() > schema.validate_defaults(&path, true).len()
}

/// Whether a schema has defaults anywhere.
pub fn has_defaults(schema: &Value) -> bool {
    any(schema, &|schema| {
        schema.get("default").is_some_and(|default| !default.is_null())
    })
}

fn has_extensions(schema: &Value) -> bool {
    let names = [
        "embedded-resource",
        "preserve-unknown-fields",
        "int-or-string",
        "list-map-keys",
        "list-type",
        "validations",
    ];
    names
        .iter()
        .any(|name| schema.get(format!("x-kubernetes-{name}")).is_some())
}

/// Whether something holds of a schema or one within it.
fn any(schema: &Value, rule: &dyn Fn(&Value) -> bool) -> bool {
    rule(schema) || below(schema).into_iter().any(|schema| any(schema, rule))
}

/// The schemas within a schema.
fn below(schema: &Value) -> Vec<&Value> {
    let of_field = |field: &str| schema.get(field).filter(|value| value.is_object());
    let one = ["items", "not", "additionalProperties", "additionalItems"]
        .into_iter()
        .filter_map(of_field);
    let several = ["items", "allOf", "anyOf", "oneOf"]
        .into_iter()
        .flat_map(|field| list(schema, &[field]));
    let named = ["properties", "patternProperties", "definitions"]
        .into_iter()
        .filter_map(of_field);
    let named = named
        .filter_map(Value::as_object)
        .flat_map(|fields| fields.values());
    one.chain(several).chain(named).collect()
}

/// Formats that no validator knows, each as often as it is named.
pub fn format_warnings(new: &Value, old: Option<&Value>) -> Vec<String> {
    let known = old.map(unknown_formats).unwrap_or_default();
    let mut unknown = unknown_formats(new);
    unknown.retain(|format| !known.contains(format));
    unknown
        .iter()
        .map(|format| format!("unrecognized format {}", meta::quote(format)))
        .collect()
}

fn unknown_formats(definition: &Value) -> Vec<String> {
    fn collect(schema: &Value, found: &mut Vec<String>) {
        let format = text(schema, "format");
        if !format.is_empty() && formats::known(format, text(schema, "type")).is_empty() {
            found.push(format.to_owned());
        }
        for schema in below(schema) {
            collect(schema, found);
        }
    }
    let mut found = Vec::new();
    for schema in Shared::of(definition).schemas() {
        collect(schema, &mut found);
    }
    found
}

pub(super) fn text<'v>(schema: &'v Value, field: &str) -> &'v str {
    schema.get(field).and_then(Value::as_str).unwrap_or("")
}

/// What holds a schema: `spec.validation`, or `schema` of a version.
pub fn holder(holder: &Field, has_status: bool, leniency: &Leniency) {
    let root = holder.child("openAPIV3Schema");
    let Some(schema) = root.value() else { return };
    let before = root.report().count();
    if has_status {
        root_fields(&root, schema);
    }
    let nullable = root.child("nullable");
    if nullable.is_true() {
        nullable.forbidden("nullable cannot be true at the root");
    }
    let structural = (!leniency.may_be_unstructured).then(|| structure(&root, schema, leniency));
    let so_far = root.report().count();
    schema_at(&root, Context::default(), leniency);
    match structural {
        // What no such schema can say is told only if nothing else is wrong: it mostly is the same.
        Some(Err(problem)) if root.report().count() == before => root.invalid_as("", &problem),
        // Rules in CEL need types; where something is wrong with those, more would only confuse.
        Some(Ok(Some(structural))) => {
            let wrong = root.report().places_since(so_far);
            let errors = expressions::violations(&structural, &root.path(), &wrong);
            errors.into_iter().for_each(|error| root.report().push(error));
        }
        _ => {}
    }
}

/// The schema, if it is structural and its defaults are right. The error is why it cannot be read at all.
fn structure(root: &Field, schema: &Value, leniency: &Leniency) -> Result<Option<StructuralSchema>, String> {
    let path = root.path();
    // Upstream sees whether it can be read first, types and patterns aside.
    let read = StructuralSchema::read(schema);
    if let Err(error) = &read
        && !error.is_of_values()
    {
        return Err(error.to_string());
    }
    let errors = violations(schema, &path);
    if !errors.is_empty() {
        errors.into_iter().for_each(|error| root.report().push(error));
        return Ok(None);
    }
    let Ok(structural) = read else { return Ok(None) };
    let errors = structural.validate_defaults(&path, leniency.may_have_unknown_defaults);
    let is_right = errors.is_empty();
    errors.into_iter().for_each(|error| root.report().push(error));
    Ok(is_right.then_some(structural))
}

/// If a status is kept apart, the root says nothing that would concern it but as a field.
const AT_ROOT: [(&str, &str); 22] = [
    ("description", "Description"),
    ("type", "Type"),
    ("format", "Format"),
    ("title", "Title"),
    ("maximum", "Maximum"),
    ("exclusiveMaximum", "ExclusiveMaximum"),
    ("minimum", "Minimum"),
    ("exclusiveMinimum", "ExclusiveMinimum"),
    ("maxLength", "MaxLength"),
    ("minLength", "MinLength"),
    ("pattern", "Pattern"),
    ("maxItems", "MaxItems"),
    ("minItems", "MinItems"),
    ("uniqueItems", "UniqueItems"),
    ("multipleOf", "MultipleOf"),
    ("required", "Required"),
    ("items", "Items"),
    ("properties", "Properties"),
    ("externalDocs", "ExternalDocs"),
    ("example", "Example"),
    ("x-kubernetes-preserve-unknown-fields", "XPreserveUnknownFields"),
    ("x-kubernetes-validations", "XValidations"),
];

fn root_fields(root: &Field, schema: &Value) {
    let kind = root.child("type");
    let is_other = |field: &str, value: &Value| {
        let is_said = !value.is_null() && *value != Value::Bool(false);
        is_said && !AT_ROOT.iter().any(|(allowed, _)| *allowed == field)
    };
    if !kind.is_empty() && kind.text() != "object" {
        kind.invalid("only \"object\" is allowed as the type at the root of the schema if the status subresource is enabled");
        return;
    }
    let fields = schema.as_object().into_iter().flatten();
    if fields.into_iter().any(|(field, value)| is_other(field, value)) {
        let names: Vec<&str> = AT_ROOT.iter().map(|(_, name)| *name).collect();
        let problem = format!(
            "only [{}] fields are allowed at the root of the schema if the status subresource is enabled",
            names.join(" ")
        );
        root.invalid_printed(&printed::schema(schema), &problem);
    }
}

/// What is true of a schema because of where it stands.
#[derive(Clone, Copy, Debug, Default)]
struct Context<'c> {
    /// Why there may be no defaults.
    no_defaults: Option<&'c str>,
    is_in_metadata: bool,
    is_below_root: bool,
}

/// What these schemas may not say at all.
const UNSUPPORTED: [&str; 6] = [
    "id",
    "additionalItems",
    "patternProperties",
    "definitions",
    "dependencies",
    "$ref",
];

/// The rules of each schema, and of those within it. Upstream names them in this order.
fn schema_at(schema: &Field, context: Context<'_>, leniency: &Leniency) {
    let Some(value) = schema.value() else { return };
    own(schema, value, context, leniency);
    if schema.child("uniqueItems").is_true() {
        schema
            .child("uniqueItems")
            .forbidden("uniqueItems cannot be set to true since the runtime complexity becomes quadratic");
    }
    additional(schema, context, leniency);
    properties(schema, value, context, leniency);
    let within = Context {
        is_below_root: true,
        ..context
    };
    schema_at(&schema.child("not"), within, leniency);
    for field in ["allOf", "oneOf", "anyOf"] {
        for junctor in schema.child(field).items() {
            schema_at(&junctor, within, leniency);
        }
    }
    for (_, definition) in schema.child("definitions").entries() {
        schema_at(&definition, within, leniency);
    }
    let items = schema.child("items");
    if value["items"].is_object() {
        schema_at(&items, within, leniency);
    }
    for item in items.items() {
        schema_at(&item, within, leniency);
    }
    for (_, dependency) in schema.child("dependencies").entries() {
        if dependency.value().is_some_and(Value::is_object) {
            schema_at(&dependency, within, leniency);
        }
    }
    let keeps = schema.child("x-kubernetes-preserve-unknown-fields");
    if keeps.bool() == Some(false) {
        keeps.invalid("must be true or undefined");
    }
    lists::rules(schema, value, leniency);
    validation_rules::rules(schema, value);
}

fn own(schema: &Field, value: &Value, context: Context<'_>, leniency: &Leniency) {
    let kind = schema.child("type");
    if !kind.is_empty() && TypeName::parse(kind.text()).is_none() && !leniency.may_have_odd_types {
        kind.not_supported(&TypeName::ALL);
    }
    let default = schema.child("default");
    if let Some(reason) = context.no_defaults.filter(|_| default.is_set()) {
        default.forbidden(&format!("must not be set {reason}"));
    }
    for field in UNSUPPORTED {
        let said = schema.child(field);
        let counts_empty = matches!(field, "additionalItems" | "dependencies" | "$ref");
        if said.is_set() && (counts_empty || !said.is_empty()) {
            said.forbidden(&format!("{field} is not supported"));
        }
    }
    if kind.text() == "null" {
        kind.forbidden("type cannot be set to null, use nullable as an alternative");
    }
    let items = schema.child("items");
    if value["items"].is_array() && !items.is_empty() {
        items.forbidden("items must be a schema object and not an array");
    }
    let embedded = schema.child("x-kubernetes-embedded-resource");
    if context.is_in_metadata && embedded.is_true() {
        embedded.forbidden("must not be used inside of resource meta");
    }
}

fn additional(schema: &Field, context: Context<'_>, leniency: &Leniency) {
    let additional = schema.child("additionalProperties");
    if !additional.is_set() {
        return;
    }
    if !schema.child("properties").is_empty() && !additional.is_true() {
        additional.forbidden("additionalProperties and properties are mutual exclusive");
    }
    let mut within = Context {
        is_below_root: true,
        ..context
    };
    if context.is_in_metadata {
        within.no_defaults = Some("inside additionalProperties applying to object metadata");
    }
    if additional.value().is_some_and(Value::is_object) {
        schema_at(&additional, within, leniency);
    }
}

fn properties(schema: &Field, value: &Value, context: Context<'_>, leniency: &Leniency) {
    let is_embedded = value["x-kubernetes-embedded-resource"] == Value::Bool(true);
    for (name, property) in schema.child("properties").entries() {
        let mut within = Context {
            is_below_root: true,
            ..context
        };
        let says_what_it_is = matches!(name, "metadata" | "kind" | "apiVersion");
        let reason = format!("in top-level {name}");
        if says_what_it_is && (!context.is_below_root || is_embedded) {
            within.is_in_metadata = true;
            if !context.is_below_root {
                within.no_defaults = Some(&reason);
            }
        }
        schema_at(&property, within, leniency);
    }
}
