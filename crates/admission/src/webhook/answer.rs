//! What a webhook answers.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use meta::quote;
use meta::status::{Reason, Status};
use serde_json::Value;

use super::review::GROUP;

/// An answer that can be used.
#[derive(Debug, PartialEq)]
pub(super) struct Answer {
    /// Why not; none if the request is allowed.
    pub(super) refusal: Option<Status>,
    /// For who made the request.
    pub(super) warnings: Vec<String>,
    /// A JSON patch.
    pub(super) patch: Option<Vec<u8>>,
    /// What is to be written about the request, by key.
    pub(super) annotations: Vec<(String, String)>,
}

/// What was asked.
pub(super) struct Question<'a> {
    pub(super) webhook: &'a str,
    pub(super) uid: &'a str,
    pub(super) version: &'a str,
    pub(super) may_patch: bool,
}

impl Answer {
    /// Reads an answer; else what is wrong with it, in upstream's words.
    pub(super) fn read(review: &Value, question: &Question<'_>) -> Result<Self, String> {
        let response = &review["response"];
        if response.is_null() {
            return Err("webhook response was absent".to_owned());
        }
        if question.version == "v1" {
            check_identity(review, question.uid)?;
        }
        let allowed = response["allowed"] == true;
        let warnings = response["warnings"].as_array().into_iter().flatten();
        let answer = Self {
            refusal: (!allowed).then(|| refusal(question.webhook, &response["status"])),
            warnings: warnings.filter_map(Value::as_str).map(str::to_owned).collect(),
            patch: patch(response, question)?,
            annotations: annotations(response),
        };
        Ok(answer)
    }
}

fn annotations(response: &Value) -> Vec<(String, String)> {
    let given = response["auditAnnotations"].as_object().into_iter().flatten();
    given
        .filter_map(|(key, text)| Some((key.clone(), text.as_str()?.to_owned())))
        .collect()
}

/// It must be the answer to this very question.
fn check_identity(review: &Value, uid: &str) -> Result<(), String> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let answered = text(&review["response"]["uid"]);
    if answered != uid {
        return Err(format!(
            "expected response.uid={}, got {}",
            quote(uid),
            quote(&answered)
        ));
    }
    let wanted = format!("{GROUP}/v1");
    let (api_version, kind) = (text(&review["apiVersion"]), text(&review["kind"]));
    if api_version == wanted && kind == "AdmissionReview" {
        return Ok(());
    }
    let slash = if api_version.contains('/') { "" } else { "/" };
    Err(format!(
        "expected webhook response of {wanted}, Kind=AdmissionReview, got {slash}{api_version}, Kind={kind}"
    ))
}

fn patch(response: &Value, question: &Question<'_>) -> Result<Option<Vec<u8>>, String> {
    let patch = STANDARD
        .decode(response["patch"].as_str().unwrap_or_default())
        .map_err(|error| format!("response.patch is no base64: {error}"))?;
    let kind = response["patchType"].as_str();
    let problem = match (question.may_patch, patch.is_empty(), kind) {
        (false, false, _) => "validating webhook may not return response.patch",
        (false, true, Some(_)) => "validating webhook may not return response.patchType",
        (true, false, None) if question.version == "v1" => {
            "webhook returned response.patch but not response.patchType"
        }
        (true, true, Some(_)) if question.version == "v1" => {
            "webhook returned response.patchType but not response.patch"
        }
        (true, false, Some("")) => "webhook returned invalid response.patchType of \"\"",
        (true, false, Some(kind)) if kind != "JSONPatch" => {
            return Err(format!("unsupported patch type {}", quote(kind)));
        }
        (_, is_empty, _) => return Ok((!is_empty).then_some(patch)),
    };
    Err(problem.to_owned())
}

/// The Status that a client gets: the webhook's own, as far as it is one of a refusal.
fn refusal(webhook: &str, given: &Value) -> Status {
    let mut status: Status =
        serde_json::from_value(given.clone()).unwrap_or_else(|_| Status::failure(0, Reason::UNKNOWN, ""));
    status.code = status.code.max(400);
    if matches!(&*status.status, "" | "Success") {
        status.status = "Failure".into();
    }
    let denied = format!("admission webhook {} denied the request", quote(webhook));
    status.message = match (status.message.as_str(), &*status.reason.0) {
        ("", "") => format!("{denied} without explanation"),
        ("", reason) => format!("{denied}: {reason}"),
        (message, _) => format!("{denied}: {message}"),
    };
    status
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(response: Value, may_patch: bool) -> Result<Answer, String> {
        let review = json!({
            "apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": response,
        });
        let question = Question {
            webhook: "w",
            uid: "u",
            version: "v1",
            may_patch,
        };
        Answer::read(&review, &question)
    }

    fn check_refusal(status: Value, code: u16, message: &str) {
        let answer = read(json!({"uid": "u", "allowed": false, "status": status}), true).expect("an answer");
        let refusal = answer.refusal.expect("a refusal");
        assert_eq!((refusal.code, refusal.message.as_str()), (code, message));
        assert_eq!(refusal.status, "Failure");
    }

    #[test]
    fn refusals_name_the_webhook() {
        check_refusal(
            Value::Null,
            400,
            "admission webhook \"w\" denied the request without explanation",
        );
        check_refusal(
            json!({"message": "no"}),
            400,
            "admission webhook \"w\" denied the request: no",
        );
        check_refusal(
            json!({"reason": "Forbidden", "code": 403, "status": "Success"}),
            403,
            "admission webhook \"w\" denied the request: Forbidden",
        );
        check_refusal(
            json!({"message": "no", "code": 200}),
            400,
            "admission webhook \"w\" denied the request: no",
        );
    }

    fn check_problem(response: Value, may_patch: bool, problem: &str) {
        assert_eq!(read(response, may_patch), Err(problem.to_owned()));
    }

    #[test]
    fn answers_must_fit_the_question() {
        check_problem(Value::Null, true, "webhook response was absent");
        check_problem(
            json!({"uid": "x", "allowed": true}),
            true,
            r#"expected response.uid="u", got "x""#,
        );
        check_problem(
            json!({"uid": "u", "allowed": true, "patch": "W10="}),
            true,
            "webhook returned response.patch but not response.patchType",
        );
        check_problem(
            json!({"uid": "u", "allowed": true, "patchType": "JSONPatch"}),
            true,
            "webhook returned response.patchType but not response.patch",
        );
        check_problem(
            json!({"uid": "u", "allowed": true, "patch": "W10=", "patchType": "JSONPatch"}),
            false,
            "validating webhook may not return response.patch",
        );
        check_problem(
            json!({"uid": "u", "allowed": true, "patch": "W10=", "patchType": "Merge"}),
            true,
            r#"unsupported patch type "Merge""#,
        );
        let question = Question {
            webhook: "w",
            uid: "u",
            version: "v1",
            may_patch: false,
        };
        let bare = json!({"response": {"uid": "u", "allowed": true}});
        assert_eq!(
            Answer::read(&bare, &question),
            Err(
                "expected webhook response of admission.k8s.io/v1, Kind=AdmissionReview, got /, Kind="
                    .to_owned()
            )
        );
    }

    #[test]
    fn patches_are_decoded() {
        let response = json!({"uid": "u", "allowed": true, "patch": "W10=", "patchType": "JSONPatch", "warnings": ["a"]});
        let answer = read(response, true).expect("an answer");
        assert_eq!(answer.patch.as_deref(), Some(b"[]".as_slice()));
        assert_eq!((answer.refusal, answer.warnings), (None, vec!["a".to_owned()]));
    }
}
