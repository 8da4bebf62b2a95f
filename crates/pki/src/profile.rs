//! What a certificate says of its holder.

use std::net::IpAddr;

use jiff::{SignedDuration, Timestamp};

use crate::usage::Usage;

/// What a certificate says of its holder. Kubernetes reads the common name as the user and the organizations as groups.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Profile {
    /// The user's name, or a server's.
    pub common_name: String,
    /// The user's groups.
    pub organizations: Vec<String>,
    /// Under which names a server is reached.
    pub names: AlternativeNames,
    /// What the key is for.
    pub usages: Vec<Usage>,
}

/// The subject alternative names of a certificate.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AlternativeNames {
    /// Host names.
    pub dns: Vec<String>,
    /// IP addresses.
    pub addresses: Vec<IpAddr>,
    /// E-mail addresses.
    pub emails: Vec<String>,
    /// URIs.
    pub uris: Vec<String>,
}

impl AlternativeNames {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether everything in `others` is here too.
    pub fn contains(&self, others: &Self) -> bool {
        fn all<T: PartialEq>(have: &[T], wanted: &[T]) -> bool {
            wanted.iter().all(|w| have.contains(w))
        }
        all(&self.dns, &others.dns)
            && all(&self.addresses, &others.addresses)
            && all(&self.emails, &others.emails)
            && all(&self.uris, &others.uris)
    }

    /// Adds what is written as an address to the addresses, anything else to the host names; each once.
    pub fn add(&mut self, name: &str) {
        match name.parse() {
            Ok(address) if !self.addresses.contains(&address) => self.addresses.push(address),
            Err(_) if !self.dns.iter().any(|d| d == name) => self.dns.push(name.to_owned()),
            _ => {}
        }
    }
}

impl Profile {
    /// A client: user and groups.
    pub fn client(user: impl Into<String>, groups: &[&str]) -> Self {
        Self {
            common_name: user.into(),
            organizations: groups.iter().map(|&g| g.to_owned()).collect(),
            usages: Usage::client(),
            ..Self::default()
        }
    }

    /// A server under the given names.
    pub fn server(common_name: impl Into<String>, names: AlternativeNames) -> Self {
        Self {
            common_name: common_name.into(),
            names,
            usages: Usage::server(),
            ..Self::default()
        }
    }
}

/// From when until when a certificate holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validity {
    /// First moment.
    pub not_before: Timestamp,
    /// Last moment.
    pub not_after: Timestamp,
}

/// Machines disagree about the time: what was made just now must hold on one whose clock is behind.
const BACKDATED: SignedDuration = SignedDuration::from_hours(1);

impl Validity {
    /// For `lifetime` from now, and a little before.
    pub fn starting(now: Timestamp, lifetime: SignedDuration) -> Self {
        let whole_seconds = Timestamp::from_second(now.as_second()).unwrap_or(now);
        Self {
            not_before: whole_seconds.checked_sub(BACKDATED).unwrap_or(Timestamp::MIN),
            not_after: whole_seconds.checked_add(lifetime).unwrap_or(Timestamp::MAX),
        }
    }

    /// Whether `moment` lies within.
    pub fn contains(&self, moment: Timestamp) -> bool {
        self.not_before <= moment && moment <= self.not_after
    }
}
