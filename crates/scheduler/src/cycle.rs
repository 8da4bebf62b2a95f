//! One cycle: the node for one pod, or why there is none.

use std::cell::Cell;
use std::sync::Arc;

use crate::diagnosis::Diagnosis;
use crate::framework::{Cycle, Filter, NodeFilter, Rejection, Score};
use crate::node::NodeInfo;
use crate::nodes::Nodes;
use crate::plugins;
use crate::pod::PodInfo;
use crate::volumes::VolumeSource;

/// The plugins, and whose turn it is among equals.
pub(crate) struct Placer {
    pub(crate) filters: Vec<Box<dyn Filter>>,
    scores: Vec<Box<dyn Score>>,
    turn: Cell<usize>,
}

/// What each filter that has something to say will answer, with its name.
pub(crate) type Prepared<'a> = Vec<(&'static str, Box<dyn NodeFilter + 'a>)>;

#[cfg(test)]
impl Default for Placer {
    fn default() -> Self {
        Self::new(Arc::new(crate::volumes::NoVolumes))
    }
}

impl Placer {
    pub(crate) fn new(volumes: Arc<dyn VolumeSource>) -> Self {
        Self {
            filters: plugins::filters(volumes),
            scores: plugins::scores(),
            turn: Cell::new(0),
        }
    }

    /// The best node for the pod. It has to fit also beside those that were promised a place: `promised` is the nodes with them.
    pub(crate) fn place(
        &self,
        pod: &PodInfo,
        nodes: &Nodes,
        promised: Option<&Nodes>,
    ) -> Result<String, Diagnosis> {
        let cycle = Cycle { pod, nodes };
        let beside = promised.map(|nodes| (nodes, self.prepare(Cycle { pod, nodes })));
        let mut diagnosis = Diagnosis {
            nodes: nodes.len(),
            ..Diagnosis::default()
        };
        let prepared = self.prepare(cycle);
        let mut fitting: Vec<&NodeInfo> = Vec::new();
        for node in nodes.iter() {
            let fits = check(&prepared, node).and_then(|()| match &beside {
                Some((nodes, prepared)) => nodes
                    .get(node.name())
                    .map_or(Ok(()), |node| check(prepared, node)),
                None => Ok(()),
            });
            match fits {
                Ok(()) => fitting.push(node),
                Err((plugin, rejection)) => diagnosis.reject(node.name(), plugin, rejection),
            }
        }
        match fitting.as_slice() {
            [] => Err(diagnosis),
            [only] => Ok(only.name().to_owned()),
            _ => Ok(self.best(cycle, &fitting).to_owned()),
        }
    }

    pub(crate) fn prepare<'a>(&'a self, cycle: Cycle<'a>) -> Prepared<'a> {
        self.filters
            .iter()
            .filter_map(|filter| Some((filter.name(), filter.prepare(cycle)?)))
            .collect()
    }

    /// The node with the most points. Equals take turns.
    fn best<'a>(&self, cycle: Cycle<'_>, fitting: &[&'a NodeInfo]) -> &'a str {
        let mut totals = vec![0; fitting.len()];
        for plugin in &self.scores {
            if let Some(scores) = plugin.scores(cycle, fitting) {
                totals
                    .iter_mut()
                    .zip(scores)
                    .for_each(|(total, score)| *total += score * plugin.weight());
            }
        }
        let most = totals.iter().copied().max().unwrap_or(0);
        let best: Vec<_> = fitting
            .iter()
            .zip(totals)
            .filter(|(_, total)| *total == most)
            .collect();
        self.turn.set(self.turn.get().wrapping_add(1));
        best[self.turn.get() % best.len()].0.name()
    }
}

/// The first filter that rules a node out, and why.
pub(crate) fn check(prepared: &Prepared<'_>, node: &NodeInfo) -> Result<(), (&'static str, Rejection)> {
    prepared
        .iter()
        .try_for_each(|(plugin, filter)| filter.check(node).map_err(|rejection| (*plugin, rejection)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plugins::testing::{Cluster, info, pod};

    #[test]
    fn the_emptier_node_is_taken() {
        let mut cluster = Cluster::default();
        cluster.node("a", &[]).node("b", &[]);
        cluster.place(pod("x", "500m"), "a");
        let placed = Placer::default().place(&info(pod("new", "100m")), &cluster.nodes, None);
        assert_eq!(placed.ok().as_deref(), Some("b"));
    }

    #[test]
    fn equals_take_turns() {
        let mut cluster = Cluster::default();
        cluster.node("a", &[]).node("b", &[]);
        let placer = Placer::default();
        let place = || placer.place(&info(pod("new", "100m")), &cluster.nodes, None).ok();
        assert_ne!(place(), place());
    }

    #[test]
    fn what_was_promised_is_left_alone() {
        let mut cluster = Cluster::default();
        cluster.node("a", &[]).node("b", &[]);
        cluster.place(pod("x", "500m"), "b");
        let mut promised = cluster.nodes.clone();
        promised.add_pod("a", Arc::new(info(pod("awaited", "900m"))));
        let place = |cpu: &str| {
            let pod = info(pod("new", cpu));
            Placer::default().place(&pod, &cluster.nodes, Some(&promised))
        };
        assert_eq!(place("200m").ok().as_deref(), Some("b"));
        let diagnosis = place("600m").unwrap_err();
        assert!(
            diagnosis
                .message()
                .starts_with("0/2 nodes are available: 2 Insufficient cpu.")
        );
    }

    #[test]
    fn a_pod_that_fits_nowhere_says_why() {
        let mut cluster = Cluster::default();
        cluster.node("a", &[]).node("b", &[]);
        let diagnosis = Placer::default()
            .place(&info(pod("new", "2")), &cluster.nodes, None)
            .unwrap_err();
        assert!(
            diagnosis
                .message()
                .starts_with("0/2 nodes are available: 2 Insufficient cpu.")
        );
        assert_eq!(diagnosis.plugins, ["NodeResourcesFit"]);
    }
}
