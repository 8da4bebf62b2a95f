//! Why a webhook gave no answer that counts.

use meta::{Status, quote};

/// Why a webhook gave no answer that counts.
#[derive(Debug)]
pub(super) enum Failure {
    /// It could not be asked, or nobody can make sense of its answer: the failure policy says what follows.
    NoAnswer(String),
    /// It said no, or what it said cannot be done. That is the answer to the client, whatever the failure policy.
    Refused(Status),
}

impl Failure {
    /// The answer to a client whose request is not to go on without the webhook.
    pub(super) fn to_status(&self, webhook: &str) -> Status {
        match self {
            Self::NoAnswer(why) => {
                Status::internal(format_args!("failed calling webhook {}: {why}", quote(webhook)))
            }
            Self::Refused(status) => status.clone(),
        }
    }
}

/// A problem of sending or receiving.
pub(super) fn of_call(why: impl std::fmt::Display) -> Failure {
    Failure::NoAnswer(format!("failed to call webhook: {why}"))
}

/// An answer that breaks the rules.
pub(super) fn of_answer(why: impl std::fmt::Display) -> Failure {
    Failure::NoAnswer(format!("received invalid webhook response: {why}"))
}
