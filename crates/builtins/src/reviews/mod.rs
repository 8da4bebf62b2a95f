//! Reviews: questions to authentication and authorization, asked as objects that are never stored.

mod access;
mod attributes;
mod rules;
mod selves;
mod tokens;
mod users;

pub use access::{ReviewAccess, WhoseAccess};
pub use rules::ReviewRules;
pub use selves::ReviewSelf;
pub use tokens::ReviewToken;
