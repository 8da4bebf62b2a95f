//! A request on its way through the server, with all that filters have found out about it.

use std::sync::Arc;
use std::time::Instant;

use audit::Record;
use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, HeaderName, Request};
use meta::User;
use registry::Warnings;

use crate::body::{Body, IncomingBody};
use crate::metrics::{Histogram, RequestLabels};
use crate::negotiate::Format;
use crate::query::Query;
use crate::request_info::RequestInfo;
use crate::server::Peer;

/// An answer.
pub type Response = http::Response<Body>;

/// A request on its way.
#[derive(Debug)]
pub struct Call {
    /// Method, address, headers and extensions.
    pub head: Parts,
    /// The body; taken by who reads it.
    pub body: IncomingBody,
    /// The other end, for a request from the network.
    pub peer: Option<Arc<Peer>>,
    /// When it came.
    pub received: Instant,
    /// The decoded query.
    pub query: Query,
    /// What it is about. Set by the request-info filter.
    pub info: RequestInfo,
    /// Who asks. Set by authentication, exchanged by impersonation.
    pub user: Arc<User>,
    /// When it must be answered. None for what may last.
    pub deadline: Option<Instant>,
    /// What is written about it; none if nothing is. Set by the audit filter.
    pub audit: Option<Arc<Record>>,
    /// Texts for the `Warning` headers of the answer.
    pub warnings: Warnings,
    /// What it is counted under. Set by whoever knows the resource.
    pub labels: CallLabels,
    /// The body as it came, where its text counts. Set by who decodes it.
    pub sent: Option<Bytes>,
    lap: Lap,
}

/// What a call is counted under, as far as it is not in [`RequestInfo`]. Only names of served resources get in, so that
/// clients cannot make series at will.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CallLabels {
    /// `GET`, `LIST`, `WATCH`, `POST`, `PUT`, `PATCH`, `APPLY`, `DELETE`, `DELETECOLLECTION`, `CONNECT`.
    pub verb: &'static str,
    /// Whether the path names a served resource.
    pub served: bool,
    /// Whether nothing is to be written.
    pub dry_run: bool,
    /// Whether the version of the resource is on its way out.
    pub deprecated: bool,
}

/// Measures which filter a call spends its time in.
#[derive(Debug)]
struct Lap {
    since: Instant,
    histogram: Option<Arc<Histogram>>,
}

impl Call {
    /// A call that no filter has seen.
    pub fn new(request: Request<IncomingBody>, peer: Option<Arc<Peer>>) -> Self {
        let (head, body) = request.into_parts();
        let received = Instant::now();
        Self {
            query: Query::parse(head.uri.query()),
            head,
            body,
            peer,
            received,
            info: RequestInfo::default(),
            user: Arc::default(),
            deadline: None,
            audit: None,
            warnings: Warnings::default(),
            labels: CallLabels::default(),
            sent: None,
            lap: Lap {
                since: received,
                histogram: None,
            },
        }
    }

    /// A header's text; none if it is absent or not text.
    pub fn header(&self, name: impl AsHeaderName) -> Option<&str> {
        name.get(&self.head.headers)
    }

    /// The `Accept` header.
    pub fn accept(&self) -> Option<&str> {
        self.header(http::header::ACCEPT)
    }

    /// Whether JSON is to be laid out for people: if they ask for it, or look at it with a tool for people.
    pub fn wants_pretty(&self, format: Format) -> bool {
        match self.query.first("pretty").filter(|text| !text.is_empty()) {
            Some(text) => matches!(text, "1" | "t" | "T" | "true" | "TRUE" | "True"),
            None => format.pretty || self.header(http::header::USER_AGENT).is_some_and(is_for_people),
        }
    }

    /// What the call is counted under.
    pub fn metric_labels(&self) -> RequestLabels<'_> {
        let CallLabels {
            verb,
            served,
            dry_run,
            ..
        } = self.labels;
        let dry_run = if dry_run { "All" } else { "" };
        if !served {
            return RequestLabels {
                verb,
                dry_run,
                ..RequestLabels::default()
            };
        }
        let info = &self.info;
        let scope = match (info.name().is_empty(), info.namespace().is_empty()) {
            (false, _) => "resource",
            (true, false) => "namespace",
            (true, true) => "cluster",
        };
        RequestLabels {
            verb,
            group: info.group(),
            version: info.version(),
            resource: info.resource(),
            subresource: info.subresource(),
            scope,
            dry_run,
        }
    }

    /// Time goes to `histogram` from here on; what passed till now goes to the one before.
    pub(crate) fn enter(&mut self, histogram: Option<Arc<Histogram>>) {
        let now = Instant::now();
        if let Some(left) = std::mem::replace(&mut self.lap.histogram, histogram) {
            left.observe_duration(now - self.lap.since);
        }
        self.lap.since = now;
    }
}

/// Whether a user agent shows answers to people: browsers and the usual command lines.
fn is_for_people(user_agent: &str) -> bool {
    ["curl", "Wget", "Mozilla/5.0"]
        .iter()
        .any(|tool| user_agent.starts_with(tool))
}

/// A name a header can be looked up by.
pub trait AsHeaderName {
    /// The header's text.
    fn get(self, headers: &HeaderMap) -> Option<&str>;
}

impl AsHeaderName for HeaderName {
    fn get(self, headers: &HeaderMap) -> Option<&str> {
        headers.get(self)?.to_str().ok()
    }
}

impl AsHeaderName for &str {
    fn get(self, headers: &HeaderMap) -> Option<&str> {
        headers.get(self)?.to_str().ok()
    }
}
