//! A server behind an API service is found, believed for its certificate, asked, lost and found again.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use admission::outward::ClientProof;
use aggregation::Parties;
use apiserver::IncomingBody;
use apiserver::aggregation::{Aggregation, OtherServer};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use jiff::Timestamp;
use meta::{GroupVersionResource, User};
use pki::{AlternativeNames, Authority, Identity, Profile};
use registry::{DeleteOptions, GetOptions, Plugins, Registry, RequestContext, StorageEncoding};
use rustls::RootCertStore;
use rustls::server::WebPkiClientVerifier;
use serde_json::{Value, json};
use store::memory::MemoryStore;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

const PATIENCE: Duration = Duration::from_secs(30);
const SERVICES: GroupVersionResource = GroupVersionResource::new("", "v1", "services");
const API_SERVICES: GroupVersionResource =
    GroupVersionResource::new("apiregistration.k8s.io", "v1", "apiservices");

fn context() -> RequestContext {
    RequestContext::new(Arc::new(User::new("test", &["system:masters"])), Timestamp::now())
}

fn identity(authority: &Authority, profile: &Profile) -> Identity {
    let issued = authority.issue(profile, Timestamp::now()).expect("a certificate");
    Identity::try_from(issued).expect("an identity")
}

/// A server of things: it wants certificates of the front proxy's authority, and can be told to be of no use.
struct Other {
    port: u16,
    authority: String,
    is_well: Arc<AtomicBool>,
}

impl Other {
    async fn start(front_proxy: &Authority) -> Self {
        let authority = Authority::create("other", Timestamp::now()).expect("an authority");
        let mut names = AlternativeNames::default();
        names.add("other.default.svc");
        let identity = identity(&authority, &Profile::server("other", names));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let port = listener.local_addr().expect("it listens").port();
        let is_well = Arc::new(AtomicBool::new(true));
        tokio::spawn(accept(listener, tls(&identity, front_proxy), is_well.clone()));
        Self {
            port,
            authority: STANDARD.encode(authority.certificate().to_pem()),
            is_well,
        }
    }

    fn api_service(&self, authority: &str) -> Value {
        json!({
            "apiVersion": "apiregistration.k8s.io/v1", "kind": "APIService",
            "metadata": {"name": "v1.other.example"},
            "spec": {
                "group": "other.example", "version": "v1", "groupPriorityMinimum": 2000, "versionPriority": 10,
                "caBundle": authority, "service": {"namespace": "default", "name": "other", "port": self.port},
            },
        })
    }
}

fn tls(identity: &Identity, clients: &Authority) -> TlsAcceptor {
    let mut roots = RootCertStore::empty();
    roots
        .add(clients.certificate().der().clone())
        .expect("an authority");
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions of TLS")
        .with_client_cert_verifier(verifier.build().expect("a verifier"))
        .with_single_cert(identity.chain(), identity.key().expect("a key"))
        .expect("a certificate with its key");
    TlsAcceptor::from(Arc::new(config))
}

async fn accept(listener: TcpListener, tls: TlsAcceptor, is_well: Arc<AtomicBool>) {
    while let Ok((stream, _)) = listener.accept().await {
        let (tls, is_well) = (tls.clone(), is_well.clone());
        tokio::spawn(async move {
            let Ok(stream) = tls.accept(stream).await else {
                return;
            };
            let answer = service_fn(|request| {
                let answered = answer(&request, is_well.load(Ordering::Acquire));
                async move { Ok::<_, Infallible>(answered) }
            });
            // The other side may leave at any time.
            let _ = http1::Builder::new()
                .serve_connection(TokioIo::new(stream), answer)
                .await;
        });
    }
}

fn answer(request: &Request<Incoming>, is_well: bool) -> Response<Full<Bytes>> {
    let user = request.headers().get("x-remote-user");
    let user = user.and_then(|value| value.to_str().ok()).unwrap_or_default();
    let body = match request.uri().path() {
        _ if !is_well => None,
        "/apis/other.example/v1" => Some(json!({"resources": [
            {"name": "things", "singularName": "thing", "namespaced": true, "kind": "Thing", "verbs": ["list"]},
        ]})),
        "/apis/other.example/v1/things" => Some(json!({"items": [user]})),
        "/openapi/v3" => Some(json!({"paths": {
            "apis/other.example/v1": {"serverRelativeURL": "/openapi/v3/apis/other.example/v1?hash=1"},
        }})),
        "/openapi/v2" => Some(json!({"paths": {"/apis/other.example/v1/things": {}, "/apis/": {}}})),
        _ => None,
    };
    let text = body.as_ref().map_or_else(String::new, Value::to_string);
    let mut response = Response::new(Full::new(Bytes::from(text)));
    if body.is_none() {
        *response.status_mut() = StatusCode::NOT_FOUND;
    }
    response
}

async fn create(registry: &Registry, resource: &GroupVersionResource, namespace: &str, object: Value) {
    let resource = registry.resource(resource).expect("served");
    resource
        .create(&context(), namespace, object)
        .await
        .expect("created");
}

/// What is known of the other server, once that is as it should be.
async fn eventually(
    aggregation: &Aggregation,
    what: &str,
    is_so: impl Fn(&OtherServer) -> bool,
) -> OtherServer {
    let found = async {
        loop {
            let parts = aggregation.parts();
            if let Some((_, other)) = parts.elsewhere().find(|(_, other)| is_so(other)) {
                return other.clone();
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, found).await.expect(what)
}

async fn condition(registry: &Registry, reason: &str) -> String {
    let services = registry.resource(&API_SERVICES).expect("served");
    let found = async {
        loop {
            let service = services.get("", "v1.other.example", &GetOptions::default()).await;
            let condition = service.expect("there").tree()["status"]["conditions"][0].clone();
            if condition["reason"] == reason {
                return condition["message"].as_str().unwrap_or_default().to_owned();
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, found).await.expect(reason)
}

struct Scene {
    registry: Registry,
    aggregation: Aggregation,
    other: Other,
    shutdown: CancellationToken,
}

impl Scene {
    async fn start() -> Self {
        let registry = Registry::start(Arc::new(MemoryStore::new()), kinds::all(), StorageEncoding::Json)
            .await
            .expect("a registry");
        registry.plug(Plugins::default());
        let front_proxy = Authority::create("front-proxy", Timestamp::now()).expect("an authority");
        let client = identity(&front_proxy, &Profile::client("front-proxy-client", &[]));
        let other = Other::start(&front_proxy).await;
        let (aggregation, shutdown) = (Aggregation::default(), CancellationToken::new());
        let parties = Parties {
            cluster: Arc::new(registry.downgrade()),
            client: Some(ClientProof {
                certificates: client.certificate_pem.as_str().into(),
                key: client.key_pem.as_str().into(),
            }),
            aggregation: aggregation.clone(),
        };
        aggregation::follow(&registry, parties, &shutdown)
            .await
            .expect("followed");
        Self {
            registry,
            aggregation,
            other,
            shutdown,
        }
    }

    async fn make_service(&self) {
        let service = json!({
            "apiVersion": "v1", "kind": "Service", "metadata": {"name": "other", "namespace": "default"},
            "spec": {"type": "ExternalName", "externalName": "localhost"},
        });
        create(&self.registry, &SERVICES, "default", service).await;
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}

#[tokio::test]
async fn a_server_is_found_asked_lost_and_found_again() {
    let scene = Scene::start().await;
    let service = scene.other.api_service(&scene.other.authority);
    create(&scene.registry, &API_SERVICES, "", service).await;
    let missing = condition(&scene.registry, "ServiceNotFound").await;
    assert_eq!(missing, r#"service/other in "default" is not present"#);
    scene.make_service().await;
    let passed = condition(&scene.registry, "Passed").await;
    assert_eq!(passed, "all checks passed");

    let found = eventually(&scene.aggregation, "it is known", |other| {
        other.is_available && other.documents.openapi_v2.is_some()
    })
    .await;
    assert_eq!(found.documents.discovery["resources"][0]["resource"], "things");
    assert!(found.documents.openapi_v3.contains_key("apis/other.example/v1"));
    let backend = found.backend.clone().expect("a way to it");
    let mut request = Request::new(IncomingBody::Empty);
    *request.uri_mut() = "/apis/other.example/v1/things".parse().expect("an address");
    apiserver::aggregation::set_user(request.headers_mut(), &User::new("ann", &[]));
    let answered = backend.send(request).await.expect("an answer").into_body();
    let answered = answered.collect().await.expect("a body").to_bytes();
    assert_eq!(answered, r#"{"items":["ann"]}"#);

    scene.other.is_well.store(false, Ordering::Release);
    let services = scene.registry.resource(&SERVICES).expect("served");
    // A change of the Service has it looked at.
    let gone = services
        .delete(&context(), "default", "other", &DeleteOptions::default())
        .await;
    gone.expect("deleted");
    scene.make_service().await;
    let lost = condition(&scene.registry, "FailedDiscoveryCheck").await;
    assert!(
        lost.contains("bad status from https://localhost:") && lost.ends_with(": 404"),
        "{lost}"
    );
    let stale = eventually(&scene.aggregation, "it is lost", |other| !other.is_available).await;
    assert!(stale.documents.openapi_v2.is_some());
    scene.other.is_well.store(true, Ordering::Release);
    condition(&scene.registry, "Passed").await;
    let lost = scene.aggregation.lost();
    assert!(
        lost.keys().all(|(name, _)| name == "v1.other.example") && !lost.is_empty(),
        "{lost:?}"
    );
}

#[tokio::test]
async fn a_server_with_a_certificate_of_someone_else_is_not_believed() {
    let scene = Scene::start().await;
    scene.make_service().await;
    let stranger = Authority::create("stranger", Timestamp::now()).expect("an authority");
    let service = scene
        .other
        .api_service(&STANDARD.encode(stranger.certificate().to_pem()));
    create(&scene.registry, &API_SERVICES, "", service).await;
    let why = condition(&scene.registry, "FailedDiscoveryCheck").await;
    assert!(
        why.contains("x509: certificate signed by unknown authority"),
        "{why}"
    );
}
