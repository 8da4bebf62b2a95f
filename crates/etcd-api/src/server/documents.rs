//! What etcd tells over plain HTTP: its version, its health, and a few numbers.

use std::fmt::Write;
use std::sync::Arc;

use http::{Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use serde_json::json;
use tonic::body::Body;

use crate::etcd_api::{CLUSTER_VERSION, EtcdApi, VERSION};

pub(super) async fn answer<B>(api: &Arc<EtcdApi>, request: &Request<B>) -> Response<Body> {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return text(
            StatusCode::METHOD_NOT_ALLOWED,
            "text/plain",
            String::from("Method Not Allowed\n"),
        );
    }
    match request.uri().path() {
        "/version" => {
            let version = json!({"etcdserver": VERSION, "etcdcluster": CLUSTER_VERSION});
            text(StatusCode::OK, "application/json", version.to_string())
        }
        "/health" => health(api).await,
        "/metrics" => text(
            StatusCode::OK,
            "text/plain; version=0.0.4; charset=utf-8",
            metrics(api),
        ),
        _ => text(
            StatusCode::NOT_FOUND,
            "text/plain; charset=utf-8",
            String::from("404 page not found\n"),
        ),
    }
}

/// Healthy is what would take a write.
async fn health(api: &Arc<EtcdApi>) -> Response<Body> {
    let reason = match api.store().health().await {
        Err(error) => Some(error.to_string()),
        Ok(()) => {
            let alarm = api.alarms().await.into_iter().next();
            alarm.map(|alarm| match alarm {
                etcd_rpc::message::AlarmType::NoSpace => String::from("ALARM NOSPACE"),
                _ => String::from("ALARM CORRUPT"),
            })
        }
    };
    let status = if reason.is_none() {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    let body = json!({"health": reason.is_none().to_string(), "reason": reason.unwrap_or_default()});
    text(status, "application/json", body.to_string())
}

fn metrics(api: &Arc<EtcdApi>) -> String {
    let space = (api.settings.space)();
    let store = api.store();
    let gauges = [
        (
            "etcd_server_has_leader",
            "Whether there is a leader: this member.",
            1,
        ),
        (
            "etcd_debugging_mvcc_current_revision",
            "The current revision.",
            store.current_revision().get(),
        ),
        (
            "etcd_debugging_mvcc_compact_revision",
            "The oldest revision that can be read.",
            store.compacted_revision().get(),
        ),
        (
            "etcd_mvcc_db_total_size_in_bytes",
            "How much the store takes on the disk.",
            space.total,
        ),
        (
            "etcd_mvcc_db_total_size_in_use_in_bytes",
            "How much of that is needed.",
            space.in_use,
        ),
    ];
    gauges.iter().fold(String::new(), |mut all, (name, help, value)| {
        // Writing to a string does not fail.
        let _ = write!(all, "# HELP {name} {help}\n# TYPE {name} gauge\n{name} {value}\n");
        all
    })
}

fn text(status: StatusCode, kind: &'static str, body: String) -> Response<Body> {
    let mut response = Response::new(Body::new(Full::new(body.into())));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, header::HeaderValue::from_static(kind));
    response
}
