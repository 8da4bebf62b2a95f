//! What pods and volumes refer to, and so their node must be able to read.

use meta::object;
use serde_json::Value;

use super::graph::{Vertex, VertexKind};

/// Everything a pod refers to. An object may come several times.
pub fn pod_references(pod: &Value) -> Vec<Vertex> {
    let namespace = object::namespace(pod);
    let mut found = Found {
        namespace,
        vertices: Vec::new(),
    };
    let spec = &pod["spec"];
    found.add(VertexKind::ServiceAccount, &spec["serviceAccountName"]);
    for secret in items(&spec["imagePullSecrets"]) {
        found.add(VertexKind::Secret, &secret["name"]);
    }
    for list in ["containers", "initContainers", "ephemeralContainers"] {
        items(&spec[list]).for_each(|container| found.container(container));
    }
    for volume in items(&spec["volumes"]) {
        found.volume(volume, object::name(pod));
    }
    for claim in items(&spec["resourceClaims"]) {
        found.add(VertexKind::ResourceClaim, &claim["resourceClaimName"]);
    }
    for claim in items(&pod["status"]["resourceClaimStatuses"]) {
        found.add(VertexKind::ResourceClaim, &claim["resourceClaimName"]);
    }
    found.vertices
}

/// The secrets that a kubelet needs to mount a persistent volume.
pub fn volume_secrets(volume: &Value) -> Vec<Vertex> {
    let spec = &volume["spec"];
    let claim_namespace = text(&spec["claimRef"]["namespace"]);
    let mut found = Vec::new();
    let mut add = |namespace: &Value, name: &Value| {
        let namespace = Some(text(namespace))
            .filter(|n| !n.is_empty())
            .unwrap_or(claim_namespace);
        let name = text(name);
        if !name.is_empty() && !namespace.is_empty() {
            found.push(Vertex::new(VertexKind::Secret, namespace, name));
        }
    };
    add(
        &spec["azureFile"]["secretNamespace"],
        &spec["azureFile"]["secretName"],
    );
    let references = SECRET_SOURCES
        .iter()
        .map(|source| &spec[*source]["secretRef"])
        .chain(CSI_SECRETS.iter().map(|secret| &spec["csi"][*secret]));
    for reference in references {
        add(&reference["namespace"], &reference["name"]);
    }
    found
}

/// Volume sources with a `secretRef`.
const SECRET_SOURCES: &[&str] = &["cephfs", "flexVolume", "iscsi", "rbd", "scaleIO", "storageos"];
/// Those of a CSI volume's secrets that its node uses; the others are for controllers.
const CSI_SECRETS: &[&str] = &[
    "nodePublishSecretRef",
    "nodeStageSecretRef",
    "nodeExpandSecretRef",
];

struct Found<'a> {
    namespace: &'a str,
    vertices: Vec<Vertex>,
}

impl Found<'_> {
    fn add(&mut self, kind: VertexKind, name: &Value) {
        self.add_text(kind, text(name));
    }

    fn add_text(&mut self, kind: VertexKind, name: &str) {
        if !name.is_empty() {
            self.vertices.push(Vertex::new(kind, self.namespace, name));
        }
    }

    fn container(&mut self, container: &Value) {
        for from in items(&container["envFrom"]) {
            self.add(VertexKind::Secret, &from["secretRef"]["name"]);
            self.add(VertexKind::ConfigMap, &from["configMapRef"]["name"]);
        }
        for variable in items(&container["env"]) {
            let from = &variable["valueFrom"];
            self.add(VertexKind::Secret, &from["secretKeyRef"]["name"]);
            self.add(VertexKind::ConfigMap, &from["configMapKeyRef"]["name"]);
        }
    }

    fn volume(&mut self, volume: &Value, pod_name: &str) {
        self.add(VertexKind::Secret, &volume["secret"]["secretName"]);
        self.add(VertexKind::ConfigMap, &volume["configMap"]["name"]);
        self.add(VertexKind::Claim, &volume["persistentVolumeClaim"]["claimName"]);
        self.add(VertexKind::Secret, &volume["azureFile"]["secretName"]);
        self.add(VertexKind::Secret, &volume["csi"]["nodePublishSecretRef"]["name"]);
        for source in SECRET_SOURCES {
            self.add(VertexKind::Secret, &volume[*source]["secretRef"]["name"]);
        }
        for source in items(&volume["projected"]["sources"]) {
            self.add(VertexKind::Secret, &source["secret"]["name"]);
            self.add(VertexKind::ConfigMap, &source["configMap"]["name"]);
        }
        if volume["ephemeral"].is_object() {
            self.add_text(
                VertexKind::Claim,
                &format!("{pod_name}-{}", text(&volume["name"])),
            );
        }
    }
}

fn items(list: &Value) -> impl Iterator<Item = &Value> {
    list.as_array().into_iter().flatten()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_way_to_refer_is_found() {
        let secret = |name: &str| Vertex::new(VertexKind::Secret, "d", name);
        let config = |name: &str| Vertex::new(VertexKind::ConfigMap, "d", name);
        let claim = |name: &str| Vertex::new(VertexKind::Claim, "d", name);
        let resource_claim = |name: &str| Vertex::new(VertexKind::ResourceClaim, "d", name);
        let cases = [
            (
                json!({"serviceAccountName": "a"}),
                vec![Vertex::new(VertexKind::ServiceAccount, "d", "a")],
            ),
            (
                json!({"imagePullSecrets": [{"name": "a"}, {}]}),
                vec![secret("a")],
            ),
            (
                json!({"containers": [{"envFrom": [{"secretRef": {"name": "a"}}, {"configMapRef": {"name": "b"}}]}]}),
                vec![secret("a"), config("b")],
            ),
            (
                json!({"initContainers": [{"env": [
                    {"name": "X", "valueFrom": {"secretKeyRef": {"name": "a", "key": "k"}}},
                    {"name": "Y", "valueFrom": {"configMapKeyRef": {"name": "b", "key": "k"}}},
                    {"name": "Z", "value": "c"},
                ]}]}),
                vec![secret("a"), config("b")],
            ),
            (
                json!({"volumes": [
                    {"name": "1", "secret": {"secretName": "a"}},
                    {"name": "2", "configMap": {"name": "b"}},
                    {"name": "3", "persistentVolumeClaim": {"claimName": "c"}},
                    {"name": "4", "ephemeral": {"volumeClaimTemplate": {}}},
                    {"name": "5", "projected": {"sources": [{"secret": {"name": "e"}}, {"configMap": {"name": "f"}}]}},
                    {"name": "6", "csi": {"driver": "x", "nodePublishSecretRef": {"name": "g"}}},
                    {"name": "7", "rbd": {"secretRef": {"name": "h"}}},
                    {"name": "8", "emptyDir": {}},
                ]}),
                vec![
                    secret("a"),
                    config("b"),
                    claim("c"),
                    claim("p-4"),
                    secret("e"),
                    config("f"),
                    secret("g"),
                    secret("h"),
                ],
            ),
            (
                json!({"resourceClaims": [{"name": "x", "resourceClaimName": "a"}]}),
                vec![resource_claim("a")],
            ),
        ];
        for (spec, wanted) in cases {
            let pod = json!({"metadata": {"namespace": "d", "name": "p"}, "spec": spec});
            assert_eq!(pod_references(&pod), wanted, "{pod}");
        }
    }

    #[test]
    fn a_volumes_secrets_are_those_its_node_uses() {
        let claim = json!({"namespace": "d", "name": "c"});
        let cases = [
            (
                json!({"csi": {"nodeStageSecretRef": {"namespace": "x", "name": "a"}}}),
                vec![("x", "a")],
            ),
            (
                json!({"csi": {"controllerPublishSecretRef": {"namespace": "x", "name": "a"}}}),
                vec![],
            ),
            (
                json!({"azureFile": {"secretName": "a"}, "claimRef": claim}),
                vec![("d", "a")],
            ),
            (json!({"rbd": {"secretRef": {"name": "a"}}}), vec![]),
        ];
        for (spec, wanted) in cases {
            let wanted: Vec<Vertex> = wanted
                .iter()
                .map(|(namespace, name)| Vertex::new(VertexKind::Secret, namespace, name))
                .collect();
            assert_eq!(volume_secrets(&json!({"spec": spec})), wanted, "{spec}");
        }
    }
}
