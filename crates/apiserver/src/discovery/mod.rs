//! Discovery: which groups, versions and resources there are.

mod aggregated;
mod catalog;
mod order;
mod plain;

use std::sync::Arc;

use http::header::{CONTENT_TYPE, ETAG, IF_NONE_MATCH, VARY};
use http::{HeaderName, HeaderValue, Method, StatusCode};
use parking_lot::Mutex;
use registry::Registry;

use crate::aggregation::Aggregation;
use crate::body::Body;
use crate::call::{Call, Response};
use crate::codec;
use crate::negotiate::{Accept, Encoding, Format, Offer};
use crate::respond::document::document;
use crate::respond::not_found_page;
use crate::respond::status::{no_such_form, no_such_method, no_such_resource, status};

use aggregated::Aggregated;
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
    others: Aggregation,
    /// Address and port that clients in the cluster reach the server at.
    server_address: String,
    current: Mutex<Arc<Catalog>>,
}

impl Discovery {
    /// Discovery of a registry's resources, and of what other servers serve.
    pub fn new(registry: Registry, others: Aggregation, server_address: String) -> Self {
        Self {
            registry,
            others,
            server_address,
            current: Mutex::default(),
        }
    }

    /// What is served now. Made anew only when resources came or went.
    pub fn catalog(&self) -> Arc<Catalog> {
        let resources = self.registry.resources();
        let parts = self.others.parts();
        let mut current = self.current.lock();
        if !current.is_of(&resources, &parts) {
            *current = Arc::new(Catalog::new(resources, parts));
        }
        Arc::clone(&current)
    }

    /// Answers `/api`.
    pub fn core(&self, call: &Call) -> Response {
        if let Some(response) = self.get_only(call) {
            return response;
        }
        let catalog = self.catalog();
        if let Some(encoding) = wanted_aggregate(call) {
            return aggregate(call, catalog.core(), encoding);
        }
        answer_routed(call, &plain::core_versions(&catalog, &self.server_address))
    }

    /// Answers `/apis`.
    pub fn groups(&self, call: &Call) -> Response {
        let catalog = self.catalog();
        if let Some(encoding) = wanted_aggregate(call) {
            return aggregate(call, catalog.named(), encoding);
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
        Ok(format) => {
            call.answered(|| codec::to_json(value));
            let pretty = call.wants_pretty(format);
            document(StatusCode::OK, value, Format { pretty, ..format })
        }
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

/// The form in which the client would rather have everything in one document.
fn wanted_aggregate(call: &Call) -> Option<Encoding> {
    aggregated::wanted(&Accept::parse(call.accept()?))
}

fn aggregate(call: &Call, aggregated: &Aggregated, encoding: Encoding) -> Response {
    let mut response = if call.header(IF_NONE_MATCH) == Some(aggregated.tag.as_str()) {
        let mut response = Response::new(Body::Empty);
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        response
    } else {
        call.answered(|| aggregated.json.clone());
        written(aggregated, encoding)
    };
    let headers = response.headers_mut();
    headers.insert(VARY, HeaderValue::from_static("Accept"));
    insert(headers, ETAG, &aggregated.tag);
    response
}

fn written(aggregated: &Aggregated, encoding: Encoding) -> Response {
    let mut response = match encoding {
        Encoding::Json => Response::new(Body::full(aggregated.json.clone())),
        Encoding::Yaml | Encoding::Protobuf => {
            let format = Format {
                encoding,
                ..Format::default()
            };
            document(StatusCode::OK, &codec::tree_of(&aggregated.json), format)
        }
    };
    let form = format!(
        "{};g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList",
        encoding.media_type()
    );
    insert(response.headers_mut(), CONTENT_TYPE, &form);
    response
}

fn insert(headers: &mut http::HeaderMap, name: HeaderName, text: &str) {
    if let Ok(value) = HeaderValue::from_str(text) {
        headers.insert(name, value);
    }
}
