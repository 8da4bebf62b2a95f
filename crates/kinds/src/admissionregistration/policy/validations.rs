//! What is wrong with what a policy judges and notes.

use super::common::uses;
use crate::admissionregistration::expressions::{Expressions, Gives, Uses, Variables};
use crate::toolkit::{Field, Seen};

const MAX_ANNOTATIONS: usize = 20;
const MAX_VALUE_EXPRESSION: usize = 5 * 1024;
const AT_LEAST_ONE: &str = "validations or auditAnnotations must contain at least one item";

/// The rules for the judgements and notes of the policy of that name.
pub(super) fn rules(policy: &str, spec: &Field, variables: &Variables) {
    let known = |uses: Uses| {
        let base = Expressions::new(uses);
        if spec.child("variables").is_empty() {
            base
        } else {
            variables.with(&base)
        }
    };
    let full = known(uses(spec));
    let messages = known(Uses {
        authorizer: false,
        ..uses(spec)
    });
    let (validations, annotations) = (spec.child("validations"), spec.child("auditAnnotations"));
    if validations.is_empty() && annotations.is_empty() {
        validations.required(AT_LEAST_ONE);
        annotations.required(AT_LEAST_ONE);
    }
    for validation in validations.items() {
        self::validation(&validation, &full, &messages);
    }
    if annotations.len() > MAX_ANNOTATIONS {
        annotations.invalid(&format!(
            "must not have more than {MAX_ANNOTATIONS} auditAnnotations"
        ));
    }
    let mut keys = Seen::new();
    for annotation in annotations.items() {
        let key = annotation.child("key");
        if policy.is_empty() {
            key.invalid_as(key.text(), "requires metadata.name be non-empty");
        } else {
            let whole = format!("{policy}/{}", key.text());
            for problem in meta::name::label_key(&whole) {
                key.invalid_as(whole.as_str(), &problem);
            }
        }
        value_expression(&annotation.child("valueExpression"), &full);
        if keys.again(key.text()) {
            key.duplicate_as(key.text());
        }
    }
}

fn validation(validation: &Field, full: &Expressions, messages: &Expressions) {
    compiles(&validation.child("expression"), full, Gives::Truth);
    message_expression(&validation.child("messageExpression"), messages);
    let message = validation.child("message");
    let trimmed = message.text().trim();
    if !message.is_empty() && trimmed.is_empty() {
        message.invalid("must be non-empty if specified");
    } else if trimmed.contains(['\n', '\r']) {
        message.invalid("must not contain line breaks");
    }
    validation
        .child("reason")
        .any_of_if_set(&["Forbidden", "Invalid", "RequestEntityTooLarge"]);
}

fn message_expression(expression: &Field, messages: &Expressions) {
    let text = expression.text();
    if !text.is_empty() && text.trim().is_empty() {
        expression.invalid("must be non-empty if specified");
    } else if !text.is_empty()
        && let Err(why) = messages.compile(text, Gives::Text)
    {
        why.tell(expression, text);
    }
}

fn compiles(expression: &Field, expressions: &Expressions, gives: Gives) {
    if expression.text().trim().is_empty() {
        expression.required("expression is not specified");
    } else if let Err(why) = expressions.compile(expression.text(), gives) {
        why.tell(expression, expression.text());
    }
}

fn value_expression(expression: &Field, expressions: &Expressions) {
    let trimmed = expression.text().trim();
    if trimmed.is_empty() {
        expression.required("valueExpression is not specified");
    } else if trimmed.len() > MAX_VALUE_EXPRESSION {
        expression.required(&format!("must not exceed {MAX_VALUE_EXPRESSION} bytes in length"));
    } else if let Err(why) = expressions.compile(trimmed, Gives::TextOrNull) {
        why.tell(expression, expression.text());
    }
}
