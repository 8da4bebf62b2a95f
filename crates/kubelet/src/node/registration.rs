//! Making the Node object, or taking over the one that is there.

use std::collections::BTreeMap;

use client::{Client, Error, Patch, PatchOptions, Scope};
use k8s_openapi::api::core::v1::Node;
use serde_json::{Value, json};

/// Registers a node; the answer is the object as it is now.
pub async fn register(client: &Client, wanted: &Node) -> Result<Node, Error> {
    let name = wanted.metadata.name.as_deref().unwrap_or_default();
    let existing = match client.create(Scope::Cluster, wanted).await {
        Err(error) if error.is_already_exists() => client.get::<Node>(Scope::Cluster, name).await?,
        created => return created,
    };
    match reconcile(&existing, wanted) {
        None => Ok(existing),
        Some(change) => {
            let options = PatchOptions::default();
            client
                .patch(Scope::Cluster, name, Patch::Merge(&change), &options)
                .await
        }
    }
}

/// What an existing node lacks of the labels and annotations it is to have. Taints are put on once, at the first
/// registration: who takes one off later means it.
fn reconcile(existing: &Node, wanted: &Node) -> Option<Value> {
    let labels = lacking(existing.metadata.labels.as_ref(), wanted.metadata.labels.as_ref());
    let annotations = lacking(
        existing.metadata.annotations.as_ref(),
        wanted.metadata.annotations.as_ref(),
    );
    if labels.is_empty() && annotations.is_empty() {
        return None;
    }
    Some(json!({ "metadata": { "labels": labels, "annotations": annotations } }))
}

type Texts = BTreeMap<String, String>;

fn lacking(existing: Option<&Texts>, wanted: Option<&Texts>) -> Texts {
    let wanted = wanted.into_iter().flatten();
    let lacking =
        wanted.filter(|(key, value)| existing.and_then(|existing| existing.get(*key)) != Some(value));
    lacking.map(|(key, value)| (key.clone(), value.clone())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(labels: Value) -> Node {
        serde_json::from_value(json!({ "metadata": { "name": "a", "labels": labels } })).unwrap()
    }

    #[test]
    fn only_what_is_lacking_is_changed() {
        let wanted = node(json!({ "a": "1", "b": "2" }));
        assert_eq!(
            reconcile(&node(json!({ "a": "1", "b": "2", "c": "3" })), &wanted),
            None
        );
        assert_eq!(
            reconcile(&node(json!({ "a": "0", "c": "3" })), &wanted),
            Some(json!({ "metadata": { "labels": { "a": "1", "b": "2" }, "annotations": {} } }))
        );
    }
}
