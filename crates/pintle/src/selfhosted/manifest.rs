//! The static pod's manifest.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::arguments;
use crate::server::ServerOptions;

/// The pod's name; its node's is added when it is shown.
const NAME: &str = "pintle-control-plane";
const DATA: &str = "data";

/// What the manifest depends on.
pub(super) struct ControlPlane<'a> {
    /// The server's options.
    pub options: &'a ServerOptions,
    /// The server's command line as it was given, behind `server`.
    pub given: &'a [String],
    /// Variables of the environment that say more: names and values.
    pub environment: &'a [(String, String)],
    /// The image.
    pub image: &'a str,
}

impl ControlPlane<'_> {
    /// The manifest.
    pub fn manifest(&self) -> Value {
        let files = files(self.options);
        let mut volumes = vec![json!({
            "name": DATA,
            "hostPath": {"path": self.options.data_dir, "type": "Directory"},
        })];
        volumes.extend(files.iter().enumerate().map(|(number, path)| {
            json!({"name": format!("file-{number}"), "hostPath": {"path": path, "type": "File"}})
        }));
        json!({
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {
                "name": NAME,
                "namespace": "kube-system",
                "labels": {"tier": "control-plane", "component": NAME},
            },
            "spec": {
                "hostNetwork": true,
                "enableServiceLinks": false,
                "priorityClassName": "system-node-critical",
                "priority": 2_000_001_000,
                "restartPolicy": "Always",
                "terminationGracePeriodSeconds": 30,
                "tolerations": [{"operator": "Exists"}],
                "containers": self.containers(&files),
                "volumes": volumes,
            },
        })
    }

    fn containers(&self, files: &[PathBuf]) -> Vec<Value> {
        let options = self.options;
        let mut api = self.container(
            "kube-apiserver",
            arguments::api_server(options, self.given),
            files,
        );
        // Whoever takes no anonymous requests takes no probes either.
        if options.api.anonymous {
            api["livenessProbe"] = self.probe("/livez", 8);
            api["startupProbe"] = self.probe("/readyz", 60);
        }
        let mut containers = Vec::new();
        if arguments::has_store(options) {
            // The first: the API server waits a while for it, but not for long.
            let mut store = self.container("etcd", arguments::store(options), &[]);
            store["livenessProbe"] = store_probe(arguments::store_address(options));
            containers.push(store);
        }
        containers.push(api);
        if !options.disable_controller_manager {
            let line = arguments::controller_manager(options);
            containers.push(self.container("kube-controller-manager", line, files));
        }
        if !options.disable_scheduler {
            let line = arguments::scheduler(options);
            containers.push(self.container("kube-scheduler", line, files));
        }
        containers
    }

    fn container(&self, name: &str, line: Vec<String>, files: &[PathBuf]) -> Value {
        let variables = self
            .environment
            .iter()
            .map(|(name, value)| json!({"name": name, "value": value}));
        let mut mounts = vec![json!({"name": DATA, "mountPath": self.options.data_dir})];
        mounts.extend(files.iter().enumerate().map(
            |(number, path)| json!({"name": format!("file-{number}"), "mountPath": path, "readOnly": true}),
        ));
        json!({
            "name": name,
            "image": self.image,
            "imagePullPolicy": "Never",
            "command": line,
            "env": variables.collect::<Vec<_>>(),
            "volumeMounts": mounts,
        })
    }

    fn probe(&self, path: &str, failures: u32) -> Value {
        let bound = self.options.bind_address;
        let host = if bound.is_unspecified() {
            String::from("127.0.0.1")
        } else {
            bound.to_string()
        };
        json!({
            "httpGet": {"host": host, "port": self.options.https_listen_port, "path": path, "scheme": "HTTPS"},
            "periodSeconds": 5,
            "timeoutSeconds": 10,
            "failureThreshold": failures,
        })
    }
}

/// Whether the store takes connections: it answers only to whoever has a certificate.
fn store_probe(address: SocketAddr) -> Value {
    json!({
        "tcpSocket": {"host": address.ip().to_string(), "port": address.port()},
        "periodSeconds": 5,
        "timeoutSeconds": 10,
        "failureThreshold": 8,
    })
}

/// Files that options name outside the data directory: they lie at the same place in the containers.
fn files(options: &ServerOptions) -> Vec<PathBuf> {
    let mut files = options.api.files.paths();
    files.extend(&options.api.audit.webhook.config);
    files.extend(options.datastore.files());
    files.extend(options.backup.files());
    files.extend(options.controllers.root_authority.iter());
    files.extend(options.controllers.signing.certificate.iter());
    files.extend(options.controllers.signing.key.iter());
    let is_outside = |path: &&Path| !path.starts_with(&options.data_dir);
    let mut outside: Vec<PathBuf> = files
        .into_iter()
        .map(PathBuf::as_path)
        .filter(is_outside)
        .map(Path::to_owned)
        .collect();
    outside.sort();
    outside.dedup();
    outside
}

#[cfg(test)]
mod tests {
    use client::k8s_openapi::api::core::v1::Pod;

    use super::*;

    fn manifest(options: &ServerOptions) -> Pod {
        let control_plane = ControlPlane {
            options,
            given: &[],
            environment: &[(String::from("PINTLE_LOG"), String::from("debug"))],
            image: "localhost/pintle:x",
        };
        serde_json::from_value(control_plane.manifest()).expect("a Pod")
    }

    #[test]
    fn four_components_share_the_data_directory_and_the_hosts_network() {
        let mut options = ServerOptions::unset().expect("the defaults are good");
        options.data_dir = "/d".into();
        let spec = manifest(&options).spec.expect("a spec");
        let names: Vec<&str> = spec
            .containers
            .iter()
            .map(|container| container.name.as_str())
            .collect();
        assert_eq!(
            names,
            [
                "etcd",
                "kube-apiserver",
                "kube-controller-manager",
                "kube-scheduler"
            ]
        );
        assert_eq!(spec.host_network, Some(true));
        for container in &spec.containers {
            let mounts = container.volume_mounts.as_deref().unwrap_or_default();
            assert_eq!(mounts[0].mount_path, "/d");
            assert_eq!(container.image.as_deref(), Some("localhost/pintle:x"));
        }
        let probe = spec.containers[1].liveness_probe.clone().expect("a probe");
        assert_eq!(probe.http_get.expect("http").host.as_deref(), Some("127.0.0.1"));
    }

    #[test]
    fn what_is_disabled_is_left_out_and_files_elsewhere_are_mounted() {
        let mut options = ServerOptions::unset().expect("the defaults are good");
        options.data_dir = "/d".into();
        options.disable_scheduler = true;
        options.api.anonymous = false;
        options.api.files.client_authority = Some("/etc/ca.crt".into());
        options.api.files.serving_key = Some("/d/pki/x.key".into());
        let spec = manifest(&options).spec.expect("a spec");
        assert_eq!(spec.containers.len(), 3);
        assert!(spec.containers[1].liveness_probe.is_none());
        let paths: Vec<String> = spec
            .volumes
            .unwrap_or_default()
            .into_iter()
            .filter_map(|volume| Some(volume.host_path?.path))
            .collect();
        assert_eq!(paths, ["/d", "/etc/ca.crt"]);
        options.datastore.endpoints = vec![String::from("https://elsewhere:2379")];
        let spec = manifest(&options).spec.expect("a spec");
        assert_eq!(spec.containers.len(), 2, "the store is elsewhere");
    }
}
