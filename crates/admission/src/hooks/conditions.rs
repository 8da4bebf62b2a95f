//! `matchConditions`: expressions that must all hold for a webhook or policy to be asked.

use kinds::expressions::{CONDITIONS_BUDGET, Expressions, Gives};
use serde_json::Value;

use super::scene::{Expression, Problem, Scene, Spending, Stage};
use crate::request::{items, text};

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

    /// Whether all hold. One that does not hold counts more than others that fail.
    ///
    /// # Errors
    /// If none fails to hold, but some cannot be evaluated.
    pub(crate) fn hold(&self, scene: &Scene<'_>) -> Result<bool, String> {
        let stage = Stage::new(scene, &[]);
        let mut spending = Spending::of(CONDITIONS_BUDGET);
        let mut problems = Vec::new();
        for condition in &self.0 {
            match stage.evaluate(condition, &mut spending) {
                Ok(value) if value.as_bool() == Some(true) => {}
                Ok(_) => return Ok(false),
                Err(Problem::Failed(why)) => problems.push(why),
                Err(Problem::OutOfBudget(why)) => return Err(why),
            }
        }
        match meta::aggregate(problems) {
            None => Ok(true),
            Some(problems) => Err(problems),
        }
    }
}

impl Expression {
    /// Compiles a text.
    pub(crate) fn read(text: &str, expressions: &Expressions, gives: Gives) -> Self {
        Self {
            text: text.to_owned(),
            program: expressions.compile(text, gives),
        }
    }
}
