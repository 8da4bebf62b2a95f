//! What a check finds.

use meta::field::FieldErrorKind;
use meta::{FieldError, Path};
use serde_json::Value;

use super::way::Way;
use crate::structural::numbers::shown;

/// More problems than that are not told of one object.
const MAX_PROBLEMS: usize = 1000;

/// What some checks have found, and how many there were.
#[derive(Clone, Debug, Default)]
pub(super) struct Outcome {
    pub problems: Vec<Problem>,
    /// Checks that ran to their end.
    pub checks: usize,
}

impl Outcome {
    /// Nothing found by so many checks.
    pub fn good(checks: usize) -> Self {
        Self {
            problems: Vec::new(),
            checks,
        }
    }

    pub fn is_valid(&self) -> bool {
        self.problems.is_empty()
    }

    /// Adds what another has found, each message once.
    pub fn merge(&mut self, other: Self) {
        self.checks += other.checks;
        for problem in other.problems {
            self.push(problem);
        }
    }

    pub fn push(&mut self, problem: Problem) {
        let is_full = self.problems.len() >= MAX_PROBLEMS;
        if !is_full && !self.problems.iter().any(|known| known.message == problem.message) {
            self.problems.push(problem);
        }
    }

    /// Adds what a whole check has found.
    pub fn ran(&mut self, other: Self) {
        self.merge(other);
        self.checks += 1;
    }

    /// The same as one check more.
    pub fn counted(mut self) -> Self {
        self.checks += 1;
        self
    }
}

impl From<Problem> for Outcome {
    fn from(problem: Problem) -> Self {
        Self {
            problems: vec![problem],
            checks: 0,
        }
    }
}

impl From<Option<Problem>> for Outcome {
    fn from(problem: Option<Problem>) -> Self {
        problem.map_or_else(Self::default, Self::from)
    }
}

/// One thing that is wrong.
#[derive(Clone, Debug)]
pub(super) struct Problem {
    /// Upstream's sentence: `spec.size in body should be less than 5`.
    pub message: String,
    /// The place the error names; none for problems that name it in their sentence only.
    path: Option<String>,
    what: What,
}

/// What the error says besides.
#[derive(Clone, Debug)]
enum What {
    Invalid(Value),
    WrongType(String),
    Required,
    NotSupported(Value, Vec<String>),
    TooLong(i64),
    TooMany(usize, i64),
}

impl Problem {
    /// A sentence about a value at a place: `PATH in body SENTENCE`.
    pub fn invalid(way: &Way<'_>, value: impl Into<Value>, sentence: &str) -> Self {
        Self::new(
            way,
            format!("{way} in body {sentence}"),
            What::Invalid(value.into()),
        )
    }

    /// A sentence that names its place itself; the error stands at the whole.
    pub fn general(message: String) -> Self {
        Self {
            message,
            path: None,
            what: What::Invalid("".into()),
        }
    }

    /// The same, of all alternatives at a place.
    pub fn of_all(way: &Way<'_>, sentence: &str) -> Self {
        Self::general(format!("{} {sentence}", meta::quote(&way.to_string())))
    }

    /// A sentence of its own at a place.
    pub fn said(way: &Way<'_>, value: impl Into<Value>, message: String) -> Self {
        Self::new(way, message, What::Invalid(value.into()))
    }

    pub fn wrong_type(way: &Way<'_>, wanted: &str, found: &str) -> Self {
        let message = format!("{way} in body must be of type {wanted}: {}", meta::quote(found));
        Self::new(way, message, What::WrongType(found.to_owned()))
    }

    pub fn required(way: &Way<'_>) -> Self {
        Self::new(way, format!("{way} in body is required"), What::Required)
    }

    pub fn not_supported(way: &Way<'_>, value: &Value, supported: &[Value]) -> Self {
        let texts: Vec<String> = supported.iter().map(plain).collect();
        let message = format!("{way} in body should be one of [{}]", texts.join(" "));
        Self::new(way, message, What::NotSupported(value.clone(), texts))
    }

    pub fn too_long(way: &Way<'_>, max: i64) -> Self {
        let message = format!("{way} in body should be at most {max} chars long");
        Self::new(way, message, What::TooLong(max))
    }

    /// `things` are items or properties.
    pub fn too_many(way: &Way<'_>, actual: usize, max: i64, things: &str) -> Self {
        let message = format!("{way} in body should have at most {max} {things}");
        Self::new(way, message, What::TooMany(actual, max))
    }

    fn new(way: &Way<'_>, message: String, what: What) -> Self {
        Self {
            message,
            path: Some(way.to_string()),
            what,
        }
    }

    /// The error that the client is told, of a value that stands at `base`.
    pub fn into_error(self, base: &Path) -> FieldError {
        let below = self
            .path
            .as_deref()
            .map_or("", |path| path.strip_prefix('.').unwrap_or(path));
        let path = if below.is_empty() {
            base.clone()
        } else {
            base.child(below)
        };
        match self.what {
            What::Invalid(value) => FieldError::invalid(&path, shown(&value), &self.message),
            What::WrongType(found) => FieldError::type_invalid(&path, found, &self.message),
            What::Required => FieldError::required(&path, ""),
            What::NotSupported(value, supported) => {
                let supported: Vec<&str> = supported.iter().map(String::as_str).collect();
                FieldError::not_supported(&path, shown(&value), &supported)
            }
            What::TooLong(max) => FieldError::too_long(&path, usize::try_from(max).unwrap_or(0)),
            What::TooMany(actual, max) => too_many(&path, actual, max),
        }
    }
}

fn too_many(path: &Path, actual: usize, max: i64) -> FieldError {
    match usize::try_from(max) {
        Ok(max) => FieldError::too_many(path, actual, max),
        Err(_) => FieldError {
            kind: FieldErrorKind::TooMany,
            path: path.clone(),
            message: format!("Too many: {actual}"),
        },
    }
}

/// A value of an enumeration: text as it is, the rest as JSON.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => shown(other).to_string(),
    }
}
