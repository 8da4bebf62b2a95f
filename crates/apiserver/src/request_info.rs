//! What a request is about, read from its method, path and query once, before anything else looks at it.

use std::ops::Range;

use http::Method;

use crate::query::{Query, percent_decode};

/// Parts of a namespace's own path that are not resources in it.
const NAMESPACE_SUBRESOURCES: [&str; 2] = ["status", "finalize"];

/// Verbs whose requests may last for ever.
const LONG_RUNNING_VERBS: [&str; 2] = ["watch", "proxy"];

/// Subresources whose requests may last for ever.
const LONG_RUNNING_SUBRESOURCES: [&str; 5] = ["attach", "exec", "proxy", "log", "portforward"];

/// What a request is about. Texts are slices of the decoded path.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequestInfo {
    path: String,
    verb: &'static str,
    resource_request: bool,
    group: Span,
    version: Span,
    namespace: Span,
    resource: Span,
    name: Span,
    subresource: Span,
    rest: Span,
    selected_name: Option<String>,
    surplus: bool,
    about_namespace: bool,
    special: bool,
}

/// A piece of the path.
type Span = Range<usize>;

/// A path that no resource can be read from.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RequestInfoError {
    /// A percent escape is broken.
    #[error("invalid URL escape in path")]
    Escape,
    /// `/api/v1/watch` without a resource.
    #[error("unable to determine kind and namespace from url, {0}")]
    NoResource(String),
}

impl RequestInfo {
    /// Reads a request. `selected_name` gives the name that a field selector demands, if it demands one.
    pub fn parse(
        method: &Method,
        raw_path: &str,
        query: &Query,
        selected_name: impl FnOnce(&str) -> Option<String>,
    ) -> Result<Self, RequestInfoError> {
        let path = percent_decode(raw_path).ok_or(RequestInfoError::Escape)?;
        let mut info = Self {
            verb: path_verb(method),
            ..Self::default()
        };
        info.read(&path, method, query, selected_name)?;
        info.path = path.into_owned();
        Ok(info)
    }

    fn read(
        &mut self,
        path: &str,
        method: &Method,
        query: &Query,
        selected_name: impl FnOnce(&str) -> Option<String>,
    ) -> Result<(), RequestInfoError> {
        let mut segments = Segments::of(path);
        let grouped = match segments.next().map(|s| &path[s]) {
            Some("api") => false,
            Some("apis") => true,
            _ => return Ok(()),
        };
        let before_resource = if grouped { 2 } else { 1 };
        if segments.clone().count() <= before_resource {
            return Ok(());
        }
        self.resource_request = true;
        if grouped {
            self.group = segments.next().unwrap_or_default();
        }
        self.version = segments.next().unwrap_or_default();
        self.verb = resource_verb(method);
        self.read_resource(segments)?;
        self.settle_verb(query, selected_name);
        Ok(())
    }

    /// Reads what stands behind the version.
    fn read_resource(&mut self, mut segments: Segments<'_>) -> Result<(), RequestInfoError> {
        let path = segments.path;
        let text = |span: &Span| &path[span.clone()];
        let mut first = segments.next().unwrap_or_default();
        if let special @ ("watch" | "proxy") = text(&first) {
            self.verb = if special == "watch" { "watch" } else { "proxy" };
            self.special = true;
            first = segments
                .next()
                .ok_or_else(|| RequestInfoError::NoResource(path.to_owned()))?;
        }
        let mut name = segments.next();
        if text(&first) == "namespaces" {
            self.namespace = name.clone().unwrap_or_default();
            self.about_namespace = true;
            let mut ahead = segments.clone();
            match ahead.next() {
                Some(resource) if !NAMESPACE_SUBRESOURCES.contains(&text(&resource)) => {
                    (first, name, segments) = (resource, ahead.next(), ahead);
                    self.about_namespace = false;
                }
                _ => {}
            }
        }
        self.resource = first;
        self.name = name.unwrap_or_default();
        if let Some(subresource) = segments.next() {
            self.rest = subresource.end..path.len();
            self.subresource = subresource;
            self.surplus = segments.next().is_some();
        }
        Ok(())
    }

    /// A read or delete without a name is about the collection.
    fn settle_verb(&mut self, query: &Query, selected_name: impl FnOnce(&str) -> Option<String>) {
        if !self.name.is_empty() {
            return;
        }
        match self.verb {
            "get" => {
                self.verb = if query.flag("watch") { "watch" } else { "list" };
                self.selected_name = query.first("fieldSelector").and_then(selected_name);
            }
            "delete" => self.verb = "deletecollection",
            _ => {}
        }
    }

    /// The decoded path.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The verb authorization asks about: `get`, `list`, `watch`, `create`, ..., or the lower-case method for a path
    /// that is no resource. Empty for a method that is no verb.
    pub fn verb(&self) -> &'static str {
        self.verb
    }

    /// Whether the path itself says the verb, as paths of the oldest clients do: `/api/v1/watch/pods`.
    pub fn path_says_verb(&self) -> bool {
        self.special
    }

    /// Whether the path names a resource.
    pub fn is_resource(&self) -> bool {
        self.resource_request
    }

    /// API group; empty for the core group.
    pub fn group(&self) -> &str {
        &self.path[self.group.clone()]
    }

    /// API version.
    pub fn version(&self) -> &str {
        &self.path[self.version.clone()]
    }

    /// Namespace; empty at cluster scope. A namespace itself counts as in that namespace.
    pub fn namespace(&self) -> &str {
        &self.path[self.namespace.clone()]
    }

    /// Whether the path is about namespaces themselves, not about something in one.
    pub fn is_about_namespace(&self) -> bool {
        self.about_namespace
    }

    /// Plural name.
    pub fn resource(&self) -> &str {
        &self.path[self.resource.clone()]
    }

    /// What stands below the object.
    pub fn subresource(&self) -> &str {
        &self.path[self.subresource.clone()]
    }

    /// Name of the object in the path; empty for a collection.
    pub fn name(&self) -> &str {
        &self.path[self.name.clone()]
    }

    /// The name authorization asks about: that of the path, or the only one a field selector lets through.
    pub fn authorized_name(&self) -> &str {
        self.selected_name.as_deref().unwrap_or_else(|| self.name())
    }

    /// What follows the subresource, slash included: the path to be proxied.
    pub fn rest(&self) -> &str {
        &self.path[self.rest.clone()]
    }

    /// Whether something follows the subresource, which only a proxied path may have.
    pub fn has_rest(&self) -> bool {
        self.surplus
    }

    /// Whether the request may last for ever.
    pub fn is_long_running(&self) -> bool {
        LONG_RUNNING_VERBS.contains(&self.verb) || LONG_RUNNING_SUBRESOURCES.contains(&self.subresource())
    }

    /// Whether the verb only reads.
    pub fn is_read_only(&self) -> bool {
        matches!(self.verb, "get" | "list" | "watch" | "head" | "options")
    }
}

/// The pieces between slashes; slashes at both ends do not count.
#[derive(Clone)]
struct Segments<'a> {
    path: &'a str,
    next: Option<usize>,
    end: usize,
}

impl<'a> Segments<'a> {
    fn of(path: &'a str) -> Self {
        let start = path.len() - path.trim_start_matches('/').len();
        let end = path.trim_end_matches('/').len();
        Self {
            path,
            next: (start < end).then_some(start),
            end,
        }
    }
}

impl Iterator for Segments<'_> {
    type Item = Span;

    fn next(&mut self) -> Option<Span> {
        let start = self.next?;
        let end = self.path[start..self.end]
            .find('/')
            .map_or(self.end, |at| start + at);
        self.next = (end < self.end).then_some(end + 1);
        Some(start..end)
    }
}

fn resource_verb(method: &Method) -> &'static str {
    match *method {
        Method::GET | Method::HEAD => "get",
        Method::POST => "create",
        Method::PUT => "update",
        Method::PATCH => "patch",
        Method::DELETE => "delete",
        _ => "",
    }
}

fn path_verb(method: &Method) -> &'static str {
    match *method {
        Method::GET => "get",
        Method::HEAD => "head",
        Method::POST => "post",
        Method::PUT => "put",
        Method::PATCH => "patch",
        Method::DELETE => "delete",
        Method::OPTIONS => "options",
        Method::CONNECT => "connect",
        Method::TRACE => "trace",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(method: &str, target: &str) -> Result<RequestInfo, RequestInfoError> {
        let (path, query) = target
            .split_once('?')
            .map_or((target, None), |(p, q)| (p, Some(q)));
        let method = Method::from_bytes(method.as_bytes()).expect("a method");
        let name_of = |selector: &str| selector.strip_prefix("metadata.name=").map(str::to_owned);
        RequestInfo::parse(&method, path, &Query::parse(query), name_of)
    }

    /// `verb group/version namespace resource name subresource`, `-` where empty.
    fn check(method: &str, target: &str, expected: &str) {
        let info = parse(method, target).expect("a readable path");
        let or_dash = |text: &str| {
            if text.is_empty() {
                String::from("-")
            } else {
                text.to_owned()
            }
        };
        let found = [
            or_dash(info.verb()),
            format!("{}/{}", info.group(), info.version()),
            or_dash(info.namespace()),
            or_dash(info.resource()),
            or_dash(info.authorized_name()),
            or_dash(info.subresource()),
        ];
        assert_eq!(found.join(" "), expected, "{method} {target}");
        assert!(info.is_resource());
    }

    #[test]
    fn resources_are_read_from_paths() {
        check("GET", "/api/v1/pods", "list /v1 - pods - -");
        check("GET", "/api/v1/namespaces/a/pods/", "list /v1 a pods - -");
        check("HEAD", "/api/v1/namespaces/a/pods/p", "get /v1 a pods p -");
        check(
            "POST",
            "/apis/apps/v1/namespaces/a/deployments",
            "create apps/v1 a deployments - -",
        );
        check(
            "PUT",
            "/apis/apps/v1/namespaces/a/deployments/d/scale",
            "update apps/v1 a deployments d scale",
        );
        check("DELETE", "/api/v1/nodes", "deletecollection /v1 - nodes - -");
        check("DELETE", "/api/v1/nodes/n", "delete /v1 - nodes n -");
        check("PATCH", "/api/v1/nodes/n/status", "patch /v1 - nodes n status");
        check("OPTIONS", "/api/v1/nodes/n", "- /v1 - nodes n -");
    }

    #[test]
    fn namespaces_are_resources_and_scopes() {
        check("GET", "/api/v1/namespaces", "list /v1 - namespaces - -");
        check("GET", "/api/v1/namespaces/a", "get /v1 a namespaces a -");
        check(
            "PUT",
            "/api/v1/namespaces/a/finalize",
            "update /v1 a namespaces a finalize",
        );
        check(
            "GET",
            "/api/v1/namespaces/a/status/",
            "get /v1 a namespaces a status",
        );
        check(
            "GET",
            "/api/v1/namespaces//configmaps",
            "list /v1 - configmaps - -",
        );
        check(
            "GET",
            "/api/v1/namespaces/default%2Fconfigmaps",
            "list /v1 default configmaps - -",
        );
    }

    #[test]
    fn watches_are_asked_for_in_two_ways() {
        check("GET", "/api/v1/pods?watch=true", "watch /v1 - pods - -");
        check("GET", "/api/v1/pods?watch=0", "list /v1 - pods - -");
        check("GET", "/api/v1/pods/p?watch=true", "get /v1 - pods p -");
        check("GET", "/api/v1/watch/namespaces/a/pods/p", "watch /v1 a pods p -");
        check(
            "GET",
            "/api/v1/pods?watch&fieldSelector=metadata.name%3Dp",
            "watch /v1 - pods p -",
        );
        assert!(parse("GET", "/api/v1/watch").is_err());
        for (target, said) in [
            ("/api/v1/watch/pods", true),
            ("/api/v1/proxy/nodes/n", true),
            ("/api/v1/pods?watch=1", false),
            ("/api/v1/nodes/n/proxy", false),
        ] {
            let info = parse("GET", target).expect("a readable path");
            assert_eq!(info.path_says_verb(), said, "{target}");
        }
    }

    #[test]
    fn other_paths_are_no_resources() {
        for (method, path, verb) in [
            ("GET", "/healthz", "get"),
            ("POST", "/api", "post"),
            ("GET", "/apis/apps/v1", "get"),
            ("FOO", "/x", ""),
        ] {
            let info = parse(method, path).expect("a readable path");
            assert!(!info.is_resource(), "{path}");
            assert_eq!((info.path(), info.verb()), (path, verb));
        }
        assert_eq!(parse("GET", "/a%zz"), Err(RequestInfoError::Escape));
    }

    #[test]
    fn what_follows_a_subresource_is_kept_for_proxies() {
        let info = parse("GET", "/api/v1/namespaces/a/services/s:80/proxy/index.html/").expect("a path");
        assert_eq!(
            (info.subresource(), info.rest(), info.has_rest()),
            ("proxy", "/index.html/", true)
        );
        let info = parse("GET", "/api/v1/namespaces/a/pods/p/log").expect("a path");
        assert_eq!((info.rest(), info.has_rest()), ("", false));
    }

    #[test]
    fn some_requests_may_last() {
        for (target, expected) in [
            ("/api/v1/pods", false),
            ("/api/v1/pods?watch=1", true),
            ("/api/v1/namespaces/a/pods/p/log", true),
            ("/api/v1/namespaces/a/pods/p/exec", true),
            ("/api/v1/namespaces/a/pods/p/status", false),
        ] {
            assert_eq!(
                parse("GET", target).expect("a path").is_long_running(),
                expected,
                "{target}"
            );
        }
    }
}
