//! Why a webhook gave no answer that counts.

use meta::{Status, quote};

use super::endpoint::Unanswered;
use crate::observer::Outcome;

/// Why a webhook gave no answer that counts.
#[derive(Debug)]
pub(super) enum Failure {
    /// It could not be asked, or nobody can make sense of its answer: the failure policy says what follows.
    NoAnswer(Unanswered),
    /// It said no. That is the answer to the client, whatever the failure policy.
    Refused(Status),
    /// The server cannot ask it, or cannot do what it wants. That is the answer, too.
    Server(Status),
}

impl Failure {
    /// The answer to a client whose request is not to go on without the webhook.
    pub(super) fn to_status(&self, webhook: &str) -> Status {
        match self {
            Self::NoAnswer(Unanswered { why, .. }) => {
                Status::internal(format_args!("failed calling webhook {}: {why}", quote(webhook)))
            }
            Self::Refused(status) | Self::Server(status) => status.clone(),
        }
    }

    /// As it is told to who counts.
    pub(super) fn outcome(&self, is_ignored: bool) -> Outcome {
        match self {
            Self::NoAnswer(Unanswered { code, .. }) => Outcome::NoAnswer {
                code: *code,
                is_ignored,
            },
            Self::Refused(status) => Outcome::Refused(status.code),
            Self::Server(_) => Outcome::ServerError,
        }
    }
}

/// A problem of sending or receiving.
pub(super) fn of_call(unanswered: Unanswered) -> Failure {
    Failure::NoAnswer(Unanswered {
        why: format!("failed to call webhook: {}", unanswered.why),
        ..unanswered
    })
}

/// An answer that breaks the rules.
pub(super) fn of_answer(why: impl std::fmt::Display) -> Failure {
    Failure::NoAnswer(Unanswered::new(format!(
        "received invalid webhook response: {why}"
    )))
}
