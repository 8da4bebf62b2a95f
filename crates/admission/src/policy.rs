//! Admission policies: expressions judge and change what is written, without a server of one's own.

mod binding;
mod definition;
mod denial;
mod evaluation;
mod exclusion;
mod invocation;
mod mutating;
mod mutation;
mod notes;
mod parameters;
mod validating;

#[cfg(test)]
mod tests;

pub(crate) use mutating::MutatingPolicies;
pub(crate) use validating::ValidatingPolicies;
