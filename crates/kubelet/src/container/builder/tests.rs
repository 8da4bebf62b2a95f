//! Whole containers.

use serde_json::{Value, json};

use super::*;
use crate::objects::fake::FakeObjects;

struct Fixture {
    folder: tempfile::TempDir,
    builder: Builder,
}

fn fixture() -> Fixture {
    let folder = tempfile::tempdir().unwrap();
    let node = NodeSettings {
        root_dir: folder.path().join("kubelet"),
        pod_logs_dir: folder.path().join("logs"),
        ..NodeSettings::default()
    };
    let builder = Builder::new(Arc::new(node), Arc::new(FakeObjects::default()));
    Fixture { folder, builder }
}

impl Fixture {
    async fn config(
        &self,
        container: Value,
        volumes: &MountedVolumes,
    ) -> Result<ContainerConfig, ConfigError> {
        let object = json!({ "metadata": { "name": "p", "namespace": "ns", "uid": "u" },
            "spec": { "containers": [container], "terminationGracePeriodSeconds": 5,
                "volumes": [{ "name": "image", "image": { "reference": "i" } }] } });
        let pod = PodToRun::new(Arc::new(serde_json::from_value(object).unwrap()));
        let image = ImageRef {
            id: "sha256:1".to_owned(),
            ..ImageRef::default()
        };
        let request = ContainerRequest {
            pod: &pod,
            member: &pod.members()[0],
            image: &image,
            sandbox_ips: &["10.1.0.1".parse().unwrap()],
            restart_count: 3,
            volumes,
            target_id: None,
        };
        self.builder.container_config(request).await
    }
}

#[tokio::test]
async fn words_names_and_files() {
    let fixture = fixture();
    let container = json!({ "name": "c", "image": "web", "command": ["$(A)", "$(B)"], "args": ["$$(A)"],
        "env": [{ "name": "A", "value": "a" }], "workingDir": "/w", "stdin": true, "tty": true });
    let config = fixture
        .config(container, &MountedVolumes::default())
        .await
        .unwrap();
    assert_eq!(config.command, ["a", "$(B)"]);
    assert_eq!(config.args, ["$(A)"]);
    assert_eq!(config.working_dir, "/w");
    assert!(config.stdin && config.tty && !config.stdin_once);
    assert_eq!(config.log_path, "c/3.log");
    assert!(fixture.folder.path().join("logs/ns_p_u/c").is_dir());
    assert_eq!(config.image.unwrap().user_specified_image, "web");
    let note = ContainerNote::read(&config.annotations);
    assert_eq!((note.restart_count, note.grace_period_seconds), (3, Some(5)));
    assert_eq!(note.termination_message_path, "/dev/termination-log");

    let mounts: Vec<_> = config.mounts.iter().map(|m| m.container_path.as_str()).collect();
    assert_eq!(mounts, ["/etc/hosts", "/dev/termination-log"]);
    let hosts = fs::read_to_string(&config.mounts[0].host_path).unwrap();
    assert!(hosts.contains("10.1.0.1\tp\n"), "{hosts}");
    let last_words = fs::metadata(&config.mounts[1].host_path).unwrap();
    assert_eq!(last_words.permissions().mode() & 0o777, 0o666);
}

#[tokio::test]
async fn volumes_are_mounted() {
    let fixture = fixture();
    let mut volumes = MountedVolumes::default();
    volumes.insert("v", fixture.folder.path().join("v"), false);
    let container = json!({ "name": "c", "volumeMounts": [
        { "name": "v", "mountPath": "a", "readOnly": true, "mountPropagation": "HostToContainer" },
        { "name": "v", "mountPath": "/etc/hosts" },
    ] });
    let config = fixture.config(container, &volumes).await.unwrap();
    let paths: Vec<_> = config.mounts.iter().map(|m| m.container_path.as_str()).collect();
    assert_eq!(paths, ["/a", "/etc/hosts", "/dev/termination-log"]);
    assert!(config.mounts[0].readonly && !config.mounts[1].readonly);
    assert_eq!(config.mounts[0].propagation, 1);
}

#[tokio::test]
async fn what_cannot_be_mounted_says_why() {
    let fixture = fixture();
    let mut volumes = MountedVolumes::default();
    volumes.insert("v", fixture.folder.path().join("v"), false);
    volumes.insert("image", fixture.folder.path().join("image"), true);
    let unfit = "CreateContainerConfigError";
    for (mount, reason, message) in [
        (
            json!({ "name": "x" }),
            unfit,
            "cannot find volume \"x\" to mount into container \"c\"",
        ),
        (
            json!({ "name": "v", "subPathExpr": "$(NONE)" }),
            unfit,
            "missing value for \"NONE\"",
        ),
        (
            json!({ "name": "v", "subPath": "/a" }),
            unfit,
            "error SubPath `/a` must not be an absolute path",
        ),
        (
            json!({ "name": "v", "subPath": "a" }),
            unfit,
            "failed to prepare subPath for volumeMount \"v\" of container \"c\"",
        ),
        (
            json!({ "name": "image", "subPath": "a" }),
            "CreateContainerError",
            "failed to prepare subPath for volumeMount \"image\" of container \"c\"",
        ),
    ] {
        let mut mount = mount;
        mount["mountPath"] = json!("/m");
        let error = fixture
            .config(json!({ "name": "c", "volumeMounts": [mount] }), &volumes)
            .await
            .unwrap_err();
        assert_eq!((error.reason, error.message.as_str()), (reason, message));
    }
}
