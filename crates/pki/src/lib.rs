//! Keys, certificate authorities, issuing, renewal and kubeconfig files.
//!
//! [`ServerPki::ensure`] is what a server calls at start and whenever [`ServerPki::due_at`] has come; the rest is what it is
//! made of. The time is always given by the caller.

mod authority;
mod certificate;
mod cluster_secrets;
mod encode;
mod error;
mod etcd;
pub mod file;
mod identity;
pub mod jwt;
mod kept;
mod key;
mod kubeconfig;
mod layout;
mod node_part;
mod pem;
mod profile;
mod public_key;
mod renewal;
mod request;
pub mod sealed;
mod server;
mod service_account;
mod token_key;
mod usage;

pub use authority::{AUTHORITY_LIFETIME, Authority, Issued, LEAF_LIFETIME};
pub use certificate::Certificate;
pub use cluster_secrets::ClusterSecrets;
pub use error::PkiError;
pub use etcd::EtcdPki;
pub use identity::Identity;
pub use key::{Key, SignatureAlgorithm};
pub use kubeconfig::{Credential, Kubeconfig};
pub use layout::Layout;
pub use node_part::NodePart;
pub use profile::{AlternativeNames, Profile, Validity};
pub use public_key::{PublicKey, jwks, openid_configuration};
pub use renewal::{Renewal, due_at};
pub use request::SigningRequest;
pub use server::{NodeNames, ServerPki, Wanted};
pub use service_account::{Binding, Reference, ServiceAccountClaims};
pub use token_key::TokenKey;
pub use usage::Usage;
