//! Why a pod waits, node by node, in upstream's words.

use std::collections::BTreeMap;

use crate::framework::Rejection;

/// Why no node fits.
#[derive(Clone, Debug, Default)]
pub(crate) struct Diagnosis {
    /// All nodes there are.
    pub(crate) nodes: usize,
    /// What each node was ruled out for.
    pub(crate) rejections: BTreeMap<String, Rejection>,
    /// The plugins that ruled nodes out; a change they care about wakes the pod.
    pub(crate) plugins: Vec<&'static str>,
    /// Why no room could be made by removing pods.
    pub(crate) preemption_failure: Option<String>,
}

impl Diagnosis {
    pub(crate) fn reject(&mut self, node: &str, plugin: &'static str, rejection: Rejection) {
        if !self.plugins.contains(&plugin) {
            self.plugins.push(plugin);
        }
        self.rejections.insert(node.to_owned(), rejection);
    }

    /// The message of the pod's condition and event.
    pub(crate) fn message(&self) -> String {
        if self.nodes == 0 {
            return String::from("no nodes available to schedule pods");
        }
        let reasons = self
            .rejections
            .values()
            .flat_map(|rejection| rejection.reasons.iter().cloned());
        let of_the_pod = self.rejections.values().find(|rejection| rejection.of_the_pod);
        let available = match of_the_pod {
            Some(rejection) => format!(
                "0/{} nodes are available: {}.",
                self.nodes,
                rejection.reasons.join(", ")
            ),
            None => availability(self.nodes, reasons),
        };
        match &self.preemption_failure {
            // Upstream's resource claim plugin speaks before preemption does, whether the pod has claims or not.
            Some(failure) => format!("{available} no new claims to deallocate, {failure}"),
            None => available,
        }
    }
}

/// `0/3 nodes are available: 1 Insufficient cpu, 2 Too many pods.`
pub(crate) fn availability(all: usize, reasons: impl Iterator<Item = String>) -> String {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for reason in reasons {
        *counts.entry(reason).or_default() += 1;
    }
    // Upstream sorts the finished texts, so that "10 x" comes before "2 y".
    let mut texts: Vec<_> = counts
        .iter()
        .map(|(reason, count)| format!("{count} {reason}"))
        .collect();
    texts.sort();
    format!("0/{all} nodes are available: {}.", texts.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_counted_and_sorted() {
        let mut diagnosis = Diagnosis {
            nodes: 3,
            preemption_failure: Some(String::from("preemption: x")),
            ..Diagnosis::default()
        };
        diagnosis.reject(
            "a",
            "NodeResourcesFit",
            Rejection::resolvable("Insufficient memory"),
        );
        diagnosis.reject("b", "NodeResourcesFit", Rejection::resolvable("Insufficient cpu"));
        diagnosis.reject(
            "c",
            "NodeResourcesFit",
            Rejection::resolvable("Insufficient memory"),
        );
        assert_eq!(
            diagnosis.message(),
            "0/3 nodes are available: 1 Insufficient cpu, 2 Insufficient memory. no new claims to deallocate, preemption: x"
        );
    }

    #[test]
    fn a_cluster_without_nodes_says_so() {
        assert_eq!(
            Diagnosis::default().message(),
            "no nodes available to schedule pods"
        );
    }
}
