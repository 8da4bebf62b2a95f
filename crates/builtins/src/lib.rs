//! What built-in kinds do beyond being stored: bindings, evictions, tokens, reviews, address allocation, checks of grants and of keys.
//!
//! Each is a [`registry::Action`] or [`registry::Hooks`], plugged into the registry where the server is assembled.

mod binding;
mod claim_rights;
mod devices;
mod eviction;
mod flow_control;
mod json;
mod key_pairs;
mod rbac;
mod requester;
mod reviews;
mod services;
mod token;

pub use binding::BindPod;
pub use devices::{AdminAccess, StampTaints};
pub use eviction::EvictPod;
pub use flow_control::FlowIndex;
pub use key_pairs::KeyPairs;
pub use rbac::GrantCheck;
pub use requester::StampRequester;
pub use reviews::{ReviewAccess, ReviewRules, ReviewSelf, ReviewToken, WhoseAccess};
pub use services::{AddressRange, Family, Holdings, Ledger, Others, PortRange, ServiceAllocation};
pub use token::IssueToken;
