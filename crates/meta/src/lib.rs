//! The vocabulary of the Kubernetes API: names, groups and versions, object metadata, quantities, times,
//! selectors, Status and field errors.
//!
//! Everything here is pure: no clock, no randomness, no input or output.

pub mod field;
pub mod group;
pub mod identity;
pub mod ids;
pub mod object;
pub mod quote;
pub mod status;

pub use field::{ErrorList, FieldError, Path};
pub use group::{GroupResource, GroupVersion, GroupVersionKind, GroupVersionResource};
pub use identity::User;
pub use ids::{Namespace, NodeName, ResourceVersion, Uid};
pub use object::{ObjectMeta, OwnerReference};
pub use quote::quote;
pub use status::{Reason, Status};
