//! What authentication looks up, answered from the watch caches.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use auth::bootstrap_token::{Secret, Secrets};
use auth::service_account::{BoundKind, BoundObject, BoundObjects};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use meta::GroupVersionResource;
use registry::{GetOptions, Object, Registry};
use serde_json::Value;

/// Looks objects up in the caches.
pub(super) struct Lookups(pub(super) Registry);

impl Lookups {
    /// The object as the cache has it now; authentication does not wait for the store. Only what the cache does not have is
    /// looked for in the store: it may have been made a moment ago through another master.
    async fn find(&self, resource: &'static str, namespace: &str, name: &str) -> Option<Arc<Object>> {
        let resource = self.0.resource(&GroupVersionResource::new("", "v1", resource))?;
        let any_version = GetOptions {
            resource_version: String::from("0"),
        };
        if let Ok(found) = resource.get(namespace, name, &any_version).await {
            return Some(found);
        }
        resource.get(namespace, name, &GetOptions::default()).await.ok()
    }
}

#[async_trait]
impl BoundObjects for Lookups {
    async fn find(&self, kind: BoundKind, namespace: &str, name: &str) -> Option<BoundObject> {
        let resource = match kind {
            BoundKind::ServiceAccount => "serviceaccounts",
            BoundKind::Pod => "pods",
            BoundKind::Secret => "secrets",
            BoundKind::Node => "nodes",
        };
        let object = Lookups::find(self, resource, namespace, name).await?;
        Some(BoundObject {
            uid: object.uid().to_owned(),
            deleted_at: deletion_time(&object),
        })
    }
}

/// When the deletion of an object began. This is asked for every request with a token, so only objects that say something
/// about it are parsed.
fn deletion_time(object: &Object) -> Option<jiff::Timestamp> {
    const FIELD: &[u8] = b"\"deletionTimestamp\":";
    if !object.json().windows(FIELD.len()).any(|window| window == FIELD) {
        return None;
    }
    meta::object::metadata_str(&object.tree(), "deletionTimestamp")
        .parse()
        .ok()
}

#[async_trait]
impl Secrets for Lookups {
    async fn secret(&self, namespace: &str, name: &str) -> Option<Secret> {
        let tree = self.find("secrets", namespace, name).await?.tree();
        let data = tree.get("data").and_then(Value::as_object);
        let decoded = data
            .into_iter()
            .flatten()
            .filter_map(|(key, value)| Some((key.clone(), STANDARD.decode(value.as_str()?).ok()?)));
        Some(Secret {
            kind: tree.get("type").and_then(Value::as_str).unwrap_or("").to_owned(),
            is_deleting: !meta::object::metadata_str(&tree, "deletionTimestamp").is_empty(),
            data: decoded.collect::<BTreeMap<_, _>>(),
        })
    }
}
