//! A controller that acts under its own service account: the account is made if it is not there, and its token is asked for
//! and renewed by whoever runs the controllers.

use std::sync::Arc;
use std::task::{Context, Poll};

use client::error::optional;
use client::k8s_openapi::api::authentication::v1::{TokenRequest, TokenRequestSpec};
use client::k8s_openapi::api::core::v1::ServiceAccount;
use client::k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use client::transport::{self, BoxError};
use client::{Body, Client, Error, Scope, Transport};
use http::{HeaderValue, Request, Response, StatusCode, header};
use jiff::{SignedDuration, Timestamp};
use tokio::sync::Mutex;
use tower::{Service, ServiceExt};

/// A service account, and its token while it holds.
#[derive(Clone)]
pub(super) struct OwnAccount {
    /// May make accounts and ask for their tokens.
    client: Client,
    namespace: &'static str,
    name: Arc<str>,
    token: Arc<Mutex<Option<Token>>>,
}

#[derive(Clone)]
struct Token {
    header: HeaderValue,
    /// A new one is asked for then.
    due_at: Timestamp,
}

impl OwnAccount {
    pub(super) fn new(client: Client, namespace: &'static str, name: &str) -> Self {
        Self {
            client,
            namespace,
            name: name.into(),
            token: Arc::default(),
        }
    }

    /// A transport that sends requests through `bare` as this account.
    pub(super) fn transport(self, bare: Transport) -> Transport {
        transport::boxed(AsAccount { account: self, bare })
    }

    /// The token as a header. Requests that come while it is asked for wait for it.
    async fn authorization(&self) -> Result<HeaderValue, BoxError> {
        let mut token = self.token.lock().await;
        let now = Timestamp::now();
        if let Some(token) = token.as_ref().filter(|token| now < token.due_at) {
            return Ok(token.header.clone());
        }
        let fresh = self.ask(now).await?;
        let header = fresh.header.clone();
        *token = Some(fresh);
        Ok(header)
    }

    async fn ask(&self, now: Timestamp) -> Result<Token, BoxError> {
        let scope = Scope::Namespace(self.namespace);
        self.ensure(scope).await?;
        let request = TokenRequest {
            spec: Some(TokenRequestSpec::default()),
            ..TokenRequest::default()
        };
        let answer: TokenRequest = self
            .client
            .act::<ServiceAccount, _, _>(scope, &self.name, "token", &request)
            .await?;
        let status = answer.status.unwrap_or_default();
        let (Some(token), Some(expires_at)) = (status.token, status.expiration_timestamp) else {
            return Err("the answer holds no token".into());
        };
        let mut header = HeaderValue::from_str(&format!("Bearer {token}"))?;
        header.set_sensitive(true);
        Ok(Token {
            header,
            due_at: due_at(now, expires_at.0),
        })
    }

    async fn ensure(&self, scope: Scope<'_>) -> Result<(), Error> {
        if optional(self.client.get::<ServiceAccount>(scope, &self.name).await)?.is_some() {
            return Ok(());
        }
        let account = ServiceAccount {
            metadata: ObjectMeta {
                namespace: Some(self.namespace.to_owned()),
                name: Some(self.name.as_ref().to_owned()),
                ..ObjectMeta::default()
            },
            ..ServiceAccount::default()
        };
        match self.client.create(scope, &account).await {
            Err(error) if !error.is_already_exists() => Err(error),
            _ => Ok(()),
        }
    }

    /// The account may have been deleted and made anew: its old token is worth nothing then.
    async fn forget(&self, refused: &HeaderValue) {
        let mut token = self.token.lock().await;
        if token.as_ref().is_some_and(|token| token.header == *refused) {
            *token = None;
        }
    }
}

/// When four fifths of its life are over.
fn due_at(now: Timestamp, expires_at: Timestamp) -> Timestamp {
    let life_seconds = expires_at.as_second() - now.as_second();
    now.checked_add(SignedDuration::from_secs(life_seconds * 4 / 5))
        .unwrap_or(now)
}

#[derive(Clone)]
struct AsAccount {
    account: OwnAccount,
    bare: Transport,
}

impl Service<Request<Body>> for AsAccount {
    type Response = Response<Body>;
    type Error = BoxError;
    type Future = std::pin::Pin<Box<dyn Future<Output = Result<Response<Body>, BoxError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        let Self { account, bare } = self.clone();
        Box::pin(async move {
            let authorization = account.authorization().await?;
            let headers = request.headers_mut();
            headers.insert(header::AUTHORIZATION, authorization.clone());
            let response = bare.oneshot(request).await?;
            if response.status() == StatusCode::UNAUTHORIZED {
                account.forget(&authorization).await;
            }
            Ok(response)
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use client::transport::full;
    use serde_json::json;
    use tower::service_fn;

    use super::*;

    /// A server that hands out numbered tokens, and answers 401 to the first of them.
    fn server(tokens: Arc<AtomicUsize>) -> Transport {
        transport::boxed(service_fn(move |request: Request<Body>| {
            let path = request.uri().path().to_owned();
            let authorization = request.headers().get(header::AUTHORIZATION).cloned();
            let tokens = tokens.clone();
            async move {
                let account =
                    json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "c"}});
                let (status, body) = match (path.ends_with("/token"), authorization) {
                    (true, _) => {
                        let number = tokens.fetch_add(1, Ordering::SeqCst);
                        let expires = Timestamp::now() + SignedDuration::from_hours(1);
                        let status = json!({"token": format!("t{number}"), "expirationTimestamp": expires.to_string()});
                        (
                            201,
                            json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"audiences": []}, "status": status}),
                        )
                    }
                    (false, Some(header)) if header == "Bearer t0" => (401, json!({})),
                    (false, Some(_)) => (200, json!({})),
                    (false, None) => (200, account),
                };
                let response = Response::builder().status(status).body(full(body.to_string()));
                Ok::<_, BoxError>(response.expect("a response"))
            }
        }))
    }

    #[tokio::test]
    async fn a_token_is_used_until_it_is_refused() {
        let tokens = Arc::new(AtomicUsize::new(0));
        let transport = server(tokens.clone());
        let client = Client::new(transport.clone(), "test");
        let as_account = OwnAccount::new(client, "kube-system", "c").transport(transport);
        let mut answers = Vec::new();
        for _ in 0..3 {
            let request = Request::get("/api")
                .body(client::transport::empty())
                .expect("a request");
            answers.push(
                as_account
                    .clone()
                    .oneshot(request)
                    .await
                    .expect("answered")
                    .status()
                    .as_u16(),
            );
        }
        assert_eq!(answers, [401, 200, 200]);
        assert_eq!(tokens.load(Ordering::SeqCst), 2);
    }

    #[test]
    fn tokens_are_renewed_in_time() {
        let at = |second| Timestamp::from_second(second).expect("a time");
        assert_eq!(due_at(at(100), at(3700)), at(100 + 2880));
        assert_eq!(due_at(at(100), at(100)), at(100));
    }
}
