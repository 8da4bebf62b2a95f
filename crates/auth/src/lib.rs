//! Who is asking and may they: authentication and authorization, one decision per file.
//!
//! Nothing here keeps state of the cluster itself: what a decision must look up (a service account, a role) it asks through a
//! trait declared beside it, which the server's assembly wires to its caches.

pub mod always;
pub mod anonymous;
pub mod attributes;
pub mod authenticator;
pub mod authorizer;
pub mod bearer;
pub mod bootstrap_token;
pub mod follower;
pub mod impersonation;
pub mod in_process;
pub mod node;
mod percent;
pub mod rbac;
mod remember;
pub mod request_header;
pub mod service_account;
pub mod static_token;
pub mod x509;

pub use attributes::{Attributes, ResourceTarget, Target};
pub use authenticator::{Authenticated, AuthenticationError, Authenticator, Credentials, FirstAuthenticator};
pub use authorizer::{Authorizer, Decision, FirstAuthorizer, NonResourceRule, ResourceRule, Rules};
pub use follower::Follower;
