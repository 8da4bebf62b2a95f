//! The families of the request path.

use std::sync::Arc;
use std::time::Duration;

use crate::metrics::family::{Counter, Family, Gauge, Metric as _, write_sample};
use crate::metrics::histogram::Histogram;

const DURATION_BOUNDS: &[f64] = &[
    0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0, 1.25, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0, 15.0,
    20.0, 30.0, 45.0, 60.0,
];
const FILTER_BOUNDS: &[f64] = &[
    0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 5.0, 10.0, 15.0, 30.0,
];
const SIZE_BOUNDS: &[f64] = &[1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9];
const COMPONENT: &str = "apiserver";

/// What a request is counted under.
#[derive(Clone, Copy, Debug, Default)]
pub struct RequestLabels<'a> {
    /// `GET`, `LIST`, `WATCH`, `POST`, `APPLY`, ...
    pub verb: &'a str,
    /// API group.
    pub group: &'a str,
    /// API version.
    pub version: &'a str,
    /// Plural name.
    pub resource: &'a str,
    /// What stands below the object.
    pub subresource: &'a str,
    /// `resource`, `namespace`, `cluster` or empty.
    pub scope: &'a str,
    /// `All` or empty.
    pub dry_run: &'a str,
}

/// Everything the server itself counts.
#[derive(Debug)]
pub struct Metrics {
    request_total: Family<Counter>,
    request_duration: Family<Histogram>,
    response_sizes: Family<Histogram>,
    filter_duration: Family<Histogram>,
    longrunning: Family<Gauge>,
    inflight: Family<Gauge>,
    aborts: Family<Counter>,
    terminations: Family<Counter>,
    watch_events: Family<Counter>,
    tls_handshake_errors: Counter,
    connections: Arc<Gauge>,
}

impl Default for Metrics {
    fn default() -> Self {
        let by_request = &[
            "component",
            "group",
            "resource",
            "scope",
            "subresource",
            "verb",
            "version",
        ];
        Self {
            request_total: Family::new(
                "apiserver_request_total",
                "Requests answered, by what they asked for and the status they got.",
                &[
                    "code",
                    "component",
                    "dry_run",
                    "group",
                    "resource",
                    "scope",
                    "subresource",
                    "verb",
                    "version",
                ],
            ),
            request_duration: Family::with(
                "apiserver_request_duration_seconds",
                "Time until the head of the answer was ready, long-running requests aside.",
                &[
                    "component",
                    "dry_run",
                    "group",
                    "resource",
                    "scope",
                    "subresource",
                    "verb",
                    "version",
                ],
                || Histogram::new(DURATION_BOUNDS),
            ),
            response_sizes: Family::with(
                "apiserver_response_sizes",
                "Bytes of answers whose size is known beforehand.",
                by_request,
                || Histogram::new(SIZE_BOUNDS),
            ),
            filter_duration: Family::with(
                "apiserver_request_filter_duration_seconds",
                "Time each filter of the chain took before it handed on.",
                &["filter"],
                || Histogram::new(FILTER_BOUNDS),
            ),
            longrunning: Family::new(
                "apiserver_longrunning_requests",
                "Requests under way that may last for ever.",
                by_request,
            ),
            inflight: Family::new(
                "apiserver_current_inflight_requests",
                "Requests being worked on.",
                &["request_kind"],
            ),
            aborts: Family::new(
                "apiserver_request_aborts_total",
                "Requests whose deadline passed before they were answered.",
                &["group", "resource", "scope", "subresource", "verb", "version"],
            ),
            terminations: Family::new(
                "apiserver_request_terminations_total",
                "Requests turned away to protect the server.",
                &[
                    "code",
                    "component",
                    "group",
                    "resource",
                    "scope",
                    "subresource",
                    "verb",
                    "version",
                ],
            ),
            watch_events: Family::new(
                "apiserver_watch_events_total",
                "Events sent to watches.",
                &["group", "resource", "version"],
            ),
            tls_handshake_errors: Counter::default(),
            connections: Arc::default(),
        }
    }
}

impl Metrics {
    /// Counts an answered request.
    pub fn request(
        &self,
        labels: RequestLabels<'_>,
        code: u16,
        duration: Option<Duration>,
        size: Option<u64>,
    ) {
        let RequestLabels {
            verb,
            group,
            version,
            resource,
            subresource,
            scope,
            dry_run,
        } = labels;
        let code = code_text(code);
        self.request_total
            .series(&[
                code.as_ref(),
                COMPONENT,
                dry_run,
                group,
                resource,
                scope,
                subresource,
                verb,
                version,
            ])
            .increment();
        if let Some(duration) = duration {
            self.request_duration
                .series(&[
                    COMPONENT,
                    dry_run,
                    group,
                    resource,
                    scope,
                    subresource,
                    verb,
                    version,
                ])
                .observe_duration(duration);
        }
        if let Some(size) = size {
            self.response_sizes
                .series(&[COMPONENT, group, resource, scope, subresource, verb, version])
                .observe(size as f64);
        }
    }

    /// The gauge of long-running requests like this one.
    pub fn longrunning(&self, labels: RequestLabels<'_>) -> Arc<Gauge> {
        let RequestLabels {
            verb,
            group,
            version,
            resource,
            subresource,
            scope,
            ..
        } = labels;
        self.longrunning
            .series(&[COMPONENT, group, resource, scope, subresource, verb, version])
    }

    /// The gauge of requests being worked on: `mutating` or `readOnly`.
    pub fn inflight(&self, request_kind: &str) -> Arc<Gauge> {
        self.inflight.series(&[request_kind])
    }

    /// The histogram of a filter.
    pub fn filter(&self, name: &str) -> Arc<Histogram> {
        self.filter_duration.series(&[name])
    }

    /// Counts a request whose deadline passed.
    pub fn aborted(&self, labels: RequestLabels<'_>) {
        let RequestLabels {
            verb,
            group,
            version,
            resource,
            subresource,
            scope,
            ..
        } = labels;
        self.aborts
            .series(&[group, resource, scope, subresource, verb, version])
            .increment();
    }

    /// Counts a request that was turned away.
    pub fn terminated(&self, labels: RequestLabels<'_>, code: u16) {
        let RequestLabels {
            verb,
            group,
            version,
            resource,
            subresource,
            scope,
            ..
        } = labels;
        let code = code_text(code);
        self.terminations
            .series(&[
                code.as_ref(),
                COMPONENT,
                group,
                resource,
                scope,
                subresource,
                verb,
                version,
            ])
            .increment();
    }

    /// The counter of events sent for a resource.
    pub fn watch_events(&self, group: &str, version: &str, resource: &str) -> Arc<Counter> {
        self.watch_events.series(&[group, resource, version])
    }

    /// Handshakes that failed.
    pub fn tls_handshake_errors(&self) -> &Counter {
        &self.tls_handshake_errors
    }

    /// Open connections.
    pub fn connections(&self) -> &Arc<Gauge> {
        &self.connections
    }

    /// Appends everything in the text format.
    pub fn write(&self, out: &mut String) {
        self.inflight.write(out);
        self.longrunning.write(out);
        self.aborts.write(out);
        self.request_duration.write(out);
        self.filter_duration.write(out);
        self.terminations.write(out);
        self.request_total.write(out);
        self.response_sizes.write(out);
        let name = "apiserver_tls_handshake_errors_total";
        out.push_str("# HELP apiserver_tls_handshake_errors_total TLS handshakes that failed.\n");
        out.push_str("# TYPE apiserver_tls_handshake_errors_total counter\n");
        self.tls_handshake_errors.write(name, "", out);
        self.watch_events.write(out);
        out.push_str("# HELP pintle_apiserver_connections Open connections.\n");
        out.push_str("# TYPE pintle_apiserver_connections gauge\n");
        write_sample(out, "pintle_apiserver_connections", "", self.connections.get());
    }
}

/// A status code as text, without memory for the usual ones.
fn code_text(code: u16) -> std::borrow::Cow<'static, str> {
    match code {
        200 => "200".into(),
        201 => "201".into(),
        404 => "404".into(),
        409 => "409".into(),
        other => other.to_string().into(),
    }
}
