//! A kind whose objects lie in the store as another kind, which knows less.

use std::sync::Arc;

use meta::GroupVersionResource;
use registry::{GetOptions, PatchBody, Plugins, Registry, StorageEncoding};
use resource::{Descriptor, Kind, Strategy};
use serde_json::{Value, json};
use store::memory::MemoryStore;

use crate::gadgets::{Cluster, Gadgets, gadget};

/// Stored as a gadget, which loses `maxUnavailable`.
struct Convertible(Descriptor);

const CONVERTIBLES: GroupVersionResource = GroupVersionResource::new("policy", "v1", "convertibles");

impl Kind for Convertible {
    fn descriptor(&self) -> &Descriptor {
        &self.0
    }
}

impl Strategy for Convertible {
    fn converts(&self) -> bool {
        true
    }

    fn convert_to_stored(&self, object: &mut Value) {
        if let Some(spec) = object["spec"].as_object_mut() {
            spec.remove("maxUnavailable");
        }
    }
}

fn wanted() -> Value {
    let mut object = gadget("a");
    object["spec"] = json!({"minAvailable": 1, "maxUnavailable": 2});
    object
}

#[tokio::test]
async fn a_dry_run_shows_what_would_be_read_back() {
    let gadgets = Gadgets::kind("gadgets", false);
    let mut descriptor = gadgets.descriptor().clone();
    descriptor.plural = CONVERTIBLES.resource.to_string();
    let kinds = vec![gadgets, Arc::new(Convertible(descriptor)) as Arc<dyn Kind>];
    let store = Arc::new(MemoryStore::new());
    let registry = Registry::start(store, kinds, StorageEncoding::Json)
        .await
        .unwrap();
    registry.plug(Plugins::default());
    let convertibles = registry.resource(&CONVERTIBLES).unwrap();
    let cluster = Cluster::start().await;
    let spec = |tree: Value| tree["spec"].clone();
    let expected = json!({"minAvailable": 1});
    for context in [cluster.dry(), cluster.context.clone()] {
        let created = convertibles.create(&context, "ns", wanted()).await.unwrap();
        assert_eq!(spec(created.object.tree()), expected, "dry: {}", context.dry_run);
    }
    let read = convertibles.get("ns", "a", &GetOptions::default()).await.unwrap();
    assert_eq!(spec(read.tree()), expected);
    for context in [cluster.dry(), cluster.context.clone()] {
        let patch = PatchBody::Merge(json!({"spec": {"maxUnavailable": 3}}).to_string().into());
        let patched = convertibles.patch(&context, "ns", "a", "", patch).await.unwrap();
        assert_eq!(spec(patched.object.tree()), expected, "dry: {}", context.dry_run);
    }
}
