//! Role-based access control: rules in roles, given to subjects by bindings.

mod authorizer;
mod covers;
mod escalation;
mod index;
mod rule;

pub use authorizer::RbacAuthorizer;
pub use covers::missing_rights;
pub use escalation::{EscalationError, may_aggregate, may_grant};
pub use index::{GROUP, RbacIndex, RoleRef};
pub use rule::PolicyRule;
