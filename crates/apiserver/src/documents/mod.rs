//! Paths that are no resources: health, version, metrics, OpenAPI, the issuer's keys, the list of all paths.

pub mod extension;
pub mod health;
pub mod issuer;
pub mod metrics;
pub mod openapi;
pub mod root;
pub mod version;

use http::Method;

use crate::api::Api;
use crate::call::{Call, Response};
use crate::respond::not_found_page;
use crate::respond::status::{no_such_method, no_such_resource, status};

pub use extension::Extension;
pub use health::{Health, HealthCheck, Hook, Ping, Probe};
pub use issuer::IssuerDocuments;
pub use metrics::{MetricsSource, of_aggregation, of_registry};
pub use openapi::{OpenApi, OpenApiSource};
pub use version::VersionInfo;

/// Answers a call that is not about a resource.
pub async fn serve(api: &Api, call: &mut Call) -> Response {
    call.labels.verb = metric_verb(&call.head.method);
    if let Some(response) = api.health.answer(call).await {
        return response;
    }
    let path = call.info.path();
    match path {
        "/" => return root::paths(all_paths(api)),
        "/metrics" => return metrics::metrics(&api.metrics, &api.metrics_sources),
        "/metrics/slis" => return metrics::slis(&api.health),
        "/openapi/v2" => return api.openapi.v2(call),
        "/openapi/v3" => return api.openapi.v3_index(),
        _ => {}
    }
    if let Some(path) = path.strip_prefix("/openapi/v3/") {
        if let Some(other) = api.openapi.elsewhere(path) {
            return Box::pin(api.handing().hand_on(call, &other)).await;
        }
        return api.openapi.v3(call, path);
    }
    for extension in &api.extensions {
        if let Some(response) = extension.answer(call).await {
            return response;
        }
    }
    serve_routed(api, call)
}

/// Documents for which one slash at the end more or less does not matter.
fn serve_routed(api: &Api, call: &Call) -> Response {
    let path = call.info.path();
    let path = path.strip_suffix('/').unwrap_or(path);
    let mut segments = path.split('/').skip(1);
    let first = segments.next().unwrap_or_default();
    let (second, third, more) = (segments.next(), segments.next(), segments.next().is_some());
    match (first, second, third, more) {
        ("api", None, ..) => api.discovery.core(call),
        ("api", Some(version), None, _) => api.discovery.version(call, "", version),
        ("apis", None, ..) => api.discovery.groups(call),
        ("apis", Some(group), None, _) => api.discovery.group(call, group),
        ("apis", Some(group), Some(version), false) => api.discovery.version(call, group, version),
        ("version", None, ..) => get_only(call, |call| api.version.answer(call)),
        ("version", ..) => status(call, &no_such_resource()),
        (".well-known", Some("openid-configuration"), None, _) => {
            issuer(api, call, IssuerDocuments::configuration)
        }
        ("openid", Some("v1"), Some("jwks"), false) => issuer(api, call, IssuerDocuments::keys),
        _ => not_found_page(),
    }
}

fn issuer(api: &Api, call: &Call, answer: impl Fn(&IssuerDocuments, &Call) -> Response) -> Response {
    match &api.issuer {
        Some(documents) => get_only(call, |call| answer(documents, call)),
        None => not_found_page(),
    }
}

fn get_only(call: &Call, answer: impl Fn(&Call) -> Response) -> Response {
    if call.head.method == Method::GET {
        answer(call)
    } else {
        status(call, &no_such_method())
    }
}

fn all_paths(api: &Api) -> Vec<String> {
    let mut paths = api.discovery.paths();
    paths.extend(api.health.paths());
    paths.extend(api.openapi.paths());
    paths.extend(["/metrics".into(), "/metrics/slis".into(), "/version".into()]);
    paths.extend(api.extensions.iter().flat_map(|extension| extension.paths()));
    if api.issuer.is_some() {
        paths.extend([
            "/.well-known/openid-configuration".into(),
            "/openid/v1/jwks".into(),
        ]);
    }
    paths
}

pub(crate) fn metric_verb(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "OTHER",
    }
}
