//! One requirement on one label.

use std::collections::BTreeSet;
use std::fmt;

use super::Labels;
use crate::field::{ErrorList, FieldError, Path};
use crate::name;

/// What must hold between a label and values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    /// The label has one of the values.
    In,
    /// The label is absent or has none of the values.
    NotIn,
    /// `=`: the label has the value.
    Equals,
    /// `==`: the same.
    DoubleEquals,
    /// The label is absent or has another value.
    NotEquals,
    /// The label is there.
    Exists,
    /// The label is absent.
    DoesNotExist,
    /// The label is an integer above the value.
    GreaterThan,
    /// The label is an integer below the value.
    LessThan,
}

/// A requirement that can never be stated.
#[derive(Clone, Debug, PartialEq)]
pub struct RequirementError(pub ErrorList);

impl std::error::Error for RequirementError {}

/// One error as it is, several in brackets.
impl fmt::Display for RequirementError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_slice() {
            [only] => only.fmt(f),
            errors => {
                let texts: Vec<String> = errors.iter().map(ToString::to_string).collect();
                write!(f, "[{}]", texts.join(", "))
            }
        }
    }
}

/// One requirement on one label.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Requirement {
    key: String,
    operator: Operator,
    /// Sorted, without repetition.
    values: Vec<String>,
}

impl Requirement {
    /// A requirement, checked as upstream checks it.
    ///
    /// # Errors
    /// If key or values are not valid, or there are too few or too many values.
    pub fn new(key: &str, operator: Operator, values: BTreeSet<String>) -> Result<Self, RequirementError> {
        let root = Path::root();
        let mut errors = ErrorList::new();
        let problems = name::label_key(key);
        if !problems.is_empty() {
            errors.push(FieldError::invalid(&root, key, &problems.join("; ")));
        }
        let at = root.child("values");
        let values: Vec<String> = values.into_iter().collect();
        if let Some(problem) = wrong_count(operator, values.len()) {
            errors.push(FieldError::invalid(&at, values.clone(), problem));
        }
        for (i, value) in values.iter().enumerate() {
            if matches!(operator, Operator::GreaterThan | Operator::LessThan) && value.parse::<i64>().is_err()
            {
                let problem = "for 'Gt', 'Lt' operators, the value must be an integer";
                errors.push(FieldError::invalid(&at.index(i), value.as_str(), problem));
            }
            let problems = name::label_value(value);
            if !problems.is_empty() {
                errors.push(FieldError::invalid(
                    &at.index(i).key(key),
                    value.as_str(),
                    &problems.join("; "),
                ));
            }
        }
        if errors.is_empty() {
            Ok(Self {
                key: key.to_owned(),
                operator,
                values,
            })
        } else {
            Err(RequirementError(errors))
        }
    }

    /// `key=value`, unchecked.
    pub(super) fn equals(key: &str, value: &str) -> Self {
        Self {
            key: key.to_owned(),
            operator: Operator::Equals,
            values: vec![value.to_owned()],
        }
    }

    /// The label it is about.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// What must hold.
    pub fn operator(&self) -> Operator {
        self.operator
    }

    /// The values, sorted.
    pub fn values(&self) -> &[String] {
        &self.values
    }

    /// Whether it holds.
    pub fn matches(&self, labels: &impl Labels) -> bool {
        let label = labels.label(&self.key);
        let is_one_of = |label: &str| self.values.iter().any(|value| value == label);
        match self.operator {
            Operator::In | Operator::Equals | Operator::DoubleEquals => label.is_some_and(is_one_of),
            Operator::NotIn | Operator::NotEquals => !label.is_some_and(is_one_of),
            Operator::Exists => label.is_some(),
            Operator::DoesNotExist => label.is_none(),
            Operator::GreaterThan => self.compares(label, |label, value| label > value),
            Operator::LessThan => self.compares(label, |label, value| label < value),
        }
    }

    fn compares(&self, label: Option<&str>, holds: fn(i64, i64) -> bool) -> bool {
        let label = label.and_then(|label| label.parse().ok());
        let value = self.values.first().and_then(|value| value.parse().ok());
        matches!((label, value), (Some(label), Some(value)) if holds(label, value))
    }
}

fn wrong_count(operator: Operator, count: usize) -> Option<&'static str> {
    match (operator, count) {
        (Operator::In | Operator::NotIn, 0) => Some("for 'in', 'notin' operators, values set can't be empty"),
        (Operator::Equals | Operator::DoubleEquals | Operator::NotEquals, n) if n != 1 => {
            Some("exact-match compatibility requires one single value")
        }
        (Operator::Exists | Operator::DoesNotExist, n) if n != 0 => {
            Some("values set must be empty for exists and does not exist")
        }
        (Operator::GreaterThan | Operator::LessThan, n) if n != 1 => {
            Some("for 'Gt', 'Lt' operators, exactly one value is required")
        }
        _ => None,
    }
}

impl fmt::Display for Requirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (key, values) = (&self.key, self.values.join(","));
        match self.operator {
            Operator::Exists => f.write_str(key),
            Operator::DoesNotExist => write!(f, "!{key}"),
            Operator::In => write!(f, "{key} in ({values})"),
            Operator::NotIn => write!(f, "{key} notin ({values})"),
            Operator::Equals => write!(f, "{key}={values}"),
            Operator::DoubleEquals => write!(f, "{key}=={values}"),
            Operator::NotEquals => write!(f, "{key}!={values}"),
            Operator::GreaterThan => write!(f, "{key}>{values}"),
            Operator::LessThan => write!(f, "{key}<{values}"),
        }
    }
}
