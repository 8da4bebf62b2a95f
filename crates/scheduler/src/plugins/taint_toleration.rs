//! Taints keep pods away that do not tolerate them.

use client::k8s_openapi::api::core::v1::{Taint, Toleration};

use crate::framework::{ClusterChange, Cycle, Filter, NodeFilter, Rejection, Score, normalized};
use crate::node::NodeInfo;
use crate::pod::PodInfo;

pub(crate) struct TaintToleration;

/// Whether a toleration is about a taint.
pub(crate) fn tolerates(toleration: &Toleration, taint: &Taint) -> bool {
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    let (effect, key) = (text(&toleration.effect), text(&toleration.key));
    if !effect.is_empty() && effect != taint.effect {
        return false;
    }
    if !key.is_empty() && key != taint.key {
        return false;
    }
    match toleration.operator.as_deref() {
        Some("Exists") => true,
        None | Some("" | "Equal") => !key.is_empty() && text(&toleration.value) == text(&taint.value),
        _ => false,
    }
}

fn is_tolerated(pod: &PodInfo, taint: &Taint) -> bool {
    pod.tolerations()
        .iter()
        .any(|toleration| tolerates(toleration, taint))
}

impl Filter for TaintToleration {
    fn name(&self) -> &'static str {
        "TaintToleration"
    }

    fn prepare<'a>(&'a self, cycle: Cycle<'a>) -> Option<Box<dyn NodeFilter + 'a>> {
        let pod = cycle.pod;
        Some(Box::new(move |node: &NodeInfo| {
            let keeps_away = |taint: &&Taint| matches!(taint.effect.as_str(), "NoSchedule" | "NoExecute");
            match node
                .taints()
                .iter()
                .filter(keeps_away)
                .all(|taint| is_tolerated(pod, taint))
            {
                true => Ok(()),
                false => Err(Rejection::unresolvable("node(s) had untolerated taint(s)")),
            }
        }))
    }

    fn is_helped_by(&self, change: ClusterChange) -> bool {
        matches!(
            change,
            ClusterChange::NodeAdded | ClusterChange::NodeTaints | ClusterChange::PodItself
        )
    }
}

impl Score for TaintToleration {
    fn weight(&self) -> i64 {
        3
    }

    fn scores(&self, cycle: Cycle<'_>, fitting: &[&NodeInfo]) -> Option<Vec<i64>> {
        let disliked = |node: &&NodeInfo| {
            let soft = node
                .taints()
                .iter()
                .filter(|taint| taint.effect == "PreferNoSchedule");
            soft.filter(|taint| !is_tolerated(cycle.pod, taint)).count() as i64
        };
        Some(normalized(fitting.iter().map(disliked).collect(), true))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tolerations_match_by_key_value_and_effect() {
        let taint = Taint {
            key: "k".into(),
            value: Some("v".into()),
            effect: "NoSchedule".into(),
            ..Taint::default()
        };
        let check = |key: &str, operator: &str, value: &str, effect: &str, expected: bool| {
            let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
            let toleration = Toleration {
                key: some(key),
                operator: some(operator),
                value: some(value),
                effect: some(effect),
                ..Toleration::default()
            };
            assert_eq!(tolerates(&toleration, &taint), expected, "{toleration:?}");
        };
        check("k", "", "v", "", true);
        check("k", "Equal", "x", "", false);
        check("k", "Exists", "", "NoSchedule", true);
        check("k", "Exists", "", "NoExecute", false);
        check("", "Exists", "", "", true);
        check("", "", "v", "", false);
    }
}
