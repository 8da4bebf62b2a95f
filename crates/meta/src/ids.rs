//! Identifiers that must not be mixed up, each its own type.

use std::fmt;
use std::num::NonZeroU64;

use serde::{Deserialize, Serialize};

macro_rules! text_identifier {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// As text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl From<String> for $name {
            fn from(text: String) -> Self {
                Self(text)
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.to_owned())
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

text_identifier! {
    /// What tells an object from a later one of the same name. Opaque; a UUID where the server made it.
    Uid
}
text_identifier! {
    /// The name of a node.
    NodeName
}
text_identifier! {
    /// The name of a namespace.
    Namespace
}

/// The revision of the store at which an object was last written; for a list, at which it was read. Clients treat it as
/// opaque text, but it orders (KEP-5504), and zero is not a version: `resourceVersion=0` in a request means "any".
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ResourceVersion(NonZeroU64);

impl ResourceVersion {
    /// A version from the store's revision; none for zero.
    pub fn new(revision: u64) -> Option<Self> {
        NonZeroU64::new(revision).map(Self)
    }

    /// The store's revision.
    pub fn get(self) -> u64 {
        self.0.get()
    }

    /// Reads the decimal text clients send. Empty text, signs and zero are not a version.
    pub fn parse(text: &str) -> Option<Self> {
        if !text.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        text.parse().ok().and_then(Self::new)
    }
}

impl fmt::Display for ResourceVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
