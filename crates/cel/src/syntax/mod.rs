//! From text to tree: tokens, grammar, macros.
//!
//! What an expression that is not well-formed is told follows the parser generator that upstream's parser was made with: which
//! token is named, what is expected there, and where reading goes on after an error. So errors are found rule by rule as that
//! generator's parsers find them (`recovery.rs`), not in a way of our own.

mod grammar;
mod lexer;
mod literal;
mod macros;
mod primary;
mod recovery;
pub mod tree;

pub use grammar::parse;
pub use macros::Macros;
