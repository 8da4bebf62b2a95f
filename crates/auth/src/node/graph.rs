//! Which node has to do with which object: through a pod that runs there, and through the pod's claims and volumes.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use meta::GroupResource;
use meta::object;
use parking_lot::RwLock;
use serde_json::Value;

use super::references::{pod_references, volume_secrets};
use crate::follower::Follower;

/// A kind of object that a node may need.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum VertexKind {
    ConfigMap,
    Claim,
    Pod,
    ResourceClaim,
    ResourceSlice,
    Secret,
    ServiceAccount,
    Volume,
    VolumeAttachment,
}

/// An object that a node may need.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Vertex {
    /// What it is.
    pub kind: VertexKind,
    /// Empty for cluster-scoped objects.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

impl Vertex {
    /// An object by kind, namespace and name.
    pub fn new(kind: VertexKind, namespace: &str, name: &str) -> Self {
        Self {
            kind,
            namespace: namespace.to_owned(),
            name: name.to_owned(),
        }
    }
}

/// The relations of all nodes, kept up by each change of a pod, volume, attachment or resource slice.
#[derive(Default)]
pub struct NodeGraph(RwLock<State>);

/// What stands in for an object's key: namespace and name.
type Key = (String, String);

#[derive(Default)]
struct State {
    pods: HashMap<Key, Pod>,
    /// What pods refer to, and from how many pods of which nodes.
    needed: HashMap<Arc<Vertex>, HashMap<Arc<str>, usize>>,
    volumes: HashMap<String, Volume>,
    /// The volumes that need a secret.
    volumes_of_secret: HashMap<Vertex, HashSet<String>>,
    /// The node that an attachment or a slice names.
    placed: HashMap<Vertex, String>,
}

struct Pod {
    node: Arc<str>,
    needs: Vec<Arc<Vertex>>,
}

struct Volume {
    claim: Vertex,
    secrets: Vec<Vertex>,
}

impl NodeGraph {
    /// Whether the node has to do with the object.
    pub fn is_related(&self, node: &str, vertex: &Vertex) -> bool {
        let state = self.0.read();
        match vertex.kind {
            VertexKind::Pod => {
                let key = (vertex.namespace.clone(), vertex.name.clone());
                state.pods.get(&key).is_some_and(|pod| *pod.node == *node)
            }
            VertexKind::Volume => state.mounts(node, &vertex.name),
            VertexKind::VolumeAttachment | VertexKind::ResourceSlice => {
                state.placed.get(vertex).is_some_and(|on| on == node)
            }
            VertexKind::Secret => {
                state.needs(node, vertex)
                    || (state.volumes_of_secret.get(vertex))
                        .is_some_and(|volumes| volumes.iter().any(|volume| state.mounts(node, volume)))
            }
            _ => state.needs(node, vertex),
        }
    }

    fn set_pod(&self, pod: &Value) {
        let key = (object::namespace(pod).to_owned(), object::name(pod).to_owned());
        let node = pod["spec"]["nodeName"].as_str().unwrap_or_default();
        let needs = if node.is_empty() {
            Vec::new()
        } else {
            pod_references(pod)
        };
        let mut state = self.0.write();
        state.remove_pod(&key);
        if !node.is_empty() {
            state.add_pod(key, node, needs);
        }
    }

    fn set_volume(&self, volume: &Value) {
        let name = object::name(volume);
        let claim = &volume["spec"]["claimRef"];
        let text = |field: &str| claim[field].as_str().unwrap_or_default();
        let claim = Vertex::new(VertexKind::Claim, text("namespace"), text("name"));
        let secrets = volume_secrets(volume);
        let mut state = self.0.write();
        state.remove_volume(name);
        // Without a claim no pod can lead to it.
        if !claim.name.is_empty() {
            state.add_volume(name, claim, secrets);
        }
    }

    fn set_placed(&self, vertex: Vertex, node: &Value) {
        let mut state = self.0.write();
        match node.as_str() {
            Some(node) if !node.is_empty() => state.placed.insert(vertex, node.to_owned()),
            _ => state.placed.remove(&vertex),
        };
    }
}

impl State {
    fn needs(&self, node: &str, vertex: &Vertex) -> bool {
        self.needed
            .get(vertex)
            .is_some_and(|nodes| nodes.contains_key(node))
    }

    fn mounts(&self, node: &str, volume: &str) -> bool {
        (self.volumes.get(volume)).is_some_and(|volume| self.needs(node, &volume.claim))
    }

    fn add_pod(&mut self, key: Key, node: &str, needs: Vec<Vertex>) {
        let node: Arc<str> = node.into();
        let needs: Vec<Arc<Vertex>> = needs
            .into_iter()
            .map(|vertex| {
                // Pods of a namespace need the same few objects: each is held once.
                let vertex = match self.needed.get_key_value(&vertex) {
                    Some((held, _)) => Arc::clone(held),
                    None => Arc::new(vertex),
                };
                let nodes = self.needed.entry(Arc::clone(&vertex)).or_default();
                *nodes.entry(Arc::clone(&node)).or_default() += 1;
                vertex
            })
            .collect();
        self.pods.insert(key, Pod { node, needs });
    }

    fn remove_pod(&mut self, key: &Key) {
        let Some(pod) = self.pods.remove(key) else {
            return;
        };
        for vertex in pod.needs {
            let Some(nodes) = self.needed.get_mut(&vertex) else {
                continue;
            };
            if let Some(pods) = nodes.get_mut(&pod.node) {
                *pods -= 1;
                if *pods == 0 {
                    nodes.remove(&pod.node);
                }
            }
            if nodes.is_empty() {
                self.needed.remove(&vertex);
            }
        }
    }

    fn add_volume(&mut self, name: &str, claim: Vertex, secrets: Vec<Vertex>) {
        for secret in &secrets {
            let volumes = self.volumes_of_secret.entry(secret.clone()).or_default();
            volumes.insert(name.to_owned());
        }
        self.volumes.insert(name.to_owned(), Volume { claim, secrets });
    }

    fn remove_volume(&mut self, name: &str) {
        let Some(volume) = self.volumes.remove(name) else {
            return;
        };
        for secret in volume.secrets {
            if let Some(volumes) = self.volumes_of_secret.get_mut(&secret) {
                volumes.remove(name);
                if volumes.is_empty() {
                    self.volumes_of_secret.remove(&secret);
                }
            }
        }
    }
}

const PODS: GroupResource = GroupResource::new("", "pods");
const VOLUMES: GroupResource = GroupResource::new("", "persistentvolumes");
const ATTACHMENTS: GroupResource = GroupResource::new("storage.k8s.io", "volumeattachments");
const SLICES: GroupResource = GroupResource::new("resource.k8s.io", "resourceslices");

impl Follower for NodeGraph {
    fn resources(&self) -> Vec<GroupResource> {
        vec![PODS, VOLUMES, ATTACHMENTS, SLICES]
    }

    /// Most writes are of pods that no node has yet.
    fn passes_over<'o>(&self, resource: &GroupResource, field: &dyn Fn(&str) -> Option<&'o str>) -> bool {
        *resource == PODS && field("spec.nodeName") == Some("")
    }

    fn set(&self, resource: &GroupResource, object: &Value) {
        let placed = |kind| Vertex::new(kind, "", object::name(object));
        let node = &object["spec"]["nodeName"];
        match &*resource.resource {
            "pods" => self.set_pod(object),
            "persistentvolumes" => self.set_volume(object),
            "volumeattachments" => self.set_placed(placed(VertexKind::VolumeAttachment), node),
            "resourceslices" => self.set_placed(placed(VertexKind::ResourceSlice), node),
            _ => {}
        }
    }

    fn remove(&self, resource: &GroupResource, namespace: &str, name: &str) {
        let mut state = self.0.write();
        match &*resource.resource {
            "pods" => state.remove_pod(&(namespace.to_owned(), name.to_owned())),
            "persistentvolumes" => state.remove_volume(name),
            "volumeattachments" => {
                state
                    .placed
                    .remove(&Vertex::new(VertexKind::VolumeAttachment, "", name));
            }
            "resourceslices" => {
                state
                    .placed
                    .remove(&Vertex::new(VertexKind::ResourceSlice, "", name));
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pod(name: &str, node: &str, secret: &str, claim: &str) -> Value {
        json!({
            "metadata": {"namespace": "d", "name": name},
            "spec": {"nodeName": node, "volumes": [
                {"name": "s", "secret": {"secretName": secret}},
                {"name": "c", "persistentVolumeClaim": {"claimName": claim}},
            ]},
        })
    }

    fn volume(claim: &str) -> Value {
        json!({
            "metadata": {"name": "v"},
            "spec": {
                "claimRef": {"namespace": "d", "name": claim},
                "csi": {"nodeStageSecretRef": {"namespace": "x", "name": "stage"}},
            },
        })
    }

    #[test]
    fn pods_without_a_node_are_passed_over() {
        let graph = NodeGraph::default();
        let on = |node: &'static str| move |field: &str| (field == "spec.nodeName").then_some(node);
        for (resource, node, expected) in [(&PODS, "", true), (&PODS, "n", false), (&SLICES, "", false)] {
            assert_eq!(
                graph.passes_over(resource, &on(node)),
                expected,
                "{resource} {node:?}"
            );
        }
    }

    #[test]
    fn a_node_is_related_through_its_pods() {
        let graph = NodeGraph::default();
        let secret = Vertex::new(VertexKind::Secret, "d", "s");
        let stage = Vertex::new(VertexKind::Secret, "x", "stage");
        let the_volume = Vertex::new(VertexKind::Volume, "", "v");
        let the_pod = Vertex::new(VertexKind::Pod, "d", "p");
        let related = |vertex: &Vertex| {
            ["n", "m"]
                .into_iter()
                .filter(|node| graph.is_related(node, vertex))
                .collect::<Vec<_>>()
                .concat()
        };
        let state = || [&secret, &stage, &the_volume, &the_pod].map(related).join(" ");
        assert_eq!(state(), "   ");
        graph.set(&PODS, &pod("p", "", "s", "c"));
        assert_eq!(state(), "   ", "not on a node yet");
        graph.set(&PODS, &pod("p", "n", "s", "c"));
        assert_eq!(state(), "n   n", "bound");
        graph.set(&VOLUMES, &volume("c"));
        assert_eq!(state(), "n n n n", "the claim is bound");
        graph.set(&PODS, &pod("q", "n", "s", "other"));
        graph.set(&PODS, &pod("r", "m", "s", "other"));
        assert_eq!(state(), "nm n n n", "others need the secret too");
        graph.remove(&PODS, "d", "p");
        assert_eq!(state(), "nm   ", "another pod still needs the secret");
        graph.set(&VOLUMES, &volume("other"));
        assert_eq!(state(), "nm nm nm ", "the volume has another claim");
        graph.remove(&VOLUMES, "", "v");
        graph.remove(&PODS, "d", "q");
        assert_eq!(state(), "m   ");
        graph.remove(&PODS, "d", "r");
        assert_eq!(state(), "   ");
        let state = graph.0.read();
        assert!(
            state.needed.is_empty() && state.volumes_of_secret.is_empty(),
            "nothing is left behind"
        );
    }

    #[test]
    fn attachments_and_slices_name_their_node() {
        let graph = NodeGraph::default();
        let object = |node: &str| json!({"metadata": {"name": "a"}, "spec": {"nodeName": node}});
        for (resource, kind) in [
            (ATTACHMENTS, VertexKind::VolumeAttachment),
            (SLICES, VertexKind::ResourceSlice),
        ] {
            let vertex = Vertex::new(kind, "", "a");
            graph.set(&resource, &object("n"));
            assert!(graph.is_related("n", &vertex) && !graph.is_related("m", &vertex));
            graph.set(&resource, &object("m"));
            assert!(!graph.is_related("n", &vertex) && graph.is_related("m", &vertex));
            graph.remove(&resource, "", "a");
            assert!(!graph.is_related("m", &vertex));
        }
    }
}
