//! What webhooks and policies did, counted under upstream's names.

use std::time::Duration;

use admission::{Action, AskedConditions, AskedWebhook, Holder, Observer, Outcome, PolicyFinding, Step};
use apiserver::metrics::{Counter, Family, Histogram};

const WEBHOOK_BOUNDS: &[f64] = &[0.005, 0.025, 0.1, 0.5, 1.0, 2.5, 10.0, 25.0];
const CONDITION_BOUNDS: &[f64] = &[0.001, 0.005, 0.01, 0.025, 0.1, 0.2, 0.25];
const POLICY_BOUNDS: &[f64] = &[0.000_000_5, 0.001, 0.01, 0.1, 1.0];

/// Greater codes are counted as this one, so that nobody makes series at will.
const GREATEST_CODE: u16 = 600;

/// The families.
pub(super) struct AdmissionMetrics {
    webhook_duration: Family<Histogram>,
    webhook_fail_open: Family<Counter>,
    webhook_rejection: Family<Counter>,
    webhook_request: Family<Counter>,
    condition_duration: Family<Histogram>,
    condition_errors: Family<Counter>,
    condition_exclusions: Family<Counter>,
    validating: Checks,
    mutating: Checks,
}

/// What policies of one sort found.
struct Checks {
    total: Family<Counter>,
    duration: Family<Histogram>,
}

impl Default for AdmissionMetrics {
    fn default() -> Self {
        let of_conditions = &["kind", "name", "operation", "type"];
        Self {
            webhook_duration: Family::with(
                "apiserver_admission_webhook_admission_duration_seconds",
                "Time that webhooks took, by name, operation, type and whether they kept the request out.",
                &["name", "operation", "rejected", "type"],
                || Histogram::new(WEBHOOK_BOUNDS),
            ),
            webhook_fail_open: Family::new(
                "apiserver_admission_webhook_fail_open_count",
                "Requests that went on though a webhook gave no answer.",
                &["name", "type"],
            ),
            webhook_rejection: Family::new(
                "apiserver_admission_webhook_rejection_count",
                "Requests that a webhook kept out, by why and with which code.",
                &["error_type", "name", "operation", "rejection_code", "type"],
            ),
            webhook_request: Family::new(
                "apiserver_admission_webhook_request_total",
                "Webhooks that were asked, by the code of what came back and whether the request was kept out.",
                &["code", "name", "operation", "rejected", "type"],
            ),
            condition_duration: Family::with(
                "apiserver_admission_match_condition_evaluation_seconds",
                "Time that match conditions took, by whose they are.",
                of_conditions,
                || Histogram::new(CONDITION_BOUNDS),
            ),
            condition_errors: Family::new(
                "apiserver_admission_match_condition_evaluation_errors_total",
                "Match conditions that could not be evaluated.",
                of_conditions,
            ),
            condition_exclusions: Family::new(
                "apiserver_admission_match_condition_exclusions_total",
                "Requests that match conditions kept from webhooks.",
                of_conditions,
            ),
            validating: Checks::new(
                "apiserver_validating_admission_policy_check_total",
                "apiserver_validating_admission_policy_check_duration_seconds",
                &["enforcement_action", "error_type", "policy", "policy_binding"],
            ),
            mutating: Checks::new(
                "apiserver_mutating_admission_policy_check_total",
                "apiserver_mutating_admission_policy_check_duration_seconds",
                &["error_type", "policy", "policy_binding"],
            ),
        }
    }
}

impl Checks {
    fn new(total: &'static str, duration: &'static str, labels: &'static [&'static str]) -> Self {
        Self {
            total: Family::new(total, "What policies found, by policy and binding.", labels),
            duration: Family::with(
                duration,
                "Time that expressions of policies took.",
                labels,
                || Histogram::new(POLICY_BOUNDS),
            ),
        }
    }

    fn count(&self, labels: &[&str], took: Duration) {
        self.total.series(labels).increment();
        self.duration.series(labels).observe_duration(took);
    }
}

impl AdmissionMetrics {
    /// Appends everything in the text format.
    pub(super) fn write(&self, out: &mut String) {
        self.condition_errors.write(out);
        self.condition_duration.write(out);
        self.condition_exclusions.write(out);
        self.webhook_duration.write(out);
        self.webhook_fail_open.write(out);
        self.webhook_rejection.write(out);
        self.webhook_request.write(out);
        for checks in [&self.mutating, &self.validating] {
            checks.duration.write(out);
            checks.total.write(out);
        }
    }
}

impl Observer for AdmissionMetrics {
    fn webhook(&self, asked: &AskedWebhook<'_>) {
        let (name, operation, step) = (asked.name, asked.operation.as_str(), webhook_step(asked.step));
        let Seen {
            code,
            rejected,
            is_open,
        } = seen(asked.outcome);
        let code = code.min(GREATEST_CODE).to_string();
        let is_rejected = if rejected.is_some() { "true" } else { "false" };
        if let Some(why) = rejected {
            self.webhook_rejection
                .series(&[why, name, operation, &code, step])
                .increment();
        }
        if is_open {
            self.webhook_fail_open.series(&[name, step]).increment();
        }
        self.webhook_request
            .series(&[&code, name, operation, is_rejected, step])
            .increment();
        self.webhook_duration
            .series(&[name, operation, is_rejected, step])
            .observe_duration(asked.took);
    }

    fn conditions(&self, asked: &AskedConditions<'_>) {
        let (kind, step) = match (asked.holder, asked.step) {
            (Holder::Webhook, step) => ("webhook", webhook_step(step)),
            (Holder::Policy, Step::Mutate) => ("policy", "admit"),
            (Holder::Policy, Step::Validate) => ("policy", "validate"),
        };
        let labels = [kind, asked.name, asked.operation.as_str(), step];
        self.condition_duration
            .series(&labels)
            .observe_duration(asked.took);
        for _ in 0..asked.errors {
            self.condition_errors.series(&labels).increment();
        }
        if asked.is_excluded && asked.holder == Holder::Webhook {
            // Upstream has another word for the same step here.
            let step = if asked.step == Step::Validate {
                "validate"
            } else {
                step
            };
            let labels = [kind, asked.name, asked.operation.as_str(), step];
            self.condition_exclusions.series(&labels).increment();
        }
    }

    fn policy(&self, found: &PolicyFinding<'_>) {
        let error = error_type(found.why);
        match found.step {
            Step::Mutate => self
                .mutating
                .count(&[error, found.policy, found.binding], found.took),
            Step::Validate => self.validating.count(
                &[action(found.action), error, found.policy, found.binding],
                found.took,
            ),
        }
    }
}

fn webhook_step(step: Step) -> &'static str {
    match step {
        Step::Mutate => "admit",
        Step::Validate => "validating",
    }
}

fn action(action: Action) -> &'static str {
    match action {
        Action::Allow => "allow",
        Action::Deny => "deny",
        Action::Audit => "audit",
        Action::Warn => "warn",
    }
}

/// What is counted of an outcome.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    code: u16,
    /// Why the request was kept out, if it was.
    rejected: Option<&'static str>,
    /// Whether it went on without an answer.
    is_open: bool,
}

fn seen(outcome: Outcome) -> Seen {
    let (code, rejected, is_open) = match outcome {
        Outcome::Agreed => (200, None, false),
        Outcome::Refused(code) => (code, Some("no_error"), false),
        Outcome::NoAnswer {
            code,
            is_ignored: true,
        } => (code, None, true),
        Outcome::NoAnswer { code, .. } => (code, Some("calling_webhook_error"), false),
        Outcome::ServerError => (0, Some("apiserver_internal_error"), false),
    };
    Seen {
        code,
        rejected,
        is_open,
    }
}

/// Of what sort a finding is. Upstream tells by the text, too.
fn error_type(why: Option<&str>) -> &'static str {
    match why {
        None => "no_error",
        Some(why) if why.starts_with("compilation") => "compile_error",
        Some(why) if why.starts_with("validation failed due to running out of cost budget") => {
            "out_of_budget"
        }
        Some(_) => "invalid_error",
    }
}

#[cfg(test)]
mod tests {
    use registry::Operation;

    use super::*;

    fn lines(told: impl FnOnce(&AdmissionMetrics)) -> Vec<String> {
        let metrics = AdmissionMetrics::default();
        told(&metrics);
        let mut text = String::new();
        metrics.write(&mut text);
        let counted = text.lines().filter(|line| !line.starts_with('#'));
        let counted = counted.filter(|line| !line.contains("_seconds"));
        counted.map(str::to_owned).collect()
    }

    #[test]
    fn webhooks_are_counted_as_upstream_counts_them() {
        for (outcome, expected) in [
            (
                Outcome::Agreed,
                &[
                    "request_total{code=\"200\",name=\"w\",operation=\"CREATE\",rejected=\"false\",type=\"admit\"} 1",
                ][..],
            ),
            (
                Outcome::Refused(1000),
                &[
                    "rejection_count{error_type=\"no_error\",name=\"w\",operation=\"CREATE\",rejection_code=\"600\",type=\"admit\"} 1",
                    "request_total{code=\"600\",name=\"w\",operation=\"CREATE\",rejected=\"true\",type=\"admit\"} 1",
                ],
            ),
            (
                Outcome::NoAnswer {
                    code: 503,
                    is_ignored: true,
                },
                &[
                    "fail_open_count{name=\"w\",type=\"admit\"} 1",
                    "request_total{code=\"503\",name=\"w\",operation=\"CREATE\",rejected=\"false\",type=\"admit\"} 1",
                ],
            ),
            (
                Outcome::NoAnswer {
                    code: 400,
                    is_ignored: false,
                },
                &[
                    "rejection_count{error_type=\"calling_webhook_error\",name=\"w\",operation=\"CREATE\",rejection_code=\"400\",type=\"admit\"} 1",
                    "request_total{code=\"400\",name=\"w\",operation=\"CREATE\",rejected=\"true\",type=\"admit\"} 1",
                ],
            ),
            (
                Outcome::ServerError,
                &[
                    "rejection_count{error_type=\"apiserver_internal_error\",name=\"w\",operation=\"CREATE\",rejection_code=\"0\",type=\"admit\"} 1",
                    "request_total{code=\"0\",name=\"w\",operation=\"CREATE\",rejected=\"true\",type=\"admit\"} 1",
                ],
            ),
        ] {
            let found = lines(|metrics| {
                metrics.webhook(&AskedWebhook {
                    name: "w",
                    step: Step::Mutate,
                    operation: Operation::Create,
                    took: Duration::from_millis(1),
                    outcome,
                });
            });
            let expected = expected
                .iter()
                .map(|line| format!("apiserver_admission_webhook_{line}"));
            assert_eq!(found, expected.collect::<Vec<_>>(), "{outcome:?}");
        }
    }

    #[test]
    fn conditions_and_policies_are_counted_as_upstream_counts_them() {
        let found = lines(|metrics| {
            for holder in [Holder::Webhook, Holder::Policy] {
                metrics.conditions(&AskedConditions {
                    name: "x",
                    holder,
                    step: Step::Validate,
                    operation: Operation::Delete,
                    took: Duration::ZERO,
                    errors: 1,
                    is_excluded: true,
                });
            }
            for (step, why) in [(Step::Validate, Some("no")), (Step::Mutate, None)] {
                metrics.policy(&PolicyFinding {
                    policy: "p",
                    binding: "b",
                    step,
                    why,
                    action: Action::Deny,
                    took: Duration::ZERO,
                });
            }
        });
        let condition = "apiserver_admission_match_condition";
        assert_eq!(
            found,
            [
                format!("{condition}_evaluation_errors_total{{kind=\"policy\",name=\"x\",operation=\"DELETE\",type=\"validate\"}} 1"),
                format!("{condition}_evaluation_errors_total{{kind=\"webhook\",name=\"x\",operation=\"DELETE\",type=\"validating\"}} 1"),
                format!("{condition}_exclusions_total{{kind=\"webhook\",name=\"x\",operation=\"DELETE\",type=\"validate\"}} 1"),
                "apiserver_mutating_admission_policy_check_total{error_type=\"no_error\",policy=\"p\",policy_binding=\"b\"} 1".to_owned(),
                "apiserver_validating_admission_policy_check_total{enforcement_action=\"deny\",error_type=\"invalid_error\",policy=\"p\",policy_binding=\"b\"} 1".to_owned(),
            ]
        );
    }

    #[test]
    fn findings_are_sorted_by_their_text() {
        for (why, expected) in [
            (None, "no_error"),
            (Some("compilation failed: x"), "compile_error"),
            (
                Some("validation failed due to running out of cost budget, no further"),
                "out_of_budget",
            ),
            (Some("failed expression: x"), "invalid_error"),
        ] {
            assert_eq!(error_type(why), expected, "{why:?}");
        }
    }
}
