//! Front proxies: they have authenticated the user, and say in headers who it is.

use std::collections::BTreeMap;

use async_trait::async_trait;
use http::HeaderMap;
use meta::User;

use crate::authenticator::{Authenticated, AuthenticationError, Authenticator, Credentials};
use crate::percent;
use crate::x509::ChainVerifier;

/// Which headers say what; each list in order of preference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeaderNames {
    /// The user's name.
    pub user: Vec<String>,
    /// The user's UID.
    pub uid: Vec<String>,
    /// Groups, a header each.
    pub group: Vec<String>,
    /// What extra facts' headers begin with.
    pub extra_prefix: Vec<String>,
}

impl Default for HeaderNames {
    fn default() -> Self {
        let one = |name: &str| vec![name.to_owned()];
        Self {
            user: one("x-remote-user"),
            uid: one("x-remote-uid"),
            group: one("x-remote-group"),
            extra_prefix: one("x-remote-extra-"),
        }
    }
}

/// Believes the headers of whoever shows a certificate of the front-proxy authority.
pub struct RequestHeaderAuthenticator {
    /// Verifies the proxy's certificate (`--requestheader-client-ca-file`).
    pub verifier: ChainVerifier,
    /// Which proxies are believed, by common name; all, if empty (`--requestheader-allowed-names`).
    pub allowed_names: Vec<String>,
    /// Which headers count.
    pub headers: HeaderNames,
}

#[async_trait]
impl Authenticator for RequestHeaderAuthenticator {
    async fn authenticate(
        &self,
        credentials: &Credentials<'_>,
    ) -> Result<Option<Authenticated>, AuthenticationError> {
        let Some(headers) = credentials.headers else {
            return Ok(None);
        };
        // An ordinary client's certificate is of another authority: that is for the next authenticator to judge.
        let Some(user) = self.headers.user_of(headers) else {
            return Ok(None);
        };
        if credentials.peer_certificates.is_empty() {
            return Ok(None);
        }
        let verified = self
            .verifier
            .verify(credentials.peer_certificates, credentials.now)?;
        let name = &verified.certificate.common_name;
        if !self.allowed_names.is_empty() && !self.allowed_names.contains(name) {
            return Err(AuthenticationError(format!(
                "x509: subject with cn={name} is not in the allowed list"
            )));
        }
        Ok(Some(user.into()))
    }
}

impl HeaderNames {
    /// The user that the headers tell of.
    fn user_of(&self, headers: &HeaderMap) -> Option<User> {
        let name = first(headers, &self.user)?;
        let groups = self.group.iter().flat_map(|name| all(headers, name)).collect();
        let mut extra: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (header, value) in headers {
            let key = (self.extra_prefix.iter()).find_map(|p| strip_prefix(header.as_str(), p));
            if let (Some(key), Ok(value)) = (key, value.to_str()) {
                extra
                    .entry(percent::decode(key))
                    .or_default()
                    .push(value.to_owned());
            }
        }
        Some(User {
            name,
            uid: first(headers, &self.uid).unwrap_or_default(),
            groups,
            extra,
        })
    }

    /// Whether a header of that name is one of these; none of them may reach those behind this server.
    pub fn contains(&self, header: &str) -> bool {
        let plain = [&self.user, &self.uid, &self.group].into_iter().flatten();
        plain.into_iter().any(|name| name.eq_ignore_ascii_case(header))
            || (self.extra_prefix.iter()).any(|prefix| strip_prefix(header, prefix).is_some())
    }
}

fn first(headers: &HeaderMap, names: &[String]) -> Option<String> {
    names
        .iter()
        .flat_map(|name| all(headers, name))
        .find(|value| !value.is_empty())
}

fn all(headers: &HeaderMap, name: &str) -> Vec<String> {
    let values = headers.get_all(name).iter();
    values
        .filter_map(|v| v.to_str().ok())
        .map(str::to_owned)
        .collect()
}

/// Header names come in lower case; configuration may not.
fn strip_prefix<'a>(header: &'a str, prefix: &str) -> Option<&'a str> {
    let (start, rest) = header.split_at_checked(prefix.len())?;
    start.eq_ignore_ascii_case(prefix).then_some(rest)
}

#[cfg(test)]
mod tests {
    use http::HeaderName;
    use jiff::Timestamp;
    use pki::{Authority, Profile};

    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for &(name, value) in pairs {
            headers.append(HeaderName::from_static(name), value.parse().expect("a header"));
        }
        headers
    }

    #[tokio::test]
    async fn headers_count_only_from_a_front_proxy() {
        let now: Timestamp = "2026-01-01T00:00:00Z".parse().expect("a time");
        let proxies = Authority::create("front-proxy-ca", now).expect("authority");
        let clients = Authority::create("kubernetes", now).expect("authority");
        let told = headers(&[
            ("x-remote-user", "alice"),
            ("x-remote-uid", "7"),
            ("x-remote-group", "g1"),
            ("x-remote-group", "g2"),
            ("x-remote-extra-example.com%2fscope", "view"),
        ]);
        let alice = User {
            name: String::from("alice"),
            uid: String::from("7"),
            groups: vec![String::from("g1"), String::from("g2")],
            extra: [(String::from("example.com/scope"), vec![String::from("view")])].into(),
        };
        let untold = headers(&[("x-remote-group", "system:masters")]);
        let cases = [
            (Some((&proxies, "front-proxy-client")), &told, Ok(Some(alice))),
            (Some((&proxies, "front-proxy-client")), &untold, Ok(None)),
            (Some((&proxies, "other")), &told, Err(())),
            (Some((&clients, "front-proxy-client")), &told, Err(())),
            (None, &told, Ok(None)),
        ];
        for (certificate, headers, wanted) in cases {
            let authenticator = RequestHeaderAuthenticator {
                verifier: ChainVerifier::from_pem(&proxies.certificate().to_pem()).expect("authority"),
                allowed_names: vec![String::from("front-proxy-client")],
                headers: HeaderNames::default(),
            };
            let chain: Vec<_> = certificate
                .map(|(issuer, name)| issuer.issue(&Profile::client(name, &[]), now).expect("issued"))
                .map(|issued| issued.certificate.der().clone())
                .into_iter()
                .collect();
            let credentials = Credentials {
                peer_certificates: &chain,
                headers: Some(headers),
                now,
                ..Credentials::default()
            };
            let found = authenticator.authenticate(&credentials).await;
            assert_eq!(found.map(|f| f.map(|a| a.user)).map_err(|_| ()), wanted);
        }
    }

    #[test]
    fn the_headers_are_known_by_name() {
        let names = HeaderNames::default();
        for (header, known) in [
            ("x-remote-user", true),
            ("X-Remote-Extra-Foo", true),
            ("x-remote", false),
        ] {
            assert_eq!(names.contains(header), known, "{header}");
        }
    }
}
