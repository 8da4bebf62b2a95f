//! What a job's policies make of pods that failed, and of indexes that succeeded.

use client::k8s_openapi::api::batch::v1::{
    Job, PodFailurePolicyOnExitCodesRequirement, PodFailurePolicyRule,
};
use client::lean::Pod;

use super::indexes::Indexes;
use super::pods::container_statuses;
use crate::pod;

/// What is to become of a pod's failure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It counts.
    Count,
    /// It does not count, but the pod is replaced.
    Ignore,
    /// The pod's index has failed.
    FailIndex,
    /// The job has failed, with this message.
    FailJob(String),
}

/// What the job's failure policy says of a pod that failed; the first rule that matches counts.
pub(super) fn judge(job: &Job, pod: &Pod) -> Verdict {
    let policy = job
        .spec
        .as_ref()
        .and_then(|spec| spec.pod_failure_policy.as_ref());
    let rules = policy.map(|policy| policy.rules.as_slice()).unwrap_or_default();
    let matching = rules
        .iter()
        .enumerate()
        .find_map(|(at, rule)| Some((at, rule, matched(rule, pod)?)));
    let Some((at, rule, what)) = matching else {
        return Verdict::Count;
    };
    match rule.action.as_str() {
        "Ignore" => Verdict::Ignore,
        "FailIndex" => Verdict::FailIndex,
        "FailJob" => Verdict::FailJob(format!("{what} matching FailJob rule at index {at}")),
        _ => Verdict::Count,
    }
}

/// What of the pod the rule is about, in words.
fn matched(rule: &PodFailurePolicyRule, pod: &Pod) -> Option<String> {
    let (namespace, name) = (
        pod.metadata.namespace.as_deref().unwrap_or(""),
        pod.metadata.name.as_deref().unwrap_or(""),
    );
    if let Some(codes) = &rule.on_exit_codes {
        let (container, code) = exit_code(codes, pod)?;
        return Some(format!(
            "Container {container} for pod {namespace}/{name} failed with exit code {code}"
        ));
    }
    let patterns = rule.on_pod_conditions.iter().flatten();
    let mut matching = patterns.filter(|pattern| {
        let status = pattern.status.as_deref().unwrap_or("True");
        pod::condition(pod, &pattern.type_).is_some_and(|condition| condition.status == status)
    });
    let kind = &matching.next()?.type_;
    Some(format!("Pod {namespace}/{name} has condition {kind}"))
}

fn exit_code<'a>(codes: &PodFailurePolicyOnExitCodesRequirement, pod: &'a Pod) -> Option<(&'a str, i32)> {
    container_statuses(pod).find_map(|status| {
        let wanted = codes
            .container_name
            .as_ref()
            .is_none_or(|name| status.name == name.as_str());
        let code = status.state.as_ref()?.terminated.as_ref()?.exit_code;
        let listed = codes.values.contains(&code);
        let matches = match codes.operator.as_str() {
            "In" => listed,
            "NotIn" => !listed,
            _ => false,
        };
        (wanted && code != 0 && matches).then_some((&*status.name, code))
    })
}

/// The rule of the success policy that is met, by its place.
pub(super) fn success(job: &Job, succeeded: &Indexes, completions: i32) -> Option<usize> {
    let policy = job.spec.as_ref()?.success_policy.as_ref()?;
    policy.rules.iter().position(|rule| {
        let Some(text) = &rule.succeeded_indexes else {
            return rule.succeeded_count.is_some_and(|count| succeeded.len() >= count);
        };
        let wanted = Indexes::parse(text, completions);
        let met = wanted.0.intersection(&succeeded.0).count();
        let needed = rule.succeeded_count.unwrap_or(wanted.len());
        i32::try_from(met).unwrap_or(i32::MAX) >= needed
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn job(rules: serde_json::Value, success: serde_json::Value) -> Job {
        let mut spec = json!({
            "template": {},
            "podFailurePolicy": { "rules": rules },
        });
        if !success.is_null() {
            spec["successPolicy"] = json!({ "rules": success });
        }
        serde_json::from_value(json!({ "spec": spec })).unwrap()
    }

    fn pod(code: i32) -> Pod {
        serde_json::from_value(json!({
            "metadata": { "name": "p", "namespace": "n" },
            "status": {
                "phase": "Failed",
                "conditions": [{ "type": "DisruptionTarget", "status": "True" }],
                "containerStatuses": [{
                    "name": "c", "image": "", "imageID": "", "ready": false, "restartCount": 0,
                    "state": { "terminated": { "exitCode": code } },
                }],
            },
        }))
        .unwrap()
    }

    fn check(rules: serde_json::Value, expected: Verdict) {
        let text = rules.to_string();
        assert_eq!(
            judge(&job(rules, serde_json::Value::Null), &pod(42)),
            expected,
            "{text}"
        );
    }

    #[test]
    fn the_first_rule_that_matches_decides() {
        let codes = |action: &str, operator: &str, values: &[i32]| {
            json!({ "action": action,
            "onExitCodes": { "operator": operator, "values": values } })
        };
        let condition = |action: &str| {
            json!({ "action": action,
            "onPodConditions": [{ "type": "DisruptionTarget", "status": "True" }] })
        };
        check(json!([]), Verdict::Count);
        check(json!([codes("Ignore", "In", &[1])]), Verdict::Count);
        check(
            json!([codes("Ignore", "In", &[42]), condition("FailJob")]),
            Verdict::Ignore,
        );
        check(json!([codes("FailIndex", "NotIn", &[1])]), Verdict::FailIndex);
        let message = "Container c for pod n/p failed with exit code 42 matching FailJob rule at index 0";
        check(
            json!([codes("FailJob", "In", &[42])]),
            Verdict::FailJob(message.into()),
        );
        let message = "Pod n/p has condition DisruptionTarget matching FailJob rule at index 0";
        check(json!([condition("FailJob")]), Verdict::FailJob(message.into()));
    }

    #[test]
    fn some_indexes_may_be_enough() {
        let check = |rules: serde_json::Value, succeeded: &str, expected: Option<usize>| {
            let job = job(json!([]), rules);
            assert_eq!(
                success(&job, &Indexes::parse(succeeded, 10), 10),
                expected,
                "{succeeded}"
            );
        };
        check(json!([{ "succeededIndexes": "0,2" }]), "0-1", None);
        check(
            json!([{ "succeededIndexes": "5" }, { "succeededIndexes": "0,2" }]),
            "0,2",
            Some(1),
        );
        check(
            json!([{ "succeededIndexes": "0-4", "succeededCount": 2 }]),
            "1,3",
            Some(0),
        );
        check(json!([{ "succeededCount": 3 }]), "1-2", None);
    }
}
