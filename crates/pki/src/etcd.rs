//! What the store needs to serve etcd's clients: an authority of its own, so that whoever may use the API may not for that use the
//! store. Names and places are kubeadm's.

use jiff::Timestamp;

use crate::certificate::Certificate;
use crate::error::PkiError;
use crate::identity::Identity;
use crate::kept::{self, Leaves};
use crate::layout::Layout;
use crate::profile::{AlternativeNames, Profile};
use crate::usage::Usage;

/// Keys and certificates around the store, all valid. Whoever has one of the clients' certificates may do everything.
#[derive(Debug)]
pub struct EtcdPki {
    /// Signs the server and its clients.
    pub authority: Certificate,
    /// The server's certificate.
    pub serving: Identity,
    /// When the first certificate is due for renewal: [`EtcdPki::ensure`] then makes it anew.
    pub due_at: Timestamp,
}

impl EtcdPki {
    /// The authority's name in a [`Layout`].
    pub const AUTHORITY: &str = "etcd/ca";
    /// The name of the server's certificate.
    pub const SERVER: &str = "etcd/server";
    /// The name of the API server's certificate.
    pub const API_SERVER: &str = "apiserver-etcd-client";
    /// The name of a certificate for people with `etcdctl`.
    pub const HEALTH_CHECK: &str = "etcd/healthcheck-client";

    /// Reads what is there, makes what is missing, and makes anew what is due. The server is for this machine's loopback, and for
    /// `names`.
    pub fn ensure(layout: &Layout, names: &[String], now: Timestamp) -> Result<Self, PkiError> {
        let authority = kept::authority(layout, Self::AUTHORITY, "etcd-ca", now)?;
        let mut leaves = Leaves::new(layout, now);
        let mut all = AlternativeNames::default();
        for name in ["localhost", "127.0.0.1", "::1"] {
            all.add(name);
        }
        names.iter().for_each(|name| all.add(name));
        let mut server = Profile::server("kube-etcd", all);
        server.usages.push(Usage::ClientAuth);
        let serving = leaves.pair(&authority, Self::SERVER, &server)?;
        for (name, user) in [
            (Self::API_SERVER, "kube-apiserver-etcd-client"),
            (Self::HEALTH_CHECK, "kube-etcd-healthcheck-client"),
        ] {
            leaves.pair(&authority, name, &Profile::client(user, &[]))?;
        }
        Ok(Self {
            authority: authority.certificate().clone(),
            serving,
            due_at: leaves.due_at(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_kept_and_the_names_are_kubeadms() {
        let folder = tempfile::tempdir().expect("folder");
        let layout = Layout::in_folder(folder.path());
        let now = "2026-01-01T00:00:00Z".parse().expect("a time");
        let first = EtcdPki::ensure(&layout, &[], now).expect("made");
        let again = EtcdPki::ensure(&layout, &[], now).expect("kept");
        let serial = |pki: &EtcdPki| pki.serving.certificate.fingerprint();
        assert_eq!(serial(&first), serial(&again));
        for file in [
            "etcd/ca.crt",
            "etcd/ca.key",
            "etcd/server.crt",
            "etcd/server.key",
            "etcd/healthcheck-client.crt",
            "apiserver-etcd-client.key",
        ] {
            assert!(folder.path().join("pki").join(file).exists(), "{file}");
        }
        let named = EtcdPki::ensure(&layout, &[String::from("a")], now).expect("made anew");
        assert_ne!(serial(&first), serial(&named));
    }
}
