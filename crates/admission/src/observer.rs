//! Who is told what webhooks and policies did, to count it.

use std::time::Duration;

use registry::Operation;

/// Which half of admission asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// What is asked may change the object.
    Mutate,
    /// It may only refuse it.
    Validate,
}

/// What became of asking a webhook.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It had nothing against the request.
    Agreed,
    /// It refused it, with a status code.
    Refused(u16),
    /// It gave no answer that counts.
    NoAnswer {
        /// What stands for that as a status code.
        code: u16,
        /// Whether the request goes on.
        is_ignored: bool,
    },
    /// The server could not ask it, or could not do what it wants.
    ServerError,
}

/// A webhook that was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AskedWebhook<'a> {
    /// Its name.
    pub name: &'a str,
    /// Who asked it.
    pub step: Step,
    /// What was to be done.
    pub operation: Operation,
    /// How long it took.
    pub took: Duration,
    /// What came of it.
    pub outcome: Outcome,
}

/// What match conditions belong to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holder {
    /// A webhook.
    Webhook,
    /// A policy.
    Policy,
}

/// Match conditions that did not all hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AskedConditions<'a> {
    /// The name of whose they are.
    pub name: &'a str,
    /// What they belong to.
    pub holder: Holder,
    /// Who asked.
    pub step: Step,
    /// What was to be done.
    pub operation: Operation,
    /// How long it took.
    pub took: Duration,
    /// How many could not be evaluated.
    pub errors: usize,
    /// Whether the request is none of its holder's business.
    pub is_excluded: bool,
}

/// What follows from a finding of a policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Nothing.
    Allow,
    /// The request is refused.
    Deny,
    /// It is written to the audit log.
    Audit,
    /// The client is warned.
    Warn,
}

/// Something that a policy found, or changed, under a binding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PolicyFinding<'a> {
    /// The policy's name.
    pub policy: &'a str,
    /// The binding's name.
    pub binding: &'a str,
    /// Who asked.
    pub step: Step,
    /// What it has against the request; none if nothing.
    pub why: Option<&'a str>,
    /// What follows.
    pub action: Action,
    /// How long it took to find it.
    pub took: Duration,
}

/// Is told. It is on the way of every request: it should take no time.
pub trait Observer: Send + Sync {
    /// A webhook was asked.
    fn webhook(&self, asked: &AskedWebhook<'_>);

    /// Match conditions did not all hold. Of those that do nothing is told, as upstream counts nothing of them.
    fn conditions(&self, asked: &AskedConditions<'_>);

    /// A policy found something.
    fn policy(&self, found: &PolicyFinding<'_>);
}

/// Nobody is told.
impl Observer for () {
    fn webhook(&self, _: &AskedWebhook<'_>) {}

    fn conditions(&self, _: &AskedConditions<'_>) {}

    fn policy(&self, _: &PolicyFinding<'_>) {}
}

/// Who is told of a request, and what is the same of all that is told.
#[derive(Clone, Copy)]
pub(crate) struct Watch<'a> {
    pub(crate) observer: &'a dyn Observer,
    pub(crate) step: Step,
    pub(crate) operation: Operation,
}
