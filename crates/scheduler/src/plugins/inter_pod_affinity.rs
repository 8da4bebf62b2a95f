//! Pod affinity and anti-affinity: near pods of some kind, or away from them, and what pods that are there want of it.

use std::collections::HashMap;

use client::ObjectMetadata;
use client::k8s_openapi::api::core::v1::{PodAffinityTerm, WeightedPodAffinityTerm};
use client::k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, LabelSelectorRequirement};
use client::lean::{Metadata, Pod};

use crate::framework::{ClusterChange, Cycle, Filter, MAX_SCORE, NodeFilter, Rejection, Score};
use crate::node::NodeInfo;
use crate::nodes::Nodes;
use crate::pod::PodInfo;
use crate::selector::{Labels, labels_match};

pub(crate) struct InterPodAffinity;

/// How much a pod that requires affinity to the incoming one counts for it in scores.
const HARD_AFFINITY_WEIGHT: i64 = 1;

/// A pod's affinity terms, read once.
#[derive(Debug, Default)]
pub(crate) struct Terms {
    required: Vec<Term>,
    required_anti: Vec<Term>,
    preferred: Vec<(i64, Term)>,
    preferred_anti: Vec<(i64, Term)>,
}

/// One term: which pods it is about, and what "near" means.
#[derive(Debug)]
struct Term {
    namespaces: Vec<String>,
    namespace_selector: Option<LabelSelector>,
    selector: Option<LabelSelector>,
    topology_key: String,
}

impl Terms {
    pub(crate) fn of(pod: &Pod) -> Self {
        let affinity = pod.spec.as_ref().and_then(|spec| spec.affinity.as_ref());
        let near = affinity.and_then(|affinity| affinity.pod_affinity.as_ref());
        let away = affinity.and_then(|affinity| affinity.pod_anti_affinity.as_ref());
        let required = |terms: Option<&Vec<PodAffinityTerm>>| -> Vec<Term> {
            terms
                .into_iter()
                .flatten()
                .map(|term| Term::of(term, pod))
                .collect()
        };
        let preferred = |terms: Option<&Vec<WeightedPodAffinityTerm>>| -> Vec<(i64, Term)> {
            let terms = terms.into_iter().flatten();
            terms
                .map(|term| (i64::from(term.weight), Term::of(&term.pod_affinity_term, pod)))
                .collect()
        };
        Self {
            required: required(
                near.and_then(|a| a.required_during_scheduling_ignored_during_execution.as_ref()),
            ),
            required_anti: required(
                away.and_then(|a| a.required_during_scheduling_ignored_during_execution.as_ref()),
            ),
            preferred: preferred(
                near.and_then(|a| a.preferred_during_scheduling_ignored_during_execution.as_ref()),
            ),
            preferred_anti: preferred(
                away.and_then(|a| a.preferred_during_scheduling_ignored_during_execution.as_ref()),
            ),
        }
    }

    fn is_empty(&self) -> bool {
        self.required.is_empty()
            && self.required_anti.is_empty()
            && self.preferred.is_empty()
            && self.preferred_anti.is_empty()
    }
}

impl Term {
    fn of(term: &PodAffinityTerm, pod: &Pod) -> Self {
        let mut namespaces = term.namespaces.clone().unwrap_or_default();
        if namespaces.is_empty() && term.namespace_selector.is_none() {
            namespaces.push(pod.metadata.namespace().to_owned());
        }
        Self {
            namespaces,
            namespace_selector: term.namespace_selector.clone(),
            selector: with_own_labels(term, &pod.metadata),
            topology_key: term.topology_key.clone(),
        }
    }

    fn is_about(&self, pod: &PodInfo, nodes: &Nodes) -> bool {
        let by_name = || {
            self.namespaces
                .iter()
                .any(|namespace| namespace == pod.namespace())
        };
        let by_label = || {
            let empty = Labels::new();
            let labels = nodes.namespaces.get(pod.namespace()).unwrap_or(&empty);
            labels_match(self.namespace_selector.as_ref(), labels)
        };
        (by_name() || by_label()) && labels_match(self.selector.as_ref(), pod.labels())
    }

    fn domain(&self, node: &NodeInfo) -> Option<Domain> {
        let value = node.labels().get(&self.topology_key)?;
        Some((self.topology_key.clone(), value.clone()))
    }
}

/// The term's selector, narrowed by the pod's own values of `matchLabelKeys` and widened by `mismatchLabelKeys`.
fn with_own_labels(term: &PodAffinityTerm, own: &Metadata) -> Option<LabelSelector> {
    let mut selector = term.label_selector.clone()?;
    let mut require = |keys: &Option<Vec<String>>, operator: &str| {
        for key in keys.iter().flatten() {
            if let Some(value) = own.label(key) {
                selector
                    .match_expressions
                    .get_or_insert_default()
                    .push(LabelSelectorRequirement {
                        key: key.clone(),
                        operator: operator.to_owned(),
                        values: Some(vec![value.to_owned()]),
                    });
            }
        }
    };
    require(&term.match_label_keys, "In");
    require(&term.mismatch_label_keys, "NotIn");
    Some(selector)
}

/// A label and one of its values: what makes nodes "near" each other.
type Domain = (String, String);
type Counts = HashMap<Domain, i64>;

fn count(counts: &mut Counts, domain: Option<Domain>, amount: i64) {
    if let Some(domain) = domain {
        *counts.entry(domain).or_default() += amount;
    }
}

/// What the pods that are there mean for the incoming one, by domain.
struct Situation {
    /// Pods that there are of those all affinity terms are about.
    near: Counts,
    /// Pods that there are of those an anti-affinity term is about.
    away: Counts,
    /// Pods that do not want the incoming one near.
    unwelcome: Counts,
}

impl Situation {
    fn new(cycle: Cycle<'_>) -> Self {
        let mut situation = Self {
            near: Counts::new(),
            away: Counts::new(),
            unwelcome: Counts::new(),
        };
        for node in cycle.nodes.iter() {
            for there in &node.pods {
                situation.count_pod(cycle, node, there);
            }
        }
        situation
    }

    fn count_pod(&mut self, cycle: Cycle<'_>, node: &NodeInfo, there: &PodInfo) {
        for term in &there.affinity.required_anti {
            if term.is_about(cycle.pod, cycle.nodes) {
                count(&mut self.unwelcome, term.domain(node), 1);
            }
        }
        let mine = &cycle.pod.affinity;
        if !mine.required.is_empty() && mine.required.iter().all(|term| term.is_about(there, cycle.nodes)) {
            mine.required
                .iter()
                .for_each(|term| count(&mut self.near, term.domain(node), 1));
        }
        for term in &mine.required_anti {
            if term.is_about(there, cycle.nodes) {
                count(&mut self.away, term.domain(node), 1);
            }
        }
    }

    fn check(&self, cycle: Cycle<'_>, node: &NodeInfo) -> Result<(), Rejection> {
        let mine = &cycle.pod.affinity;
        if !self.affinity_holds(cycle, node) {
            return Err(Rejection::unresolvable("node(s) didn't match pod affinity rules"));
        }
        let occupied = |term: &Term| {
            term.domain(node)
                .is_some_and(|domain| self.away.contains_key(&domain))
        };
        if mine.required_anti.iter().any(occupied) {
            return Err(Rejection::resolvable(
                "node(s) didn't match pod anti-affinity rules",
            ));
        }
        let unwelcome = self
            .unwelcome
            .keys()
            .any(|(key, value)| node.labels().get(key) == Some(value));
        if unwelcome {
            return Err(Rejection::resolvable(
                "node(s) didn't satisfy existing pods anti-affinity rules",
            ));
        }
        Ok(())
    }

    fn affinity_holds(&self, cycle: Cycle<'_>, node: &NodeInfo) -> bool {
        let mine = &cycle.pod.affinity.required;
        let mut domains = Vec::with_capacity(mine.len());
        for term in mine {
            let Some(domain) = term.domain(node) else {
                return false;
            };
            domains.push(domain);
        }
        // The first pod of a group that wants to be near itself may go anywhere.
        let is_first =
            || self.near.is_empty() && mine.iter().all(|term| term.is_about(cycle.pod, cycle.nodes));
        domains.iter().all(|domain| self.near.contains_key(domain)) || is_first()
    }
}

impl Filter for InterPodAffinity {
    fn name(&self) -> &'static str {
        "InterPodAffinity"
    }

    fn prepare<'a>(&'a self, cycle: Cycle<'a>) -> Option<Box<dyn NodeFilter + 'a>> {
        let situation = Situation::new(cycle);
        let mine = &cycle.pod.affinity;
        if mine.required.is_empty() && mine.required_anti.is_empty() && situation.unwelcome.is_empty() {
            return None;
        }
        Some(Box::new(move |node: &NodeInfo| situation.check(cycle, node)))
    }

    fn is_helped_by(&self, change: ClusterChange) -> bool {
        !matches!(change, ClusterChange::NodeAllocatable | ClusterChange::NodeTaints)
    }
}

impl Score for InterPodAffinity {
    fn weight(&self) -> i64 {
        2
    }

    fn scores(&self, cycle: Cycle<'_>, fitting: &[&NodeInfo]) -> Option<Vec<i64>> {
        let liking = likings(cycle);
        if liking.is_empty() {
            return None;
        }
        let total = |node: &&NodeInfo| -> i64 {
            let here = liking
                .iter()
                .filter(|((key, value), _)| node.labels().get(key) == Some(value));
            here.map(|(_, amount)| amount).sum()
        };
        let totals: Vec<i64> = fitting.iter().map(total).collect();
        let (min, max) = (totals.iter().min().copied()?, totals.iter().max().copied()?);
        let stretched = |total: &i64| {
            if max == min {
                0
            } else {
                MAX_SCORE * (total - min) / (max - min)
            }
        };
        Some(totals.iter().map(stretched).collect())
    }
}

/// How much each domain is liked: by the pod for what is there, and by what is there for the pod.
fn likings(cycle: Cycle<'_>) -> Counts {
    let mut likings = Counts::new();
    let mine = &cycle.pod.affinity;
    for node in cycle.nodes.iter() {
        for there in node
            .pods
            .iter()
            .filter(|there| !mine.is_empty() || !there.affinity.is_empty())
        {
            let theirs = &there.affinity;
            let mut like = |term: &Term, about: &PodInfo, amount: i64| {
                if term.is_about(about, cycle.nodes) {
                    count(&mut likings, term.domain(node), amount);
                }
            };
            mine.preferred
                .iter()
                .for_each(|(weight, term)| like(term, there, *weight));
            mine.preferred_anti
                .iter()
                .for_each(|(weight, term)| like(term, there, -weight));
            theirs
                .required
                .iter()
                .for_each(|term| like(term, cycle.pod, HARD_AFFINITY_WEIGHT));
            theirs
                .preferred
                .iter()
                .for_each(|(weight, term)| like(term, cycle.pod, *weight));
            theirs
                .preferred_anti
                .iter()
                .for_each(|(weight, term)| like(term, cycle.pod, -weight));
        }
    }
    likings
}

#[cfg(test)]
mod tests {
    use client::k8s_openapi::api::core::v1::{Affinity, PodAffinity, PodAntiAffinity};

    use super::super::testing::{Cluster, labelled, pod};
    use super::*;

    fn term(app: &str) -> PodAffinityTerm {
        PodAffinityTerm {
            label_selector: Some(LabelSelector {
                match_labels: Some([("app".to_owned(), app.to_owned())].into()),
                ..LabelSelector::default()
            }),
            topology_key: "zone".into(),
            ..PodAffinityTerm::default()
        }
    }

    fn wanting(mut pod: Pod, near: &[&str], away: &[&str]) -> Pod {
        let terms = |apps: &[&str]| Some(apps.iter().map(|app| term(app)).collect());
        pod.spec.get_or_insert_default().affinity = Some(Affinity {
            pod_affinity: Some(PodAffinity {
                required_during_scheduling_ignored_during_execution: terms(near),
                ..PodAffinity::default()
            }),
            pod_anti_affinity: Some(PodAntiAffinity {
                required_during_scheduling_ignored_during_execution: terms(away),
                ..PodAntiAffinity::default()
            }),
            ..Affinity::default()
        });
        pod
    }

    fn cluster() -> Cluster {
        let mut cluster = Cluster::default();
        cluster.node("a", &[("zone", "1")]).node("b", &[("zone", "2")]);
        cluster.place(labelled(pod("db", "0"), &[("app", "db")]), "a");
        cluster
    }

    #[test]
    fn affinity_goes_where_the_others_are() {
        let cluster = cluster();
        let rejected = cluster.rejections(&InterPodAffinity, wanting(pod("web", "0"), &["db"], &[]));
        assert_eq!(rejected, [("b", "node(s) didn't match pod affinity rules")]);
    }

    #[test]
    fn anti_affinity_goes_elsewhere() {
        let cluster = cluster();
        let rejected = cluster.rejections(&InterPodAffinity, wanting(pod("web", "0"), &[], &["db"]));
        assert_eq!(rejected, [("a", "node(s) didn't match pod anti-affinity rules")]);
    }

    #[test]
    fn pods_that_are_there_are_asked_too() {
        let mut cluster = cluster();
        cluster.place(wanting(pod("lonely", "0"), &[], &["web"]), "b");
        let incoming = labelled(pod("web", "0"), &[("app", "web")]);
        let rejected = cluster.rejections(&InterPodAffinity, incoming);
        assert_eq!(
            rejected,
            [("b", "node(s) didn't satisfy existing pods anti-affinity rules")]
        );
    }

    #[test]
    fn the_first_of_a_group_may_go_anywhere() {
        let first = wanting(labelled(pod("web", "0"), &[("app", "web")]), &["web"], &[]);
        assert!(cluster().rejections(&InterPodAffinity, first).is_empty());
    }
}
