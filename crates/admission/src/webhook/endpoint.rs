//! The other end of webhooks: where it is, and the connections to it, which are kept and shared.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE, USER_AGENT};
use http::{Method, Request, Response};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use serde_json::Value;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::cluster::Cluster;
use crate::outward::{Address, Connector, Proofs, cause, words};
use crate::request::text;

/// How many reviews may be under way at one endpoint. More wait, within their own time.
const MAX_CALLS: usize = 128;
/// How many connections are kept while nothing is asked, and how long.
const MAX_IDLE_CONNECTIONS: usize = 16;
const IDLE_FOR: Duration = Duration::from_secs(90);
/// The largest answer: a patch is as large as an object may be, in base64.
const MAX_ANSWER_BYTES: usize = 8 * 1024 * 1024;
const AGENT: &str = "kube-apiserver-admission";
const JSON: &str = "application/json";

/// There is no answer from the other end.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{why}")]
pub struct Unanswered {
    /// What went wrong, in upstream's words.
    pub why: String,
    /// The status code of its answer, or one that stands for that there is none.
    pub code: u16,
}

impl Unanswered {
    /// Without a status code of the other end's own.
    pub fn new(why: impl Into<String>) -> Self {
        Self {
            why: why.into(),
            code: 503,
        }
    }
}

/// The other end of webhooks.
pub struct Endpoint {
    url: String,
    /// Else what is wrong with the configuration.
    client: Result<Client<Connector, Full<Bytes>>, String>,
    calls: Semaphore,
}

impl Endpoint {
    /// Reads a `clientConfig`. Nothing is connected before it is needed.
    pub fn new(config: &Value, cluster: &Arc<dyn Cluster>) -> Self {
        let (url, client) = match Address::read(config) {
            Ok((address, url)) => (url, client(address, text(config, "/caBundle"), cluster)),
            Err(why) => (String::new(), Err(why)),
        };
        Self {
            url,
            client,
            calls: Semaphore::new(MAX_CALLS),
        }
    }

    /// Sends a review, and gives what comes back within `within`; else what went wrong.
    pub async fn post(&self, review: Vec<u8>, within: Duration) -> Result<Value, Unanswered> {
        let client = self.client.as_ref().map_err(|why| Unanswered {
            why: why.clone(),
            code: 500,
        })?;
        let url = format!("{}?timeout={}s", self.url, within.as_secs_f64().ceil());
        let failed = |why: &str| Unanswered::new(format!("Post {}: {why}", meta::quote(&url)));
        let exchange = async {
            let _call = self
                .calls
                .acquire()
                .await
                .map_err(|error| failed(&error.to_string()))?;
            let request = request(&url, review).map_err(|error| failed(&error.to_string()))?;
            let response = client.request(request).await;
            let response = response.map_err(|error| failed(&cause(&error)))?;
            read(response).await.map_err(|why| match why {
                Unreadable::BrokenOff(why) => failed(&why),
                Unreadable::Refused(unanswered) => unanswered,
            })
        };
        match timeout(within, exchange).await {
            Ok(answered) => answered,
            Err(_) => Err(failed("context deadline exceeded")),
        }
    }
}

fn client(
    address: Address,
    authorities: &str,
    cluster: &Arc<dyn Cluster>,
) -> Result<Client<Connector, Full<Bytes>>, String> {
    let proofs = Proofs {
        authorities: STANDARD.decode(authorities).map_err(|error| error.to_string())?,
        ..Proofs::default()
    };
    let connector = Connector::new(address, &proofs, cluster)?;
    let client = Client::builder(TokioExecutor::new())
        .timer(TokioTimer::new())
        .pool_timer(TokioTimer::new())
        .pool_max_idle_per_host(MAX_IDLE_CONNECTIONS)
        .pool_idle_timeout(IDLE_FOR)
        .build(connector);
    Ok(client)
}

fn request(url: &str, review: Vec<u8>) -> Result<Request<Full<Bytes>>, http::Error> {
    Request::builder()
        .method(Method::POST)
        .uri(url)
        .header(USER_AGENT, AGENT)
        .header(CONTENT_TYPE, JSON)
        .header(ACCEPT, JSON)
        .body(Full::new(review.into()))
}

enum Unreadable {
    /// The answer did not come to its end.
    BrokenOff(String),
    /// It is no review.
    Refused(Unanswered),
}

fn no_review(why: String) -> Unreadable {
    Unreadable::Refused(Unanswered::new(why))
}

async fn read(response: Response<Incoming>) -> Result<Value, Unreadable> {
    let (head, body) = response.into_parts();
    let body = Limited::new(body, MAX_ANSWER_BYTES).collect().await;
    let body = body
        .map_err(|error| Unreadable::BrokenOff(error.to_string()))?
        .to_bytes();
    let content_type = head
        .headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    let code = head.status.as_u16();
    let tree = serde_json::from_slice::<Value>(&body);
    if !(200..=206).contains(&code) {
        let message = match &tree {
            Ok(status) if status["kind"] == "Status" => text(status, "/message").to_owned(),
            _ => words::refusal(code, content_type, &body),
        };
        return Err(Unreadable::Refused(Unanswered { why: message, code }));
    }
    if body.is_empty() {
        let content_type = content_type.unwrap_or_default();
        return Err(no_review(format!(
            "0-length response with status code: {code} and content type: {content_type}"
        )));
    }
    tree.map_err(|error| no_review(format!("couldn't get version/kind; json parse error: {error}")))
}
