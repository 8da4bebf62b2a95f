//! A webhook for tests: an HTTPS server that answers each review by a function.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use jiff::Timestamp;
use meta::GroupVersionResource;
use pki::{AlternativeNames, Authority, Identity, Profile};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::cluster::Cluster;
use crate::testing::FakeCluster;

/// What a webhook answers to the `request` of a review: the `response`, without `uid`.
pub(super) type Answer = fn(&Value) -> Value;

/// A webhook; it ends with the test's runtime.
pub(super) struct FakeWebhook {
    address: SocketAddr,
    authority: String,
    connections: Arc<AtomicUsize>,
}

impl FakeWebhook {
    pub(super) async fn start(answer: Answer) -> Self {
        let authority = Authority::create("webhooks", Timestamp::now()).expect("an authority");
        let mut names = AlternativeNames::default();
        names.add("127.0.0.1");
        names.add("s.n.svc");
        let issued = authority.issue(&Profile::server("webhook", names), Timestamp::now());
        let identity = Identity::try_from(issued.expect("a certificate")).expect("an identity");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let fake = Self {
            address: listener.local_addr().expect("it listens"),
            authority: STANDARD.encode(authority.certificate().to_pem()),
            connections: Arc::default(),
        };
        tokio::spawn(accept(
            listener,
            tls(&identity),
            answer,
            Arc::clone(&fake.connections),
        ));
        fake
    }

    /// Its `clientConfig`.
    pub(super) fn client_config(&self) -> Value {
        json!({"url": format!("https://{}/review", self.address), "caBundle": self.authority})
    }

    pub(super) fn authority(&self) -> &str {
        &self.authority
    }

    pub(super) fn port(&self) -> u16 {
        self.address.port()
    }

    /// How many connections were made to it.
    pub(super) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

fn tls(identity: &Identity) -> TlsAcceptor {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions of TLS")
        .with_no_client_auth()
        .with_single_cert(identity.chain(), identity.key().expect("a key"))
        .expect("a certificate with its key");
    TlsAcceptor::from(Arc::new(config))
}

async fn accept(listener: TcpListener, tls: TlsAcceptor, answer: Answer, connections: Arc<AtomicUsize>) {
    while let Ok((stream, _)) = listener.accept().await {
        connections.fetch_add(1, Ordering::SeqCst);
        let tls = tls.clone();
        tokio::spawn(async move {
            let Ok(stream) = tls.accept(stream).await else {
                return;
            };
            let service = service_fn(|request| respond(request, answer));
            // The other side may leave at any time.
            let _ = auto::Builder::new(TokioExecutor::new())
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}

async fn respond(request: Request<Incoming>, answer: Answer) -> Result<Response<Full<Bytes>>, Infallible> {
    let body = request.into_body().collect().await.map(|body| body.to_bytes());
    let mut review: Value = serde_json::from_slice(&body.unwrap_or_default()).expect("a review");
    let mut response = answer(&review["request"]);
    if let Some(code) = response["code"].as_u64() {
        let mut refused = Response::new(Full::new(Bytes::from("it broke")));
        *refused.status_mut() = http::StatusCode::from_u16(code as u16).expect("a code");
        return Ok(refused);
    }
    response["uid"] = review["request"]["uid"].take();
    review["response"] = response;
    review["request"].take();
    Ok(Response::new(Full::new(Bytes::from(review.to_string()))))
}

/// A JSON patch as it stands in a response.
pub(super) fn patch(operations: &Value) -> Value {
    json!({
        "allowed": true, "patchType": "JSONPatch", "patch": STANDARD.encode(operations.to_string()),
    })
}

/// A webhook about every create, with more said about it.
pub(super) fn webhook(name: &str, client_config: Value, more: &Value) -> Value {
    let mut webhook = json!({
        "name": name, "clientConfig": client_config, "sideEffects": "None", "admissionReviewVersions": ["v1"],
        "timeoutSeconds": 5,
        "rules": [{"operations": ["CREATE"], "apiGroups": ["*"], "apiVersions": ["*"], "resources": ["*"]}],
    });
    for (field, value) in more.as_object().expect("fields") {
        webhook[field] = value.clone();
    }
    webhook
}

/// A cluster with one configuration.
pub(super) fn cluster(resource: &GroupVersionResource, webhooks: Value) -> Arc<dyn Cluster> {
    with_configuration(FakeCluster::default(), resource, webhooks).shared()
}

pub(super) fn with_configuration(
    cluster: FakeCluster,
    resource: &GroupVersionResource,
    webhooks: Value,
) -> FakeCluster {
    cluster.with(resource, json!({"metadata": {"name": "c"}, "webhooks": webhooks}))
}
