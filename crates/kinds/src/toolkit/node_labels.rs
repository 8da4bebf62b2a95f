//! Labels of nodes that have been replaced.

use serde_json::Value;

use super::columns::list;

/// Old labels, with what replaced them.
const REPLACED: [(&str, &str); 5] = [
    ("beta.kubernetes.io/arch", "kubernetes.io/arch"),
    ("beta.kubernetes.io/os", "kubernetes.io/os"),
    (
        "failure-domain.beta.kubernetes.io/region",
        "topology.kubernetes.io/region",
    ),
    (
        "failure-domain.beta.kubernetes.io/zone",
        "topology.kubernetes.io/zone",
    ),
    (
        "beta.kubernetes.io/instance-type",
        "node.kubernetes.io/instance-type",
    ),
];

/// The label that has taken the place of this one.
pub fn replacement(label: &str) -> Option<&'static str> {
    REPLACED
        .iter()
        .find(|(old, _)| *old == label)
        .map(|(_, new)| *new)
}

/// What is to be said of an old label of nodes.
pub fn deprecated(label: &str) -> Option<&'static str> {
    Some(match label {
        "beta.kubernetes.io/arch" => r#"deprecated since v1.14; use "kubernetes.io/arch" instead"#,
        "beta.kubernetes.io/os" => r#"deprecated since v1.14; use "kubernetes.io/os" instead"#,
        "failure-domain.beta.kubernetes.io/region" => {
            r#"deprecated since v1.17; use "topology.kubernetes.io/region" instead"#
        }
        "failure-domain.beta.kubernetes.io/zone" => {
            r#"deprecated since v1.17; use "topology.kubernetes.io/zone" instead"#
        }
        "beta.kubernetes.io/instance-type" => {
            r#"deprecated since v1.17; use "node.kubernetes.io/instance-type" instead"#
        }
        "app.kubernetes.io/created-by" => "deprecated since v1.9",
        "scheduler.alpha.kubernetes.io/preferAvoidPods" => {
            "deprecated since v1.22; use Taints and Tolerations instead"
        }
        "node-role.kubernetes.io/master" => r#"use "node-role.kubernetes.io/control-plane" instead"#,
        _ => return None,
    })
}

/// Warnings about the requirements in a term of a node selector, or in a label selector for nodes.
pub fn warnings_of_expressions(path: &str, term: &Value) -> Vec<String> {
    let requirements = list(term, &["matchExpressions"]).iter().enumerate();
    requirements
        .filter_map(|(index, requirement)| {
            let key = requirement["key"].as_str()?;
            let what = deprecated(key)?;
            Some(format!("{path}.matchExpressions[{index}].key: {key} is {what}"))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn whatever_was_replaced_is_deprecated() {
        for (old, new) in REPLACED {
            assert!(deprecated(old).is_some_and(|what| what.contains(new)), "{old}");
        }
    }

    #[test]
    fn requirements_are_named() {
        let term = json!({"matchExpressions": [{"key": "a"}, {"key": "app.kubernetes.io/created-by"}]});
        assert_eq!(
            warnings_of_expressions("t", &term),
            ["t.matchExpressions[1].key: app.kubernetes.io/created-by is deprecated since v1.9"]
        );
    }
}
