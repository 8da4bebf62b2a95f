//! What rules in CEL (`x-kubernetes-validations`) say besides their expressions.

use schema::StructuralSchema;
use schema::structural::paths;
use serde_json::Value;

use crate::toolkit::Field;

/// Reasons that a rule may give.
const REASONS: [&str; 4] = [
    "FieldValueDuplicate",
    "FieldValueForbidden",
    "FieldValueInvalid",
    "FieldValueRequired",
];

pub fn rules(schema: &Field, value: &Value) {
    for rule in schema.child("x-kubernetes-validations").items() {
        texts(&rule);
        let reason = rule.child("reason");
        if reason.is_set() && !REASONS.contains(&reason.text()) {
            reason.not_supported(&REASONS);
        }
        let path = rule.child("fieldPath");
        if !path.is_empty() {
            field_path(&path, value);
        }
    }
}

fn texts(rule: &Field) {
    let (expression, message) = (rule.child("rule"), rule.child("message"));
    let (trimmed, said) = (expression.text().trim(), message.text().trim());
    if trimmed.is_empty() {
        expression.required("rule is not specified");
    } else if !message.is_empty() && said.is_empty() {
        message.invalid("must be non-empty if specified");
    } else if has_line_breaks(said) {
        message.invalid("must not contain line breaks");
    } else if has_line_breaks(trimmed) && said.is_empty() {
        message.required("message must be specified if rule contains line breaks");
    }
    let expression = rule.child("messageExpression");
    if !expression.is_empty() && expression.text().trim().is_empty() {
        expression.required("messageExpression must be non-empty if specified");
    }
}

fn field_path(path: &Field, schema: &Value) {
    if path.text().trim().is_empty() {
        path.invalid("must be non-empty if specified");
    }
    if has_line_breaks(path.text()) {
        path.invalid("must not contain line breaks");
    }
    let leads = StructuralSchema::read(schema).map_or(true, |schema| {
        paths::field_at(schema.root(), path.text(), true).is_ok()
    });
    if !leads {
        path.invalid("must be a valid path");
    }
}

fn has_line_breaks(text: &str) -> bool {
    text.contains(['\n', '\r'])
}
