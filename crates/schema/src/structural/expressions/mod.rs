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

use super::node::Node;

/// What expressions know of values at a place; none where the schema says too little.
pub(super) fn declared(node: &Node, name: &str) -> Option<cel::Declaration> {
    declaration::place(node, name).map(|place| place.declaration)
}
