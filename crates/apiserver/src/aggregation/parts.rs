//! What is known of who serves which group and version.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use async_trait::async_trait;
use http::{Request, Response};
use hyper::body::Incoming;
use parking_lot::Mutex;
use serde_json::Value;

use crate::body::IncomingBody;
use crate::connect::Connection;

/// What there is at the moment. Cloning is cheap.
#[derive(Clone, Default)]
pub struct Aggregation {
    parts: Arc<ArcSwap<Parts>>,
    /// How often API services became unavailable, by name and reason.
    lost: Arc<Mutex<BTreeMap<(String, &'static str), u64>>>,
}

/// All group versions that are registered, whoever serves them.
#[derive(Default)]
pub struct Parts {
    /// Those of other servers first.
    all: Vec<Part>,
    /// How many those are: mostly none, and every request looks at them.
    elsewhere: usize,
}

/// A group version.
pub struct Part {
    /// Its group; empty for the core group.
    pub group: String,
    /// Its version.
    pub version: String,
    /// Groups with a higher one come first in discovery.
    pub group_priority: i64,
    /// The same for versions in a group.
    pub version_priority: i64,
    /// Who serves it; none if this server does.
    pub other: Option<OtherServer>,
}

/// Who serves a group version elsewhere.
#[derive(Clone)]
pub struct OtherServer {
    /// Whether it was there when last looked for.
    pub is_available: bool,
    /// The way to it; else what is wrong with what is said of it.
    pub backend: Result<Arc<dyn Backend>, String>,
    /// What it says of itself.
    pub documents: Arc<Documents>,
}

/// Documents of another server.
#[derive(Debug, Default, PartialEq)]
pub struct Documents {
    /// The group version's entry in the document of all groups, with how fresh it is.
    pub discovery: Value,
    /// The v3 documents it has: their paths, and the addresses of their newest state.
    pub openapi_v3: BTreeMap<String, String>,
    /// What its v2 document says of the group version, with what changes if that does.
    pub openapi_v2: Option<(String, Arc<Value>)>,
}

/// A way to another server.
#[async_trait]
pub trait Backend: Send + Sync {
    /// Sends a request over any of the connections that are kept. Its address is a path; an error is in upstream's words.
    async fn send(&self, request: Request<IncomingBody>) -> Result<Response<Incoming>, String>;

    /// A connection that is to change protocols.
    async fn connect(&self) -> Result<Connection, String>;
}

impl Aggregation {
    /// Who else is to answer a path; none if this server does.
    pub fn of_path(&self, path: &str) -> Option<OtherServer> {
        self.parts.load().of_path(path).cloned()
    }

    /// What is known now.
    pub fn parts(&self) -> Arc<Parts> {
        self.parts.load_full()
    }

    /// From now on this is known.
    pub fn publish(&self, parts: Parts) {
        self.parts.store(Arc::new(parts));
    }

    /// An API service became unavailable.
    pub fn count_lost(&self, name: &str, reason: &'static str) {
        *self.lost.lock().entry((name.to_owned(), reason)).or_default() += 1;
    }

    /// How often API services became unavailable, by name and reason.
    pub fn lost(&self) -> BTreeMap<(String, &'static str), u64> {
        self.lost.lock().clone()
    }
}

impl Parts {
    /// Group versions, each but once.
    pub fn new(mut all: Vec<Part>) -> Self {
        all.sort_by_key(|part| part.other.is_none());
        let elsewhere = all.iter().filter(|part| part.other.is_some()).count();
        Self { all, elsewhere }
    }

    /// All of them.
    pub fn all(&self) -> &[Part] {
        &self.all
    }

    /// The part with that group and version.
    pub fn find(&self, group: &str, version: &str) -> Option<&Part> {
        let mut all = self.all.iter();
        all.find(|part| part.group == group && part.version == version)
    }

    /// Those that other servers serve.
    pub fn elsewhere(&self) -> impl Iterator<Item = (&Part, &OtherServer)> {
        let elsewhere = self.all[..self.elsewhere].iter();
        elsewhere.filter_map(|part| Some((part, part.other.as_ref()?)))
    }

    /// Version 2 documents of OpenAPI that other servers have, with their tags: in the order in which one comes before another.
    pub fn v2_documents(&self) -> impl Iterator<Item = (&str, &Value)> {
        let mut elsewhere: Vec<_> = self.elsewhere().collect();
        elsewhere.sort_by_key(|(part, _)| {
            let rank = Reverse((part.group_priority, part.version_priority));
            (rank, part.group.as_str(), part.version.as_str())
        });
        let documents = elsewhere.into_iter();
        documents.filter_map(|(_, other)| {
            let (tag, document) = other.documents.openapi_v2.as_ref()?;
            Some((tag.as_str(), &**document))
        })
    }

    /// Who serves the path, if another server does: below `/apis/GROUP/VERSION`, or all of the core group.
    pub fn of_path(&self, path: &str) -> Option<&OtherServer> {
        let elsewhere = self.elsewhere().find(|(part, _)| part.covers(path));
        elsewhere.map(|(_, other)| other)
    }
}

impl Part {
    /// The path of its v3 document of OpenAPI.
    pub fn openapi_path(&self) -> String {
        match self.group.as_str() {
            "" => format!("api/{}", self.version),
            group => format!("apis/{group}/{}", self.version),
        }
    }

    /// Whether a path is about it.
    fn covers(&self, path: &str) -> bool {
        let rest = if self.group.is_empty() {
            path.strip_prefix("/api")
        } else {
            path.strip_prefix("/apis/")
                .and_then(|rest| rest.strip_prefix(self.group.as_str())?.strip_prefix('/'))
                .and_then(|rest| rest.strip_prefix(self.version.as_str()))
        };
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_lead_to_the_server_of_their_group_version() {
        let part = |group: &str, version: &str| Part {
            group: group.to_owned(),
            version: version.to_owned(),
            group_priority: 0,
            version_priority: 0,
            other: Some(OtherServer {
                is_available: false,
                backend: Err(String::new()),
                documents: Arc::default(),
            }),
        };
        let parts = Parts::new(vec![part("a.example", "v1"), part("b.example", "v1beta1")]);
        for (path, expected) in [
            ("/apis/a.example/v1", true),
            ("/apis/a.example/v1/", true),
            ("/apis/a.example/v1/namespaces/x/things/y", true),
            ("/apis/a.example/v10", false),
            ("/apis/a.example/v2/things", false),
            ("/apis/a.example", false),
            ("/apis/b.example/v1beta1/things", true),
            ("/api/v1/pods", false),
            ("/apis", false),
        ] {
            assert_eq!(parts.of_path(path).is_some(), expected, "{path}");
        }
        let core = Parts::new(vec![part("", "v1")]);
        assert!(core.of_path("/api/v1/pods").is_some() && core.of_path("/apis").is_none());
    }
}
