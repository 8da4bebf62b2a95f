//! What a namespace that is being deleted says of itself, in upstream's words.

use std::collections::BTreeMap;

use client::k8s_openapi::api::core::v1::{Namespace, NamespaceCondition, NamespaceStatus};
use client::k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use jiff::Timestamp;

use super::content::Left;

/// The status with conditions that tell of what is left; none if it says so already.
pub(super) fn with_conditions(namespace: &Namespace, left: &Left, now: Timestamp) -> Option<NamespaceStatus> {
    let mut status = namespace.status.clone().unwrap_or_default();
    let before = status.clone();
    let conditions = status.conditions.get_or_insert_default();
    for mut condition in conditions_of(left) {
        condition.last_transition_time = Some(Time(now));
        match conditions.iter_mut().find(|old| old.type_ == condition.type_) {
            Some(old) if old.status == condition.status && old.message == condition.message => {}
            Some(old) => *old = condition,
            None => conditions.push(condition),
        }
    }
    (status != before).then_some(status)
}

fn conditions_of(left: &Left) -> [NamespaceCondition; 5] {
    let remaining = format!(
        "Some resources are remaining: {}",
        listed(&left.objects, |resource, count| format!(
            "{resource} has {count} resource instances"
        ))
    );
    let finalizers = format!(
        "Some content in the namespace has finalizers remaining: {}",
        listed(&left.finalizers, |finalizer, count| format!(
            "{finalizer} in {count} resource instances"
        ))
    );
    let discovery = format!(
        "Discovery failed for some groups, {} failing: {}",
        left.discovery_failures.len(),
        left.discovery_failures.join(", ")
    );
    let failures = format!(
        "Failed to delete all resource types, {} remaining: {}",
        left.failures.len(),
        left.failures.join(", ")
    );
    [
        condition(
            "NamespaceDeletionDiscoveryFailure",
            (!left.discovery_failures.is_empty()).then_some(("DiscoveryFailed", discovery)),
            ("ResourcesDiscovered", "All resources successfully discovered"),
        ),
        condition(
            "NamespaceDeletionGroupVersionParsingFailure",
            None,
            ("ParsedGroupVersions", "All legacy kube types successfully parsed"),
        ),
        condition(
            "NamespaceDeletionContentFailure",
            (!left.failures.is_empty()).then_some(("ContentDeletionFailed", failures)),
            (
                "ContentDeleted",
                "All content successfully deleted, may be waiting on finalization",
            ),
        ),
        condition(
            "NamespaceContentRemaining",
            (!left.objects.is_empty()).then_some(("SomeResourcesRemain", remaining)),
            ("ContentRemoved", "All content successfully removed"),
        ),
        condition(
            "NamespaceFinalizersRemaining",
            (!left.finalizers.is_empty()).then_some(("SomeFinalizersRemain", finalizers)),
            (
                "ContentHasNoFinalizers",
                "All content-preserving finalizers finished",
            ),
        ),
    ]
}

fn condition(kind: &str, failing: Option<(&str, String)>, fine: (&str, &str)) -> NamespaceCondition {
    let (status, reason, message) = match failing {
        Some((reason, message)) => ("True", reason, message),
        None => ("False", fine.0, fine.1.to_owned()),
    };
    NamespaceCondition {
        type_: kind.to_owned(),
        status: status.to_owned(),
        reason: Some(reason.to_owned()),
        message: Some(message),
        last_transition_time: None,
    }
}

fn listed(counts: &BTreeMap<String, usize>, text: impl Fn(&str, usize) -> String) -> String {
    let texts: Vec<_> = counts.iter().map(|(name, count)| text(name, *count)).collect();
    texts.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_is_named() {
        let left = Left {
            objects: [("pods.".to_owned(), 2)].into(),
            ..Left::default()
        };
        let status = with_conditions(&Namespace::default(), &left, Timestamp::UNIX_EPOCH).unwrap();
        let conditions = status.conditions.unwrap();
        let remaining = conditions
            .iter()
            .find(|c| c.type_ == "NamespaceContentRemaining")
            .unwrap();
        assert_eq!(remaining.status, "True");
        assert_eq!(
            remaining.message.as_deref(),
            Some("Some resources are remaining: pods. has 2 resource instances")
        );
    }

    #[test]
    fn a_status_that_says_so_already_is_not_written_again() {
        let left = Left::default();
        let status = with_conditions(&Namespace::default(), &left, Timestamp::UNIX_EPOCH);
        let namespace = Namespace {
            status,
            ..Namespace::default()
        };
        assert_eq!(with_conditions(&namespace, &left, Timestamp::MAX), None);
    }
}
