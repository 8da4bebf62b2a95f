//! The Pod Security Standards: what pods may ask of a node at each level, in every version of the standards (KEP-2579).

mod baseline;
mod pod;
mod policy;
mod restricted;
mod words;

use serde_json::Value;

pub(crate) use policy::{Level, Policies, Policy, Version};

use pod::Pod;

/// One thing a pod asks for that its level forbids.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Violation {
    /// `host namespaces`.
    pub(crate) reason: String,
    /// `hostPID=true`.
    pub(crate) detail: String,
}

/// What a check finds in a pod.
type Look = fn(&Pod<'_>) -> Option<Violation>;

/// A rule of a level.
struct Check {
    /// How the rule has changed: from that minor version on, look for this.
    since: &'static [(u32, Look)],
    /// Whether a stricter rule of the restricted level takes its place, from that minor version on.
    replaced_since: Option<u32>,
}

impl Check {
    const fn new(since: &'static [(u32, Look)]) -> Self {
        Self {
            since,
            replaced_since: None,
        }
    }

    const fn replaced(since: &'static [(u32, Look)], by_restricted_since: u32) -> Self {
        Self {
            since,
            replaced_since: Some(by_restricted_since),
        }
    }

    fn look(&self, version: Version, pod: &Pod<'_>) -> Option<Violation> {
        let look = self
            .since
            .iter()
            .rev()
            .find(|(since, _)| version.is_at_least(*since))?
            .1;
        look(pod)
    }
}

/// What is wrong with a pod (its metadata and spec) under a policy, in upstream's order.
pub(crate) fn violations(policy: Policy, metadata: &Value, spec: &Value) -> Vec<Violation> {
    let pod = Pod { metadata, spec };
    let look = |check: &Check| check.look(policy.version, &pod);
    match policy.level {
        Level::Privileged => Vec::new(),
        Level::Baseline => baseline::CHECKS.iter().filter_map(look).collect(),
        Level::Restricted => {
            let stays = |check: &&Check| {
                !check
                    .replaced_since
                    .is_some_and(|since| policy.version.is_at_least(since))
            };
            let of_baseline = baseline::CHECKS.iter().filter(stays).filter_map(look);
            of_baseline
                .chain(restricted::CHECKS.iter().filter_map(look))
                .collect()
        }
    }
}

/// Violations as messages list them: `host namespaces (hostPID=true), privileged (…)`.
pub(crate) fn listed(violations: &[Violation]) -> String {
    let texts = violations
        .iter()
        .map(|violation| match violation.detail.as_str() {
            "" => violation.reason.clone(),
            detail => format!("{} ({detail})", violation.reason),
        });
    texts.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader};
    use std::path::Path;

    use flate2::read::GzDecoder;
    use meta::label_selector::Labels;

    use super::*;

    struct Chosen<'a>(&'a Value);

    impl Labels for Chosen<'_> {
        fn label(&self, key: &str) -> Option<&str> {
            match key {
                "pod-security.kubernetes.io/enforce" => self.0["level"].as_str(),
                "pod-security.kubernetes.io/enforce-version" => self.0["enforced"].as_str(),
                _ => None,
            }
        }
    }

    /// Every published example pod, in every version, where `PINTLE_REFERENCE` names the folder of Kubernetes' published data.
    #[test]
    fn published_examples_pass_and_fail_as_they_should() {
        let Some(reference) = std::env::var_os("PINTLE_REFERENCE") else {
            eprintln!("PINTLE_REFERENCE is not set: nothing to compare with");
            return;
        };
        let file = std::fs::File::open(Path::new(&reference).join("podsecurity.jsonl.gz")).unwrap();
        let mut wrong = Vec::new();
        for line in BufReader::new(GzDecoder::new(file)).lines() {
            let mut example: Value = serde_json::from_str(&line.unwrap()).unwrap();
            example["enforced"] = format!("v{}", example["version"].as_str().unwrap()).into();
            let (policies, errors) = Policies::of(&Chosen(&example));
            assert!(errors.is_empty(), "{errors:?}");
            let pod = &example["object"];
            let found = violations(policies.enforce, &pod["metadata"], &pod["spec"]);
            if found.is_empty() != (example["expect"] == "pass") {
                wrong.push(format!(
                    "{} {}: {}",
                    policies.enforce,
                    example["name"],
                    listed(&found)
                ));
            }
        }
        assert!(
            wrong.is_empty(),
            "{} wrong, such as {:#?}",
            wrong.len(),
            &wrong[..wrong.len().min(20)]
        );
    }
}
