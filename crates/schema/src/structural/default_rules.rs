//! Whether the defaults of a schema are themselves what the schema wants.

use meta::{ErrorList, FieldError, Path};
use serde_json::{Value, json};

use super::node::{Additional, Node};
use super::{embedded, expressions, metadata, prune, validate};

pub(super) fn validate(root: &Node, path: &Path, may_have_unknown: bool) -> ErrorList {
    let mut rules = DefaultRules {
        may_have_unknown,
        errors: ErrorList::new(),
    };
    rules.node(root, path, &Surrounding::of(root));
    rules.errors
}

struct DefaultRules {
    may_have_unknown: bool,
    errors: ErrorList,
}

/// The embedded object that a place is in, and the way to the place.
#[derive(Clone)]
struct Surrounding<'n> {
    resource: &'n Node,
    steps: Vec<Option<&'n str>>,
    is_in_metadata: bool,
}

impl<'n> Surrounding<'n> {
    fn of(resource: &'n Node) -> Self {
        Self {
            resource,
            steps: Vec::new(),
            is_in_metadata: false,
        }
    }

    /// One step on: to a field, or (none) to an item.
    fn step(&self, node: &Node, step: Option<&'n str>) -> Self {
        let mut next = self.clone();
        next.steps.push(step);
        next.is_in_metadata |= node.is_resource && matches!(step, Some("metadata" | "apiVersion" | "kind"));
        next
    }

    /// An object of which only that place is given, besides what every object says of itself.
    fn object(&self, value: &Value) -> Value {
        let mut object = self
            .steps
            .iter()
            .rev()
            .fold(value.clone(), |value, step| match step {
                Some(name) => json!({*name: value}),
                None => json!([value]),
            });
        if let Some(fields) = object.as_object_mut() {
            fields.entry("kind").or_insert("Validation".into());
            fields.entry("apiVersion").or_insert("validation/v1".into());
        }
        object
    }
}

impl DefaultRules {
    fn node<'n>(&mut self, node: &'n Node, path: &Path, surrounding: &Surrounding<'n>) {
        let surrounding = match node.is_resource {
            true => &Surrounding::of(node),
            false => surrounding,
        };
        if let Some(default) = &node.default {
            let errors = match surrounding.is_in_metadata {
                true => in_metadata(node, default, &path.child("default"), surrounding),
                false => self.elsewhere(node, default, &path.child("default")),
            };
            self.errors.extend(errors);
        }
        if let Some(items) = &node.items {
            self.node(items, &path.child("items"), &surrounding.step(node, None));
        }
        let properties = path.child("properties");
        for (name, property) in &node.properties {
            self.node(
                property,
                &properties.key(name),
                &surrounding.step(node, Some(name)),
            );
        }
    }

    fn elsewhere(&self, node: &Node, default: &Value, path: &Path) -> ErrorList {
        let mut errors = ErrorList::new();
        let mut read = default.clone();
        if !prune::prune(&mut read, Some(node)).is_empty() && !self.may_have_unknown {
            errors.push(FieldError::invalid(
                path,
                default.clone(),
                "must not have unknown fields",
            ));
        }
        let mut read = default.clone();
        if let Err(error) = metadata::read_embedded(&mut read, node, node.is_resource, path) {
            errors.push(error);
            return errors;
        }
        let embedded = embedded::validate(&read, node, node.is_resource, path);
        errors.extend(match embedded.is_empty() {
            true => by_schema(node, default, path),
            false => embedded,
        });
        errors
    }
}

/// What the schema of the place says of a default, and then its rules.
fn by_schema(node: &Node, default: &Value, path: &Path) -> ErrorList {
    let errors = validate::validate(&of_defaults(node), default, None, path);
    match errors.is_empty() {
        true => expressions::of_default(node, default, path),
        false => errors,
    }
}

/// Of a default that is a number or text anything is taken, as upstream's schema for defaults has no type for those.
fn of_defaults(node: &Node) -> Node {
    let mut node = node.clone();
    node.int_or_string = false;
    for property in node.properties.values_mut() {
        *property = of_defaults(property);
    }
    if let Some(items) = &mut node.items {
        **items = of_defaults(items);
    }
    if let Some(Additional::Schema(values)) = &mut node.additional {
        **values = of_defaults(values);
    }
    node
}

/// A default of metadata is checked in an object.
fn in_metadata(node: &Node, default: &Value, path: &Path, surrounding: &Surrounding<'_>) -> ErrorList {
    let wrong = |what: String| {
        vec![FieldError::invalid(
            path,
            default.clone(),
            &format!("must result in valid metadata: {what}"),
        )]
    };
    let mut object = surrounding.object(default);
    if let Err(error) = metadata::read_embedded(&mut object, surrounding.resource, true, &Path::root()) {
        return wrong(error.to_string());
    }
    let errors = embedded::validate(&object, surrounding.resource, true, &Path::root());
    match errors.as_slice() {
        [] => by_schema(node, default, path),
        [only] => wrong(only.to_string()),
        several => {
            let texts: Vec<String> = several.iter().map(ToString::to_string).collect();
            wrong(format!("[{}]", texts.join(", ")))
        }
    }
}
