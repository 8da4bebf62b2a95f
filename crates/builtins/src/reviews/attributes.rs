//! The question in an access review: checked, and put as authorization wants it.

use auth::{Attributes, ResourceTarget};
use meta::field::{FieldError, Path};
use meta::field_selector::{FieldSelector, FieldTerm};
use meta::label_selector::LabelSelector;
use meta::{ErrorList, User};
use serde_json::{Value, json};

use crate::json::{text, texts};

const FIELDS: &str = "fieldSelector";
const LABELS: &str = "labelSelector";

/// What a review asks about, with the selectors of a list read.
pub(super) struct Question<'a> {
    spec: &'a Value,
    fields: Option<FieldSelector>,
    labels: Option<LabelSelector>,
    /// Selectors that cannot be read do not limit the question, but the answer says so.
    pub errors: Vec<String>,
}

impl<'a> Question<'a> {
    /// Reads the spec of a review that [`check`] finds nothing wrong with.
    pub fn read(spec: &'a Value) -> Self {
        let of = &spec["resourceAttributes"];
        let mut errors = Vec::new();
        let mut note = |what: &str| {
            errors.push(format!(
                "spec.resourceAttributes.{what} ignored due to parse error"
            ))
        };
        let fields = of.get(FIELDS).and_then(|selector| {
            read_fields(selector).or_else(|| {
                note(FIELDS);
                None
            })
        });
        let labels = of.get(LABELS).and_then(|selector| {
            read_labels(selector).or_else(|| {
                note(LABELS);
                None
            })
        });
        Self {
            spec,
            fields,
            labels,
            errors,
        }
    }

    /// The question about a user.
    pub fn about<'b>(&'b self, user: &'b User) -> Attributes<'b> {
        if let Some(path) = self.spec.get("nonResourceAttributes") {
            return Attributes::path(user, text(path, "/verb"), text(path, "/path"));
        }
        let of = &self.spec["resourceAttributes"];
        let target = ResourceTarget {
            group: text(of, "/group"),
            version: text(of, "/version"),
            resource: text(of, "/resource"),
            subresource: text(of, "/subresource"),
            namespace: text(of, "/namespace"),
            name: text(of, "/name"),
            field_selector: self.fields.as_ref(),
            label_selector: self.labels.as_ref(),
        };
        Attributes::resource(user, text(of, "/verb"), target)
    }
}

fn requirements(selector: &Value) -> impl Iterator<Item = &Value> {
    selector["requirements"].as_array().into_iter().flatten()
}

/// None if the selector cannot be expressed: a field equals one value or does not.
fn read_fields(selector: &Value) -> Option<FieldSelector> {
    let raw = text(selector, "/rawSelector");
    if !raw.is_empty() {
        return FieldSelector::parse(raw).ok();
    }
    let terms = requirements(selector).map(|requirement| {
        let values = texts(requirement, "/values");
        let [value] = values.as_slice() else {
            return None;
        };
        let equal = match text(requirement, "/operator") {
            "In" => true,
            "NotIn" => false,
            _ => return None,
        };
        Some(FieldTerm {
            field: text(requirement, "/key").to_owned(),
            equal,
            value: value.clone(),
        })
    });
    terms.collect::<Option<Vec<_>>>().map(FieldSelector::from_terms)
}

fn read_labels(selector: &Value) -> Option<LabelSelector> {
    let raw = text(selector, "/rawSelector");
    if !raw.is_empty() {
        return LabelSelector::parse(raw).ok();
    }
    let list: Vec<Value> = requirements(selector)
        .map(|requirement| {
            json!({
                "key": requirement["key"],
                "operator": requirement["operator"],
                "values": texts(requirement, "/values"),
            })
        })
        .collect();
    LabelSelector::from_object(&json!({"matchExpressions": list})).ok()
}

/// What is wrong with the attributes of a review.
pub(super) fn check(spec: &Value) -> ErrorList {
    let mut errors = ErrorList::new();
    let (resource, other) = (spec.get("resourceAttributes"), spec.get("nonResourceAttributes"));
    match (resource, other) {
        (Some(_), Some(other)) => errors.push(FieldError::invalid(
            &Path::new("spec.nonResourceAttributes"),
            printed(other),
            "cannot be specified in combination with resourceAttributes",
        )),
        (None, None) => errors.push(FieldError::invalid(
            &Path::new("spec.resourceAttributes"),
            Value::Null,
            "exactly one of nonResourceAttributes or resourceAttributes must be specified",
        )),
        _ => {}
    }
    for (name, check_requirement) in [
        (FIELDS, check_field as fn(&Path, &Value) -> ErrorList),
        (LABELS, check_label),
    ] {
        if let Some(selector) = resource.and_then(|resource| resource.get(name)) {
            let path = Path::new("spec.resourceAttributes").child(name);
            check_selector(&path, selector, check_requirement, &mut errors);
        }
    }
    errors
}

/// Paths and verbs as upstream prints them in messages.
pub(super) fn printed(non_resource: &Value) -> Value {
    json!({"Path": text(non_resource, "/path"), "Verb": text(non_resource, "/verb")})
}

fn check_selector(
    path: &Path,
    selector: &Value,
    check_requirement: fn(&Path, &Value) -> ErrorList,
    errors: &mut ErrorList,
) {
    let raw = text(selector, "/rawSelector");
    let is_listed = requirements(selector).next().is_some();
    if !raw.is_empty() && is_listed {
        let why = "may not specified at the same time as requirements";
        errors.push(FieldError::invalid(&path.child("rawSelector"), raw, why));
    }
    if raw.is_empty() && !is_listed {
        let why = format!(
            "when {} is specified, requirements or rawSelector is required",
            path.as_str()
        );
        errors.push(FieldError::required(&path.child("requirements"), &why));
    }
    for (index, requirement) in requirements(selector).enumerate() {
        errors.extend(check_requirement(
            &path.child("requirements").index(index),
            requirement,
        ));
    }
}

fn check_field(path: &Path, requirement: &Value) -> ErrorList {
    let mut errors = ErrorList::new();
    if text(requirement, "/key").is_empty() {
        errors.push(FieldError::required(&path.child("key"), "must be specified"));
    }
    errors.extend(check_values(path, requirement));
    errors
}

/// Operators that are not known are for newer authorizers to judge.
fn check_label(path: &Path, requirement: &Value) -> ErrorList {
    let mut errors = check_values(path, requirement);
    for problem in meta::name::qualified_name(text(requirement, "/key")) {
        errors.push(FieldError::invalid(
            &path.child("key"),
            text(requirement, "/key"),
            &problem,
        ));
    }
    for (index, value) in texts(requirement, "/values").iter().enumerate() {
        for problem in meta::name::label_value(value) {
            errors.push(FieldError::invalid(
                &path.child("values").index(index),
                value.as_str(),
                &problem,
            ));
        }
    }
    errors
}

fn check_values(path: &Path, requirement: &Value) -> ErrorList {
    let path = path.child("values");
    let is_empty = texts(requirement, "/values").is_empty();
    let error = match text(requirement, "/operator") {
        "In" | "NotIn" if is_empty => {
            FieldError::required(&path, "must be specified when `operator` is 'In' or 'NotIn'")
        }
        "Exists" | "DoesNotExist" if !is_empty => FieldError::forbidden(
            &path,
            "may not be specified when `operator` is 'Exists' or 'DoesNotExist'",
        ),
        _ => return ErrorList::new(),
    };
    vec![error]
}
