//! Admission webhooks, as a user of kubectl meets them: a server of the test's own changes objects and refuses some.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use jiff::Timestamp;
use pki::{AlternativeNames, Authority, Identity, Profile};
use serde_json::{Value, json};
use testkit::{Kubectl, ServerBuilder, eventually};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio_rustls::TlsAcceptor;

/// How long a server may take to learn of a configuration.
const PATIENCE: Duration = Duration::from_secs(20);

/// A webhook; it ends when dropped.
pub(crate) struct Webhook {
    pub(crate) address: SocketAddr,
    pub(crate) authority: String,
    _runtime: Runtime,
}

impl Webhook {
    pub(crate) fn start() -> Self {
        let authority = Authority::create("webhooks", Timestamp::now()).expect("an authority");
        let mut names = AlternativeNames::default();
        names.add("127.0.0.1");
        let issued = authority.issue(&Profile::server("webhook", names), Timestamp::now());
        let identity = Identity::try_from(issued.expect("a certificate")).expect("an identity");
        let runtime = Runtime::new().expect("threads can be made");
        let listener = runtime
            .block_on(TcpListener::bind("127.0.0.1:0"))
            .expect("a port is free");
        let address = listener.local_addr().expect("it listens");
        runtime.spawn(accept(listener, tls(&identity)));
        Self {
            address,
            authority: STANDARD.encode(authority.certificate().to_pem()),
            _runtime: runtime,
        }
    }

    /// A configuration of that kind that has the webhook asked about labelled ConfigMaps at `path`.
    fn configuration(&self, kind: &str, path: &str) -> Value {
        json!({
            "apiVersion": "admissionregistration.k8s.io/v1", "kind": kind, "metadata": {"name": "test"},
            "webhooks": [{
                "name": "test.example.com",
                "clientConfig": {"url": format!("https://{}{path}", self.address), "caBundle": self.authority},
                "rules": [{
                    "apiGroups": [""], "apiVersions": ["v1"], "resources": ["configmaps"],
                    "operations": ["CREATE", "UPDATE", "DELETE"],
                }],
                "objectSelector": {"matchLabels": {"watched": "yes"}},
                "sideEffects": "None", "admissionReviewVersions": ["v1"], "timeoutSeconds": 5,
            }],
        })
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

async fn accept(listener: TcpListener, tls: TlsAcceptor) {
    while let Ok((stream, _)) = listener.accept().await {
        let tls = tls.clone();
        tokio::spawn(async move {
            let Ok(stream) = tls.accept(stream).await else {
                return;
            };
            // The other side may leave at any time.
            let _ = http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service_fn(answer))
                .await;
        });
    }
}

async fn answer(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let path = request.uri().path().to_owned();
    let changes = path == "/change";
    let body = request.into_body().collect().await.map(|body| body.to_bytes());
    let review: Value = serde_json::from_slice(&body.unwrap_or_default()).unwrap_or_default();
    if path == "/convert" {
        let answer = crate::custom_resources::converted(&review);
        return Ok(Response::new(Full::new(Bytes::from(answer.to_string()))));
    }
    let asked = &review["request"];
    let mut response = if changes { change(asked) } else { judge(asked) };
    response["uid"] = asked["uid"].clone();
    let answer = json!({
        "apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": response,
    });
    Ok(Response::new(Full::new(Bytes::from(answer.to_string()))))
}

fn change(asked: &Value) -> Value {
    if asked["operation"] == "DELETE" {
        return json!({"allowed": true});
    }
    let patch =
        json!([{"op": "add", "path": "/metadata/labels/seen-by", "value": asked["userInfo"]["username"]}]);
    json!({"allowed": true, "patchType": "JSONPatch", "patch": STANDARD.encode(patch.to_string())})
}

fn judge(asked: &Value) -> Value {
    let is_kept = asked["oldObject"]["data"]["keep"] == "yes";
    if asked["operation"] == "DELETE" && is_kept {
        return json!({"allowed": false, "status": {"message": "it is to be kept", "code": 403}});
    }
    match asked["object"]["data"]["color"].as_str() {
        Some("black") => json!({"allowed": false}),
        Some("grey") => json!({"allowed": true, "warnings": ["grey is nearly black"]}),
        _ => json!({"allowed": true}),
    }
}

fn config_map(name: &str, data: &Value) -> String {
    let object = json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "labels": {"watched": "yes"}},
        "data": data,
    });
    object.to_string()
}

fn apply(kubectl: &Kubectl, object: &str) {
    kubectl.run_with(&["apply", "-f", "-"], object);
}

#[test]
fn a_webhook_changes_objects() {
    let webhook = Webhook::start();
    let server = ServerBuilder::control_plane().start();
    let kubectl = server.kubectl();
    let configuration = webhook.configuration("MutatingWebhookConfiguration", "/change");
    apply(&kubectl, &configuration.to_string());
    eventually("the webhook is asked", PATIENCE, || {
        apply(&kubectl, &config_map("one", &json!({"color": "red"})));
        let map = kubectl.json(&["get", "configmap", "one"]);
        (map["metadata"]["labels"]["seen-by"] == "kubernetes-admin").then_some(())
    });
    kubectl.run(&["create", "configmap", "other"]);
    let other = kubectl.json(&["get", "configmap", "other"]);
    assert_eq!(other["metadata"]["labels"], Value::Null);
}

#[test]
fn a_webhook_refuses_warns_and_lets_be() {
    let webhook = Webhook::start();
    let server = ServerBuilder::control_plane().start();
    let kubectl = server.kubectl();
    apply(&kubectl, &config_map("kept", &json!({"keep": "yes"})));
    let configuration = webhook.configuration("ValidatingWebhookConfiguration", "/judge");
    apply(&kubectl, &configuration.to_string());
    eventually("the webhook is asked", PATIENCE, || {
        let black = config_map("black", &json!({"color": "black"}));
        let refused = kubectl.call_with(&["apply", "--dry-run=server", "-f", "-"], &black);
        let why = "admission webhook \"test.example.com\" denied the request without explanation";
        refused.stderr.contains(why).then_some(())
    });
    let grey = kubectl.call_with(
        &["apply", "-f", "-"],
        &config_map("grey", &json!({"color": "grey"})),
    );
    assert_eq!(grey.code, 0, "{grey:?}");
    assert!(grey.stderr.contains("Warning: grey is nearly black"), "{grey:?}");
    let refused = kubectl.call(&["delete", "configmap", "kept"]);
    let why = "admission webhook \"test.example.com\" denied the request: it is to be kept";
    assert!(refused.stderr.contains(why), "{refused:?}");
    kubectl.run(&["delete", "configmap", "grey"]);
    drop(webhook);
    let failed = kubectl.call_with(
        &["apply", "-f", "-"],
        &config_map("red", &json!({"color": "red"})),
    );
    let why = "failed calling webhook \"test.example.com\"";
    assert!(failed.stderr.contains(why), "{failed:?}");
}
