//! What a job does about pods that fail.

use serde_json::Value;

use crate::toolkit::columns::{list, text};
use crate::toolkit::{Field, Seen};

const MAX_RULES: usize = 20;
const MAX_CODES: usize = 255;
const MAX_CONDITIONS: usize = 20;

/// The rules for the policy. `job` is the job's spec.
pub fn rules(policy: &Field, job: &Field) {
    let rules = policy.child("rules");
    if rules.len() > MAX_RULES {
        rules.too_many(MAX_RULES);
    }
    for rule in rules.items() {
        self::rule(&rule, job);
    }
}

fn rule(rule: &Field, job: &Field) {
    let action = rule.child("action");
    match action.text() {
        "" => action.required(r#"valid values: ["Count" "FailIndex" "FailJob" "Ignore"]"#),
        "FailIndex" if !job.child("backoffLimitPerIndex").is_set() => {
            action.invalid("requires the backoffLimitPerIndex to be set");
        }
        _ => action.any_of(&["Count", "FailIndex", "FailJob", "Ignore"]),
    }
    let (codes, conditions) = (rule.child("onExitCodes"), rule.child("onPodConditions"));
    if codes.is_set() {
        exit_codes(&codes, job);
    }
    pod_conditions(&conditions);
    match (codes.is_set(), !conditions.is_empty()) {
        (true, true) => {
            rule.invalid_plain("specifying both OnExitCodes and OnPodConditions is not supported")
        }
        (false, false) => rule.invalid_plain("specifying one of OnExitCodes and OnPodConditions is required"),
        _ => {}
    }
}

fn exit_codes(codes: &Field, job: &Field) {
    let operator = codes.child("operator");
    if operator.is_empty() {
        operator.required(r#"valid values: ["In" "NotIn"]"#);
    } else {
        operator.any_of(&["In", "NotIn"]);
    }
    let container = codes.child("containerName");
    if container.is_set() && !names_container(job.value(), container.text()) {
        container.invalid("must be one of the container or initContainer names in the pod template");
    }
    let values = codes.child("values");
    if values.is_empty() {
        values.invalid("at least one value is required");
    } else if values.len() > MAX_CODES {
        values.too_many(MAX_CODES);
    }
    let mut seen = Seen::new();
    let mut last = None;
    let mut is_ordered = true;
    for value in values.items() {
        let code = value.number();
        if operator.text() == "In" && code == 0 {
            value.invalid("must not be 0 for the In operator");
        }
        if seen.again(code) {
            value.duplicate();
        }
        is_ordered &= last.is_none_or(|last| last <= code);
        last = Some(code);
    }
    if !is_ordered {
        values.invalid("must be ordered");
    }
}

fn names_container(job: Option<&Value>, name: &str) -> bool {
    let Some(spec) = job.and_then(|job| job.pointer("/template/spec")) else {
        return false;
    };
    let mut containers = list(spec, &["containers"])
        .iter()
        .chain(list(spec, &["initContainers"]));
    containers.any(|container| text(container, &["name"]) == name)
}

fn pod_conditions(conditions: &Field) {
    if conditions.len() > MAX_CONDITIONS {
        conditions.too_many(MAX_CONDITIONS);
    }
    for condition in conditions.items() {
        condition.child("type").qualified_name();
        let status = condition.child("status");
        if status.is_empty() {
            status.required(r#"valid values: ["False" "True" "Unknown"]"#);
        } else {
            status.any_of(&["False", "True", "Unknown"]);
        }
    }
}
