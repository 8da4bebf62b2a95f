//! The filters of the chain, one a file, in the order they stand in it.

mod accounting;
mod audit;
mod audit_id;
mod authentication;
mod authorization;
mod deadline;
mod flow_control;
mod impersonation;
mod panic_isolation;
mod request_info;

pub use accounting::Accounting;
pub use audit::Audit;
pub use audit_id::AuditId;
pub use authentication::Authentication;
pub use authorization::Authorization;
pub(crate) use authorization::{Selection, attributes};
pub use deadline::Deadline;
pub use flow_control::{Classified, Flow, FlowControl, FlowControlLimits, FlowSchemas, TurnedAway};
pub use impersonation::Impersonation;
pub use panic_isolation::PanicIsolation;
pub use request_info::ReadRequestInfo;
