//! A checked expression, ready to be evaluated any number of times.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use meta::pattern::Pattern;

use crate::checker::Checked;
use crate::cost::{self, CostEstimate};
use crate::error::EvaluationError;
use crate::evaluate;
use crate::source::CompileErrors;
use crate::syntax::tree::{Constant, Expr, Kind};
use crate::types::{Declaration, Type};
use crate::value::Value;

/// A checked expression.
#[derive(Clone, Debug)]
pub struct Program {
    pub(crate) root: Expr,
    pub(crate) checked: Checked,
    pub(crate) variables: BTreeMap<String, Arc<Declaration>>,
    /// Patterns that are literals, by the id of the call.
    pub(crate) patterns: HashMap<usize, Pattern>,
}

/// The most that one evaluation may cost.
pub const PER_CALL_LIMIT: u64 = 1_000_000;
/// The most that all evaluations of one object may cost together.
pub const OBJECT_BUDGET: u64 = 10_000_000;

/// What evaluations may still cost.
#[derive(Clone, Copy, Debug)]
pub struct Budget {
    remaining: u64,
    per_call: u64,
}

impl Budget {
    /// `total` for all evaluations together, `per_call` for each.
    pub fn new(total: u64, per_call: u64) -> Self {
        Self {
            remaining: total,
            per_call,
        }
    }

    /// For the expressions of one object.
    pub fn of_object() -> Self {
        Self::new(OBJECT_BUDGET, PER_CALL_LIMIT)
    }

    /// What is left.
    pub fn remaining(&self) -> u64 {
        self.remaining
    }

    /// Takes off what was spent elsewhere.
    ///
    /// # Errors
    /// If there was not so much left.
    pub fn spend(&mut self, cost: u64) -> Result<(), EvaluationError> {
        match self.remaining.checked_sub(cost) {
            Some(left) => {
                self.remaining = left;
                Ok(())
            }
            None => {
                self.remaining = 0;
                Err(EvaluationError::Budget)
            }
        }
    }
}

/// The values of variables for one evaluation.
#[derive(Clone, Debug, Default)]
pub struct Activation<'v> {
    values: BTreeMap<&'v str, Value<'v>>,
}

impl<'v> Activation<'v> {
    /// Without variables.
    pub fn new() -> Self {
        Self {
            values: BTreeMap::new(),
        }
    }

    /// With a variable's value.
    #[must_use]
    pub fn with(mut self, name: &'v str, value: Value<'v>) -> Self {
        self.values.insert(name, value);
        self
    }

    /// Sets a variable's value.
    pub fn set(&mut self, name: &'v str, value: Value<'v>) {
        self.values.insert(name, value);
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Value<'v>> {
        self.values.get(name)
    }
}

impl Program {
    pub(crate) fn new(root: Expr, checked: Checked, variables: BTreeMap<String, Arc<Declaration>>) -> Self {
        let mut patterns = HashMap::new();
        find_patterns(&root, &mut patterns);
        Self {
            root,
            checked,
            variables,
            patterns,
        }
    }

    /// Works out beforehand what can be.
    ///
    /// # Errors
    /// If an operation on literals fails.
    pub fn instantiated(self) -> Result<Self, CompileErrors> {
        match evaluate::literals(&self) {
            Ok(()) => Ok(self),
            Err(error) => Err(CompileErrors::beforehand(&error)),
        }
    }

    /// What it gives.
    pub fn output_type(&self) -> &Type {
        &self.checked.types[self.root.id]
    }

    /// Whether it reads the variable of that name.
    pub fn uses(&self, variable: &str) -> bool {
        reads(&self.root, variable)
    }

    /// What an evaluation costs at least and at most, from what is declared of the variables.
    pub fn estimated_cost(&self) -> CostEstimate {
        cost::estimate(self)
    }

    /// The value for these variables. What it cost is taken off the budget.
    ///
    /// # Errors
    /// If an operation fails, or it costs more than it may.
    pub fn evaluate<'v>(
        &self,
        activation: &Activation<'v>,
        budget: &mut Budget,
    ) -> Result<Value<'v>, EvaluationError> {
        let (value, cost) = evaluate::evaluate(self, activation, budget.per_call);
        budget.spend(cost)?;
        value
    }

    /// The value for these variables, and what it cost, which may be no more than `limit`.
    pub fn evaluate_within<'v>(
        &self,
        activation: &Activation<'v>,
        limit: u64,
    ) -> (Result<Value<'v>, EvaluationError>, u64) {
        evaluate::evaluate(self, activation, limit)
    }
}

fn reads(expr: &Expr, variable: &str) -> bool {
    match &expr.kind {
        Kind::Ident(name) => name.trim_start_matches('.') == variable,
        Kind::Comprehension(fold) => {
            let hidden = fold.variable == variable || fold.second.as_deref() == Some(variable);
            reads(&fold.range, variable)
                || reads(&fold.initial, variable)
                || (!hidden && (reads(&fold.step, variable) || reads(&fold.result, variable)))
        }
        _ => expr.children().iter().any(|child| reads(child, variable)),
    }
}

fn find_patterns(expr: &Expr, patterns: &mut HashMap<usize, Pattern>) {
    if let Kind::Call {
        function, arguments, ..
    } = &expr.kind
        && function == "matches"
        && let Some(Kind::Constant(Constant::String(pattern))) = arguments.last().map(|last| &last.kind)
        && let Ok(pattern) = Pattern::new(pattern)
    {
        patterns.insert(expr.id, pattern);
    }
    for child in expr.children() {
        find_patterns(child, patterns);
    }
}
