//! The tokens by which nodes join: they end, and they sign what a node that joins must trust.

mod cleaner;
mod signature;
mod signer;

pub use cleaner::{NAME as CLEANER_NAME, run as run_cleaner};
pub use signer::{NAME as SIGNER_NAME, run as run_signer};

use client::k8s_openapi::api::core::v1::Secret;
use client::{Informer, ListOptions};
use jiff::Timestamp;

use crate::context::Context;

const NAMESPACE: &str = "kube-system";
const KIND: &str = "bootstrap.kubernetes.io/token";

/// The secrets that hold tokens.
fn secrets(context: &Context) -> Informer<Secret> {
    let only_tokens = ListOptions::fields(format!("type={KIND}"));
    context.informers().selected::<Secret>(only_tokens)
}

fn is_token(secret: &Secret) -> bool {
    secret.metadata.namespace.as_deref() == Some(NAMESPACE) && secret.type_.as_deref() == Some(KIND)
}

/// A text in the secret; empty if it is not there.
fn text<'a>(secret: &'a Secret, key: &str) -> &'a str {
    let value = secret.data.as_ref().and_then(|data| data.get(key));
    value
        .and_then(|bytes| std::str::from_utf8(&bytes.0).ok())
        .unwrap_or("")
}

/// When the token ends; none if it does not. One whose end cannot be read has ended.
fn end(secret: &Secret) -> Option<Timestamp> {
    match text(secret, "expiration") {
        "" => None,
        time => Some(time.parse().unwrap_or(Timestamp::UNIX_EPOCH)),
    }
}

#[cfg(test)]
mod testing {
    use client::k8s_openapi::ByteString;

    use super::*;

    pub(super) fn token(id: &str, fields: &[(&str, &str)]) -> Secret {
        let mut secret = Secret {
            type_: Some(KIND.to_owned()),
            ..Secret::default()
        };
        secret.metadata.namespace = Some(NAMESPACE.to_owned());
        secret.metadata.name = Some(format!("bootstrap-token-{id}"));
        let own = [("token-id", id), ("token-secret", "0123456789abcdef")];
        let fields = own.iter().chain(fields);
        let data = fields.map(|(key, value)| ((*key).to_owned(), ByteString(value.as_bytes().to_vec())));
        secret.data = Some(data.collect());
        secret
    }
}

#[cfg(test)]
mod tests {
    use super::testing::token;
    use super::*;

    #[test]
    fn a_token_ends_when_it_says() {
        assert_eq!(end(&token("abcdef", &[])), None);
        let at = end(&token("abcdef", &[("expiration", "1970-01-01T00:00:10Z")]));
        assert_eq!(at, Timestamp::from_second(10).ok());
        assert_eq!(
            end(&token("abcdef", &[("expiration", "soon")])),
            Some(Timestamp::UNIX_EPOCH)
        );
    }
}
