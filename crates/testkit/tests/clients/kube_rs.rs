//! kube, the client for Rust: a watcher that begins with a streamed list, and server-side apply.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use futures::{Stream, StreamExt};
use k8s_openapi::api::core::v1::{ConfigMap, Namespace};
use kube::api::{DeleteParams, ListParams, Patch, PatchParams, PostParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::runtime::watcher::{self, Event};
use kube::{Api, Client, Config};
use serde_json::json;
use testkit::ServerBuilder;

const SOON: Duration = Duration::from_secs(60);

pub async fn client(kubeconfig: &Path) -> Client {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let file = Kubeconfig::read_from(kubeconfig).expect("a kubeconfig");
    let config = Config::from_custom_kubeconfig(file, &KubeConfigOptions::default())
        .await
        .expect("it is complete");
    Client::try_from(config).expect("it can be used")
}

fn config_map(name: &str, value: &str) -> ConfigMap {
    let mut map = ConfigMap::default();
    map.metadata.name = Some(name.to_owned());
    map.data = Some(BTreeMap::from([("a".to_owned(), value.to_owned())]));
    map
}

#[test]
fn a_watcher_follows_what_is_made_applied_and_deleted() {
    let server = ServerBuilder::control_plane().start();
    let runtime = tokio::runtime::Runtime::new().expect("threads can be made");
    runtime.block_on(async {
        let client = client(server.kubeconfig()).await;
        let mut namespace = Namespace::default();
        namespace.metadata.name = Some("rust".to_owned());
        let namespaces: Api<Namespace> = Api::all(client.clone());
        namespaces
            .create(&PostParams::default(), &namespace)
            .await
            .expect("made");
        let maps: Api<ConfigMap> = Api::namespaced(client, "rust");
        maps.create(&PostParams::default(), &config_map("first", "1"))
            .await
            .expect("made");

        // The streamed list is of any version that the server has at hand, which may be a moment old; after a list of the newest
        // one it is not.
        let newest = maps.list(&ListParams::default()).await.expect("listed");
        assert!(
            newest
                .items
                .iter()
                .any(|map| map.metadata.name.as_deref() == Some("first"))
        );
        let events = watcher::watcher(maps.clone(), watcher::Config::default().streaming_lists());
        let mut told = Box::pin(events.filter_map(|event| async { line(event.expect("no error")) }));
        until(&mut told, "there first 1").await;
        until(&mut told, "that was all").await;
        maps.create(&PostParams::default(), &config_map("second", "2"))
            .await
            .expect("made");
        until(&mut told, "now second 2").await;
        let apply = Patch::Apply(json!({
            "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "second" }, "data": { "a": "3" },
        }));
        let mine = PatchParams::apply("program");
        let conflict = maps
            .patch("second", &mine, &apply)
            .await
            .expect_err("another made it");
        assert!(
            matches!(&conflict, kube::Error::Api(status) if status.code == 409),
            "{conflict:?}"
        );
        maps.patch("second", &mine.force(), &apply)
            .await
            .expect("applied");
        until(&mut told, "now second 3").await;
        let page = maps.list(&ListParams::default().limit(1)).await.expect("listed");
        assert!(
            page.items.len() == 1 && page.metadata.continue_.is_some(),
            "{:?}",
            page.metadata
        );
        maps.delete("second", &DeleteParams::default())
            .await
            .expect("deleted");
        until(&mut told, "gone second 3").await;
    });
}

/// What an event says of the objects of this test.
fn line(event: Event<ConfigMap>) -> Option<String> {
    let (what, map) = match event {
        Event::InitApply(map) => ("there", map),
        Event::Apply(map) => ("now", map),
        Event::Delete(map) => ("gone", map),
        Event::Init => return None,
        Event::InitDone => return Some("that was all".to_owned()),
    };
    let value = map.data?.remove("a")?;
    Some(format!("{what} {} {value}", map.metadata.name?))
}

async fn until(told: &mut (impl Stream<Item = String> + Unpin), wanted: &str) {
    let look = async {
        while let Some(line) = told.next().await {
            if line == wanted {
                return;
            }
        }
        panic!("the watch has ended before {wanted:?}");
    };
    tokio::time::timeout(SOON, look)
        .await
        .unwrap_or_else(|_| panic!("not told: {wanted:?}"));
}
