//! The end of a definition begins with its objects, which go first.

use serde_json::{Value, json};

/// Keeps a definition until its objects are gone.
const CLEANUP: &str = "customresourcecleanup.apiextensions.k8s.io";

/// Marks a definition that is to go.
pub fn prepare(definition: &mut Value) {
    let Some(finalizers) = finalizers(definition) else {
        return;
    };
    if !finalizers.iter().any(|finalizer| finalizer == CLEANUP) {
        finalizers.push(CLEANUP.into());
    }
    let pending = json!({
        "type": "Terminating", "status": "True", "reason": "InstanceDeletionPending",
        "lastTransitionTime": definition["metadata"]["deletionTimestamp"],
        "message": "CustomResourceDefinition marked for deletion; CustomResource deletion will begin soon",
    });
    let conditions = &mut definition["status"]["conditions"];
    if !conditions.is_array() {
        *conditions = json!([]);
    }
    if let Some(conditions) = conditions.as_array_mut() {
        conditions.retain(|condition| condition["type"] != "Terminating");
        conditions.push(pending);
    }
}

fn finalizers(definition: &mut Value) -> Option<&mut Vec<Value>> {
    let metadata = definition.get_mut("metadata")?.as_object_mut()?;
    metadata
        .entry("finalizers")
        .or_insert_with(|| json!([]))
        .as_array_mut()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_definition_that_is_to_go_waits_for_its_objects() {
        let mut definition = json!({"metadata": {"deletionTimestamp": "t", "finalizers": ["a"]}, "status": {"conditions": null}});
        prepare(&mut definition);
        assert_eq!(definition["metadata"]["finalizers"], json!(["a", CLEANUP]));
        assert_eq!(
            definition["status"]["conditions"][0]["reason"],
            "InstanceDeletionPending"
        );
    }
}
