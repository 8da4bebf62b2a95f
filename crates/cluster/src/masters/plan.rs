//! What is to change at the nodes: a pure function of them.

use client::k8s_openapi::api::core::v1::{Node, Taint};
use serde_json::{Value, json};

use super::{CONTROL_PLANE, TaintMode};

/// A merge patch for a node.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct NodePatch {
    pub(super) node: String,
    pub(super) patch: Value,
}

/// The changes that make `own` (this machine's node, if it is one) a master, and taint masters as `mode` says. Each carries
/// the version of the node that it was decided by, because a merge patch replaces the whole list of taints.
pub(super) fn plan(nodes: &[impl AsRef<Node>], own: Option<&str>, mode: TaintMode) -> Vec<NodePatch> {
    let masters = |node: &Node| is_master(node) || own == node.metadata.name.as_deref();
    let has_workers = nodes
        .iter()
        .map(AsRef::as_ref)
        .any(|node| !masters(node) && is_ready(node));
    let wanted = match mode {
        TaintMode::Auto => Some(has_workers),
        TaintMode::Always => Some(true),
        TaintMode::Never => None,
    };
    nodes
        .iter()
        .map(AsRef::as_ref)
        .filter(|node| masters(node))
        .filter_map(|node| patch(node, wanted))
        .collect()
}

fn patch(node: &Node, tainted: Option<bool>) -> Option<NodePatch> {
    let mut patch = json!({"metadata": {"resourceVersion": node.metadata.resource_version}});
    let mut changed = false;
    if !is_master(node) {
        patch["metadata"]["labels"] = json!({CONTROL_PLANE: ""});
        changed = true;
    }
    if let Some(taints) = tainted.and_then(|tainted| taints(node, tainted)) {
        patch["spec"] = json!({"taints": taints});
        changed = true;
    }
    let node = node.metadata.name.clone()?;
    changed.then_some(NodePatch { node, patch })
}

/// The taints as they should be, if they are not.
fn taints(node: &Node, tainted: bool) -> Option<Vec<Taint>> {
    let present: Vec<Taint> = node
        .spec
        .as_ref()
        .and_then(|spec| spec.taints.clone())
        .unwrap_or_default();
    let is_ours = |taint: &Taint| taint.key == CONTROL_PLANE && taint.effect == "NoSchedule";
    if present.iter().any(is_ours) == tainted {
        return None;
    }
    let mut taints: Vec<Taint> = present.into_iter().filter(|taint| !is_ours(taint)).collect();
    if tainted {
        taints.push(Taint {
            key: CONTROL_PLANE.to_owned(),
            effect: String::from("NoSchedule"),
            ..Taint::default()
        });
    }
    Some(taints)
}

fn is_master(node: &Node) -> bool {
    let labels = node.metadata.labels.as_ref();
    labels.is_some_and(|labels| labels.contains_key(CONTROL_PLANE))
}

fn is_ready(node: &Node) -> bool {
    let conditions = node
        .status
        .iter()
        .flat_map(|status| status.conditions.iter().flatten());
    let mut ready = conditions.filter(|condition| condition.type_ == "Ready");
    ready.next().is_some_and(|condition| condition.status == "True")
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn node(name: &str, labels: &[&str], ready: bool, taints: &[&str]) -> Arc<Node> {
        let labels: serde_json::Map<String, Value> = labels
            .iter()
            .map(|&label| (label.to_owned(), json!("")))
            .collect();
        let taints: Vec<Value> = taints
            .iter()
            .map(|&key| json!({"key": key, "effect": "NoSchedule"}))
            .collect();
        let status = if ready { "True" } else { "False" };
        let node = json!({
            "metadata": {"name": name, "labels": labels, "resourceVersion": "7"},
            "spec": {"taints": taints},
            "status": {"conditions": [{"type": "Ready", "status": status}]},
        });
        Arc::new(serde_json::from_value(node).expect("a node"))
    }

    fn changes(nodes: &[Arc<Node>], mode: TaintMode) -> Vec<(String, bool, Option<Vec<String>>)> {
        plan(nodes, Some("m"), mode)
            .into_iter()
            .map(|change| {
                let taints = change.patch["spec"]["taints"].as_array().map(|taints| {
                    let key = |taint: &Value| taint["key"].as_str().unwrap_or_default().to_owned();
                    taints.iter().map(key).collect()
                });
                (
                    change.node,
                    change.patch["metadata"].get("labels").is_some(),
                    taints,
                )
            })
            .collect()
    }

    #[test]
    fn a_new_master_gets_its_label_and_stays_usable_while_it_is_alone() {
        let lone = [node("m", &[], true, &[])];
        assert_eq!(changes(&lone, TaintMode::Auto), [(String::from("m"), true, None)]);
        let marked = [node("m", &[CONTROL_PLANE], true, &[])];
        assert_eq!(changes(&marked, TaintMode::Auto), []);
    }

    #[test]
    fn masters_are_tainted_while_a_worker_is_ready() {
        let master = node("m", &[CONTROL_PLANE], true, &["own"]);
        let tainted = node("m", &[CONTROL_PLANE], true, &["own", CONTROL_PLANE]);
        let (worker, lost) = (node("w", &[], true, &[]), node("w", &[], false, &[]));
        let set = |taints: &[&str]| {
            let taints = taints.iter().map(|&taint| taint.to_owned()).collect();
            vec![(String::from("m"), false, Some(taints))]
        };
        let auto = |nodes: &[Arc<Node>]| changes(nodes, TaintMode::Auto);
        assert_eq!(
            auto(&[master.clone(), worker.clone()]),
            set(&["own", CONTROL_PLANE])
        );
        assert_eq!(auto(&[tainted.clone(), worker.clone()]), []);
        assert_eq!(auto(&[master.clone(), lost.clone()]), []);
        assert_eq!(auto(&[tainted.clone(), lost]), set(&["own"]));
        let alone = std::slice::from_ref(&tainted);
        assert_eq!(auto(alone), set(&["own"]));
        assert_eq!(
            changes(std::slice::from_ref(&master), TaintMode::Always),
            set(&["own", CONTROL_PLANE])
        );
        assert_eq!(changes(&[master, worker], TaintMode::Never), []);
        assert_eq!(changes(&[tainted], TaintMode::Never), []);
    }

    #[test]
    fn other_masters_count_as_masters() {
        let nodes = [
            node("m", &[CONTROL_PLANE], true, &[]),
            node("n", &[CONTROL_PLANE], true, &[]),
        ];
        assert_eq!(changes(&nodes, TaintMode::Auto), []);
    }
}
