//! Resources that come and go while the registry runs.

use std::sync::Arc;
use std::time::Duration;

use meta::{GroupResource, GroupVersionResource, User};
use registry::{
    ListOptions, Plugins, Registry, RequestContext, Resource, StorageEncoding, WatchEvent, WatchOptions,
};
use resource::Kind;
use store::memory::MemoryStore;

use crate::gadgets::{Gadgets, gadget};

const LATE: GroupVersionResource = GroupVersionResource::new("policy", "v1", "late");

fn name() -> GroupResource {
    LATE.group_resource()
}

fn kinds() -> [Arc<dyn Kind>; 1] {
    [Gadgets::kind("late", false)]
}

async fn registry() -> Registry {
    let store = Arc::new(MemoryStore::new());
    let kinds = vec![Gadgets::kind("gadgets", false)];
    let registry = Registry::start(store, kinds, StorageEncoding::Json)
        .await
        .unwrap();
    registry.plug(Plugins::default());
    registry
}

fn context() -> RequestContext {
    let now = "2026-01-02T03:04:05Z".parse().unwrap();
    RequestContext::new(Arc::new(User::new("someone", &[])), now)
}

async fn create(resource: &Resource, name: &str) {
    resource.create(&context(), "ns", gadget(name)).await.unwrap();
}

async fn names(resource: &Resource) -> Vec<String> {
    let page = resource.list(None, &ListOptions::default()).await.unwrap();
    page.items.iter().map(|object| object.name().to_owned()).collect()
}

#[tokio::test]
async fn a_resource_comes_and_goes() {
    let registry = registry().await;
    let changes = registry.changes();
    assert!(registry.resource(&LATE).is_none());
    registry.serve(&kinds(), None).await.unwrap();
    let late = registry.resource(&LATE).unwrap();
    create(&late, "one").await;
    assert_eq!(
        (names(&late).await, registry.resources().len()),
        (vec!["one".to_owned()], 2)
    );
    registry.withdraw(&name());
    assert!(registry.resource(&LATE).is_none());
    assert_eq!(registry.resources().len(), 1);
    registry.serve(&kinds(), None).await.unwrap();
    assert_eq!(names(&registry.resource(&LATE).unwrap()).await, ["one"]);
    assert_eq!(registry.changes(), changes + 3);
}

#[tokio::test]
async fn built_in_resources_stay_what_they_are() {
    let registry = registry().await;
    let refused = registry.serve(&[Gadgets::kind("gadgets", false)], None).await;
    assert_eq!(refused.unwrap_err().code, 409);
}

#[tokio::test]
async fn watches_end_where_a_resource_is_exchanged() {
    let registry = registry().await;
    registry.serve(&kinds(), None).await.unwrap();
    let before = registry.resource(&LATE).unwrap();
    let mut watcher = before.watch(None, &WatchOptions::default()).await.unwrap();
    create(&before, "one").await;
    registry.serve(&kinds(), None).await.unwrap();
    let mut told = Vec::new();
    let end = async {
        while let Some(event) = watcher.next().await {
            let WatchEvent::Added(object) = event else {
                panic!("{event:?}")
            };
            told.push(object.name().to_owned());
        }
    };
    tokio::time::timeout(Duration::from_secs(20), end)
        .await
        .expect("it ends");
    assert_eq!(told, ["one"]);
    // Who still holds the old one sees what comes by the new one, and the reverse.
    let now = registry.resource(&LATE).unwrap();
    create(&now, "two").await;
    create(&before, "three").await;
    let expected = ["one", "three", "two"];
    assert_eq!(
        (names(&before).await, names(&now).await),
        (
            expected.map(String::from).to_vec(),
            expected.map(String::from).to_vec()
        )
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_while_resources_are_exchanged() {
    const OBJECTS: usize = 300;
    let registry = registry().await;
    registry.serve(&kinds(), None).await.unwrap();
    let writing = {
        let registry = registry.clone();
        tokio::spawn(async move {
            for number in 0..OBJECTS {
                let late = registry.resource(&LATE).unwrap();
                create(&late, &format!("object-{number:03}")).await;
                let page = late.list(None, &ListOptions::default()).await.unwrap();
                assert_eq!(page.items.len(), number + 1, "one's own writes are seen");
            }
        })
    };
    while !writing.is_finished() {
        registry.serve(&kinds(), None).await.unwrap();
    }
    writing.await.unwrap();
    assert_eq!(names(&registry.resource(&LATE).unwrap()).await.len(), OBJECTS);
}
