//! Authorities, certificates and kubeconfigs that are kept in files: read if good, else made.

use jiff::Timestamp;

use crate::authority::Authority;
use crate::certificate::Certificate;
use crate::error::PkiError;
use crate::identity::Identity;
use crate::key::Key;
use crate::kubeconfig::{Credential, Kubeconfig};
use crate::layout::Layout;
use crate::profile::Profile;
use crate::renewal::{Renewal, due_at};
use crate::usage::Usage;

/// Name of the cluster in kubeconfigs.
const CLUSTER: &str = "pintle";

/// The authority of that name. Made only where there is neither certificate nor key: half of one is a sign of damage, and
/// a new one would lock every client out.
pub(crate) fn authority(
    layout: &Layout,
    name: &str,
    common_name: &str,
    now: Timestamp,
) -> Result<Authority, PkiError> {
    if let Some(existing) = existing_authority(layout, name)? {
        return Ok(existing);
    }
    let authority = Authority::create(common_name, now)?;
    layout.write(&layout.key(name), &authority.key().to_pem()?, true)?;
    layout.write(&layout.certificate(name), &authority.certificate().to_pem(), true)?;
    Ok(authority)
}

/// The authority of that name, if there is anything of it.
pub(crate) fn existing_authority(layout: &Layout, name: &str) -> Result<Option<Authority>, PkiError> {
    let (certificate_path, key_path) = (layout.certificate(name), layout.key(name));
    let (certificate, key) = (layout.read(&certificate_path)?, layout.read(&key_path)?);
    if certificate.is_none() && key.is_none() {
        return Ok(None);
    }
    let certificate = Certificate::from_pem(&certificate.unwrap_or_default())
        .map_err(|error| error.in_file(&certificate_path))?;
    let key = Key::from_pem(&key.unwrap_or_default()).map_err(|error| error.in_file(&key_path))?;
    let authority = Authority::new(certificate, key).map_err(|error| error.in_file(&certificate_path))?;
    Ok(Some(authority))
}

/// Certificates below the authorities. These are replaced freely, so what cannot be read counts as missing.
pub(crate) struct Leaves<'a> {
    layout: &'a Layout,
    now: Timestamp,
    due_at: Timestamp,
}

impl<'a> Leaves<'a> {
    pub fn new(layout: &'a Layout, now: Timestamp) -> Self {
        Self {
            layout,
            now,
            due_at: Timestamp::MAX,
        }
    }

    /// When the first of them is due.
    pub fn due_at(&self) -> Timestamp {
        self.due_at
    }

    /// A certificate and a key, in a file each.
    pub fn pair(
        &mut self,
        authority: &Authority,
        name: &str,
        profile: &Profile,
    ) -> Result<Identity, PkiError> {
        let (certificate_path, key_path) = (self.layout.certificate(name), self.layout.key(name));
        let found = match (self.layout.read(&certificate_path)?, self.layout.read(&key_path)?) {
            (Some(certificate), Some(key)) => Identity::from_pem(certificate, key).ok(),
            _ => None,
        };
        if let Some(identity) = self.good(found, authority, profile) {
            return Ok(identity);
        }
        let mut identity = self.issue(authority, profile)?;
        if profile.usages.contains(&Usage::ServerAuth) {
            // Servers show their authority too: joining nodes know it by its hash.
            identity
                .certificate_pem
                .push_str(&authority.certificate().to_pem());
        }
        self.layout.write(&key_path, &identity.key_pem, false)?;
        self.layout
            .write(&certificate_path, &identity.certificate_pem, false)?;
        Ok(identity)
    }

    /// A kubeconfig with certificate and key inside.
    pub fn kubeconfig(
        &mut self,
        authority: &Authority,
        name: &str,
        profile: &Profile,
        server: &str,
    ) -> Result<Kubeconfig, PkiError> {
        let path = self.layout.kubeconfig(name);
        let authority_pem = authority.certificate().to_pem();
        let found = (self.layout.read(&path)?).and_then(|text| Kubeconfig::from_yaml(&text).ok());
        if let Some(config) = &found
            && config.server == server
            && config.certificate_authority == authority_pem
            && let Credential::Certificate { certificate, key } = &config.credential
            && let identity = Identity::from_pem(certificate.clone(), key.clone()).ok()
            && self.good(identity, authority, profile).is_some()
        {
            return Ok(config.clone());
        }
        let identity = self.issue(authority, profile)?;
        let config = Kubeconfig {
            cluster: CLUSTER.to_owned(),
            server: server.to_owned(),
            certificate_authority: authority_pem,
            user: profile.common_name.clone(),
            credential: Credential::Certificate {
                certificate: identity.certificate_pem,
                key: identity.key_pem,
            },
        };
        self.layout.write(&path, &config.to_yaml()?, false)?;
        Ok(config)
    }

    fn good(
        &mut self,
        found: Option<Identity>,
        authority: &Authority,
        profile: &Profile,
    ) -> Option<Identity> {
        let existing = found.as_ref().map(|identity| &identity.certificate);
        if Renewal::of(existing, profile, authority.certificate(), self.now).is_some() {
            return None;
        }
        if let Some(certificate) = existing {
            self.note(certificate);
        }
        found
    }

    fn issue(&mut self, authority: &Authority, profile: &Profile) -> Result<Identity, PkiError> {
        let identity = Identity::try_from(authority.issue(profile, self.now)?)?;
        self.note(&identity.certificate);
        Ok(identity)
    }

    fn note(&mut self, certificate: &Certificate) {
        self.due_at = self.due_at.min(due_at(certificate.validity));
    }
}
