//! What volumes let a pod do, node by node.

use serde_json::{Value, json};

use super::*;
use crate::cycle::Placer;
use crate::plugins::testing::{Cluster, info, pod};

struct Source(Value);

macro_rules! read {
    ($value:expr) => {
        serde_json::from_value($value.clone()).unwrap()
    };
}

impl VolumeSource for Source {
    fn look(&self, _: &PodInfo) -> VolumeFacts {
        let claims: Vec<PersistentVolumeClaim> = read!(self.0["claims"]);
        let volumes: Vec<PersistentVolume> = read!(self.0["volumes"]);
        let classes: Vec<StorageClass> = read!(self.0["classes"]);
        VolumeFacts {
            claims: claims
                .into_iter()
                .map(|claim| (claim.metadata.name.clone().unwrap(), Arc::new(claim)))
                .collect(),
            volumes: volumes.into_iter().map(Arc::new).collect(),
            classes: classes.into_iter().map(Arc::new).collect(),
            taken: read!(self.0["taken"]),
        }
    }
}

fn claiming(claims: &[&str]) -> PodInfo {
    let mut pod = pod("p", "100m");
    let volumes: Vec<Value> = claims
        .iter()
        .map(|claim| json!({ "name": claim, "persistentVolumeClaim": { "claimName": claim } }))
        .collect();
    pod.spec.as_mut().unwrap().volumes = Some(read!(json!(volumes)));
    info(pod)
}

fn claim(name: &str, class: &str, volume: Option<&str>) -> Value {
    let annotations = volume.map(|_| json!({ BIND_COMPLETED: "yes" }));
    json!({
        "metadata": { "name": name, "namespace": "default", "uid": name, "annotations": annotations },
        "spec": {
            "accessModes": ["ReadWriteOnce"], "resources": { "requests": { "storage": "1Gi" } },
            "storageClassName": class, "volumeName": volume,
        },
    })
}

fn volume(name: &str, size: &str, zone: &str) -> Value {
    json!({
        "metadata": { "name": name },
        "spec": {
            "capacity": { "storage": size }, "accessModes": ["ReadWriteOnce"], "storageClassName": "local",
            "nodeAffinity": { "required": { "nodeSelectorTerms": [
                { "matchExpressions": [{ "key": "zone", "operator": "In", "values": [zone] }] },
            ] } },
        },
        "status": { "phase": "Available" },
    })
}

fn facts(claims: &[&Value], volumes: &[&Value], taken: &[&str]) -> Source {
    let class = |name: &str, provisioner: &str, mode: &str| json!({ "metadata": { "name": name }, "provisioner": provisioner, "volumeBindingMode": mode });
    Source(json!({
        "claims": claims,
        "volumes": volumes,
        "taken": taken,
        "classes": [
            class("local", NO_PROVISIONER, "WaitForFirstConsumer"),
            class("made", "example.com/maker", "WaitForFirstConsumer"),
            class("now", "example.com/maker", "Immediate"),
        ],
    }))
}

/// Where the pod goes, or why nowhere.
fn place(source: Source, claims: &[&str]) -> String {
    let mut cluster = Cluster::default();
    cluster.node("a", &[("zone", "a")]).node("b", &[("zone", "b")]);
    let placer = Placer::new(Arc::new(source));
    match placer.place(&claiming(claims), &cluster.nodes, None) {
        Ok(node) => node,
        Err(diagnosis) => diagnosis.message(),
    }
}

#[test]
fn a_pod_goes_where_its_volumes_are() {
    let bound = claim("c", "local", Some("v"));
    let open = claim("c", "local", None);
    let (small, large) = (volume("small", "1Gi", "b"), volume("v", "2Gi", "a"));
    let none = |why: &str| format!("0/2 nodes are available: {why}.");
    for (source, expected) in [
        (facts(&[&bound], &[&large], &[]), "a".to_owned()),
        (facts(&[&open], &[&small], &[]), "b".to_owned()),
        (facts(&[&open], &[&small, &large], &["small"]), "a".to_owned()),
        (
            facts(&[&open], &[&small], &["small"]),
            none("2 node(s) didn't find available persistent volumes to bind"),
        ),
        (
            facts(&[&bound], &[], &[]),
            none("2 node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s)"),
        ),
        (
            facts(&[&bound], &[&volume("v", "1Gi", "c")], &[]),
            none("2 node(s) didn't match PersistentVolume's node affinity"),
        ),
        (
            facts(&[], &[], &[]),
            none("persistentvolumeclaim \"c\" not found"),
        ),
        (
            facts(&[&claim("c", "now", None)], &[&large], &[]),
            none("pod has unbound immediate PersistentVolumeClaims"),
        ),
    ] {
        assert_eq!(place(source, &["c"]), expected);
    }
}

#[test]
fn open_claims_get_volumes_of_their_own_and_others_are_made() {
    let source = facts(
        &[
            &claim("c", "local", None),
            &claim("d", "local", None),
            &claim("e", "made", None),
        ],
        &[&volume("v", "1Gi", "a"), &volume("w", "1Gi", "a")],
        &[],
    );
    let mut cluster = Cluster::default();
    cluster.node("a", &[("zone", "a")]);
    let pod = claiming(&["c", "d", "e"]);
    let needs = VolumeNeeds::of(&pod, &source).unwrap().unwrap();
    let steps = needs.on(&cluster.nodes.get("a").unwrap().node).unwrap();
    let told: Vec<String> = steps
        .iter()
        .map(|step| match step {
            Step::Bind(claim, volume) => format!(
                "{}={}",
                claim.metadata.name.as_ref().unwrap(),
                volume.metadata.name.as_ref().unwrap()
            ),
            Step::Provide(claim) => claim.metadata.name.clone().unwrap(),
        })
        .collect();
    assert_eq!(told, ["c=v", "d=w", "e"]);
    assert!(
        VolumeNeeds::of(&info(crate::plugins::testing::pod("x", "1")), &source)
            .unwrap()
            .is_none()
    );
}
