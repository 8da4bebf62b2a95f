//! Whole volumes, on the disk of the test.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::Duration;

use inotify::{Inotify, WatchMask};
use serde_json::{Value, json};

use super::*;
use crate::objects::fake::FakeObjects;

struct Fixture {
    folder: tempfile::TempDir,
    objects: Arc<FakeObjects>,
    volumes: Arc<Volumes>,
}

fn fixture() -> Fixture {
    let folder = tempfile::tempdir().unwrap();
    let node = NodeSettings {
        root_dir: folder.path().to_owned(),
        ..NodeSettings::default()
    };
    let objects = Arc::new(FakeObjects::default());
    let volumes = Volumes::start(Arc::new(node), objects.clone(), None, Mounter::None);
    Fixture {
        folder,
        objects,
        volumes,
    }
}

fn pod(volumes: Value) -> PodToRun {
    pod_with(json!({ "volumes": volumes }))
}

fn pod_with(mut spec: Value) -> PodToRun {
    spec["containers"] = json!([{ "name": "c", "resources": { "limits": { "cpu": "2" } } }]);
    let object = json!({ "metadata": { "name": "p", "namespace": "ns", "uid": "u", "labels": { "a": "b" } }, "spec": spec });
    PodToRun::new(Arc::new(serde_json::from_value(object).unwrap()))
}

fn map(name: &str, data: Value) -> Value {
    json!({ "kind": "ConfigMap", "metadata": { "name": name, "namespace": "ns" }, "data": data })
}

fn secret(name: &str, data: Value) -> Value {
    json!({ "kind": "Secret", "metadata": { "name": name, "namespace": "ns" }, "data": data })
}

impl Fixture {
    async fn mount(&self, volumes: Value) -> Result<MountedVolumes, String> {
        self.volumes.mount(&pod(volumes)).await.map_err(|e| e.to_string())
    }

    fn path(&self, plugin: &str, name: &str) -> PathBuf {
        self.folder.path().join("pods/u/volumes").join(plugin).join(name)
    }
}

fn read(path: impl AsRef<Path>) -> String {
    fs::read_to_string(path).unwrap()
}

fn mode(path: impl AsRef<Path>) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

#[tokio::test]
async fn maps_and_secrets() {
    let fixture = fixture();
    fixture.objects.put(map("m", json!({ "k": "v", "l": "w" })));
    fixture.objects.put(secret("s", json!({ "p": "c2VjcmV0" })));
    let mounted = fixture
        .mount(json!([
            { "name": "all", "configMap": { "name": "m" } },
            { "name": "some", "configMap": { "name": "m", "defaultMode": 0o400,
                "items": [{ "key": "k", "path": "a/b" }, { "key": "k", "path": "c", "mode": 0o600 }] } },
            { "name": "secret", "secret": { "secretName": "s" } },
            { "name": "none", "secret": { "secretName": "none", "optional": true } },
        ]))
        .await
        .unwrap();
    let all = fixture.path("kubernetes.io~configmap", "all");
    assert_eq!(mounted.path("all"), Some(all.as_path()));
    assert_eq!((read(all.join("k")).as_str(), mode(all.join("l"))), ("v", 0o644));
    let some = mounted.path("some").unwrap();
    assert_eq!(
        (read(some.join("a/b")).as_str(), mode(some.join("a/b"))),
        ("v", 0o400)
    );
    assert_eq!((mode(some.join("c")), some.join("l").exists()), (0o600, false));
    assert_eq!(read(mounted.path("secret").unwrap().join("p")), "secret");
    assert!(mounted.path("none").unwrap().is_dir());
}

#[tokio::test]
async fn what_is_missing_is_named() {
    let fixture = fixture();
    fixture.objects.put(map("m", json!({})));
    fixture.objects.put(secret("s", json!({})));
    let items = json!([{ "key": "x", "path": "x" }]);
    for (source, message) in [
        (
            json!({ "configMap": { "name": "none" } }),
            "configmap \"none\" not found",
        ),
        (
            json!({ "secret": { "secretName": "none" } }),
            "secret \"none\" not found",
        ),
        (
            json!({ "configMap": { "name": "m", "items": items } }),
            "configmap references non-existent config key: x",
        ),
        (
            json!({ "secret": { "secretName": "s", "items": items } }),
            "references non-existent secret key: x",
        ),
        (
            json!({ "hostPath": { "path": "/dev/null", "type": "Directory" } }),
            "hostPath type check failed: /dev/null is not a directory",
        ),
        (
            json!({ "nfs": { "server": "s", "path": "/" } }),
            "volumes of type nfs are not supported by this node",
        ),
        (
            json!({ "persistentVolumeClaim": { "claimName": "none" } }),
            "error processing PVC ns/none: failed to fetch PVC from API server: persistentvolumeclaims \"none\" not found",
        ),
    ] {
        let mut volume = source;
        volume["name"] = json!("v");
        let error = fixture.mount(json!([volume])).await.unwrap_err();
        assert_eq!(
            error,
            format!("MountVolume.SetUp failed for volume \"v\" : {message}")
        );
    }
}

#[tokio::test]
async fn projections_come_together() {
    let fixture = fixture();
    fixture.objects.put(map("m", json!({ "k": "v" })));
    fixture.objects.put(secret("s", json!({ "p": "c2VjcmV0" })));
    let sources = json!([
        { "configMap": { "name": "m" } },
        { "secret": { "name": "s", "items": [{ "key": "p", "path": "x/p" }] } },
        { "downwardAPI": { "items": [
            { "path": "labels", "fieldRef": { "fieldPath": "metadata.labels" } },
            { "path": "cpu", "resourceFieldRef": { "containerName": "c", "resource": "limits.cpu" } },
        ] } },
        { "serviceAccountToken": { "path": "token", "audience": "api" } },
    ]);
    let volumes = json!([{ "name": "v", "projected": { "sources": sources, "defaultMode": 0o440 } }]);
    let mounted = fixture.mount(volumes.clone()).await.unwrap();
    let folder = mounted.path("v").unwrap();
    let content = ["k", "x/p", "labels", "cpu", "token"].map(|name| read(folder.join(name)));
    assert_eq!(content, ["v", "secret", "a=\"b\"", "2", "ns/default/api/1"]);
    assert_eq!(mode(folder.join("token")), 0o440);
    // Mounting again asks for no other token.
    fixture.mount(volumes.clone()).await.unwrap();
    assert_eq!(fixture.objects.tokens(), 1);
    let refused =
        json!([{ "name": "v", "projected": { "sources": [{ "clusterTrustBundle": { "path": "x" } }] } }]);
    let error = fixture.mount(refused).await.unwrap_err();
    assert!(error.ends_with("ClusterTrustBundle projections are not supported by this node"));
}

#[tokio::test]
async fn a_token_is_for_its_user() {
    let fixture = fixture();
    let user = nix::unistd::geteuid().as_raw();
    let sources = json!([{ "serviceAccountToken": { "path": "token" } }]);
    let pod = pod_with(json!({ "securityContext": { "runAsUser": user },
        "volumes": [{ "name": "v", "projected": { "sources": sources } }] }));
    let mounted = fixture.volumes.mount(&pod).await.unwrap();
    assert_eq!(mode(mounted.path("v").unwrap().join("token")), 0o600);
}

#[tokio::test]
async fn folders_and_paths_of_the_node() {
    let fixture = fixture();
    let outside = fixture.folder.path().join("outside");
    let mounted = fixture
        .mount(json!([
            { "name": "empty", "emptyDir": {} },
            { "name": "memory", "emptyDir": { "medium": "Memory", "sizeLimit": "1Mi" } },
            { "name": "nothing" },
            { "name": "host", "hostPath": { "path": outside, "type": "DirectoryOrCreate" } },
        ]))
        .await
        .unwrap();
    let empty = fixture.path("kubernetes.io~empty-dir", "empty");
    assert_eq!(
        (mounted.path("empty"), mode(&empty)),
        (Some(empty.as_path()), 0o777)
    );
    assert!(mounted.path("memory").unwrap().is_dir() && mounted.path("nothing").unwrap().is_dir());
    assert_eq!(mounted.path("host"), Some(outside.as_path()));
    assert_eq!(fixture.volumes.on_disk(), BTreeSet::from(["u".to_owned()]));

    fs::write(empty.join("f"), "").unwrap();
    fs::write(outside.join("f"), "").unwrap();
    fixture.volumes.unmount("u").await.unwrap();
    fixture.volumes.unmount("u").await.unwrap();
    assert!(fixture.volumes.on_disk().is_empty() && outside.join("f").exists());
}

#[tokio::test]
async fn what_containers_do_to_their_folders_stays() {
    use std::os::unix::fs::MetadataExt;
    let fixture = fixture();
    let group = fs::metadata(fixture.folder.path()).unwrap().gid();
    let pod = pod_with(
        json!({ "securityContext": { "fsGroup": group }, "volumes": [{ "name": "v", "emptyDir": {} }] }),
    );
    let mounted = fixture.volumes.mount(&pod).await.unwrap();
    let folder = mounted.path("v").unwrap();
    assert_eq!(mode(folder), 0o2777);
    fs::write(folder.join("f"), "").unwrap();
    for path in [folder.to_owned(), folder.join("f")] {
        fs::set_permissions(path, fs::Permissions::from_mode(0o700)).unwrap();
    }
    fixture.volumes.mount(&pod).await.unwrap();
    assert_eq!((mode(folder), mode(folder.join("f"))), (0o700, 0o700));
}

#[tokio::test]
async fn folders_have_limits() {
    let fixture = fixture();
    let pod = pod(json!([{ "name": "v", "emptyDir": { "sizeLimit": "64Ki" } }]));
    let mounted = fixture.volumes.mount(&pod).await.unwrap();
    let folder = mounted.path("v").unwrap().join("a");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("small"), "x").unwrap();
    assert_eq!(fixture.volumes.exceeded(&pod).await, None);
    fs::write(folder.join("large"), vec![1; 100 << 10]).unwrap();
    let message = "Usage of EmptyDir volume \"v\" exceeds the limit \"64Ki\". ";
    assert_eq!(fixture.volumes.exceeded(&pod).await.as_deref(), Some(message));
}

#[tokio::test]
async fn claims_lead_to_volumes_of_the_node() {
    let fixture = fixture();
    let path = fixture.folder.path().join("disk");
    fs::create_dir(&path).unwrap();
    let claim = |name: &str, volume: &str| {
        json!({ "kind": "PersistentVolumeClaim", "metadata": { "name": name, "namespace": "ns" },
            "spec": { "volumeName": volume }, "status": { "phase": "Bound" } })
    };
    fixture.objects.put(claim("c", "pv"));
    fixture.objects.put(claim("unbound", ""));
    fixture.objects.put(
        json!({ "kind": "PersistentVolume", "spec": { "local": { "path": path } },
        "metadata": { "name": "pv", "annotations": { "pv.beta.kubernetes.io/gid": "77" } } }),
    );
    let volume = |claim: &str| json!([{ "name": "v", "persistentVolumeClaim": { "claimName": claim, "readOnly": true } }]);
    let mounted = fixture.mount(volume("c")).await.unwrap();
    assert_eq!(mounted.path("v"), Some(path.as_path()));
    assert!(mounted.get("v").unwrap().read_only);
    assert_eq!(mounted.groups(), [77]);
    let error = fixture.mount(volume("unbound")).await.unwrap_err();
    assert!(
        error.ends_with("error processing PVC ns/unbound: PVC is not bound"),
        "{error}"
    );
}

#[tokio::test]
async fn what_changes_reaches_running_pods() {
    let fixture = fixture();
    fixture.objects.put(map("m", json!({ "k": "before" })));
    let volumes = json!([{ "name": "v", "configMap": { "name": "m" } }]);
    let mounted = fixture.mount(volumes).await.unwrap();
    let folder = mounted.path("v").unwrap();
    let inotify = Inotify::init().unwrap();
    inotify.watches().add(folder, WatchMask::MOVED_TO).unwrap();
    fixture.objects.put(map("m", json!({ "k": "after" })));
    let mut buffer = [0; 1024];
    let mut events = inotify.into_event_stream(&mut buffer).unwrap();
    let changed = async {
        while read(folder.join("k")) != "after" {
            futures::StreamExt::next(&mut events).await.unwrap().unwrap();
        }
    };
    tokio::time::timeout(Duration::from_secs(30), changed)
        .await
        .unwrap();
}

#[tokio::test]
async fn the_task_ends_with_the_volumes() {
    let fixture = fixture();
    let objects = Arc::downgrade(&fixture.objects);
    tokio::task::yield_now().await;
    drop(fixture);
    let gone = async {
        while objects.upgrade().is_some() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), gone).await.unwrap();
}
