//! Discovery: which groups, versions and resources there are.

mod aggregated;
mod catalog;
mod plain;

use std::sync::Arc;

use http::header::{CONTENT_TYPE, ETAG, IF_NONE_MATCH, VARY};
use http::{HeaderName, HeaderValue, Method, StatusCode};
use parking_lot::Mutex;
use registry::Registry;

use crate::body::Body;
use crate::call::{Call, Response};
use crate::negotiate::{Accept, Offer};
use crate::respond::document::document;
use crate::respond::not_found_page;
use crate::respond::status::{no_such_form, no_such_method, no_such_resource, status};

use aggregated::{Aggregated, AggregatedVersion};
pub use catalog::Catalog;

/// Forms of the plain documents.
const FORMS: [&str; 3] = [
    "application/json",
    "application/yaml",
    "application/vnd.kubernetes.protobuf",
];

/// Answers questions about what is served.
pub struct Discovery {
    registry: Registry,
    /// Address and port that clients in the cluster reach the server at.
    server_address: String,
    current: Mutex<Arc<Catalog>>,
}

impl Discovery {
    /// Discovery of a registry's resources.
    pub fn new(registry: Registry, server_address: String) -> Self {
        Self {
            registry,
            server_address,
            current: Mutex::default(),
        }
    }

    /// What is served now. Made anew only when resources came or went.
    pub fn catalog(&self) -> Arc<Catalog> {
        let resources = self.registry.resources();
        let mut current = self.current.lock();
        if !current.is_of(&resources) {
            *current = Arc::new(Catalog::new(resources));
        }
        Arc::clone(&current)
    }

    /// Answers `/api`.
    pub fn core(&self, call: &Call) -> Response {
        if let Some(response) = self.get_only(call) {
            return response;
        }
        let catalog = self.catalog();
        if let Some(version) = wanted_aggregate(call) {
            return aggregate(call, catalog.core(), version);
        }
        answer_routed(call, &plain::core_versions(&catalog, &self.server_address))
    }

    /// Answers `/apis`.
    pub fn groups(&self, call: &Call) -> Response {
        let catalog = self.catalog();
        if let Some(version) = wanted_aggregate(call) {
            return aggregate(call, catalog.named(), version);
        }
        answer(call, &plain::group_list(&catalog))
    }

    /// Answers `/apis/GROUP`.
    pub fn group(&self, call: &Call, name: &str) -> Response {
        match self.catalog().group(name) {
            Some(group) if !name.is_empty() => answer(call, &plain::group(group)),
            _ => not_found_page(),
        }
    }

    /// Answers `/api/VERSION` and `/apis/GROUP/VERSION`.
    pub fn version(&self, call: &Call, group: &str, version: &str) -> Response {
        let catalog = self.catalog();
        let Some(group) = catalog.group(group) else {
            return not_found_page();
        };
        match group.version(version) {
            Some(_) if call.head.method != Method::GET => status(call, &no_such_method()),
            Some(version) => answer_routed(call, &plain::resource_list(group, version)),
            None if group.is_custom() => not_found_page(),
            None => status(call, &no_such_resource()),
        }
    }

    /// The paths this answers.
    pub fn paths(&self) -> Vec<String> {
        let catalog = self.catalog();
        let mut paths: Vec<String> = ["/api", "/apis", "/apis/"].map(String::from).into();
        for group in catalog.groups() {
            let base = if group.name.is_empty() {
                "/api".into()
            } else {
                format!("/apis/{}", group.name)
            };
            paths.extend(group.versions.iter().map(|v| format!("{base}/{}", v.name)));
            paths.push(base);
        }
        paths
    }

    fn get_only(&self, call: &Call) -> Option<Response> {
        (call.head.method != Method::GET).then(|| status(call, &no_such_method()))
    }
}

/// A document in the form the client wants.
fn answer(call: &Call, value: &serde_json::Value) -> Response {
    match Offer::DOCUMENT.negotiate(call.accept()) {
        Ok(format) => document(StatusCode::OK, value, format),
        Err(refusal) => status(call, &refusal),
    }
}

/// The same where upstream's router looks at the forms first.
fn answer_routed(call: &Call, value: &serde_json::Value) -> Response {
    if !Accept::parse(call.accept().unwrap_or_default()).is_routed(&FORMS) {
        return status(call, &no_such_form(&FORMS));
    }
    answer(call, value)
}

/// Whether the client would rather have everything in one document, and in which version.
fn wanted_aggregate(call: &Call) -> Option<AggregatedVersion> {
    let accept = Accept::parse(call.accept()?);
    accept.ranges().iter().find_map(|range| {
        let of = |name| {
            range
                .parameters
                .iter()
                .find(|(n, _)| *n == name)
                .map(|(_, value)| *value)
        };
        if !range.covers("application/json") {
            return None;
        }
        match (of("as"), of("g"), of("v")) {
            (Some("APIGroupDiscoveryList"), Some("apidiscovery.k8s.io"), Some(version)) => {
                AggregatedVersion::named(version).map(Some)
            }
            (None, None, None) => Some(None),
            _ => None,
        }
    })?
}

fn aggregate(call: &Call, aggregated: &Aggregated, version: AggregatedVersion) -> Response {
    let prepared = aggregated.prepared(version);
    let known = call
        .header(IF_NONE_MATCH)
        .is_some_and(|tags| tags.split(',').any(|t| t.trim() == prepared.tag));
    let mut response = if known {
        let mut response = Response::new(Body::Empty);
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        response
    } else {
        let mut response = Response::new(Body::full(prepared.json.clone()));
        response
            .headers_mut()
            .insert(CONTENT_TYPE, HeaderValue::from_static(version.content_type()));
        response
    };
    let headers = response.headers_mut();
    headers.insert(VARY, HeaderValue::from_static("Accept"));
    insert(headers, ETAG, &prepared.tag);
    response
}

fn insert(headers: &mut http::HeaderMap, name: HeaderName, text: &str) {
    if let Ok(value) = HeaderValue::from_str(text) {
        headers.insert(name, value);
    }
}
