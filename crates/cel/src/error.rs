//! Why an expression has no value.

/// Why an expression has no value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EvaluationError {
    /// An operation failed, in upstream's words.
    #[error("{0}")]
    Failed(String),
    /// This one evaluation cost more than an evaluation may.
    #[error("operation cancelled: actual cost limit exceeded")]
    CostLimit,
    /// All evaluations of an object together cost more than they may.
    #[error("validation failed due to running out of cost budget, no further validation rules will be run")]
    Budget,
}

impl EvaluationError {
    pub(crate) fn failed(message: impl Into<String>) -> Self {
        Self::Failed(message.into())
    }

    /// Whether it ends the evaluation whatever stands around it: `false && …` cannot make it good.
    pub fn is_final(&self) -> bool {
        !matches!(self, Self::Failed(_))
    }
}
