//! One webhook asked about one request.

use std::sync::Arc;

use meta::{Status, quote};
use registry::AdmissionRequest;
use uuid::Uuid;

use super::answer::{Answer, Question};
use super::configuration::Webhook;
use super::endpoint::Unanswered;
use super::failure::{Failure, of_answer, of_call};
use super::review::review;
use crate::cluster::Cluster;
use crate::hooks::{Matched, Shown};
use crate::notes::note;

/// Asks a webhook. Its warnings go to the client, its notes to the audit, its refusal is a failure; what is left is the patch it wants, if it may have
/// one.
pub(super) async fn ask(
    webhook: &Webhook,
    request: &AdmissionRequest<'_>,
    matched: &Matched,
    may_patch: bool,
    cluster: &Arc<dyn Cluster>,
) -> Result<Option<Vec<u8>>, Failure> {
    if request.context.dry_run && !webhook.allows_dry_run {
        let name = quote(&webhook.name);
        let why = format!("admission webhook {name} does not support dry run");
        return Err(Failure::Server(Status::bad_request(why)));
    }
    let version = webhook.review_version.ok_or_else(|| {
        let why = "webhook does not accept known AdmissionReview versions (v1, v1beta1)";
        Failure::NoAnswer(Unanswered {
            why: why.to_owned(),
            code: 400,
        })
    })?;
    let shown = Shown::of(request, matched, &**cluster).map_err(Failure::Server)?;
    let uid = Uuid::new_v4().to_string();
    let review = review(request, matched, shown, &uid, version);
    let answered = webhook
        .endpoint
        .post(review.to_string().into_bytes(), webhook.timeout)
        .await
        .map_err(of_call)?;
    let question = Question {
        webhook: &webhook.name,
        uid: &uid,
        version,
        may_patch,
    };
    let answer = Answer::read(&answered, &question).map_err(of_answer)?;
    for (key, text) in answer.annotations {
        note(request, &webhook.name, &key, || text);
    }
    for warning in answer.warnings {
        request.context.warnings.add(warning);
    }
    match answer.refusal {
        Some(refusal) => Err(Failure::Refused(refusal)),
        None => Ok(answer.patch),
    }
}
