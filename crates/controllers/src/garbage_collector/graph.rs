//! Who owns whom, over all objects there are; and which objects a change calls for a look at.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::absent::Absent;
use crate::discovery::ApiResource;
use crate::metadata::Metadata;

/// An object's UID.
pub(super) type Uid = Arc<str>;

/// Something to look at.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Work {
    /// An object that may have to go, or whose dependents have to go first.
    Collect(Uid),
    /// An object whose dependents are to be let go.
    Orphan(Uid),
}

/// An object's place and what is known of it.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) resource: Arc<ApiResource>,
    pub(super) namespace: Arc<str>,
    pub(super) name: Box<str>,
    owners: Box<[Edge]>,
    pub(super) deleting: bool,
    /// It goes when its dependents are gone.
    pub(super) waits_for_dependents: bool,
    orphans_dependents: bool,
}

/// A reference to an owner.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Edge {
    owner: Uid,
    /// Whether the owner must wait for this dependent.
    blocks: bool,
}

/// What must be known of an object to decide on it.
#[derive(Debug)]
pub(super) struct Facts {
    pub(super) node: Node,
    /// Dependents that its deletion waits for.
    pub(super) blocking: Vec<Uid>,
    pub(super) has_dependents: bool,
    /// Whether a dependent waits for its own dependents, which may be a circle.
    pub(super) dependent_waits: bool,
}

/// The graph.
#[derive(Debug, Default)]
pub(super) struct Graph {
    nodes: HashMap<Uid, Node>,
    /// By owner, whether that is known or not.
    dependents: HashMap<Uid, HashSet<Uid>>,
    namespaces: HashSet<Arc<str>>,
    pub(super) absent: Absent,
    /// Whether what is not in the graph is likely not to be there. Until all resources were listed, owners that are missing
    /// call for nothing.
    is_complete: bool,
}

impl Graph {
    /// Takes an object in as it is now.
    pub(super) fn observe(&mut self, resource: &Arc<ApiResource>, object: &Metadata) -> Vec<Work> {
        let uid: Uid = match self.nodes.get_key_value(object.uid.as_str()) {
            Some((uid, _)) => uid.clone(),
            None => object.uid.as_str().into(),
        };
        let node = self.node(resource, object);
        let mut work = Vec::new();
        let old = self.nodes.insert(uid.clone(), node.clone());
        let old_owners = old.as_ref().map(|old| &*old.owners).unwrap_or_default();
        let owners_changed = old.is_none() || *old_owners != *node.owners;
        if owners_changed {
            self.reconnect(&uid, old_owners, &node.owners);
            work.extend(self.unblocked(old_owners, &node.owners));
            if self.is_complete && self.is_suspicious(&node) {
                work.push(Work::Collect(uid.clone()));
            }
        }
        let did = |state: fn(&Node) -> bool| old.as_ref().is_some_and(state);
        if node.waits_for_dependents && !did(|old| old.waits_for_dependents) {
            work.extend(self.dependents_of(&uid).map(Work::Collect));
            work.push(Work::Collect(uid.clone()));
        }
        if node.orphans_dependents && !did(|old| old.orphans_dependents) {
            work.push(Work::Orphan(uid));
        }
        work
    }

    fn node(&mut self, resource: &Arc<ApiResource>, object: &Metadata) -> Node {
        let namespace = match self.namespaces.get(object.namespace.as_str()) {
            Some(known) => known.clone(),
            None => {
                let namespace: Arc<str> = object.namespace.as_str().into();
                self.namespaces.insert(namespace.clone());
                namespace
            }
        };
        let edge = |owner: &client::k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference| Edge {
            owner: self
                .nodes
                .get_key_value(owner.uid.as_str())
                .map_or_else(|| owner.uid.as_str().into(), |(uid, _)| uid.clone()),
            blocks: owner.block_owner_deletion == Some(true),
        };
        Node {
            owners: object.owner_references.iter().map(edge).collect(),
            resource: resource.clone(),
            namespace,
            name: object.name.as_str().into(),
            deleting: object.is_deleting(),
            waits_for_dependents: object.waits_for_dependents(),
            orphans_dependents: object.orphans_dependents(),
        }
    }

    fn reconnect(&mut self, uid: &Uid, old: &[Edge], new: &[Edge]) {
        for edge in old {
            if let Some(dependents) = self.dependents.get_mut(&edge.owner) {
                dependents.remove(uid);
                if dependents.is_empty() {
                    self.dependents.remove(&edge.owner);
                }
            }
        }
        for edge in new {
            self.dependents
                .entry(edge.owner.clone())
                .or_default()
                .insert(uid.clone());
        }
    }

    /// Owners that waited for this dependent and need not any more.
    fn unblocked(&self, old: &[Edge], new: &[Edge]) -> Vec<Work> {
        let blocked = old.iter().filter(|edge| edge.blocks);
        let still = |edge: &&Edge| new.iter().any(|e| e.owner == edge.owner && e.blocks);
        blocked
            .filter(|edge| !still(edge) && self.waits(&edge.owner))
            .map(|edge| Work::Collect(edge.owner.clone()))
            .collect()
    }

    fn waits(&self, uid: &Uid) -> bool {
        self.nodes.get(uid).is_some_and(|node| node.waits_for_dependents)
    }

    /// Whether one of its owners is not there, not where it can be an owner, or about to go.
    fn is_suspicious(&self, node: &Node) -> bool {
        node.owners.iter().any(|edge| match self.nodes.get(&edge.owner) {
            None => true,
            Some(owner) => {
                owner.waits_for_dependents
                    || (!owner.namespace.is_empty() && owner.namespace != node.namespace)
            }
        })
    }

    fn dependents_of(&self, uid: &Uid) -> impl Iterator<Item = Uid> {
        self.dependents.get(uid).into_iter().flatten().cloned()
    }

    /// Takes an object out that is gone.
    pub(super) fn forget(&mut self, uid: &str) -> Vec<Work> {
        let Some((uid, node)) = self.nodes.remove_entry(uid) else {
            return Vec::new();
        };
        self.absent.insert(&uid, &node.namespace);
        self.reconnect(&uid, &node.owners, &[]);
        let waiting = node.owners.iter().filter(|edge| self.waits(&edge.owner));
        let mut work: Vec<_> = waiting.map(|edge| Work::Collect(edge.owner.clone())).collect();
        work.extend(self.dependents_of(&uid).map(Work::Collect));
        work
    }

    /// Takes a whole list in: objects of the resource that are not in it are gone.
    pub(super) fn replace(&mut self, resource: &Arc<ApiResource>, objects: &[Metadata]) -> Vec<Work> {
        let there: HashSet<&str> = objects.iter().map(|object| object.uid.as_str()).collect();
        let mut work = self.forget_where(|uid, node| {
            node.resource.group == resource.group
                && node.resource.plural == resource.plural
                && !there.contains(uid)
        });
        for object in objects {
            work.extend(self.observe(resource, object));
        }
        if self.is_complete {
            work.extend(self.sweep());
        }
        work
    }

    /// Takes all objects out that a resource had which is no longer served.
    pub(super) fn drop_resource(&mut self, resource: &ApiResource) -> Vec<Work> {
        self.forget_where(|_, node| {
            node.resource.group == resource.group && node.resource.plural == resource.plural
        })
    }

    fn forget_where(&mut self, gone: impl Fn(&str, &Node) -> bool) -> Vec<Work> {
        let gone: Vec<Uid> = self
            .nodes
            .iter()
            .filter(|(uid, node)| gone(uid, node))
            .map(|(uid, _)| uid.clone())
            .collect();
        gone.iter().flat_map(|uid| self.forget(uid)).collect()
    }

    /// All resources have been listed: from now on, a missing owner calls for a look.
    pub(super) fn complete(&mut self) -> Vec<Work> {
        self.is_complete = true;
        self.sweep()
    }

    fn sweep(&self) -> Vec<Work> {
        self.nodes
            .iter()
            .filter(|(_, node)| self.is_suspicious(node))
            .map(|(uid, _)| Work::Collect(uid.clone()))
            .collect()
    }

    /// What is known of an object.
    pub(super) fn facts(&self, uid: &Uid) -> Option<Facts> {
        let node = self.nodes.get(uid)?.clone();
        let blocks = |dependent: &Uid| {
            let edges = self.nodes.get(dependent).map(|d| &*d.owners).unwrap_or_default();
            edges.iter().any(|edge| edge.blocks && edge.owner == *uid)
        };
        let blocking = match node.waits_for_dependents {
            true => self.dependents_of(uid).filter(blocks).collect(),
            false => Vec::new(),
        };
        Some(Facts {
            blocking,
            has_dependents: self.dependents.contains_key(uid),
            dependent_waits: self.dependents_of(uid).any(|dependent| self.waits(&dependent)),
            node,
        })
    }

    /// The object, if it is known.
    pub(super) fn get(&self, uid: &str) -> Option<&Node> {
        self.nodes.get(uid)
    }

    /// Its dependents' UIDs and places.
    pub(super) fn dependent_nodes(&self, uid: &Uid) -> Vec<(Uid, Node)> {
        self.dependents_of(uid)
            .filter_map(|dependent| Some((dependent.clone(), self.nodes.get(&dependent)?.clone())))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::discovery::testing::resource;
    use crate::metadata::testing::{deleting, object, owner};
    use crate::metadata::{FOREGROUND, ORPHAN};

    struct World {
        graph: Graph,
        pods: Arc<ApiResource>,
        maps: Arc<ApiResource>,
    }

    impl World {
        fn new() -> Self {
            let mut graph = Graph::default();
            graph.complete();
            Self {
                graph,
                pods: resource("v1", "Pod", "pods", true),
                maps: resource("v1", "ConfigMap", "configmaps", true),
            }
        }

        fn map(&mut self, object: &Metadata) -> Vec<Work> {
            self.graph.observe(&self.maps.clone(), object)
        }

        fn pod(&mut self, object: &Metadata) -> Vec<Work> {
            self.graph.observe(&self.pods.clone(), object)
        }
    }

    fn collect(uids: &[&str]) -> Vec<Work> {
        uids.iter().map(|&uid| Work::Collect(uid.into())).collect()
    }

    fn owned_by(
        uid: &str,
        blocks: bool,
    ) -> Vec<client::k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference> {
        vec![owner("ConfigMap", uid, uid, blocks)]
    }

    #[test]
    fn dependents_are_looked_at_when_the_owner_goes() {
        let mut world = World::new();
        assert_eq!(world.map(&object("n", "o", vec![])), []);
        assert_eq!(world.pod(&object("n", "d", owned_by("o", false))), []);
        assert_eq!(world.graph.forget("o"), collect(&["d"]));
        assert!(world.graph.absent.contains("o", "n"));
        assert_eq!(world.graph.forget("o"), []);
    }

    #[test]
    fn an_owner_that_is_missing_or_elsewhere_is_suspicious() {
        let mut world = World::new();
        world.map(&object("m", "o", vec![]));
        assert_eq!(
            world.pod(&object("n", "d", owned_by("o", false))),
            collect(&["d"])
        );
        assert_eq!(
            world.pod(&object("n", "e", owned_by("p", false))),
            collect(&["e"])
        );
        // Seen again unchanged, it calls for nothing.
        assert_eq!(world.pod(&object("n", "e", owned_by("p", false))), []);
    }

    #[test]
    fn missing_owners_wait_for_the_first_lists() {
        let mut world = World::new();
        world.graph.is_complete = false;
        assert_eq!(world.pod(&object("n", "d", owned_by("o", false))), []);
        world.pod(&object("n", "e", owned_by("p", false)));
        world.map(&object("n", "o", vec![]));
        assert_eq!(world.graph.complete(), collect(&["e"]));
    }

    #[test]
    fn foreground_deletion_looks_at_dependents_and_waits_for_those_that_block() {
        let mut world = World::new();
        world.map(&object("n", "o", vec![]));
        world.pod(&object("n", "d", owned_by("o", true)));
        world.pod(&object("n", "e", owned_by("o", false)));
        let mut work = world.map(&deleting(object("n", "o", vec![]), FOREGROUND));
        work.sort();
        assert_eq!(work, collect(&["d", "e", "o"]));
        let facts = world.graph.facts(&"o".into()).unwrap();
        assert_eq!(facts.blocking, [Uid::from("d")]);
        assert!(facts.has_dependents && !facts.dependent_waits);
        // A dependent that no longer blocks, or is gone, makes the owner worth a look.
        assert_eq!(
            world.pod(&object("n", "d", owned_by("o", false))),
            collect(&["o", "d"])
        );
        assert_eq!(world.graph.forget("e"), collect(&["o"]));
    }

    #[test]
    fn orphaning_is_noticed_once() {
        let mut world = World::new();
        let owner = deleting(object("n", "o", vec![]), ORPHAN);
        assert_eq!(world.map(&owner), [Work::Orphan("o".into())]);
        assert_eq!(world.map(&owner), []);
    }

    #[test]
    fn a_list_says_what_is_gone() {
        let mut world = World::new();
        world.map(&object("n", "o", vec![]));
        world.map(&object("n", "p", vec![]));
        world.pod(&object("n", "d", owned_by("o", false)));
        let maps = world.maps.clone();
        let work = world.graph.replace(&maps, &[object("n", "p", vec![])]);
        assert!(!work.is_empty() && work.iter().all(|work| *work == Work::Collect("d".into())));
        assert!(world.graph.get("o").is_none() && world.graph.get("p").is_some());
    }
}
