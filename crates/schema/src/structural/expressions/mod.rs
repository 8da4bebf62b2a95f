//! Rules in CEL (`x-kubernetes-validations`): compiled from a schema, checked when it is defined, asked of objects.

mod ask;
mod compile;
mod declaration;
mod definition;
#[cfg(test)]
mod tests;

pub use ask::Answer;
pub(super) use ask::of_default;
pub use compile::Rules;
pub use definition::violations;
