//! From credentials to an identity.

use std::borrow::Cow;

use async_trait::async_trait;
use http::HeaderMap;
use jiff::Timestamp;
use meta::User;
use rustls_pki_types::CertificateDer;

use crate::bearer::bearer_token;

/// What a request brings to prove who sends it.
#[derive(Clone, Debug, Default)]
pub struct Credentials<'a> {
    /// The client's certificates from the TLS handshake, leaf first; not verified yet.
    pub peer_certificates: &'a [CertificateDer<'static>],
    /// The bearer token: [`bearer_token`](crate::bearer::bearer_token) finds it.
    pub bearer_token: Option<Cow<'a, str>>,
    /// All headers, for front proxies that name the user there. None in a TokenReview.
    pub headers: Option<&'a HeaderMap>,
    /// Audiences the token must be for, one of them at least; empty for the API server's own.
    pub audiences: &'a [String],
    /// The identity of a component in this process, set by the in-process transport. No request from the network can
    /// carry it.
    pub in_process: Option<&'a User>,
    /// The time of the request; certificates and tokens must be valid then.
    pub now: Timestamp,
}

impl<'a> Credentials<'a> {
    /// What a request from the network brings.
    pub fn of_request(
        headers: &'a HeaderMap,
        peer_certificates: &'a [CertificateDer<'static>],
        now: Timestamp,
    ) -> Self {
        Self {
            peer_certificates,
            bearer_token: bearer_token(headers),
            headers: Some(headers),
            now,
            ..Self::default()
        }
    }

    /// What a TokenReview asks about.
    pub fn of_token(token: &'a str, audiences: &'a [String], now: Timestamp) -> Self {
        Self {
            bearer_token: Some(Cow::Borrowed(token)),
            audiences,
            now,
            ..Self::default()
        }
    }
}

/// Who it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Authenticated {
    /// The identity.
    pub user: User,
    /// Which of the wanted audiences the credential is for; empty if it is bound to none (a certificate).
    pub audiences: Vec<String>,
}

impl From<User> for Authenticated {
    fn from(user: User) -> Self {
        Self {
            user,
            audiences: Vec::new(),
        }
    }
}

/// A credential that is there but is not to be believed. Clients only learn 401; TokenReview shows the text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct AuthenticationError(pub String);

/// One way to find out who sends a request.
#[async_trait]
pub trait Authenticator: Send + Sync {
    /// `None` if there is no credential of this authenticator's kind.
    async fn authenticate(
        &self,
        credentials: &Credentials<'_>,
    ) -> Result<Option<Authenticated>, AuthenticationError>;
}

/// Asks authenticators one after the other; the first that knows the user decides. An error is told only if none does.
#[derive(Default)]
pub struct FirstAuthenticator(pub Vec<Box<dyn Authenticator>>);

#[async_trait]
impl Authenticator for FirstAuthenticator {
    async fn authenticate(
        &self,
        credentials: &Credentials<'_>,
    ) -> Result<Option<Authenticated>, AuthenticationError> {
        let mut errors = Vec::new();
        for authenticator in &self.0 {
            match authenticator.authenticate(credentials).await {
                Ok(None) => {}
                Ok(found) => return Ok(found),
                Err(error) => errors.push(error.0),
            }
        }
        match meta::aggregate(errors) {
            None => Ok(None),
            Some(errors) => Err(AuthenticationError(errors)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Answer = Result<Option<Authenticated>, AuthenticationError>;

    struct Fixed(Answer);

    #[async_trait]
    impl Authenticator for Fixed {
        async fn authenticate(
            &self,
            _: &Credentials<'_>,
        ) -> Result<Option<Authenticated>, AuthenticationError> {
            self.0.clone()
        }
    }

    #[tokio::test]
    async fn the_first_that_knows_the_user_decides() {
        let known = |name: &str| Ok(Some(User::new(name, &[]).into()));
        let error = |text: &str| Err(AuthenticationError(text.to_owned()));
        let cases: [(Vec<Answer>, Answer); 5] = [
            (vec![], Ok(None)),
            (vec![Ok(None), known("a"), known("b")], known("a")),
            (vec![error("no"), known("b")], known("b")),
            (vec![error("no"), Ok(None)], error("no")),
            (vec![error("no"), error("never")], error("[no, never]")),
        ];
        for (answers, wanted) in cases {
            let chain = FirstAuthenticator(
                answers
                    .into_iter()
                    .map(|a| Box::new(Fixed(a)) as Box<dyn Authenticator>)
                    .collect(),
            );
            assert_eq!(chain.authenticate(&Credentials::default()).await, wanted);
        }
    }
}
