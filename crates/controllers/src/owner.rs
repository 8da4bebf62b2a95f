//! Owner references: who controls an object, and claiming objects whose labels match.

use client::ObjectMetadata;
use client::k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, OwnerReference};
use client::k8s_openapi::{Metadata, Resource};
use serde_json::json;

/// The reference by which `owner` controls an object it makes.
pub(crate) fn controller_reference<K>(owner: &K) -> OwnerReference
where
    K: Resource + Metadata<Ty: ObjectMetadata>,
{
    let metadata = owner.metadata();
    OwnerReference {
        api_version: K::API_VERSION.to_owned(),
        kind: K::KIND.to_owned(),
        name: metadata.name().to_owned(),
        uid: metadata.uid().to_owned(),
        controller: Some(true),
        block_owner_deletion: Some(true),
    }
}

/// The owner that controls an object.
pub(crate) fn controller_of(metadata: &impl ObjectMetadata) -> Option<&OwnerReference> {
    let mut owners = metadata.owner_references().iter();
    owners.find(|owner| owner.controller == Some(true))
}

/// Whether the object of that UID controls this one.
pub(crate) fn is_controlled_by(metadata: &impl ObjectMetadata, uid: &str) -> bool {
    controller_of(metadata).is_some_and(|owner| owner.uid == uid)
}

/// What is to happen between an owner and an object it may control.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Claim {
    /// It is the owner's and stays so.
    Keep,
    /// It is nobody's and matches: the owner takes it.
    Adopt,
    /// It is the owner's and matches no longer: the owner lets it go.
    Release,
    /// It is none of the owner's business.
    Ignore,
}

/// Decides what is to happen between an owner and an object. Neither takes anything while it is being deleted.
pub(crate) fn claim(owner: &impl ObjectMetadata, object: &impl ObjectMetadata, matches: bool) -> Claim {
    let owner_is_going = owner.deletion_timestamp().is_some();
    match controller_of(object) {
        Some(controller) if controller.uid != owner.uid() => Claim::Ignore,
        Some(_) if matches => Claim::Keep,
        Some(_) if owner_is_going => Claim::Ignore,
        Some(_) => Claim::Release,
        None if matches && !owner_is_going && object.deletion_timestamp().is_none() => Claim::Adopt,
        None => Claim::Ignore,
    }
}

/// The patch by which an object is adopted. It names the object's UID, so that another of the same name is not taken.
pub(crate) fn adoption(reference: &OwnerReference, object: &impl ObjectMetadata) -> serde_json::Value {
    json!({ "metadata": { "ownerReferences": [reference], "uid": object.uid() } })
}

/// The strategic patch by which an object is released.
pub(crate) fn release(owner_uid: &str, object: &impl ObjectMetadata) -> serde_json::Value {
    json!({ "metadata": { "ownerReferences": [{ "$patch": "delete", "uid": owner_uid }], "uid": object.uid() } })
}

/// Whether labels match. An empty selector matches nothing here, as upstream's workload controllers have it.
pub(crate) fn selects(selector: &LabelSelector, object: &impl ObjectMetadata) -> bool {
    let wanted = selector.match_labels.as_ref();
    let expressions = selector.match_expressions.as_deref().unwrap_or_default();
    let is_empty = wanted.is_none_or(|wanted| wanted.is_empty()) && expressions.is_empty();
    !is_empty && matches(selector, object)
}

/// Whether labels match; an empty selector matches everything.
pub(crate) fn matches(selector: &LabelSelector, object: &impl ObjectMetadata) -> bool {
    let wanted = selector.match_labels.as_ref();
    let expressions = selector.match_expressions.as_deref().unwrap_or_default();
    let labels_match = wanted
        .into_iter()
        .flatten()
        .all(|(key, value)| object.label(key) == Some(value.as_str()));
    labels_match
        && expressions.iter().all(|requirement| {
            let value = object.label(&requirement.key);
            let listed = || {
                value.is_some_and(|v| {
                    requirement
                        .values
                        .as_ref()
                        .is_some_and(|values| values.iter().any(|listed| listed == v))
                })
            };
            match requirement.operator.as_str() {
                "In" => listed(),
                "NotIn" => !listed(),
                "Exists" => value.is_some(),
                "DoesNotExist" => value.is_none(),
                _ => false,
            }
        })
}

#[cfg(test)]
mod tests {
    use client::k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

    use super::*;

    fn object(controller: Option<&str>) -> ObjectMeta {
        let owner = |uid: &str| OwnerReference {
            uid: uid.to_owned(),
            controller: Some(true),
            ..OwnerReference::default()
        };
        ObjectMeta {
            owner_references: controller.map(|uid| vec![owner(uid)]),
            ..ObjectMeta::default()
        }
    }

    #[test]
    fn claims_depend_on_controller_and_match() {
        let owner = ObjectMeta {
            uid: Some("me".into()),
            ..ObjectMeta::default()
        };
        for (controller, matches, expected) in [
            (None, true, Claim::Adopt),
            (None, false, Claim::Ignore),
            (Some("me"), true, Claim::Keep),
            (Some("me"), false, Claim::Release),
            (Some("other"), true, Claim::Ignore),
        ] {
            assert_eq!(
                claim(&owner, &object(controller), matches),
                expected,
                "{controller:?} {matches}"
            );
        }
    }
}
