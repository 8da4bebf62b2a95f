//! Policies in the form in which they are used.

use std::sync::Arc;

use kinds::expressions::{self, Expressions, Gives, Uses};
use meta::GroupVersionResource;
use registry::Object;
use serde_json::Value;

use super::parameters::ParameterKind;
use crate::cluster::Cluster;
use crate::hooks::{Compiled, Conditions, Expression, Matcher};
use crate::request::{items, text};

/// What policies of either kind have.
pub(super) struct Policy {
    pub(super) name: String,
    pub(super) matcher: Matcher,
    pub(super) parameters: Option<ParameterKind>,
    /// Whether a write goes on where the policy cannot be asked.
    pub(super) ignores_failure: bool,
    pub(super) conditions: Conditions,
    pub(super) variables: Vec<(String, Expression)>,
}

/// A policy of validation.
pub(crate) struct ValidatingDefinition {
    pub(super) policy: Policy,
    pub(super) validations: Vec<Validation>,
    /// What is written about the request, by key.
    pub(super) annotations: Vec<(String, Expression)>,
}

/// What must be so.
pub(super) struct Validation {
    pub(super) expression: Expression,
    pub(super) message: String,
    pub(super) message_expression: Option<Expression>,
    pub(super) reason: String,
}

/// A policy of change.
pub(crate) struct MutatingDefinition {
    pub(super) policy: Policy,
    pub(super) mutations: Vec<Mutation>,
    /// Whether it wants to see what others change after it.
    pub(super) wants_to_see_more: bool,
}

/// What is to be changed.
pub(super) enum Mutation {
    /// By a part of an object that is merged in.
    Apply(Expression),
    /// By a JSON patch.
    Patch(Expression),
}

impl Compiled for ValidatingDefinition {
    const RESOURCE: GroupVersionResource = GroupVersionResource::new(
        "admissionregistration.k8s.io",
        "v1",
        "validatingadmissionpolicies",
    );

    fn compile(object: &Object, _cluster: &Arc<dyn Cluster>) -> Self {
        let tree = object.tree();
        let spec = &tree["spec"];
        let (policy, known) = Policy::read(object.name(), spec);
        let full = known.with(&Expressions::new(uses(spec, true, false)));
        let messages = known.with(&Expressions::new(uses(spec, false, false)));
        let annotations = items(spec, "/auditAnnotations").iter().map(|annotation| {
            let value = Expression::read(text(annotation, "/valueExpression"), &full, Gives::TextOrNull);
            (text(annotation, "/key").to_owned(), value)
        });
        Self {
            validations: items(spec, "/validations")
                .iter()
                .map(|validation| Validation::read(validation, &full, &messages))
                .collect(),
            annotations: annotations.collect(),
            policy,
        }
    }
}

impl Compiled for MutatingDefinition {
    const RESOURCE: GroupVersionResource =
        GroupVersionResource::new("admissionregistration.k8s.io", "v1", "mutatingadmissionpolicies");

    fn compile(object: &Object, _cluster: &Arc<dyn Cluster>) -> Self {
        let tree = object.tree();
        let spec = &tree["spec"];
        let (policy, known) = Policy::read(object.name(), spec);
        let changes = known.with(&Expressions::new(uses(spec, true, true)));
        let mutations = items(spec, "/mutations").iter().map(|mutation| {
            let read = |pointer: &str, gives| Expression::read(text(mutation, pointer), &changes, gives);
            match text(mutation, "/patchType") {
                "JSONPatch" => Mutation::Patch(read("/jsonPatch/expression", Gives::Patches)),
                _ => Mutation::Apply(read("/applyConfiguration/expression", Gives::Object)),
            }
        });
        Self {
            mutations: mutations.collect(),
            wants_to_see_more: spec["reinvocationPolicy"] == "IfNeeded",
            policy,
        }
    }
}

/// What the expressions of a policy may use.
fn uses(spec: &Value, authorizer: bool, changes: bool) -> Uses {
    Uses {
        parameters: !spec["paramKind"].is_null(),
        authorizer,
        changes,
    }
}

impl Policy {
    fn read(name: &str, spec: &Value) -> (Self, expressions::Variables) {
        let plain = Expressions::new(uses(spec, true, false));
        let mut known = expressions::Variables::of(&plain);
        let variables = items(spec, "/variables").iter().map(|variable| {
            let (name, expression) = (text(variable, "/name"), text(variable, "/expression"));
            let expression = Expression {
                text: expression.to_owned(),
                program: known.add(name, expression).map_err(|refusal| refusal.to_string()),
            };
            (name.to_owned(), expression)
        });
        let variables = variables.collect();
        let policy = Self {
            name: name.to_owned(),
            matcher: Matcher::of_resources(&spec["matchConstraints"]),
            parameters: ParameterKind::read(&spec["paramKind"]),
            ignores_failure: spec["failurePolicy"] == "Ignore",
            conditions: Conditions::read(spec, &plain),
            variables,
        };
        (policy, known)
    }
}

impl Validation {
    fn read(validation: &Value, full: &Expressions, messages: &Expressions) -> Self {
        let message_expression = validation["messageExpression"].as_str();
        Self {
            expression: Expression::read(text(validation, "/expression"), full, Gives::Truth),
            message: text(validation, "/message").trim().to_owned(),
            message_expression: message_expression
                .filter(|text| !text.is_empty())
                .map(|text| Expression::read(text, messages, Gives::Text)),
            reason: match text(validation, "/reason") {
                "" => "Invalid".to_owned(),
                reason => reason.to_owned(),
            },
        }
    }
}
