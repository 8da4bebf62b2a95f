//! What is made once in the life of a cluster and is the same on all of its servers: the authorities and the key that signs
//! service-account tokens.

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::authority::Authority;
use crate::certificate::Certificate;
use crate::error::PkiError;
use crate::kept;
use crate::key::Key;
use crate::layout::Layout;

/// The authorities: the name of their files, and their common name.
pub(crate) const AUTHORITIES: [(&str, &str); 2] =
    [("ca", "kubernetes"), ("front-proxy-ca", "front-proxy-ca")];
/// The key that signs service-account tokens.
pub(crate) const TOKEN_KEY: &str = "sa";

/// Authorities and keys in PEM, by the names of their files. `Debug` shows the names alone.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClusterSecrets {
    authorities: BTreeMap<String, Pair>,
    token_key: String,
}

#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Pair {
    certificate: String,
    key: String,
}

impl fmt::Debug for ClusterSecrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.authorities.keys()).finish()
    }
}

impl ClusterSecrets {
    /// Those of a layout; what is missing is made. Nothing is written.
    pub fn of(layout: &Layout, now: Timestamp) -> Result<Self, PkiError> {
        let mut authorities = BTreeMap::new();
        for (name, common_name) in AUTHORITIES {
            let authority = match kept::existing_authority(layout, name)? {
                Some(authority) => authority,
                None => Authority::create(common_name, now)?,
            };
            let pair = Pair {
                certificate: authority.certificate().to_pem(),
                key: authority.key().to_pem()?,
            };
            authorities.insert(name.to_owned(), pair);
        }
        let path = layout.key(TOKEN_KEY);
        let token_key = match layout.read(&path)? {
            Some(text) => {
                Key::from_pem(&text).map_err(|error| error.in_file(&path))?;
                text
            }
            None => Key::generate_rsa()?.to_pem()?,
        };
        Ok(Self {
            authorities,
            token_key,
        })
    }

    /// The authority that signs servers and clients.
    pub fn authority(&self) -> Result<Certificate, PkiError> {
        let pair = self.authorities.get(AUTHORITIES[0].0);
        let missing = || PkiError::Certificate(String::from("the cluster's authority is missing"));
        Certificate::from_pem(&pair.ok_or_else(missing)?.certificate)
    }

    /// The first file of a layout that is there and belongs to another cluster.
    pub fn foreign_file(&self, layout: &Layout) -> Result<Option<std::path::PathBuf>, PkiError> {
        for (name, pair) in &self.authorities {
            let path = layout.certificate(name);
            let Some(text) = layout.read(&path)? else { continue };
            let (here, ours) = (
                Certificate::from_pem(&text),
                Certificate::from_pem(&pair.certificate)?,
            );
            if here.map_err(|error| error.in_file(&path))?.fingerprint() != ours.fingerprint() {
                return Ok(Some(path));
            }
        }
        let path = layout.key(TOKEN_KEY);
        let Some(text) = layout.read(&path)? else {
            return Ok(None);
        };
        let (here, ours) = (Key::from_pem(&text), Key::from_pem(&self.token_key)?);
        let here = here.map_err(|error| error.in_file(&path))?;
        Ok((here.public_der() != ours.public_der()).then_some(path))
    }

    /// Writes what a layout lacks. A key is there before its certificate.
    pub fn write(&self, layout: &Layout) -> Result<(), PkiError> {
        let put = |path: std::path::PathBuf, text: &str| match layout.read(&path)? {
            Some(_) => Ok(()),
            None => layout.write(&path, text, true),
        };
        for (name, pair) in &self.authorities {
            put(layout.key(name), &pair.key)?;
            put(layout.certificate(name), &pair.certificate)?;
        }
        put(
            layout.public_key(TOKEN_KEY),
            &Key::from_pem(&self.token_key)?.public_pem(),
        )?;
        put(layout.key(TOKEN_KEY), &self.token_key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::{ServerPki, Wanted};

    fn now() -> Timestamp {
        "2026-01-01T00:00:00Z".parse().expect("a time")
    }

    #[test]
    fn two_servers_with_the_same_secrets_are_of_one_cluster() {
        let (first, second) = (
            tempfile::tempdir().expect("folder"),
            tempfile::tempdir().expect("folder"),
        );
        let (first, second) = (Layout::in_folder(first.path()), Layout::in_folder(second.path()));
        let secrets = ClusterSecrets::of(&first, now()).expect("made");
        assert!(
            first.read(&first.key("ca")).expect("read").is_none(),
            "nothing is written"
        );
        let text = serde_json::to_string(&secrets).expect("JSON");
        let secrets: ClusterSecrets = serde_json::from_str(&text).expect("read");
        for layout in [&first, &second] {
            secrets.write(layout).expect("written");
            secrets.write(layout).expect("written again");
            assert_eq!(secrets.foreign_file(layout).expect("read"), None);
        }
        let ensure = |layout| ServerPki::ensure(layout, &Wanted::default(), now()).expect("made");
        let (one, other) = (ensure(&first), ensure(&second));
        let fingerprint = |pki: &ServerPki| pki.authority.certificate().fingerprint();
        assert_eq!(fingerprint(&one), fingerprint(&other));
        let of_secrets = secrets.authority().expect("there").fingerprint();
        assert_eq!(fingerprint(&one), of_secrets);
        assert_ne!(
            one.serving.certificate.fingerprint(),
            other.serving.certificate.fingerprint()
        );
        // What a server has is what it gives to others.
        assert_eq!(ClusterSecrets::of(&first, now()).expect("read"), secrets);
    }

    #[test]
    fn a_folder_of_another_cluster_is_known() {
        let folder = tempfile::tempdir().expect("folder");
        let layout = Layout::in_folder(folder.path());
        let secrets = ClusterSecrets::of(&layout, now()).expect("made");
        let other = ClusterSecrets::of(&Layout::in_memory(), now()).expect("made");
        secrets.write(&layout).expect("written");
        let foreign = other.foreign_file(&layout).expect("read");
        assert_eq!(foreign, Some(layout.certificate("ca")));
        assert!(!format!("{secrets:?}").contains("PRIVATE"));
        std::fs::write(layout.key("ca"), "").expect("written");
        ClusterSecrets::of(&layout, now()).expect_err("half of an authority is damage");
    }
}
