//! Requests for certificates go some time after they have been answered, or have not been.

use std::time::Duration;

use client::controller::Outcome;
use client::error::optional;
use client::k8s_openapi::api::certificates::v1::CertificateSigningRequest;
use client::{Client, DeleteOptions, Informer, Scope, WorkQueue, run_workers};
use jiff::Timestamp;

use crate::context::{Context, ControllerError, doing};
use crate::pod::elapsed;

/// The controller's service account.
pub const NAME: &str = "certificate-controller";
/// A request that was answered stays so long, upstream's time.
const ANSWERED: Duration = Duration::from_secs(3600);
/// One that was not stays so long.
const PENDING: Duration = Duration::from_secs(24 * 3600);

/// Runs until the context's shutdown.
pub async fn run(context: Context) {
    let client = context.client(NAME);
    let requests = context.informers().of::<CertificateSigningRequest>();
    let queue: WorkQueue<String> = WorkQueue::new();
    let to = queue.clone();
    requests.on_change(move |change| {
        let name = change
            .new
            .as_ref()
            .and_then(|request| request.metadata.name.clone());
        if let Some(name) = name {
            to.add(name);
        }
    });
    requests.synced().await;
    run_workers(NAME, queue, 1, context.shutdown(), move |name| {
        let (client, requests) = (client.clone(), requests.clone());
        async move { reconcile(&client, &requests, &name).await }
    })
    .await;
}

async fn reconcile(
    client: &Client,
    requests: &Informer<CertificateSigningRequest>,
    name: &str,
) -> Result<Outcome, ControllerError> {
    let Some(request) = requests.store().get("", name) else {
        return Ok(Outcome::Done);
    };
    match left(&request, Timestamp::now()) {
        None => Ok(Outcome::Done),
        Some(Duration::ZERO) => {
            let options = DeleteOptions::of_uid(request.metadata.uid.as_deref().unwrap_or(""));
            let result = client
                .delete::<CertificateSigningRequest>(Scope::Cluster, name, &options)
                .await;
            optional(result).map_err(doing("delete an old request for a certificate"))?;
            Ok(Outcome::Done)
        }
        Some(left) => Ok(Outcome::After(left)),
    }
}

/// How long the request stays; none if its next change decides: one that was approved, but has no certificate yet.
fn left(request: &CertificateSigningRequest, now: Timestamp) -> Option<Duration> {
    let status = request.status.as_ref();
    let conditions = status.and_then(|status| status.conditions.as_deref());
    let conditions = conditions.unwrap_or_default();
    let (since, time) = match conditions {
        [] => (request.metadata.creation_timestamp.as_ref(), PENDING),
        _ => {
            let refused = conditions
                .iter()
                .find(|condition| matches!(condition.type_.as_str(), "Denied" | "Failed"));
            let issued = status.is_some_and(|status| status.certificate.is_some());
            let approved = conditions
                .iter()
                .find(|condition| issued && condition.type_ == "Approved");
            let answer = refused.or(approved)?;
            (answer.last_update_time.as_ref(), ANSWERED)
        }
    };
    Some(time.saturating_sub(elapsed(since?.0, now)))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn check(conditions: Value, certificate: Value, expected: Option<u64>) {
        let text = format!("{conditions} {certificate}");
        let request: CertificateSigningRequest = serde_json::from_value(json!({
            "metadata": { "creationTimestamp": "1970-01-01T00:00:00Z" },
            "spec": { "request": "", "signerName": "s" },
            "status": { "conditions": conditions, "certificate": certificate },
        }))
        .unwrap();
        let now = Timestamp::from_second(1600).unwrap();
        assert_eq!(left(&request, now), expected.map(Duration::from_secs), "{text}");
    }

    #[test]
    fn answers_are_kept_for_an_hour_and_questions_for_a_day() {
        let condition = |kind: &str| json!([{ "type": kind, "status": "True", "lastUpdateTime": "1970-01-01T00:10:00Z" }]);
        check(json!([]), Value::Null, Some(24 * 3600 - 1600));
        check(condition("Denied"), Value::Null, Some(2600));
        check(condition("Failed"), Value::Null, Some(2600));
        check(condition("Approved"), Value::Null, None);
        check(condition("Approved"), json!("AA=="), Some(2600));
    }
}
