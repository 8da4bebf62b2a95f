//! A server that listens, an API server that answers reviews, and clients with all sorts of credentials.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use client::{Body, Client};
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use parking_lot::Mutex;
use pki::{AlternativeNames, Authority, Identity, Profile};
use rustls_pki_types::ServerName;
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_util::sync::CancellationToken;

use crate::cri::ContainerRuntime;
use crate::server::{FixedCertificate, NodeView, Server, Settings};

pub const PATIENCE: Duration = Duration::from_secs(30);

/// A node with these pods.
pub struct FakeNode {
    pub pods: Mutex<Vec<Arc<Pod>>>,
    pub runtime: Arc<dyn ContainerRuntime>,
}

impl NodeView for FakeNode {
    fn pods(&self) -> Vec<Arc<Pod>> {
        self.pods.lock().clone()
    }

    fn runtime(&self) -> Arc<dyn ContainerRuntime> {
        Arc::clone(&self.runtime)
    }
}

/// What a client shows.
#[derive(Clone, Copy)]
pub enum Shown<'a> {
    Nothing,
    Token(&'a str),
    /// A certificate of the cluster's authority: user and group.
    Certificate(&'a str, &'a str),
    /// A certificate of another authority.
    Forged,
}

/// The API server as kubelets know it.
pub const MASTER: Shown<'static> = Shown::Certificate("kube-apiserver-kubelet-client", "system:masters");

pub struct Bench {
    pub address: SocketAddr,
    pub reviews: Arc<Mutex<Vec<Value>>>,
    authority: Authority,
    shutdown: CancellationToken,
}

impl Bench {
    pub async fn start(pods: Vec<Pod>, runtime: Arc<dyn ContainerRuntime>, anonymous: bool) -> Self {
        let authority = Authority::create("kubernetes", Timestamp::now()).unwrap();
        let mut names = AlternativeNames::default();
        names.add("127.0.0.1");
        let serving = identity(&authority, &Profile::server("system:node:node", names));
        let reviews = Arc::default();
        let settings = Settings {
            node_name: "node".to_owned(),
            certificate: FixedCertificate::new(serving.chain(), &serving.key().unwrap()).unwrap(),
            client_authorities: authority.certificate().to_pem(),
            client: reviewer(Arc::clone(&reviews)),
            anonymous,
            root_directory: "/".into(),
        };
        let view = FakeNode {
            pods: Mutex::new(pods.into_iter().map(Arc::new).collect()),
            runtime,
        };
        let server = Server::new(settings, Arc::new(view)).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shutdown = CancellationToken::new();
        tokio::spawn(server.run(listener, shutdown.clone()));
        Self {
            address,
            reviews,
            authority,
            shutdown,
        }
    }

    /// Tells the server to stop.
    pub fn stop(&self) {
        self.shutdown.cancel();
    }

    /// A connection over which nothing was said.
    pub async fn connect(&self, shown: Shown<'_>) -> std::io::Result<TlsStream<TcpStream>> {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(self.authority.certificate().der().clone()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots);
        let identity = match shown {
            Shown::Certificate(user, group) => {
                Some(identity(&self.authority, &Profile::client(user, &[group])))
            }
            Shown::Forged => {
                let other = Authority::create("kubernetes", Timestamp::now()).unwrap();
                Some(identity(&other, &Profile::client("a", &["system:masters"])))
            }
            Shown::Nothing | Shown::Token(_) => None,
        };
        let config = match identity {
            Some(identity) => config
                .with_client_auth_cert(identity.chain(), identity.key().unwrap())
                .unwrap(),
            None => config.with_no_client_auth(),
        };
        let stream = TcpStream::connect(self.address).await?;
        let name = ServerName::try_from("127.0.0.1").unwrap();
        TlsConnector::from(Arc::new(config)).connect(name, stream).await
    }

    /// Sends a request and gives the answer while its body may still come.
    pub async fn send(&self, shown: Shown<'_>, method: &str, path: &str) -> Response<Incoming> {
        let stream = self.connect(shown).await.unwrap();
        let (mut sender, serving) = http1::handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(serving);
        let mut request = Request::builder().method(method).uri(path).header("host", "node");
        if let Shown::Token(token) = shown {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let request = request.body(Empty::<Bytes>::new()).unwrap();
        tokio::time::timeout(PATIENCE, sender.send_request(request))
            .await
            .expect("an answer")
            .unwrap()
    }

    pub async fn ask(&self, shown: Shown<'_>, method: &str, path: &str) -> (StatusCode, String) {
        let response = self.send(shown, method, path).await;
        let status = response.status();
        let body = tokio::time::timeout(PATIENCE, response.into_body().collect())
            .await
            .expect("the answer ends");
        let bytes = body.unwrap().to_bytes();
        (status, String::from_utf8(bytes.to_vec()).unwrap())
    }

    pub async fn check(&self, shown: Shown<'_>, method: &str, path: &str, code: u16, expected: &str) {
        let (status, body) = self.ask(shown, method, path).await;
        assert_eq!(
            (status.as_u16(), body.as_str()),
            (code, expected),
            "{method} {path}"
        );
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}

fn identity(authority: &Authority, profile: &Profile) -> Identity {
    let issued = authority.issue(profile, Timestamp::now()).unwrap();
    Identity::try_from(issued).unwrap()
}

/// An API server that knows the token `good` of alice, and lets her read metrics and bob use everything.
fn reviewer(reviews: Arc<Mutex<Vec<Value>>>) -> Client {
    let answer = move |request: Request<Body>| {
        let reviews = Arc::clone(&reviews);
        async move {
            let path = request.uri().path().to_owned();
            let body = request.into_body().collect().await.unwrap().to_bytes();
            let mut review: Value = serde_json::from_slice(&body).unwrap();
            reviews.lock().push(review.clone());
            review["status"] = match path.as_str() {
                "/apis/authentication.k8s.io/v1/tokenreviews" => token_status(&review["spec"]),
                "/apis/authorization.k8s.io/v1/subjectaccessreviews" => access_status(&review["spec"]),
                other => panic!("{other}"),
            };
            let body = client::transport::full(review.to_string());
            Ok::<_, std::io::Error>(Response::builder().status(201).body(body).unwrap())
        }
    };
    Client::new(client::transport::boxed(tower::service_fn(answer)), "kubelet")
}

fn token_status(spec: &Value) -> Value {
    match spec["token"].as_str() {
        Some("good") => json!({
            "authenticated": true,
            "user": { "username": "alice", "groups": ["people"] },
        }),
        _ => json!({ "authenticated": false, "user": {} }),
    }
}

fn access_status(spec: &Value) -> Value {
    let attributes = &spec["resourceAttributes"];
    assert_eq!(attributes["resource"], "nodes");
    assert_eq!(attributes["name"], "node");
    let allowed = match spec["user"].as_str() {
        Some("alice") => attributes["subresource"] == "metrics" && attributes["verb"] == "get",
        Some("bob") => attributes["subresource"] == "proxy",
        _ => false,
    };
    json!({ "allowed": allowed })
}
