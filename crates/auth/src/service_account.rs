//! Service-account tokens: signed by this cluster, and bound to objects that must still be there.

use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use meta::User;
use meta::quote::quote;
use pki::jwt::{self, TokenError};
use pki::{PkiError, PublicKey, Reference, ServiceAccountClaims, TokenKey};
use serde::Deserialize;

use crate::authenticator::{Authenticated, AuthenticationError, Authenticator, Credentials};
use crate::remember::{Remembered, digest};

/// How many tokens are remembered per generation: about one for each pod.
const REMEMBERED: usize = 65_536;
/// Clocks differ: a token counts that long before and after its time, and an object that long after its deletion.
const LEEWAY_SECONDS: i64 = 60;

const CREDENTIAL_ID: &str = "authentication.kubernetes.io/credential-id";
const NODE_NAME: &str = "authentication.kubernetes.io/node-name";
const NODE_UID: &str = "authentication.kubernetes.io/node-uid";
const POD_NAME: &str = "authentication.kubernetes.io/pod-name";
const POD_UID: &str = "authentication.kubernetes.io/pod-uid";

/// What a token can be bound to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum BoundKind {
    ServiceAccount,
    Pod,
    Secret,
    Node,
}

/// An object that a token is bound to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BoundObject {
    /// Its UID.
    pub uid: String,
    /// When its deletion began or begins.
    pub deleted_at: Option<Timestamp>,
}

/// Looks up what tokens are bound to; asked several times for every request with a token.
#[async_trait]
pub trait BoundObjects: Send + Sync {
    /// The object, if it is there. The namespace is empty for nodes.
    async fn find(&self, kind: BoundKind, namespace: &str, name: &str) -> Option<BoundObject>;
}

/// The keys that verify tokens.
pub trait TokenKeys: Send + Sync {
    /// All of them. May wait for the first key of a new cluster.
    fn keys(&self) -> Result<Arc<[PublicKey]>, PkiError>;
}

/// The signing key, and those that signed before it.
pub struct Keyring {
    signing: TokenKey,
    others: Vec<PublicKey>,
    all: std::sync::OnceLock<Arc<[PublicKey]>>,
}

impl Keyring {
    /// A keyring (`--service-account-signing-key-file` and `--service-account-key-file`).
    pub fn new(signing: TokenKey, others: Vec<PublicKey>) -> Self {
        Self {
            signing,
            others,
            all: std::sync::OnceLock::new(),
        }
    }
}

impl TokenKeys for Keyring {
    fn keys(&self) -> Result<Arc<[PublicKey]>, PkiError> {
        if let Some(all) = self.all.get() {
            return Ok(Arc::clone(all));
        }
        let signing = PublicKey::from_der(self.signing.get()?.public_der())?;
        let mut all = self.others.clone();
        if all.iter().all(|key| key.id() != signing.id()) {
            all.insert(0, signing);
        }
        Ok(Arc::clone(self.all.get_or_init(|| all.into())))
    }
}

/// Authenticates by service-account tokens.
pub struct ServiceAccountAuthenticator {
    issuers: Vec<String>,
    audiences: Vec<String>,
    keys: Arc<dyn TokenKeys>,
    objects: Arc<dyn BoundObjects>,
    verified: Remembered<ServiceAccountClaims>,
}

#[derive(Deserialize)]
struct Issuer {
    #[serde(default)]
    iss: String,
}

impl ServiceAccountAuthenticator {
    /// Believes tokens of these issuers (`--service-account-issuer`); without another wish they must be for one of
    /// `audiences` (`--api-audiences`).
    pub fn new(
        issuers: Vec<String>,
        audiences: Vec<String>,
        keys: Arc<dyn TokenKeys>,
        objects: Arc<dyn BoundObjects>,
    ) -> Self {
        Self {
            issuers,
            audiences,
            keys,
            objects,
            verified: Remembered::new(REMEMBERED),
        }
    }

    /// The claims, if the signature is good; none if the token is somebody else's.
    fn claims(&self, token: &str) -> Result<Option<Arc<ServiceAccountClaims>>, AuthenticationError> {
        let key = digest([token.as_bytes()]);
        if let Some(claims) = self.verified.get(&key) {
            return Ok(Some(claims));
        }
        match jwt::unverified_claims::<Issuer>(token) {
            Ok(Issuer { iss }) if self.issuers.contains(&iss) => {}
            Ok(_) | Err(TokenError::Malformed) => return Ok(None),
            Err(error) => return Err(refused(error)),
        }
        let keys = self.keys.keys().map_err(refused)?;
        let claims: ServiceAccountClaims = jwt::verify(token, &keys).map_err(refused)?;
        Ok(Some(self.verified.insert(key, claims)))
    }

    async fn check_objects(
        &self,
        claims: &ServiceAccountClaims,
        now: Timestamp,
    ) -> Result<(), AuthenticationError> {
        let bound = &claims.bound_to;
        let namespace = bound.namespace.as_str();
        let account = &bound.serviceaccount;
        let name = &account.name;
        let find = |kind, namespace, reference: &Reference| {
            let name = reference.name.clone();
            async move { self.objects.find(kind, namespace, &name).await }
        };
        match find(BoundKind::ServiceAccount, namespace, account).await {
            None => return Err(refused(format!("serviceaccounts {} not found", quote(name)))),
            Some(found) if is_gone(&found, now) => {
                return Err(refused(format!(
                    "service account {namespace}/{name} has been deleted"
                )));
            }
            Some(found) if found.uid != account.uid => {
                return Err(refused(format!(
                    "service account UID ({}) does not match claim ({})",
                    found.uid, account.uid
                )));
            }
            Some(_) => {}
        }
        let bound_objects = [
            (BoundKind::Secret, namespace, "secret", &bound.secret),
            (BoundKind::Pod, namespace, "pod", &bound.pod),
            // A pod's token names its node too, which may go before the pod does.
            (
                BoundKind::Node,
                "",
                "node",
                if bound.pod.is_some() { &None } else { &bound.node },
            ),
        ];
        for (kind, namespace, word, reference) in bound_objects {
            let Some(reference) = reference else { continue };
            match find(kind, namespace, reference).await {
                Some(found) if is_gone(&found, now) => return Err(invalidated()),
                Some(found) if found.uid != reference.uid => {
                    return Err(refused(format!(
                        "{word} UID ({}) does not match service account {word} ref claim ({})",
                        found.uid, reference.uid
                    )));
                }
                Some(_) => {}
                None => return Err(invalidated()),
            }
        }
        Ok(())
    }
}

#[async_trait]
impl Authenticator for ServiceAccountAuthenticator {
    async fn authenticate(
        &self,
        credentials: &Credentials<'_>,
    ) -> Result<Option<Authenticated>, AuthenticationError> {
        let Some(token) = credentials.bearer_token.as_deref() else {
            return Ok(None);
        };
        let Some(claims) = self.claims(token)? else {
            return Ok(None);
        };
        let wanted = match credentials.audiences {
            [] => self.audiences.as_slice(),
            wanted => wanted,
        };
        let is_meant = |audience: &&String| wanted.contains(audience);
        let audiences: Vec<String> = claims.audiences.iter().filter(is_meant).cloned().collect();
        if audiences.is_empty() {
            return Err(refused(format!(
                "token audiences {} is invalid for the target audiences {}",
                list(&claims.audiences),
                list(wanted)
            )));
        }
        check_time(&claims, credentials.now)?;
        self.check_objects(&claims, credentials.now).await?;
        Ok(Some(Authenticated {
            user: user(&claims),
            audiences,
        }))
    }
}

fn check_time(claims: &ServiceAccountClaims, now: Timestamp) -> Result<(), AuthenticationError> {
    let now = now.as_second();
    if now - LEEWAY_SECONDS > claims.expires_at {
        Err(refused("service account token has expired"))
    } else if now + LEEWAY_SECONDS < claims.not_before {
        Err(refused("service account token is not valid yet"))
    } else {
        Ok(())
    }
}

fn is_gone(object: &BoundObject, now: Timestamp) -> bool {
    let latest = now.as_second() - LEEWAY_SECONDS;
    object
        .deleted_at
        .is_some_and(|deleted| deleted.as_second() < latest)
}

fn user(claims: &ServiceAccountClaims) -> User {
    let bound = &claims.bound_to;
    let mut user = User::service_account(&bound.namespace, &bound.serviceaccount.name);
    // Every authenticated user joins that group later, and in another order.
    user.groups.truncate(2);
    user.uid.clone_from(&bound.serviceaccount.uid);
    let mut tell = |key: &str, value: &str| {
        if !value.is_empty() {
            user.extra.insert(key.to_owned(), vec![value.to_owned()]);
        }
    };
    if !claims.id.is_empty() {
        tell(CREDENTIAL_ID, &format!("JTI={}", claims.id));
    }
    for (reference, name_key, uid_key) in [
        (&bound.pod, POD_NAME, POD_UID),
        (&bound.node, NODE_NAME, NODE_UID),
    ] {
        if let Some(reference) = reference {
            tell(name_key, &reference.name);
            tell(uid_key, &reference.uid);
        }
    }
    user
}

fn list(texts: &[String]) -> String {
    let quoted: Vec<String> = texts.iter().map(|text| quote(text)).collect();
    format!("[{}]", quoted.join(" "))
}

fn invalidated() -> AuthenticationError {
    refused("service account token has been invalidated")
}

fn refused(why: impl std::fmt::Display) -> AuthenticationError {
    AuthenticationError(why.to_string())
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use jiff::SignedDuration;
    use pki::{Binding, Key};

    use super::*;

    const API: &str = "https://kubernetes.default.svc";

    #[derive(Default)]
    struct Objects(HashMap<(BoundKind, &'static str, &'static str), BoundObject>);

    #[async_trait]
    impl BoundObjects for Objects {
        async fn find(&self, kind: BoundKind, namespace: &str, name: &str) -> Option<BoundObject> {
            let found = self.0.iter().find(|(key, _)| **key == (kind, namespace, name));
            found.map(|(_, object)| object.clone())
        }
    }

    fn time(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("a time")
    }

    fn objects() -> Objects {
        let object = |uid: &str, deleted_at: Option<i64>| BoundObject {
            uid: uid.to_owned(),
            deleted_at: deleted_at.map(time),
        };
        Objects(HashMap::from([
            ((BoundKind::ServiceAccount, "d", "sa"), object("u1", None)),
            (
                (BoundKind::ServiceAccount, "d", "going"),
                object("u1", Some(1000)),
            ),
            ((BoundKind::ServiceAccount, "d", "gone"), object("u1", Some(900))),
            ((BoundKind::Pod, "d", "p"), object("u2", None)),
            ((BoundKind::Secret, "d", "s"), object("u3", None)),
            ((BoundKind::Node, "", "n"), object("u4", None)),
        ]))
    }

    fn bound(account: &str, uid: &str) -> Binding {
        Binding {
            namespace: String::from("d"),
            serviceaccount: Reference::new(account, uid),
            ..Binding::default()
        }
    }

    struct Case {
        binding: Binding,
        issuer: &'static str,
        audiences: &'static [&'static str],
        wanted: &'static [&'static str],
        age_seconds: i64,
        answer: Result<Option<&'static [&'static str]>, &'static str>,
    }

    impl Default for Case {
        fn default() -> Self {
            Self {
                binding: bound("sa", "u1"),
                issuer: API,
                audiences: &[API],
                wanted: &[],
                age_seconds: 0,
                answer: Ok(Some(&[API])),
            }
        }
    }

    fn cases() -> Vec<Case> {
        let with = |change: fn(&mut Binding)| {
            let mut binding = bound("sa", "u1");
            change(&mut binding);
            binding
        };
        vec![
            Case::default(),
            Case {
                issuer: "other",
                answer: Ok(None),
                ..Case::default()
            },
            Case {
                audiences: &["vault"],
                answer: Err(
                    r#"token audiences ["vault"] is invalid for the target audiences ["https://kubernetes.default.svc"]"#,
                ),
                ..Case::default()
            },
            Case {
                audiences: &["vault", API],
                wanted: &["vault", "x"],
                answer: Ok(Some(&["vault"])),
                ..Case::default()
            },
            Case {
                age_seconds: 3660,
                ..Case::default()
            },
            Case {
                age_seconds: 3661,
                answer: Err("service account token has expired"),
                ..Case::default()
            },
            Case {
                age_seconds: -61,
                answer: Err("service account token is not valid yet"),
                ..Case::default()
            },
            Case {
                binding: bound("x", "u1"),
                answer: Err(r#"serviceaccounts "x" not found"#),
                ..Case::default()
            },
            Case {
                binding: bound("sa", "u0"),
                answer: Err("service account UID (u1) does not match claim (u0)"),
                ..Case::default()
            },
            Case {
                binding: bound("going", "u1"),
                ..Case::default()
            },
            Case {
                binding: bound("gone", "u1"),
                answer: Err("service account d/gone has been deleted"),
                ..Case::default()
            },
            Case {
                binding: with(|b| b.pod = Some(Reference::new("p", "u2"))),
                ..Case::default()
            },
            Case {
                binding: with(|b| b.pod = Some(Reference::new("p", "u0"))),
                answer: Err("pod UID (u2) does not match service account pod ref claim (u0)"),
                ..Case::default()
            },
            Case {
                binding: with(|b| b.pod = Some(Reference::new("x", "u2"))),
                answer: Err("service account token has been invalidated"),
                ..Case::default()
            },
            Case {
                binding: with(|b| b.secret = Some(Reference::new("s", "u3"))),
                ..Case::default()
            },
            Case {
                binding: with(|b| b.secret = Some(Reference::new("x", "u3"))),
                answer: Err("service account token has been invalidated"),
                ..Case::default()
            },
            Case {
                binding: with(|b| b.node = Some(Reference::new("n", "u4"))),
                ..Case::default()
            },
            Case {
                binding: with(|b| b.node = Some(Reference::new("x", "u4"))),
                answer: Err("service account token has been invalidated"),
                ..Case::default()
            },
            Case {
                binding: with(|b| {
                    b.pod = Some(Reference::new("p", "u2"));
                    b.node = Some(Reference::new("x", "u4"));
                }),
                ..Case::default()
            },
        ]
    }

    fn strings(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|&t| t.to_owned()).collect()
    }

    #[tokio::test]
    async fn a_token_counts_while_all_it_names_is_there() {
        let key = Key::generate_ecdsa().expect("key");
        let other = Key::generate_ecdsa().expect("key");
        let verifying = PublicKey::from_der(key.public_der()).expect("key");
        let keyring = Keyring::new(
            TokenKey::from(Key::generate_ecdsa().expect("key")),
            vec![verifying],
        );
        let authenticator = ServiceAccountAuthenticator::new(
            strings(&[API]),
            strings(&[API]),
            Arc::new(keyring),
            Arc::new(objects()),
        );
        let ask = async |token: String, wanted: &[String], now: i64| {
            let credentials = Credentials {
                bearer_token: Some(token.into()),
                audiences: wanted,
                now: time(now),
                ..Credentials::default()
            };
            authenticator.authenticate(&credentials).await
        };
        for case in cases() {
            let claims = ServiceAccountClaims::new(
                case.issuer,
                strings(case.audiences),
                case.binding.clone(),
                time(1000),
                SignedDuration::from_secs(3600),
            );
            let token = jwt::sign(&claims, &key).expect("signed");
            // Twice: the second answer comes from memory.
            for _ in 0..2 {
                let found = ask(token.clone(), &strings(case.wanted), 1000 + case.age_seconds).await;
                let audiences = found.clone().map(|f| f.map(|a| a.audiences));
                let wanted = case
                    .answer
                    .map(|a| a.map(strings))
                    .map_err(|e| AuthenticationError(e.to_owned()));
                assert_eq!(audiences, wanted, "{:?}", case.binding);
            }
            let forged = jwt::sign(&claims, &other).expect("signed");
            let found = ask(forged, &[], 1000).await;
            assert_eq!(found.is_err(), case.issuer == API, "{found:?}");
        }
        assert_eq!(ask(String::from("abc"), &[], 1000).await, Ok(None));
    }

    #[test]
    fn the_user_tells_of_pod_node_and_token() {
        let mut binding = bound("sa", "u1");
        binding.pod = Some(Reference::new("p", "u2"));
        binding.node = Some(Reference::new("n", ""));
        let claims = ServiceAccountClaims::new(API, vec![], binding, time(0), SignedDuration::from_secs(1));
        let user = user(&claims);
        assert_eq!(user.name, "system:serviceaccount:d:sa");
        assert_eq!(user.uid, "u1");
        assert_eq!(
            user.groups,
            ["system:serviceaccounts", "system:serviceaccounts:d"]
        );
        let extra: Vec<(&str, &str)> = user
            .extra
            .iter()
            .map(|(k, v)| (k.as_str(), v[0].as_str()))
            .collect();
        let id = format!("JTI={}", claims.id);
        assert_eq!(
            extra,
            [
                (CREDENTIAL_ID, id.as_str()),
                (NODE_NAME, "n"),
                (POD_NAME, "p"),
                (POD_UID, "u2")
            ]
        );
    }
}
