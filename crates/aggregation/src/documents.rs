//! What another server says of itself: discovery and OpenAPI.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use apiserver::IncomingBody;
use apiserver::aggregation::{Backend, Documents, of_paths, set_user};
use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use http::{HeaderMap, HeaderValue, Request};
use http_body_util::{BodyExt, Limited};
use meta::User;
use serde_json::Value;
use tokio::time::timeout;

use crate::discovery::{of_list, of_resource_list, stale};
use crate::service::ApiService;

const JSON: &str = "application/json";
const ALL_GROUPS: &str = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,\
    application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList";
/// How long a document may take, and how large it may be.
const DISCOVERY_WITHIN: Duration = Duration::from_secs(5);
const OPENAPI_WITHIN: Duration = Duration::from_secs(30);
const MAX_BYTES: usize = 32 << 20;

/// Documents as they were last.
#[derive(Clone, Default)]
pub(crate) struct Held {
    pub(crate) documents: Arc<Documents>,
}

/// An answer that was read to its end.
pub(crate) struct Answer {
    pub(crate) code: u16,
    headers: HeaderMap,
    body: Bytes,
}

impl Answer {
    fn header(&self, name: impl http::header::AsHeaderName) -> &str {
        let value = self.headers.get(name).and_then(|value| value.to_str().ok());
        value.unwrap_or_default()
    }

    /// What tells its content from others.
    fn digest(&self) -> String {
        let mut hasher = DefaultHasher::new();
        self.body.hash(&mut hasher);
        format!("{:x}", hasher.finish())
    }

    fn tree(&self) -> Option<Value> {
        serde_json::from_slice(&self.body)
            .ok()
            .filter(|_| self.code == 200)
    }
}

impl Held {
    /// Nothing is known: the group version is told of, but not its resources.
    pub(crate) fn nothing(service: &ApiService) -> Self {
        Self {
            documents: Arc::new(Documents {
                discovery: stale(&service.version),
                ..Documents::default()
            }),
        }
    }

    /// Whether the server's resources are told of.
    pub(crate) fn is_current(&self) -> bool {
        self.documents.discovery["freshness"] == "Current"
    }

    /// The same with the resources that the server has now; none if it does not answer.
    pub(crate) async fn discover(&self, service: &ApiService, backend: &dyn Backend) -> Option<Self> {
        let documents = Documents {
            discovery: discovery(service, backend).await?,
            openapi_v3: self.documents.openapi_v3.clone(),
            openapi_v2: self.documents.openapi_v2.clone(),
        };
        Some(Self {
            documents: Arc::new(documents),
        })
    }

    /// The server is not there: what it said of OpenAPI is still told, its resources are not.
    pub(crate) fn stale(&self, service: &ApiService) -> Self {
        let before = &self.documents;
        let documents = Documents {
            discovery: stale(&service.version),
            openapi_v3: before.openapi_v3.clone(),
            openapi_v2: before.openapi_v2.clone(),
        };
        Self {
            documents: Arc::new(documents),
        }
    }

    /// Asks the server; what it does not answer about OpenAPI stays as it was. Says whether all was answered.
    pub(crate) async fn fetch(&self, service: &ApiService, backend: &dyn Backend) -> (Self, bool) {
        let discovery = discovery(service, backend).await;
        let index = openapi_v3(backend).await;
        let before = &self.documents;
        let tag = before.openapi_v2.as_ref().map_or("", |(tag, _)| tag.as_str());
        let openapi = openapi_v2(service, backend, tag).await;
        let is_complete = discovery.is_some() && index.is_some() && openapi.is_some();
        let openapi_v2 = match openapi {
            Some(Newer::Document(tag, document)) => Some((tag, document)),
            Some(Newer::Unchanged) | None => before.openapi_v2.clone(),
            Some(Newer::Missing) => None,
        };
        let documents = Documents {
            discovery: discovery.unwrap_or_else(|| stale(&service.version)),
            openapi_v3: index.unwrap_or_else(|| before.openapi_v3.clone()),
            openapi_v2,
        };
        let held = Self {
            documents: Arc::new(documents),
        };
        (held, is_complete)
    }
}

/// The entry of the group version: out of the document of all groups, else its own. None if the server does not answer.
async fn discovery(service: &ApiService, backend: &dyn Backend) -> Option<Value> {
    let aggregator = aggregator();
    let all = get(
        backend,
        "/apis",
        &aggregator,
        &[(ACCEPT, ALL_GROUPS)],
        DISCOVERY_WITHIN,
    )
    .await
    .ok()?;
    if all.code == 503 {
        return None;
    }
    if all.header(CONTENT_TYPE).contains("as=APIGroupDiscoveryList") {
        let list = all.tree()?;
        return Some(of_list(&list, &service.group, &service.version));
    }
    let path = service.path();
    let own = get(backend, &path, &aggregator, &[(ACCEPT, JSON)], DISCOVERY_WITHIN)
        .await
        .ok()?;
    Some(of_resource_list(&own.tree()?, &service.version))
}

/// Which v3 documents there are; none of them at a server that knows no such thing.
async fn openapi_v3(backend: &dyn Backend) -> Option<BTreeMap<String, String>> {
    let answer = get(
        backend,
        "/openapi/v3",
        &reader(),
        &[(ACCEPT, JSON)],
        OPENAPI_WITHIN,
    )
    .await
    .ok()?;
    if answer.code == 404 {
        return Some(BTreeMap::new());
    }
    let tree = answer.tree()?;
    let paths = tree["paths"].as_object()?.iter();
    let addressed = paths.filter_map(|(path, item)| {
        let address = item["serverRelativeURL"].as_str()?;
        Some((path.clone(), address.to_owned()))
    });
    Some(addressed.collect())
}

enum Newer {
    Document(String, Arc<Value>),
    Unchanged,
    Missing,
}

async fn openapi_v2(service: &ApiService, backend: &dyn Backend, tag: &str) -> Option<Newer> {
    let headers = [(ACCEPT, JSON), (IF_NONE_MATCH, tag)];
    let answer = get(backend, "/openapi/v2", &reader(), &headers, OPENAPI_WITHIN)
        .await
        .ok()?;
    match answer.code {
        304 => Some(Newer::Unchanged),
        404 => Some(Newer::Missing),
        _ => {
            let own = of_paths(&answer.tree()?, &format!("{}/", service.path()));
            let tag = match answer.header(ETAG) {
                "" => answer.digest(),
                tag => tag.to_owned(),
            };
            Some(Newer::Document(tag, Arc::new(own)))
        }
    }
}

/// Who asks for what all clients see.
pub(crate) fn aggregator() -> User {
    User::new("system:kube-aggregator", &["system:masters"])
}

fn reader() -> User {
    User::new("system:aggregator", &["system:authenticated"])
}

/// Asks for a document; else why there is none.
pub(crate) async fn get(
    backend: &dyn Backend,
    path: &str,
    user: &User,
    headers: &[(http::HeaderName, &str)],
    within: Duration,
) -> Result<Answer, String> {
    let mut request = Request::new(IncomingBody::Empty);
    *request.uri_mut() = path.parse().map_err(|error| format!("{error}"))?;
    for (name, text) in headers.iter().filter(|(_, text)| !text.is_empty()) {
        let value = HeaderValue::from_str(text).map_err(|error| error.to_string())?;
        request.headers_mut().insert(name, value);
    }
    set_user(request.headers_mut(), user);
    let exchange = async {
        let (head, body) = backend.send(request).await?.into_parts();
        let body = Limited::new(body, MAX_BYTES).collect().await;
        Ok(Answer {
            code: head.status.as_u16(),
            headers: head.headers,
            body: body.map_err(|error| error.to_string())?.to_bytes(),
        })
    };
    let answered = timeout(within, exchange).await;
    answered.unwrap_or_else(|_| Err("context deadline exceeded".to_owned()))
}
