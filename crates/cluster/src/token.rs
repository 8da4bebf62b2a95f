//! The tokens with which nodes join.

use std::fmt;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde_json::{Value, json};

/// The group of those who hold a join token, beside that of all bootstrap tokens.
pub const JOIN_GROUP: &str = "system:bootstrappers:pintle:node";

/// What a whole join token begins with, as k3s has it; the hash of the cluster's authority follows.
const PREFIX: &str = "K10";
const SEPARATOR: &str = "::";
const ID_LENGTH: usize = 6;
const SECRET_LENGTH: usize = 16;
const ALPHABET: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";

/// A Kubernetes bootstrap token: a public ID and a secret, `abcdef.0123456789abcdef`. `Debug` shows the ID alone.
#[derive(Clone, PartialEq, Eq)]
pub struct BootstrapToken {
    id: String,
    secret: String,
}

/// What a node needs to join: the token, and by what to know the cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JoinToken {
    /// SHA-256 of the authority's public key, in hexadecimal. Without it the first answer is believed.
    pub authority_hash: Option<String>,
    /// The token itself.
    pub token: BootstrapToken,
}

/// Why a text is no join token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// There is nothing.
    #[error("the token is empty")]
    Empty,
    /// It begins like a whole token and does not go on like one.
    #[error("the token begins with K10 but is not K10<SHA-256 of the authority>::<id>.<secret>")]
    Malformed,
    /// A server's own token of k3s, which names a user.
    #[error("this is a token of k3s; pintle's end in <id>.<secret>")]
    OfK3s,
}

impl BootstrapToken {
    /// Reads `<id>.<secret>`.
    pub fn parse(text: &str) -> Option<Self> {
        auth::bootstrap_token::parse(text).map(|(id, secret)| Self {
            id: id.to_owned(),
            secret: secret.to_owned(),
        })
    }

    /// A new one. None if the system gives no random numbers.
    pub fn generate() -> Option<Self> {
        let mut random = [0; 32];
        SystemRandom::new().fill(&mut random).ok()?;
        Some(Self::from_digest(&random))
    }

    /// The token that a free text stands for (`--token mysecret`), the same on every machine.
    fn from_passphrase(passphrase: &str) -> Self {
        let hash = digest(&SHA256, format!("pintle join token: {passphrase}").as_bytes());
        Self::from_digest(hash.as_ref())
    }

    fn from_digest(digest: &[u8]) -> Self {
        // 256 is not a multiple of 36, so some characters are a little likelier: of 83 bits, less than one is lost.
        let text: String = digest
            .iter()
            .map(|b| char::from(ALPHABET[usize::from(*b) % ALPHABET.len()]))
            .collect();
        Self {
            id: text[..ID_LENGTH].to_owned(),
            secret: text[ID_LENGTH..ID_LENGTH + SECRET_LENGTH].to_owned(),
        }
    }

    /// The public part.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The token as a bearer token.
    pub fn bearer(&self) -> String {
        format!("{}.{}", self.id, self.secret)
    }
}

impl fmt::Debug for BootstrapToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BootstrapToken({}.…)", self.id)
    }
}

impl JoinToken {
    /// Reads a whole token, a bare bootstrap token, or any other text that both sides know.
    pub fn parse(text: &str) -> Result<Self, TokenError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(TokenError::Empty);
        }
        let Some(rest) = text.strip_prefix(PREFIX) else {
            let token = BootstrapToken::parse(text).unwrap_or_else(|| BootstrapToken::from_passphrase(text));
            return Ok(Self {
                authority_hash: None,
                token,
            });
        };
        let (hash, token) = rest.split_once(SEPARATOR).ok_or(TokenError::Malformed)?;
        if token.contains(':') {
            return Err(TokenError::OfK3s);
        }
        let is_hash = hash.len() == 64 && hash.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        let token = BootstrapToken::parse(token)
            .filter(|_| is_hash)
            .ok_or(TokenError::Malformed)?;
        Ok(Self {
            authority_hash: Some(hash.to_owned()),
            token,
        })
    }

    /// Whether this is the cluster that the token is for.
    pub fn trusts(&self, authority: &pki::Certificate) -> bool {
        (self.authority_hash.as_ref()).is_none_or(|hash| *hash == authority.public_key_hash())
    }
}

/// The whole token, for people to copy.
impl fmt::Display for JoinToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.authority_hash {
            Some(hash) => write!(f, "{PREFIX}{hash}{SEPARATOR}{}", self.token.bearer()),
            None => f.write_str(&self.token.bearer()),
        }
    }
}

/// The secret in `kube-system` that makes a token count, for ever or until `expires_at`.
pub fn token_secret(token: &BootstrapToken, expires_at: Option<Timestamp>) -> Value {
    let encode = |text: &str| STANDARD.encode(text);
    let mut data = json!({
        "token-id": encode(&token.id),
        "token-secret": encode(&token.secret),
        "usage-bootstrap-authentication": encode("true"),
        "usage-bootstrap-signing": encode("true"),
        "auth-extra-groups": encode(JOIN_GROUP),
        "description": encode("Lets nodes join the cluster."),
    });
    if let Some(at) = expires_at {
        data["expiration"] = encode(&at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()).into();
    }
    json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "namespace": auth::bootstrap_token::NAMESPACE,
            "name": format!("{}{}", auth::bootstrap_token::NAME_PREFIX, token.id),
        },
        "type": auth::bootstrap_token::SECRET_TYPE,
        "data": data,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const HASH: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    #[test]
    fn tokens_are_read_as_they_are_written() {
        let token = BootstrapToken::generate().expect("random numbers");
        for authority_hash in [None, Some(HASH.to_owned())] {
            let join = JoinToken {
                authority_hash,
                token: token.clone(),
            };
            assert_eq!(JoinToken::parse(&format!(" {join}\n")), Ok(join));
        }
        assert!(!format!("{token:?}").contains(&token.secret));
    }

    #[test]
    fn what_is_no_token_is_refused_with_a_reason() {
        let cases = [
            (String::new(), TokenError::Empty),
            (
                String::from("K10abc::abcdef.0123456789abcdef"),
                TokenError::Malformed,
            ),
            (format!("K10{HASH}"), TokenError::Malformed),
            (format!("K10{HASH}::abcdef"), TokenError::Malformed),
            (format!("K10{HASH}::server:abcdef"), TokenError::OfK3s),
        ];
        for (text, error) in cases {
            assert_eq!(JoinToken::parse(&text), Err(error), "{text}");
        }
    }

    #[test]
    fn a_free_text_is_the_same_token_everywhere() {
        let token = |text: &str| JoinToken::parse(text).expect("a token").token.bearer();
        assert_eq!(token("mysecret"), token("mysecret"));
        assert_ne!(token("mysecret"), token("mysecret2"));
        assert!(BootstrapToken::parse(&token("mysecret")).is_some());
        assert_eq!(token("abcdef.0123456789abcdef"), "abcdef.0123456789abcdef");
    }

    #[test]
    fn the_right_cluster_is_known_by_its_authority() {
        let authority = pki::Authority::create("kubernetes", Timestamp::UNIX_EPOCH).expect("authority");
        let certificate = authority.certificate();
        let text = format!("K10{}::abcdef.0123456789abcdef", certificate.public_key_hash());
        assert!(JoinToken::parse(&text).expect("a token").trusts(certificate));
        let other = format!("K10{HASH}::abcdef.0123456789abcdef");
        assert!(!JoinToken::parse(&other).expect("a token").trusts(certificate));
    }
}
