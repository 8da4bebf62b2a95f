//! What a job must be like.

use super::{failure_policy, selector, success_policy};
use crate::core::pod::template;
use crate::toolkit::Field;

/// The most pods of an indexed job that run at a time.
const MAX_PARALLEL: i64 = 100_000;
/// From this many completions on more has to be said.
const MANY: i64 = 100_000;
const FEW: i64 = 10_000;
const MAX_MANAGER: usize = 63;
const INDEXED_ONLY: &str = "requires indexed completion mode";

/// The rules for a whole job.
pub fn rules(job: &Field) {
    selector::rules(job);
    spec(&job.child("spec"));
    host_names(job);
}

/// Pods of an indexed job are called by its name and their index, the last one longest.
fn host_names(job: &Field) {
    let spec = job.child("spec");
    let completions = spec.child("completions").number();
    if spec.text_of("completionMode") != "Indexed" || completions <= 0 {
        return;
    }
    let metadata = job.child("metadata");
    let name = metadata.child("name");
    let longest = format!("{}-{}", name.text(), completions - 1);
    if !meta::name::dns1123_label(&longest).is_empty() {
        let complaint = format!("will not able to create pod with invalid DNS label: {longest}");
        name.invalid_as(name.text(), &complaint);
    }
}

/// The rules for a job's spec.
pub fn spec(spec: &Field) {
    work(spec);
    let selector = spec.child("selector");
    if !selector.is_set() {
        selector.required("");
    }
    if template::well_formed_selector(&selector) {
        template::selected(&spec.child("template"), &selector);
    }
}

/// The rules for a job's spec but for its selector, which a cron job leaves to its jobs.
pub fn work(spec: &Field) {
    for field in [
        "parallelism",
        "completions",
        "activeDeadlineSeconds",
        "backoffLimit",
        "ttlSecondsAfterFinished",
        "backoffLimitPerIndex",
        "maxFailedIndexes",
    ] {
        spec.child(field).non_negative();
    }
    let per_index = spec.child("backoffLimitPerIndex");
    if spec.child("maxFailedIndexes").is_set() && !per_index.is_set() {
        per_index.required("when maxFailedIndexes is specified");
    }
    let manager = spec.child("managedBy");
    if manager.is_set() {
        manager.complain(meta::name::domain_prefixed_path(manager.text()));
        if manager.text().len() > MAX_MANAGER {
            manager.too_long(MAX_MANAGER);
        }
    }
    completion_mode(spec);
    let failures = spec.child("podFailurePolicy");
    if failures.is_set() {
        failure_policy::rules(&failures, spec);
    }
    let success = spec.child("successPolicy");
    if success.is_set() && spec.text_of("completionMode") == "Indexed" {
        success_policy::rules(&success, spec);
    } else if success.is_set() {
        success.invalid(INDEXED_ONLY);
    }
    let replacement = spec.child("podReplacementPolicy");
    replacement.any_of_if_set(if failures.is_set() {
        &["Failed"]
    } else {
        &["Failed", "TerminatingOrFailed"]
    });
    let template = spec.child("template");
    template::rules(&template);
    let pod = template.child("spec");
    let restart = pod.child("restartPolicy");
    if matches!(restart.text(), "Always" | "") {
        restart.required(r#"valid values: "OnFailure", "Never""#);
    } else if !matches!(restart.text(), "OnFailure" | "Never") {
        restart.not_supported(&["OnFailure", "Never"]);
    } else if failures.is_set() && restart.text() != "Never" {
        restart.invalid(r#"only "Never" is supported when podFailurePolicy is specified"#);
    }
}

fn completion_mode(spec: &Field) {
    let mode = spec.child("completionMode");
    mode.any_of_if_set(&["NonIndexed", "Indexed"]);
    match mode.value_text() {
        Some("Indexed") => return indexed(spec),
        Some("NonIndexed") | None => {}
        Some(_) => return,
    }
    for field in ["backoffLimitPerIndex", "maxFailedIndexes"] {
        let field = spec.child(field);
        if field.is_set() {
            field.invalid(INDEXED_ONLY);
        }
    }
}

fn indexed(spec: &Field) {
    let (completions, parallelism) = (spec.child("completions"), spec.child("parallelism"));
    let failed = spec.child("maxFailedIndexes");
    if !completions.is_set() {
        completions.required("when completion mode is Indexed");
    }
    if parallelism.number() > MAX_PARALLEL {
        parallelism.invalid(&format!(
            "must be less than or equal to {MAX_PARALLEL} when completion mode is Indexed"
        ));
    }
    if failed.is_set() && completions.is_set() && failed.number() > completions.number() {
        failed.invalid("must be less than or equal to completions");
    }
    if failed.is_set() && failed.number() > MANY {
        failed.invalid(&format!("must be less than or equal to {MANY}"));
    }
    if !spec.child("backoffLimitPerIndex").is_set() || completions.number() <= MANY {
        return;
    }
    if !failed.is_set() {
        failed.required(&format!("must be specified when completions is above {MANY}"));
    }
    let above = format!(
        "must be less than or equal to {FEW} when completions are above {MANY} and used with backoff limit per index"
    );
    if parallelism.number() > FEW {
        parallelism.invalid(&above);
    }
    if failed.number() > FEW {
        failed.invalid(&above);
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{create_errors, defaulted, room};
    use serde_json::{Value, json};

    fn job(field: &str, value: Value) -> Value {
        let template =
            json!({"spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "i"}]}});
        let mut spec = json!({"template": template});
        spec[field] = value;
        json!({"metadata": {"name": "j", "uid": "u"}, "spec": spec})
    }

    fn check(field: &str, value: Value, expected: &[&str]) {
        assert_eq!(
            create_errors("batch", "jobs", job(field, value)),
            expected,
            "{field}"
        );
    }

    #[test]
    fn the_last_pod_of_an_indexed_job_has_a_name() {
        let mut object = job("completionMode", json!("Indexed"));
        object["spec"]["completions"] = 1000.into();
        object["metadata"]["name"] = "j".repeat(60).into();
        let name = object["metadata"]["name"].as_str().unwrap_or("").to_owned();
        assert_eq!(
            create_errors("batch", "jobs", object.clone()),
            [format!(
                "metadata.name: Invalid value: \"{name}\": will not able to create pod with invalid DNS label: {name}-999"
            )]
        );
        object["spec"]["completions"] = 100.into();
        assert!(create_errors("batch", "jobs", object).is_empty());
    }

    #[test]
    fn a_job_finds_its_pods_by_its_own_label() {
        let mut object = defaulted("batch", "jobs", job("suspend", json!(true)));
        room("batch", "jobs").prepare_for_create(&mut object);
        assert_eq!(
            object["spec"]["selector"],
            json!({"matchLabels": {"batch.kubernetes.io/controller-uid": "u"}})
        );
        assert_eq!(object["spec"]["template"]["metadata"]["labels"]["job-name"], "j");
        assert_eq!(
            object["metadata"]["labels"],
            object["spec"]["template"]["metadata"]["labels"]
        );
    }

    #[test]
    fn a_name_that_is_no_label_is_complained_of_once() {
        let labels = |template: Value| {
            let mut object = job("suspend", json!(true));
            object["metadata"]["name"] = "j".repeat(64).into();
            object["spec"]["template"]["metadata"] = template;
            let mut object = defaulted("batch", "jobs", object);
            room("batch", "jobs").prepare_for_create(&mut object);
            object["metadata"]
                .get("labels")
                .is_some_and(|labels| labels.get("job-name").is_some())
        };
        assert!(!labels(json!({})));
        assert!(labels(json!({"labels": {"a": "b"}})));
    }

    #[test]
    fn wrong_jobs_are_refused() {
        check("parallelism", json!(2), &[]);
        check(
            "parallelism",
            json!(-1),
            &["spec.parallelism: Invalid value: -1: must be greater than or equal to 0"],
        );
        check(
            "manualSelector",
            json!(true),
            &[
                "spec.selector: Required value",
                "spec.template.metadata.labels: Invalid value: null: `selector` does not match template `labels`",
            ],
        );
        check(
            "completionMode",
            json!("Other"),
            &[
                r#"spec.completionMode: Unsupported value: "Other": supported values: "NonIndexed", "Indexed""#,
            ],
        );
        check(
            "successPolicy",
            json!({"rules": [{"succeededIndexes": "0"}]}),
            &[
                r#"spec.successPolicy: Invalid value: {"Rules":[{"SucceededIndexes":"0","SucceededCount":null}]}: requires indexed completion mode"#,
            ],
        );
        check(
            "managedBy",
            json!("not valid"),
            &[
                r#"spec.managedBy: Invalid value: "not valid": must be a domain-prefixed path (such as "acme.io/foo")"#,
            ],
        );
    }

    #[test]
    fn wrong_failure_policies_are_refused() {
        let rule = |rule: Value| json!({"rules": [rule]});
        check(
            "podFailurePolicy",
            rule(json!({"action": "Ignore", "onPodConditions": [{"type": "X"}]})),
            &[],
        );
        check(
            "podFailurePolicy",
            rule(json!({"action": "Ignore"})),
            &[
                "spec.podFailurePolicy.rules[0]: Invalid value: specifying one of OnExitCodes and OnPodConditions is required",
            ],
        );
        check(
            "podFailurePolicy",
            rule(json!({"action": "FailJob", "onExitCodes": {"operator": "In", "values": [3, 0, 3]}})),
            &[
                "spec.podFailurePolicy.rules[0].onExitCodes.values[1]: Invalid value: 0: must not be 0 for the In operator",
                "spec.podFailurePolicy.rules[0].onExitCodes.values[2]: Duplicate value: 3",
                "spec.podFailurePolicy.rules[0].onExitCodes.values: Invalid value: [3,0,3]: must be ordered",
            ],
        );
    }
}
