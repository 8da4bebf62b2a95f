//! Which nodes lack a pod, and which pods are on the wrong node or too many.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use client::k8s_openapi::api::apps::v1::DaemonSet;
use client::k8s_openapi::api::core::v1::Node;
use client::lean::Pod;
use jiff::Timestamp;

use super::pods;
use super::update::max_surge;
use crate::history::HASH_LABEL;
use crate::node_fit::{self, Borne};
use crate::pod;

/// So many pods at most are made or deleted in one pass, as upstream has it.
const BURST: usize = 250;

/// What is looked at.
pub(super) struct Observed<'a> {
    pub(super) set: &'a DaemonSet,
    /// The hash of the set's present template.
    pub(super) hash: &'a str,
    pub(super) nodes: &'a [Arc<Node>],
    /// The set's pods.
    pub(super) pods: &'a [Arc<Pod>],
    pub(super) now: Timestamp,
}

/// What is to be done.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Plan {
    /// Nodes that need a pod.
    pub(super) create: Vec<String>,
    pub(super) delete: Vec<Arc<Pod>>,
    /// Pods that have ended and are to be replaced, those that failed when their time has come.
    pub(super) ended: Vec<Arc<Pod>>,
}

impl Plan {
    pub(super) fn is_nothing(&self) -> bool {
        self.create.is_empty() && self.delete.is_empty() && self.ended.is_empty()
    }
}

/// What a set wants of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    /// A pod belongs there.
    Run,
    /// A pod that is there may stay.
    Stay,
    /// None belongs there.
    No,
}

pub(super) fn wish(template: &Pod, node: &Node) -> Wish {
    if !node_fit::selects(template, node) {
        return Wish::No;
    }
    match node_fit::bears(template, node) {
        Borne::All => Wish::Run,
        Borne::NotOnArrival => Wish::Stay,
        Borne::No => Wish::No,
    }
}

impl Observed<'_> {
    /// The pods by node, the oldest first; those that cannot be placed are under the empty name.
    pub(super) fn by_node(&self) -> HashMap<&str, Vec<&Arc<Pod>>> {
        let mut by_node: HashMap<&str, Vec<&Arc<Pod>>> = HashMap::new();
        for pod in self.pods {
            by_node
                .entry(pods::node_of(pod).unwrap_or(""))
                .or_default()
                .push(pod);
        }
        for pods in by_node.values_mut() {
            // A pod on its node is worth more than one that waits for it.
            pods.sort_by_key(|pod| (pod::node(pod).is_empty(), pod::created(pod), &pod.metadata.name));
        }
        by_node
    }

    /// What the set wants of each node.
    pub(super) fn wishes(&self) -> BTreeMap<&str, Wish> {
        let template = Pod::from(&pods::template_pod(self.set));
        let named = self
            .nodes
            .iter()
            .filter_map(|node| Some((node.metadata.name.as_deref()?, node)));
        named.map(|(name, node)| (name, wish(&template, node))).collect()
    }

    pub(super) fn is_current(&self, pod: &Pod) -> bool {
        pod::label(pod, HASH_LABEL) == Some(self.hash)
    }

    pub(super) fn min_ready(&self) -> Duration {
        let seconds = self.set.spec.as_ref().and_then(|spec| spec.min_ready_seconds);
        Duration::from_secs(u64::try_from(seconds.unwrap_or(0)).unwrap_or(0))
    }

    pub(super) fn is_available(&self, pod: &Pod) -> bool {
        pod::is_available(pod, self.min_ready(), self.now)
    }
}

/// Decides on all nodes.
pub(super) fn make(observed: &Observed<'_>) -> Plan {
    let wishes = observed.wishes();
    let by_node = observed.by_node();
    let may_surge = max_surge(observed.set, &wishes) > 0;
    let mut plan = Plan::default();
    for (&node, &wish) in &wishes {
        let pods = by_node.get(node).map(Vec::as_slice).unwrap_or_default();
        match wish {
            Wish::Run if pods.is_empty() => plan.create.push(node.to_owned()),
            Wish::No => plan.delete.extend(
                pods.iter()
                    .filter(|pod| !pod::is_deleting(pod))
                    .map(|&p| p.clone()),
            ),
            Wish::Run | Wish::Stay => on_node(observed, pods, may_surge, &mut plan),
        }
    }
    for (node, pods) in by_node {
        // Pods of nodes that are gone are the pod garbage collector's, if they ever ran.
        if !wishes.contains_key(node) {
            let waiting = pods
                .into_iter()
                .filter(|pod| pod::node(pod).is_empty() && !pod::is_deleting(pod));
            plan.delete.extend(waiting.cloned());
        }
    }
    plan.create.truncate(BURST);
    plan.delete.truncate(BURST);
    plan
}

/// A node where pods may be: one stays, or two while the new one gets ready beside the old.
fn on_node(observed: &Observed<'_>, pods: &[&Arc<Pod>], may_surge: bool, plan: &mut Plan) {
    let (ended, running): (Vec<_>, Vec<_>) = pods
        .iter()
        .copied()
        .filter(|pod| !pod::is_deleting(pod))
        .partition(|pod| pod::is_finished(pod));
    plan.ended.extend(ended.into_iter().cloned());
    if running.len() <= 1 {
        return;
    }
    if !may_surge {
        plan.delete.extend(running[1..].iter().map(|&pod| pod.clone()));
        return;
    }
    let (new, old): (Vec<_>, Vec<_>) = running.into_iter().partition(|pod| observed.is_current(pod));
    let new_is_available = new.first().is_some_and(|pod| observed.is_available(pod));
    let old_stays = usize::from(!new_is_available);
    plan.delete.extend(new.into_iter().skip(1).cloned());
    plan.delete.extend(old.into_iter().skip(old_stays).cloned());
}

#[cfg(test)]
pub(super) mod testing {
    use client::k8s_openapi::api::core::v1::{NodeSpec, Taint};
    use client::k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

    use super::*;
    use crate::pod::testing;

    pub(in super::super) fn node(name: &str, effect: &str) -> Arc<Node> {
        let taint = Taint {
            key: "t".into(),
            effect: effect.into(),
            ..Taint::default()
        };
        Arc::new(Node {
            metadata: ObjectMeta {
                name: Some(name.into()),
                ..ObjectMeta::default()
            },
            spec: Some(NodeSpec {
                taints: (!effect.is_empty()).then(|| vec![taint]),
                ..NodeSpec::default()
            }),
            ..Node::default()
        })
    }

    pub(in super::super) fn pod(name: &str, node: &str, hash: &str, ready: bool) -> Pod {
        let mut pod = testing::on(testing::pod(name, "Running"), node);
        pod.metadata.labels = Some([(HASH_LABEL.to_owned(), hash.to_owned())].into());
        if ready { testing::ready(pod) } else { pod }
    }

    pub(in super::super) fn observe<T>(
        set: &DaemonSet,
        nodes: &[Arc<Node>],
        pods: Vec<Pod>,
        look: impl Fn(&Observed<'_>) -> T,
    ) -> T {
        let pods: Vec<_> = pods.into_iter().map(Arc::new).collect();
        look(&Observed {
            set,
            hash: "new",
            nodes,
            pods: &pods,
            now: Timestamp::from_second(100).unwrap(),
        })
    }

    pub(in super::super) fn names(pods: &[Arc<Pod>]) -> Vec<&str> {
        let mut names: Vec<_> = pods
            .iter()
            .filter_map(|pod| pod.metadata.name.as_deref())
            .collect();
        names.sort_unstable();
        names
    }
}

#[cfg(test)]
mod tests {
    use super::testing::{names, node, observe, pod};
    use super::*;
    use crate::pod::testing::deleting;

    fn check(nodes: &[Arc<Node>], pods: Vec<Pod>, create: &[&str], delete: &[&str]) {
        let plan = observe(&DaemonSet::default(), nodes, pods, make);
        assert_eq!(plan.create, create);
        assert_eq!(names(&plan.delete), delete);
    }

    #[test]
    fn each_node_that_fits_gets_one_pod() {
        let nodes = [node("a", ""), node("b", ""), node("c", "NoSchedule")];
        check(&nodes, vec![], &["a", "b"], &[]);
        check(&nodes, vec![pod("1", "a", "old", true)], &["b"], &[]);
        check(&nodes[..1], vec![deleting(pod("1", "a", "new", true))], &[], &[]);
    }

    #[test]
    fn pods_stay_where_they_may_and_go_where_they_must() {
        check(
            &[node("a", "NoSchedule")],
            vec![pod("1", "a", "new", true)],
            &[],
            &[],
        );
        check(
            &[node("a", "NoExecute")],
            vec![pod("1", "a", "new", true)],
            &[],
            &["1"],
        );
    }

    #[test]
    fn the_oldest_of_several_stays() {
        let pods = vec![pod("1", "a", "new", true), pod("2", "a", "new", true)];
        check(&[node("a", "")], pods, &[], &["2"]);
    }

    #[test]
    fn a_pod_that_waits_for_a_node_that_is_gone_goes() {
        let set = DaemonSet::default();
        let mut waiting = Pod::from(&pods::make(&set, "new", "gone"));
        waiting.metadata.name = Some("1".into());
        check(&[], vec![waiting, pod("2", "gone", "new", true)], &[], &["1"]);
    }

    #[test]
    fn a_pod_that_ended_is_replaced() {
        let mut ended = pod("1", "a", "new", false);
        ended.status.as_mut().unwrap().phase = Some("Failed".into());
        let plan = observe(&DaemonSet::default(), &[node("a", "")], vec![ended], make);
        assert_eq!(names(&plan.ended), ["1"]);
        assert!(plan.create.is_empty() && plan.delete.is_empty());
    }
}
