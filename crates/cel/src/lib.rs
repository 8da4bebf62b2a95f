//! The Common Expression Language as Kubernetes has it: parse, check, estimate and evaluate.
//!
//! An [`Environment`] says what expressions may use and compiles them to [`Program`]s. A program is evaluated with an
//! [`Activation`], the values of its variables, within a [`Budget`]. Objects are not copied: values are views of their JSON, read as
//! a [`Declaration`] says.

#![forbid(unsafe_code)]

mod checker;
mod cost;
mod environment;
mod error;
pub mod escape;
mod evaluate;
pub mod functions;
mod program;
mod source;
mod syntax;
pub mod types;
pub mod value;
pub mod words;

pub use cost::CostEstimate;
pub use environment::{Environment, TypeFamily};
pub use error::EvaluationError;
pub use functions::authorizer::{Authorizer, Decision, Question, ResourceTarget, Target};
pub use program::{Activation, Budget, OBJECT_BUDGET, PER_CALL_LIMIT, Program};
pub use source::{CompileErrors, Location, Problem};
pub use types::{Declaration, Declared, Field, Fields, ListKind, ObjectType, Type};
pub use value::{LazyFields, Value, from_json};
