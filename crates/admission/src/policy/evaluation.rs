//! What the validations of a policy find in a request.

use std::time::{Duration, Instant};

use cel::{OBJECT_BUDGET, Value};

use super::definition::{Policy, ValidatingDefinition, Validation};
use crate::hooks::{Of, Problem, Scene, Spending, Stage};
use crate::observer::{Holder, Step, Watch};

/// The longest message that an expression may give.
const MAX_MESSAGE_BYTES: usize = 5 * 1024;

/// Something that is not as it should be.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Finding {
    pub(super) why: String,
    /// None: the usual one.
    pub(super) reason: Option<String>,
    /// Whether the request is refused for it whatever the binding says.
    pub(super) always_denies: bool,
    /// Which validation found it.
    pub(super) place: usize,
    /// How long that took.
    pub(super) took: Duration,
}

/// What a policy makes of a request.
#[derive(Debug, Default)]
pub(super) struct Judgement {
    /// Everything that it has against the request.
    pub(super) findings: Vec<Finding>,
    /// What it wants written about the request, by key.
    pub(super) annotations: Vec<(String, String)>,
    /// What failed, where that counts for nothing.
    pub(super) ignored: Vec<(String, Duration)>,
}

impl Finding {
    fn error(why: String) -> Self {
        Self {
            why,
            reason: None,
            always_denies: false,
            place: 0,
            took: Duration::ZERO,
        }
    }

    fn at(self, place: usize, took: Duration) -> Self {
        Self { place, took, ..self }
    }
}

impl From<Finding> for Judgement {
    fn from(finding: Finding) -> Self {
        Self {
            findings: vec![finding],
            ..Self::default()
        }
    }
}

/// Whether the conditions of a policy hold; an error as its failure policy has it.
pub(super) fn is_meant(policy: &Policy, scene: &Scene<'_>, watch: Watch<'_>) -> Result<bool, String> {
    if policy.conditions.is_empty() {
        return Ok(true);
    }
    // Upstream counts those of both sorts of policies so.
    let watch = Watch {
        step: Step::Validate,
        ..watch
    };
    let of = Of {
        holder: Holder::Policy,
        name: &policy.name,
        ignores_failure: policy.ignores_failure,
    };
    policy.conditions.hold(scene, of, watch)
}

/// What a policy makes of a request. What it wants written is worked out if somebody is to read it.
pub(super) fn judgement(
    definition: &ValidatingDefinition,
    scene: &Scene<'_>,
    is_read: bool,
    watch: Watch<'_>,
) -> Judgement {
    let policy = &definition.policy;
    let mut judgement = match is_meant(policy, scene, watch) {
        Ok(true) => Judgement::default(),
        Ok(false) => return Judgement::default(),
        Err(why) => return Finding::error(why).into(),
    };
    let stage = Stage::new(scene, &policy.variables);
    let mut spending = Spending::of(OBJECT_BUDGET);
    let Judgement {
        findings, ignored, ..
    } = &mut judgement;
    for (place, validation) in definition.validations.iter().enumerate() {
        let begun = Instant::now();
        let judged = judge(validation, &stage, &mut spending);
        let took = begun.elapsed();
        match judged {
            Ok(finding) => findings.extend(finding.map(|finding| finding.at(place, took))),
            Err(Problem::Failed(why) | Problem::OutOfBudget(why)) if policy.ignores_failure => {
                ignored.push((why, took));
            }
            Err(Problem::Failed(why)) => findings.push(Finding::error(why).at(place, took)),
            // What was found before does not count: nobody knows what the rest would have said.
            Err(Problem::OutOfBudget(why)) => return Finding::error(why).into(),
        }
    }
    if is_read || !policy.ignores_failure {
        annotate(definition, scene, &mut judgement);
    }
    judgement
}

fn judge<'v>(
    validation: &'v Validation,
    stage: &Stage<'v>,
    spending: &mut Spending,
) -> Result<Option<Finding>, Problem> {
    let value = stage.evaluate(&validation.expression, spending)?;
    if value.as_bool() == Some(true) {
        return Ok(None);
    }
    let told = match &validation.message_expression {
        Some(expression) => match stage.evaluate(expression, spending) {
            Ok(value) => value.as_str().and_then(usable),
            Err(Problem::Failed(why)) => {
                tracing::debug!(why, "a message cannot be made");
                None
            }
            Err(Problem::OutOfBudget(why)) => {
                return Err(Problem::Failed(format!("failed messageExpression: {why}")));
            }
        },
        None => None,
    };
    let fixed = Some(validation.message.clone()).filter(|message| !message.is_empty());
    let by_default = || format!("failed expression: {}", validation.expression.text.trim());
    Ok(Some(Finding {
        why: told.or(fixed).unwrap_or_else(by_default),
        reason: Some(validation.reason.clone()),
        ..Finding::error(String::new())
    }))
}

/// A message that an expression gave, unless it is empty, too long, or more than a line.
fn usable(message: &str) -> Option<String> {
    let message = message.trim();
    let is_good = !message.is_empty() && message.len() <= MAX_MESSAGE_BYTES && !message.contains('\n');
    is_good.then(|| message.to_owned())
}

/// Works out what is to be written about the request. Who makes that wrong is told, unless failures are ignored.
fn annotate(definition: &ValidatingDefinition, scene: &Scene<'_>, judgement: &mut Judgement) {
    let stage = Stage::new(scene, &definition.policy.variables);
    let mut spending = Spending::of(OBJECT_BUDGET);
    for (key, annotation) in &definition.annotations {
        let why = match stage.evaluate(annotation, &mut spending) {
            Ok(Value::Null) => continue,
            Ok(Value::String(text)) => {
                let text = text.trim();
                if !text.is_empty() {
                    judgement.annotations.push((key.clone(), text.to_owned()));
                }
                continue;
            }
            Ok(other) => format!(
                "valueExpression '{}' resulted in unsupported return type: {}. Return type must be either string or \
                 null.",
                annotation.text,
                other.runtime_type()
            ),
            Err(Problem::Failed(why) | Problem::OutOfBudget(why)) => why,
        };
        if !definition.policy.ignores_failure {
            judgement.findings.push(Finding {
                always_denies: true,
                ..Finding::error(why)
            });
        }
    }
}
