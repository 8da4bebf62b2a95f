//! Has it written what each request does, before it does it and after.

use std::any::Any;
use std::panic::{AssertUnwindSafe, resume_unwind};
use std::sync::Arc;
use std::time::Duration;

use audit::{Auditor, Record, Stage};
use futures::FutureExt;
use http::StatusCode;

use crate::auditing::begin;
use crate::body::{Audited, Body};
use crate::call::{Call, Response};
use crate::handler::{Filter, Handler};
use crate::respond::plain_text;

/// A request that took longer has it written how long.
const SLOW: Duration = Duration::from_millis(500);

/// Fills in [`Call::audit`], and hands events on.
#[derive(Clone)]
pub struct Audit {
    /// Who writes; none: nothing is written.
    pub auditor: Option<Arc<Auditor>>,
}

impl Filter for Audit {
    const NAME: &'static str = "audit";

    async fn filter(&self, call: &mut Call, next: &impl Handler) -> Response {
        match &self.auditor {
            None => next.handle(call).await,
            // Boxed, so that nobody else's future is larger for it.
            Some(auditor) => Box::pin(audited(auditor, call, next)).await,
        }
    }
}

async fn audited(auditor: &Arc<Auditor>, call: &mut Call, next: &impl Handler) -> Response {
    let Some(record) = begin(auditor, call, true) else {
        return next.handle(call).await;
    };
    if !record.at(Stage::RequestReceived).await {
        record.settle();
        auditor.rejected();
        return not_stored(call);
    }
    call.audit = Some(Arc::clone(&record));
    let response = match AssertUnwindSafe(next.handle(call)).catch_unwind().await {
        Ok(response) => response,
        Err(panic) => {
            record.panicked(message(&*panic)).await;
            resume_unwind(panic);
        }
    };
    call.audit = None;
    record.code(response.status().as_u16());
    if call.info.is_long_running() {
        return lasting(record, response, call.labels.deprecated).await;
    }
    note_deprecation(&record, call.labels.deprecated);
    let took = call.received.elapsed();
    if took > SLOW {
        record.annotate("apiserver.latency.k8s.io/total", format!("{took:?}"));
    }
    record.at(Stage::ResponseComplete).await;
    response
}

/// An answer that may last: what is written last is written when it ends.
async fn lasting(record: Arc<Record>, response: Response, is_deprecated: bool) -> Response {
    record.at(Stage::ResponseStarted).await;
    note_deprecation(&record, is_deprecated);
    // Whoever joins connections holds the record, too.
    if response.status() == StatusCode::SWITCHING_PROTOCOLS {
        return response;
    }
    if response.body().length().is_some() {
        record.at(Stage::ResponseComplete).await;
        return response;
    }
    response.map(|body| Body::stream(Audited::new(body, record)))
}

fn note_deprecation(record: &Record, is_deprecated: bool) {
    if is_deprecated {
        record.annotate("k8s.io/deprecated", "true");
    }
}

fn not_stored(call: &Call) -> Response {
    let target = meta::quote(&call.head.uri.to_string());
    plain_text(
        StatusCode::INTERNAL_SERVER_ERROR,
        format!("Internal Server Error: {target}: failed to store audit event\n"),
    )
}

fn message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message")
}

#[cfg(test)]
mod tests {
    use audit::{Options, Policy};
    use http_body_util::BodyExt;
    use serde_json::Value;

    use super::*;
    use crate::testing::routed_call;

    const POLICY: &str = "{apiVersion: audit.k8s.io/v1, kind: Policy, rules: [{level: None, nonResourceURLs: [/healthz]}, \
        {level: RequestResponse}]}";

    /// Answers, breaks down, or goes on without end, as the path says.
    struct Fake;

    impl Handler for Fake {
        async fn handle(&self, call: &mut Call) -> Response {
            match call.info.resource() {
                "panics" => panic!("a bug"),
                "streams" => Response::new(Body::stream(Body::full("x"))),
                _ => {
                    call.answered(|| r#"{"a": 1}"#);
                    Response::new(Body::full("{}"))
                }
            }
        }
    }

    fn auditor(log: &str, mode: &str) -> Audit {
        let mut options = Options {
            policy: Some(Policy::read(POLICY).expect("a policy").0),
            ..Options::default()
        };
        options.log.path = log.to_owned();
        options.log.max_size = 0;
        options.log.handing.mode = mode.to_owned();
        Audit {
            auditor: Auditor::start(&options).expect("an auditor"),
        }
    }

    /// The events of a request: stage, code and what was answered.
    async fn check(target: &str, expected: &[&str]) {
        let log = tempfile::NamedTempFile::new().expect("a file");
        let filter = auditor(&log.path().display().to_string(), "blocking");
        let mut call = routed_call("GET", target);
        let answered = AssertUnwindSafe(filter.filter(&mut call, &Fake))
            .catch_unwind()
            .await;
        if let Ok(response) = answered {
            response.into_body().collect().await.expect("a body");
        }
        drop(call);
        let text = std::fs::read_to_string(log.path()).expect("a log");
        let events = text
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
        let found: Vec<String> = events
            .map(|event| {
                let stage = event["stage"].as_str().unwrap_or_default();
                format!(
                    "{stage} {} {}",
                    event["responseStatus"]["code"], event["responseObject"]
                )
            })
            .collect();
        assert_eq!(found, expected, "{target}");
    }

    #[tokio::test]
    async fn requests_are_written_stage_by_stage() {
        let received = "RequestReceived null null";
        check("/api/v1/pods", &[received, r#"ResponseComplete 200 {"a":1}"#]).await;
        check("/healthz", &[]).await;
        check(
            "/api/v1/streams?watch=1",
            &[received, "ResponseStarted 200 null", "ResponseComplete 200 null"],
        )
        .await;
        check("/api/v1/panics", &[received, "Panic 500 null"]).await;
    }

    #[tokio::test]
    async fn what_must_be_written_and_cannot_is_refused() {
        for (mode, code) in [("blocking", 200), ("blocking-strict", 500)] {
            let filter = auditor("/dev/full", mode);
            let mut call = routed_call("GET", "/api/v1/pods");
            let response = filter.filter(&mut call, &Fake).await;
            assert_eq!(response.status().as_u16(), code, "{mode}");
        }
    }
}
