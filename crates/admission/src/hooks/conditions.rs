//! `matchConditions`: expressions that must all hold for a webhook or policy to be asked.

use std::time::Instant;

use kinds::expressions::{CONDITIONS_BUDGET, Expressions, Gives};
use serde_json::Value;

use super::scene::{Expression, Problem, Scene, Spending, Stage};
use crate::observer::{AskedConditions, Holder, Watch};
use crate::request::{items, text};

/// Whose conditions they are.
#[derive(Clone, Copy)]
pub(crate) struct Of<'a> {
    pub(crate) holder: Holder,
    pub(crate) name: &'a str,
    /// Whether who cannot be asked does not count.
    pub(crate) ignores_failure: bool,
}

/// Conditions that must all hold.
#[derive(Default)]
pub(crate) struct Conditions(Vec<Expression>);

impl Conditions {
    /// Those of a webhook or of a policy's `spec`.
    pub(crate) fn read(holder: &Value, expressions: &Expressions) -> Self {
        let conditions = items(holder, "/matchConditions").iter();
        Self(
            conditions
                .map(|condition| Expression::read(text(condition, "/expression"), expressions, Gives::Truth))
                .collect(),
        )
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether all hold. One that does not hold counts more than others that fail; where failures are ignored, those do not hold
    /// either.
    ///
    /// # Errors
    /// If none fails to hold, but some cannot be evaluated.
    pub(crate) fn hold(&self, scene: &Scene<'_>, of: Of<'_>, watch: Watch<'_>) -> Result<bool, String> {
        let begun = Instant::now();
        let mut problems = Vec::new();
        let held = self.evaluate(scene, &mut problems);
        let errors = problems.len();
        let held = match (held, meta::aggregate(problems)) {
            (Ok(true), Some(why)) | (Err(why), _) if !of.ignores_failure => Err(why),
            (Ok(true), None) => return Ok(true),
            _ => Ok(false),
        };
        watch.observer.conditions(&AskedConditions {
            name: of.name,
            holder: of.holder,
            step: watch.step,
            operation: watch.operation,
            took: begun.elapsed(),
            errors,
            is_excluded: held.is_ok(),
        });
        held
    }

    /// Whether all hold that can be evaluated.
    fn evaluate(&self, scene: &Scene<'_>, problems: &mut Vec<String>) -> Result<bool, String> {
        let stage = Stage::new(scene, &[]);
        let mut spending = Spending::of(CONDITIONS_BUDGET);
        for condition in &self.0 {
            match stage.evaluate(condition, &mut spending) {
                Ok(value) if value.as_bool() == Some(true) => {}
                Ok(_) => return Ok(false),
                Err(Problem::Failed(why)) => problems.push(why),
                Err(Problem::OutOfBudget(why)) => return Err(why),
            }
        }
        Ok(true)
    }
}

impl Expression {
    /// Compiles a text.
    pub(crate) fn read(text: &str, expressions: &Expressions, gives: Gives) -> Self {
        Self {
            text: text.to_owned(),
            program: expressions
                .compile(text, gives)
                .map_err(|refusal| refusal.to_string()),
        }
    }
}
