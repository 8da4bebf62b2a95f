//! Questions to the API server: whose token it is, and who may do what.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use auth::{Authenticated, AuthenticationError, Authenticator, Credentials};
use client::k8s_openapi::api::authentication::v1::{TokenReview, TokenReviewSpec};
use client::k8s_openapi::api::authorization::v1::{
    ResourceAttributes, SubjectAccessReview, SubjectAccessReviewSpec,
};
use client::{Client, Error, Scope};
use meta::User;
use sha2::{Digest, Sha256};

use super::remember::Remembered;

/// How long answers hold: upstream's defaults.
const TOKEN_LIFETIME: Duration = Duration::from_secs(120);
const ALLOWED_LIFETIME: Duration = Duration::from_secs(300);
const REFUSED_LIFETIME: Duration = Duration::from_secs(30);

/// Answers remembered at a time.
const REMEMBERED: usize = 1024;

/// A question about a user and this node.
#[derive(Clone, Copy)]
pub struct Question<'a> {
    pub user: &'a User,
    pub verb: &'static str,
    pub subresource: &'static str,
    pub node: &'a str,
}

/// Everything an answer depends on. Of a node's server, only the user, the verb and the subresource vary.
#[derive(PartialEq, Eq, Hash)]
struct AccessKey {
    user: [u8; 32],
    verb: &'static str,
    subresource: &'static str,
}

/// Asks the API server.
pub struct Reviewer {
    client: Client,
    tokens: Remembered<[u8; 32], Option<User>>,
    access: Remembered<AccessKey, bool>,
}

impl Reviewer {
    pub fn new(client: Client) -> Self {
        Self {
            client,
            tokens: Remembered::new(REMEMBERED),
            access: Remembered::new(REMEMBERED),
        }
    }

    /// Whether the user may.
    pub async fn may(&self, question: Question<'_>) -> Result<bool, Error> {
        let key = AccessKey {
            user: user_digest(question.user),
            verb: question.verb,
            subresource: question.subresource,
        };
        if let Some(answer) = self.access.get(&key) {
            return Ok(answer);
        }
        let answer = self
            .client
            .create(Scope::Cluster, &access_review(question))
            .await?;
        let allowed = answer.status.is_some_and(|status| status.allowed);
        let lifetime = if allowed {
            ALLOWED_LIFETIME
        } else {
            REFUSED_LIFETIME
        };
        self.access.insert(key, allowed, lifetime);
        Ok(allowed)
    }

    /// Whose token it is; none if nobody's.
    async fn user_of(&self, token: &str) -> Result<Option<User>, Error> {
        // What is remembered must not give the token away.
        let key: [u8; 32] = Sha256::digest(token.as_bytes()).into();
        if let Some(answer) = self.tokens.get(&key) {
            return Ok(answer);
        }
        let review = TokenReview {
            spec: TokenReviewSpec {
                token: token.to_owned(),
                ..TokenReviewSpec::default()
            },
            ..TokenReview::default()
        };
        let answer = self.client.create(Scope::Cluster, &review).await?;
        let status = answer.status.filter(|status| status.authenticated == Some(true));
        let user = status.and_then(|status| status.user).map(|user| User {
            name: user.username.unwrap_or_default(),
            uid: user.uid.unwrap_or_default(),
            groups: user.groups.unwrap_or_default(),
            extra: user.extra.unwrap_or_default(),
        });
        self.tokens.insert(key, user.clone(), TOKEN_LIFETIME);
        Ok(user)
    }
}

fn access_review(question: Question<'_>) -> SubjectAccessReview {
    let user = question.user;
    SubjectAccessReview {
        spec: SubjectAccessReviewSpec {
            user: Some(user.name.clone()),
            groups: Some(user.groups.clone()),
            uid: Some(user.uid.clone()),
            extra: Some(user.extra.clone()),
            resource_attributes: Some(ResourceAttributes {
                verb: Some(question.verb.to_owned()),
                version: Some("v1".to_owned()),
                resource: Some("nodes".to_owned()),
                subresource: Some(question.subresource.to_owned()),
                name: Some(question.node.to_owned()),
                ..ResourceAttributes::default()
            }),
            ..SubjectAccessReviewSpec::default()
        },
        ..SubjectAccessReview::default()
    }
}

/// A digest of everything that a user is; lengths keep neighbours apart.
fn user_digest(user: &User) -> [u8; 32] {
    let mut digest = Sha256::new();
    let mut add = |text: &str| {
        digest.update((text.len() as u64).to_be_bytes());
        digest.update(text.as_bytes());
    };
    add(&user.name);
    add(&user.uid);
    add(&user.groups.len().to_string());
    user.groups.iter().for_each(|group| add(group));
    for (key, values) in &user.extra {
        add(key);
        add(&values.len().to_string());
        values.iter().for_each(|value| add(value));
    }
    digest.finalize().into()
}

/// Knows users by their bearer tokens.
pub struct TokenReviewer(pub Arc<Reviewer>);

#[async_trait]
impl Authenticator for TokenReviewer {
    async fn authenticate(
        &self,
        credentials: &Credentials<'_>,
    ) -> Result<Option<Authenticated>, AuthenticationError> {
        let Some(token) = &credentials.bearer_token else {
            return Ok(None);
        };
        match self.0.user_of(token).await {
            Ok(Some(user)) => Ok(Some(user.into())),
            Ok(None) => Err(AuthenticationError("invalid bearer token".to_owned())),
            Err(error) => Err(AuthenticationError(format!("cannot review a token: {error}"))),
        }
    }
}
