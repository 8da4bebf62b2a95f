//! The vocabulary of the Kubernetes API: names, groups and versions, object metadata, quantities, times,
//! selectors, Status and field errors.
//!
//! Everything here is pure: no clock, no randomness, no input or output.

pub mod age;
mod aggregate;
pub mod duration;
pub mod field;
pub mod field_selector;
pub mod group;
pub mod identity;
pub mod ids;
pub mod int_or_string;
pub mod label_selector;
pub mod name;
pub mod object;
pub mod pattern;
pub mod quantity;
pub mod quote;
pub mod schedule;
pub mod status;
pub mod time;
pub mod validation;
mod version_age;

pub use aggregate::aggregate;
pub use duration::Duration;
pub use field::{ErrorList, FieldError, Path};
pub use field_selector::FieldSelector;
pub use group::{GroupResource, GroupVersion, GroupVersionKind, GroupVersionResource};
pub use identity::User;
pub use ids::{Namespace, NodeName, ResourceVersion, Uid};
pub use int_or_string::IntOrString;
pub use label_selector::LabelSelector;
pub use object::{ObjectMeta, OwnerReference};
pub use pattern::{Pattern, PatternError};
pub use quantity::Quantity;
pub use quote::quote;
pub use schedule::Schedule;
pub use status::{Reason, Status};
pub use time::{MicroTime, Time};
pub use version_age::version_age;
