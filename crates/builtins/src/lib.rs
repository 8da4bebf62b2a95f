//! What built-in kinds do beyond being stored: bindings, evictions, tokens, reviews.
//!
//! Each is a [`registry::Action`], plugged into the registry where the server is assembled.

mod binding;
mod eviction;
mod json;
mod reviews;
mod token;

pub use binding::BindPod;
pub use eviction::EvictPod;
pub use reviews::{ReviewAccess, ReviewRules, ReviewSelf, ReviewToken, WhoseAccess};
pub use token::IssueToken;
