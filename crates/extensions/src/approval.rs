//! Whether the Kubernetes project agrees to a definition in one of its own groups.

use crate::definition::{Condition, Definition};

const ANNOTATION: &str = "api-approved.kubernetes.io";
const SEE: &str = "see https://github.com/kubernetes/enhancements/pull/1111";

/// `KubernetesAPIApprovalPolicyConformant`; none for groups of others.
pub(crate) fn condition(definition: &Definition) -> Option<Condition> {
    let group = &definition.spec.group;
    let is_protected = ["k8s.io", "kubernetes.io"].iter().any(|domain| {
        let below = group.strip_suffix(domain);
        below.is_some_and(|below| below.is_empty() || below.ends_with('.'))
    });
    if !is_protected {
        return None;
    }
    let text = definition.metadata.annotations.get(ANNOTATION);
    let text = text.map_or("", String::as_str);
    let (status, reason, message) = if text.is_empty() {
        let message = format!("protected groups must have approval annotation {ANNOTATION:?}, {SEE}");
        ("False", "MissingAnnotation", message)
    } else if text.starts_with("unapproved") {
        (
            "False",
            "UnapprovedAnnotation",
            format!("not approved: {}", meta::quote(text)),
        )
    } else if is_address(text) {
        ("True", "ApprovedAnnotation", format!("approved in {text}"))
    } else {
        let message = format!(
            "protected groups must have approval annotation {ANNOTATION:?} with either a URL or a reason starting with \
             \"unapproved\", {SEE}"
        );
        ("False", "InvalidAnnotation", message)
    };
    Some(Condition {
        kind: String::from("KubernetesAPIApprovalPolicyConformant"),
        status: status.to_owned(),
        reason: reason.to_owned(),
        message,
    })
}

fn is_address(text: &str) -> bool {
    let rest = text
        .strip_prefix("https://")
        .or_else(|| text.strip_prefix("http://"));
    rest.is_some_and(|rest| !rest.is_empty() && !rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn groups_of_the_project_need_its_consent() {
        for (group, text, expected) in [
            ("example.com", "", None),
            ("notk8s.io", "", None),
            ("x.k8s.io", "", Some("MissingAnnotation")),
            (
                "x.kubernetes.io",
                "unapproved, an experiment",
                Some("UnapprovedAnnotation"),
            ),
            (
                "x.k8s.io",
                "https://github.com/x/y/pull/1",
                Some("ApprovedAnnotation"),
            ),
            ("x.k8s.io", "yes", Some("InvalidAnnotation")),
        ] {
            let object = json!({"metadata": {"annotations": {ANNOTATION: text}}, "spec": {"group": group}});
            let definition = Definition::read(&object).expect("a definition");
            let found = condition(&definition).map(|condition| condition.reason);
            assert_eq!(found.as_deref(), expected, "{group} {text}");
        }
    }
}
