//! `/openapi/v2` and `/openapi/v3`: made when first asked for, then served from prepared bytes.

mod prepared;
mod range;

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use bytes::Bytes;
use http::header::{ACCEPT_ENCODING, CACHE_CONTROL, EXPIRES, LOCATION, VARY};
use http::{HeaderValue, StatusCode};
use parking_lot::Mutex;
use serde_json::{Map, Value, json};

use crate::aggregation::{Aggregation, OtherServer, Parts, openapi, openapi_v3};
use crate::body::Body;
use crate::call::{Call, Response};
use crate::codec;
use crate::negotiate::Accept;
use crate::respond::document::with_bytes;
use prepared::Prepared;

const JSON: &str = "application/json";
const PROTOBUF_V2: [&str; 2] = [
    "application/com.github.proto-openapi.spec.v2.v1.0+protobuf",
    "application/com.github.proto-openapi.spec.v2@v1.0+protobuf",
];
const PROTOBUF_V3: [&str; 2] = [
    "application/com.github.proto-openapi.spec.v3.v1.0+protobuf",
    "application/com.github.proto-openapi.spec.v3@v1.0+protobuf",
];

/// Makes the documents. What it makes may only change together with its revision.
pub trait OpenApiSource: Send + Sync {
    /// Counts changes of the v3 document of a path; of the v2 document, whose path is empty.
    fn revision(&self, path: &str) -> u64;

    /// Paths of the v3 documents: `api`, `apis/apps/v1`, `version`.
    fn paths(&self) -> Vec<String>;

    /// The v3 document of a path, in JSON.
    fn v3(&self, path: &str) -> Option<Vec<u8>>;

    /// The v2 document, in JSON.
    fn v2(&self) -> Vec<u8>;

    /// The v2 document in the protobuf of gnostic, if there is such a form.
    fn v2_protobuf(&self) -> Option<Vec<u8>> {
        None
    }

    /// A v3 document in the protobuf of gnostic, if there is such a form.
    fn v3_protobuf(&self, _path: &str) -> Option<Vec<u8>> {
        None
    }
}

/// The documents, prepared.
pub struct OpenApi {
    source: Arc<dyn OpenApiSource>,
    /// What other servers say of their parts.
    others: Aggregation,
    cache: Mutex<Cache>,
}

/// Documents with their revisions.
type Cache = HashMap<Key, (u64, Arc<Prepared>)>;

/// Which document, in which form; the v2 document has an empty path.
type Key = (String, &'static str);

impl OpenApi {
    /// Documents from `source` and of other servers.
    pub fn new(source: Arc<dyn OpenApiSource>, others: Aggregation) -> Self {
        Self {
            source,
            others,
            cache: Mutex::default(),
        }
    }

    /// Answers `/openapi/v2`.
    pub fn v2(&self, call: &Call) -> Response {
        let parts = self.others.parts();
        let revision = self.v2_revision(&parts);
        let made = form(call, PROTOBUF_V2)
            .and_then(|form| self.prepared((String::new(), form), revision, || self.make_v2(&parts, form)));
        let Some(document) = made else {
            return empty(StatusCode::NOT_ACCEPTABLE);
        };
        let mut response = document.answer(call, accepts_gzip(call));
        let vary = response.headers_mut();
        vary.append(VARY, HeaderValue::from_static("Accept-Encoding"));
        vary.append(VARY, HeaderValue::from_static("Accept"));
        response
    }

    /// Answers `/openapi/v3`: which documents there are.
    pub fn v3_index(&self) -> Response {
        let mut paths = Map::new();
        for path in self.source.paths() {
            if let Some(document) = self.v3_document(&path) {
                let url = format!("/openapi/v3/{path}?hash={}", document.hash());
                paths.insert(path, json!({ "serverRelativeURL": url }));
            }
        }
        for (part, other) in self.others.parts().elsewhere() {
            let made = part.openapi_path();
            if let Some(document) = self.v3_of_other(&made) {
                let url = format!("/openapi/v3/{made}?hash={}", document.hash());
                paths
                    .entry(made)
                    .or_insert_with(|| json!({ "serverRelativeURL": url }));
            }
            for (path, address) in &other.documents.openapi_v3 {
                if !paths.contains_key(path) {
                    paths.insert(path.clone(), json!({ "serverRelativeURL": address }));
                }
            }
        }
        let bytes = codec::to_json(&json!({ "paths": paths }));
        with_bytes(StatusCode::OK, "text/plain; charset=utf-8", bytes)
    }

    /// Answers `/openapi/v3/PATH`.
    pub fn v3(&self, call: &Call, path: &str) -> Response {
        // The v2 document is none of these, though it is kept beside them under the empty path.
        let Some(json) = Some(path)
            .filter(|path| !path.is_empty())
            .and_then(|path| self.v3_of_other(path).or_else(|| self.v3_document(path)))
        else {
            return empty(StatusCode::NOT_FOUND);
        };
        let document = match form(call, PROTOBUF_V3) {
            Some(JSON) => Some(Arc::clone(&json)),
            Some(form) => {
                let revision = self.source.revision(path);
                self.prepared((path.to_owned(), form), revision, || {
                    self.source.v3_protobuf(path)
                })
            }
            None => None,
        };
        let Some(document) = document else {
            return empty(StatusCode::NOT_ACCEPTABLE);
        };
        let asked = call.query.first("hash");
        if let Some(hash) = asked.filter(|hash| *hash != json.hash()) {
            return moved(path, hash, json.hash());
        }
        let mut response = document.answer(call, false);
        let headers = response.headers_mut();
        headers.insert(VARY, HeaderValue::from_static("Accept"));
        if asked.is_some() {
            headers.insert(CACHE_CONTROL, HeaderValue::from_static("public, immutable"));
            headers.insert(EXPIRES, prepared::in_a_year());
        }
        response
    }

    /// The paths this answers.
    pub fn paths(&self) -> Vec<String> {
        vec!["/openapi/v2".into(), "/openapi/v3".into(), "/openapi/v3/".into()]
    }

    fn v3_document(&self, path: &str) -> Option<Arc<Prepared>> {
        let revision = self.source.revision(path);
        self.prepared((path.to_owned(), JSON), revision, || self.source.v3(path))
    }

    /// The v3 document of a group version of a server that has only a v2 one, made out of that.
    fn v3_of_other(&self, path: &str) -> Option<Arc<Prepared>> {
        let parts = self.others.parts();
        let (_, other) = parts
            .elsewhere()
            .find(|(part, other)| other.documents.openapi_v3.is_empty() && part.openapi_path() == path)?;
        let (tag, document) = other.documents.openapi_v2.as_ref()?;
        let mut hasher = DefaultHasher::new();
        tag.hash(&mut hasher);
        self.prepared((path.to_owned(), JSON), hasher.finish(), || {
            Some(codec::to_json(&openapi_v3::of_v2(document, path)))
        })
    }

    /// Who else has the v3 document of a path; none if it is this server's.
    pub fn elsewhere(&self, path: &str) -> Option<OtherServer> {
        let parts = self.others.parts();
        let mut elsewhere = parts.elsewhere();
        let (_, other) = elsewhere.find(|(_, other)| other.documents.openapi_v3.contains_key(path))?;
        let is_own = self.source.paths().iter().any(|own| own == path);
        (!is_own).then(|| other.clone())
    }

    /// Changes with what any of the servers says.
    fn v2_revision(&self, parts: &Parts) -> u64 {
        let own = self.source.revision("");
        let mut tags = parts.v2_documents().map(|(tag, _)| tag).peekable();
        if tags.peek().is_none() {
            return own;
        }
        let mut hasher = DefaultHasher::new();
        own.hash(&mut hasher);
        tags.for_each(|tag| tag.hash(&mut hasher));
        hasher.finish()
    }

    /// This server's document with those of others taken in, if there are any.
    fn make_v2(&self, parts: &Parts, form: &str) -> Option<Vec<u8>> {
        if parts.v2_documents().next().is_none() {
            return match form {
                JSON => Some(self.source.v2()),
                _ => self.source.v2_protobuf(),
            };
        }
        let mut whole: Value = serde_json::from_slice(&self.source.v2()).ok()?;
        for (_, document) in parts.v2_documents() {
            openapi::merge(&mut whole, document);
        }
        Some(match form {
            JSON => codec::to_json(&whole),
            _ => schema::openapi::v2_in_protobuf(&whole),
        })
    }

    fn prepared(
        &self,
        key: Key,
        revision: u64,
        make: impl FnOnce() -> Option<Vec<u8>>,
    ) -> Option<Arc<Prepared>> {
        let mut cache = self.cache.lock();
        match cache.get(&key) {
            Some((of, document)) if *of == revision => return Some(Arc::clone(document)),
            Some(_) | None => {}
        }
        let Some(made) = make() else {
            cache.remove(&key);
            return None;
        };
        let document = Arc::new(Prepared::new(key.1, Bytes::from(made)));
        cache.insert(key, (revision, Arc::clone(&document)));
        Some(document)
    }
}

/// The form the client wants: JSON or protobuf under its current name.
fn form(call: &Call, protobuf: [&'static str; 2]) -> Option<&'static str> {
    let accept = Accept::parse(call.accept().unwrap_or_default());
    accept.ranges().iter().find_map(|range| {
        if range.covers(JSON) {
            Some(JSON)
        } else {
            protobuf
                .iter()
                .any(|name| range.covers(name))
                .then_some(protobuf[0])
        }
    })
}

fn accepts_gzip(call: &Call) -> bool {
    call.header(ACCEPT_ENCODING)
        .is_some_and(|accepted| accepted.contains("gzip"))
}

fn empty(code: StatusCode) -> Response {
    let mut response = Response::new(Body::Empty);
    *response.status_mut() = code;
    response
}

/// 301 from an outdated address to the one of today.
fn moved(path: &str, _outdated: &str, hash: &str) -> Response {
    let mut response = empty(StatusCode::MOVED_PERMANENTLY);
    if let Ok(url) = HeaderValue::try_from(format!("/openapi/v3/{path}?hash={hash}")) {
        response.headers_mut().insert(LOCATION, url);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aggregation::{Documents, Part};
    use crate::testing::{call, text_of};

    struct One;

    impl OpenApiSource for One {
        fn revision(&self, _path: &str) -> u64 {
            1
        }

        fn paths(&self) -> Vec<String> {
            vec!["apis/apps/v1".into()]
        }

        fn v3(&self, path: &str) -> Option<Vec<u8>> {
            (path == "apis/apps/v1").then(|| b"{\"openapi\":\"3.0.0\"}".to_vec())
        }

        fn v2(&self) -> Vec<u8> {
            b"{\"swagger\":\"2.0\"}".to_vec()
        }
    }

    fn get(headers: &[(&str, &str)], query: &str) -> Response {
        let openapi = OpenApi::new(Arc::new(One), Aggregation::default());
        openapi.v3(
            &call("GET", &format!("/openapi/v3/apis/apps/v1{query}"), headers),
            "apis/apps/v1",
        )
    }

    fn header<'a>(response: &'a Response, name: &str) -> &'a str {
        response
            .headers()
            .get(name)
            .and_then(|v| v.to_str().ok())
            .unwrap_or("-")
    }

    #[test]
    fn documents_may_be_kept_at_their_address() {
        let plain = get(&[], "");
        let tag = header(&plain, "etag").to_owned();
        assert_eq!(
            (header(&plain, "vary"), header(&plain, "cache-control")),
            ("Accept", "-")
        );
        let hash = tag.trim_matches('"');
        let kept = get(&[], &format!("?hash={hash}"));
        assert_eq!(header(&kept, "cache-control"), "public, immutable");
        let outdated = get(&[], "?hash=ABC");
        assert_eq!(outdated.status(), 301);
        assert_eq!(
            header(&outdated, "location"),
            format!("/openapi/v3/apis/apps/v1?hash={hash}")
        );
        assert_eq!(get(&[("if-none-match", &tag)], "").status(), 304);
        assert_eq!(get(&[("if-none-match", "\"abc\"")], "").status(), 200);
    }

    #[test]
    fn only_served_forms_are_served() {
        for (accept, code) in [
            ("text/html", 406),
            ("application/yaml", 406),
            ("*/*", 200),
            ("application/*", 200),
            (PROTOBUF_V3[1], 406),
        ] {
            assert_eq!(get(&[("accept", accept)], "").status(), code, "{accept}");
        }
        let openapi = OpenApi::new(Arc::new(One), Aggregation::default());
        assert_eq!(openapi.v3(&call("GET", "/", &[]), "apis/none/v1").status(), 404);
    }

    #[test]
    fn the_old_document_is_compressed() {
        let openapi = OpenApi::new(Arc::new(One), Aggregation::default());
        let response = openapi.v2(&call("GET", "/openapi/v2", &[("accept-encoding", "gzip")]));
        assert_eq!(header(&response, "content-encoding"), "gzip");
        let vary: Vec<_> = response.headers().get_all(VARY).iter().collect();
        assert_eq!(vary, ["Accept-Encoding", "Accept"]);
    }

    #[tokio::test]
    async fn servers_with_only_a_v2_document_have_a_v3_one_here() {
        let others = Aggregation::default();
        let v2 = json!({"paths": {"/apis/a.example/v1/things": {"get": {"operationId": "list"}}}});
        let part = Part {
            group: "a.example".to_owned(),
            version: "v1".to_owned(),
            group_priority: 0,
            version_priority: 0,
            other: Some(OtherServer {
                is_available: true,
                backend: Err(String::new()),
                documents: Arc::new(Documents {
                    openapi_v2: Some(("tag".to_owned(), Arc::new(v2))),
                    ..Documents::default()
                }),
            }),
        };
        others.publish(Parts::new(vec![part]));
        let openapi = OpenApi::new(Arc::new(One), others);
        let index: Value = serde_json::from_str(&text_of(openapi.v3_index()).await).unwrap();
        let paths = index["paths"].as_object().unwrap();
        assert_eq!(
            paths.keys().collect::<Vec<_>>(),
            ["apis/a.example/v1", "apis/apps/v1"]
        );
        let url = paths["apis/a.example/v1"]["serverRelativeURL"].as_str().unwrap();
        let made = openapi.v3(&call("GET", url, &[]), "apis/a.example/v1");
        assert_eq!(
            (made.status().as_u16(), header(&made, "cache-control")),
            (200, "public, immutable")
        );
        let made: Value = serde_json::from_str(&text_of(made).await).unwrap();
        assert_eq!(
            made["paths"]["/apis/a.example/v1/things"]["get"]["operationId"],
            "list"
        );
    }
}
