//! StorageObjectInUseProtection: volumes, claims and classes of their attributes are not removed while they are used.

use async_trait::async_trait;
use meta::Status;
use meta::object::metadata_mut;
use registry::AdmissionRequest;
use serde_json::{Value, json};

use crate::plugin::Plugin;
use crate::request::Request;
use crate::request::resources::{ATTRIBUTES_CLASSES, CLAIMS, VOLUMES};

/// The plugin.
pub(crate) struct StorageObjectInUseProtection;

#[async_trait]
impl Plugin for StorageObjectInUseProtection {
    fn name(&self) -> &'static str {
        "StorageObjectInUseProtection"
    }

    async fn mutate(&self, request: &mut AdmissionRequest<'_>) -> Result<(), Status> {
        let finalizer = if request.creates(&VOLUMES) {
            "kubernetes.io/pv-protection"
        } else if request.creates(&CLAIMS) {
            "kubernetes.io/pvc-protection"
        } else if request.creates(&ATTRIBUTES_CLASSES) {
            "kubernetes.io/vac-protection"
        } else {
            return Ok(());
        };
        if let Some(metadata) = request.object.as_mut().and_then(metadata_mut) {
            let finalizers = metadata.entry("finalizers").or_insert_with(|| json!([]));
            let finalizers = finalizers.as_array_mut().into_iter();
            for finalizers in finalizers.filter(|finalizers| !finalizers.contains(&Value::from(finalizer))) {
                finalizers.push(finalizer.into());
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Write;

    #[tokio::test]
    async fn the_finalizer_is_added_once() {
        let claim = json!({"metadata": {"name": "c", "finalizers": ["x"]}});
        let once = Write::create(&CLAIMS, claim)
            .through(&StorageObjectInUseProtection)
            .await
            .unwrap();
        assert_eq!(
            once["metadata"]["finalizers"],
            json!(["x", "kubernetes.io/pvc-protection"])
        );
        let twice = Write::create(&CLAIMS, once.clone())
            .through(&StorageObjectInUseProtection)
            .await
            .unwrap();
        assert_eq!(twice, once);
        let volume = json!({"metadata": {"name": "v"}});
        let volume = Write::create(&VOLUMES, volume)
            .through(&StorageObjectInUseProtection)
            .await
            .unwrap();
        assert_eq!(
            volume["metadata"]["finalizers"],
            json!(["kubernetes.io/pv-protection"])
        );
        let class = Write::create(&ATTRIBUTES_CLASSES, json!({"metadata": {"name": "c"}}))
            .through(&StorageObjectInUseProtection)
            .await
            .unwrap();
        assert_eq!(
            class["metadata"]["finalizers"],
            json!(["kubernetes.io/vac-protection"])
        );
    }
}
