//! Service accounts.

use resource::{Column, Row, Strategy};
use serde_json::{Value, json};

use crate::room::room;
use crate::toolkit::columns::{AGE, NAME, at, created, name};

room! {
    /// Identities of what runs in pods.
    ServiceAccount
}

const LIMITS_SECRETS: &str = "kubernetes.io/enforce-mountable-secrets";

impl Strategy for ServiceAccount {
    fn prepare_for_create(&self, object: &mut Value) {
        only_names(object);
    }

    fn prepare_for_update(&self, new: &mut Value, _old: &Value) {
        only_names(new);
    }

    fn warnings(&self, new: &Value, old: Option<&Value>) -> Vec<String> {
        let annotation = |object| at(object, &["metadata", "annotations", LIMITS_SECRETS]);
        let is_new = annotation(new).is_some() && annotation(new) != old.and_then(annotation);
        is_new
            .then(|| {
                format!(
                    "metadata.annotations[{LIMITS_SECRETS}]: deprecated in v1.32+; \
                     prefer separate namespaces to isolate access to mounted secrets"
                )
            })
            .into_iter()
            .collect()
    }

    fn returns_deleted_object(&self) -> bool {
        true
    }

    fn columns(&self) -> Vec<Column> {
        vec![NAME, AGE]
    }

    fn row(&self, object: &Value, now: i64) -> Row {
        Row {
            cells: vec![name(object), created(object, now)],
            ..Row::default()
        }
    }
}

/// Secrets are referred to by name alone.
fn only_names(account: &mut Value) {
    let secrets = account.get_mut("secrets").and_then(Value::as_array_mut);
    for secret in secrets.into_iter().flatten() {
        *secret = match secret.get("name") {
            Some(name) => json!({"name": name}),
            None => json!({}),
        };
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::room;
    use serde_json::json;

    #[test]
    fn secrets_are_named() {
        let mut account = json!({"secrets": [{"name": "a", "kind": "Secret", "uid": "x"}]});
        room("", "serviceaccounts").prepare_for_create(&mut account);
        assert_eq!(account, json!({"secrets": [{"name": "a"}]}));
    }

    #[test]
    fn limiting_secrets_is_a_thing_of_the_past() {
        let account =
            json!({"metadata": {"annotations": {"kubernetes.io/enforce-mountable-secrets": "true"}}});
        let room = room("", "serviceaccounts");
        assert_eq!(room.warnings(&account, None).len(), 1);
        assert!(room.warnings(&account, Some(&account)).is_empty());
    }
}
