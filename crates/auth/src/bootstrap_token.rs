//! Bootstrap tokens: what a joining node has before it has a certificate (KEP: `bootstrap.kubernetes.io/token` secrets).

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use aws_lc_rs::constant_time::verify_slices_are_equal;
use jiff::Timestamp;
use meta::User;

use crate::authenticator::{Authenticated, AuthenticationError, Authenticator, Credentials};

/// The type of the secrets that hold the tokens.
pub const SECRET_TYPE: &str = "bootstrap.kubernetes.io/token";
/// Their namespace.
pub const NAMESPACE: &str = "kube-system";
/// What their names begin with; the token's ID follows.
pub const NAME_PREFIX: &str = "bootstrap-token-";
/// The group of every bootstrap token.
pub const GROUP: &str = "system:bootstrappers";

const ID_LENGTH: usize = 6;
const SECRET_LENGTH: usize = 16;
const LONGEST_GROUP_TAIL: usize = 256;

/// A secret, as far as authentication looks at it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Secret {
    /// `type`.
    pub kind: String,
    /// Whether its deletion has begun.
    pub is_deleting: bool,
    /// `data`, decoded.
    pub data: BTreeMap<String, Vec<u8>>,
}

/// Looks up secrets.
#[async_trait]
pub trait Secrets: Send + Sync {
    /// The secret, if it is there.
    async fn secret(&self, namespace: &str, name: &str) -> Option<Secret>;
}

/// Authenticates by bootstrap tokens.
pub struct BootstrapTokenAuthenticator(pub Arc<dyn Secrets>);

#[async_trait]
impl Authenticator for BootstrapTokenAuthenticator {
    async fn authenticate(
        &self,
        credentials: &Credentials<'_>,
    ) -> Result<Option<Authenticated>, AuthenticationError> {
        let Some((id, secret)) = credentials.bearer_token.as_deref().and_then(parse) else {
            return Ok(None);
        };
        let held = self.0.secret(NAMESPACE, &format!("{NAME_PREFIX}{id}")).await;
        Ok(held
            .and_then(|held| held.user(id, secret, credentials.now))
            .map(Authenticated::from))
    }
}

/// ID and secret of a token: `abcdef.0123456789abcdef`.
pub fn parse(token: &str) -> Option<(&str, &str)> {
    let (id, secret) = token.split_once('.')?;
    let is_plain = |text: &str| text.bytes().all(|b| b.is_ascii_digit() || b.is_ascii_lowercase());
    let fits = id.len() == ID_LENGTH && secret.len() == SECRET_LENGTH && is_plain(id) && is_plain(secret);
    fits.then_some((id, secret))
}

impl Secret {
    /// Who shows this token, if it is the token and still counts.
    fn user(&self, id: &str, secret: &str, now: Timestamp) -> Option<User> {
        let text = |key: &str| {
            let value = self.data.get(key).map(Vec::as_slice).unwrap_or_default();
            std::str::from_utf8(value).unwrap_or_default()
        };
        let same = verify_slices_are_equal(text("token-secret").as_bytes(), secret.as_bytes()).is_ok();
        let counts = self.kind == SECRET_TYPE
            && !self.is_deleting
            && same
            && text("token-id") == id
            && !has_expired(text("expiration"), now)
            && text("usage-bootstrap-authentication") == "true";
        if !counts {
            return None;
        }
        let mut groups = vec![GROUP.to_owned()];
        for group in text("auth-extra-groups")
            .split(',')
            .filter(|group| !group.is_empty())
        {
            if !is_bootstrap_group(group) {
                return None;
            }
            if !groups.iter().any(|g| g == group) {
                groups.push(group.to_owned());
            }
        }
        groups[1..].sort_unstable();
        Some(User {
            name: format!("system:bootstrap:{id}"),
            groups,
            ..User::default()
        })
    }
}

/// An expiration that cannot be read has passed.
fn has_expired(expiration: &str, now: Timestamp) -> bool {
    !expiration.is_empty() && expiration.parse::<Timestamp>().map_or(true, |at| at <= now)
}

/// `system:bootstrappers:` and letters, digits, colons and dashes, no dash or colon at the end.
fn is_bootstrap_group(group: &str) -> bool {
    let Some(tail) = group.strip_prefix(GROUP).and_then(|rest| rest.strip_prefix(':')) else {
        return false;
    };
    let is_letter = |b: u8| b.is_ascii_digit() || b.is_ascii_lowercase();
    tail.len() <= LONGEST_GROUP_TAIL
        && tail.bytes().last().is_some_and(is_letter)
        && tail.bytes().all(|b| is_letter(b) || b == b':' || b == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    struct One(Secret);

    #[async_trait]
    impl Secrets for One {
        async fn secret(&self, namespace: &str, name: &str) -> Option<Secret> {
            (namespace == "kube-system" && name == "bootstrap-token-abcdef").then(|| self.0.clone())
        }
    }

    const TOKEN: &str = "abcdef.0123456789abcdef";

    async fn ask(change: (&str, &str), token: &str) -> Option<Vec<String>> {
        let mut secret = Secret {
            kind: SECRET_TYPE.to_owned(),
            ..Secret::default()
        };
        for (key, value) in [
            ("token-id", "abcdef"),
            ("token-secret", "0123456789abcdef"),
            ("usage-bootstrap-authentication", "true"),
            change,
        ] {
            secret.data.insert(key.to_owned(), value.into());
        }
        if change.0 == "type" {
            secret.kind = change.1.to_owned();
        }
        let credentials = Credentials {
            bearer_token: Some(token.into()),
            now: "2026-01-01T00:00:00Z".parse().expect("a time"),
            ..Credentials::default()
        };
        let found = BootstrapTokenAuthenticator(Arc::new(One(secret)))
            .authenticate(&credentials)
            .await
            .expect("no error");
        found.map(|f| {
            assert_eq!(f.user.name, "system:bootstrap:abcdef");
            f.user.groups
        })
    }

    #[tokio::test]
    async fn a_token_counts_while_its_secret_says_so() {
        type Case = (
            (&'static str, &'static str),
            &'static str,
            Option<&'static [&'static str]>,
        );
        let plain: Option<&[&str]> = Some(&["system:bootstrappers"]);
        let cases: [Case; 14] = [
            (("", ""), TOKEN, plain),
            (("", ""), "abcdef.0123456789abcdeX", None),
            (("", ""), "abcdef.0123456789abcdee", None),
            (("", ""), "abcdee.0123456789abcdef", None),
            (("", ""), "abcdef.0123456789abcdef0", None),
            (("token-id", "x"), TOKEN, None),
            (("type", "Opaque"), TOKEN, None),
            (("usage-bootstrap-authentication", "false"), TOKEN, None),
            (("expiration", "2026-01-02T00:00:00Z"), TOKEN, plain),
            (("expiration", "2026-01-01T00:00:00Z"), TOKEN, None),
            (("expiration", "tomorrow"), TOKEN, None),
            (("auth-extra-groups", "system:masters"), TOKEN, None),
            (("auth-extra-groups", "system:bootstrappers:a-"), TOKEN, None),
            (
                (
                    "auth-extra-groups",
                    "system:bootstrappers:pintle:b,system:bootstrappers:a",
                ),
                TOKEN,
                Some(&[
                    "system:bootstrappers",
                    "system:bootstrappers:a",
                    "system:bootstrappers:pintle:b",
                ]),
            ),
        ];
        for (change, token, groups) in cases {
            let found = ask(change, token).await;
            let groups = groups.map(|g| g.iter().map(|&t| t.to_owned()).collect::<Vec<_>>());
            assert_eq!(found, groups, "{change:?} {token}");
        }
    }
}
