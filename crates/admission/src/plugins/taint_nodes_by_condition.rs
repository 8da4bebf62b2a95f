//! TaintNodesByCondition: a new node takes no pods before it is known to be ready.

use async_trait::async_trait;
use meta::Status;
use registry::AdmissionRequest;
use serde_json::json;

use crate::plugin::Plugin;
use crate::pod::append;
use crate::request::resources::NODES;
use crate::request::{Request, items, text};

const NOT_READY: &str = "node.kubernetes.io/not-ready";

/// The plugin.
pub(crate) struct TaintNodesByCondition;

#[async_trait]
impl Plugin for TaintNodesByCondition {
    fn name(&self) -> &'static str {
        "TaintNodesByCondition"
    }

    async fn mutate(&self, request: &mut AdmissionRequest<'_>) -> Result<(), Status> {
        if !request.creates(&NODES) {
            return Ok(());
        }
        let Some(node) = &mut request.object else {
            return Ok(());
        };
        let is_there = |taint| text(taint, "/key") == NOT_READY && text(taint, "/effect") == "NoSchedule";
        if !items(node, "/spec/taints").iter().any(is_there) {
            append(node, "taints", json!({"key": NOT_READY, "effect": "NoSchedule"}));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Write;

    #[tokio::test]
    async fn new_nodes_are_tainted_once() {
        let node =
            json!({"metadata": {"name": "n"}, "spec": {"taints": [{"key": "a", "effect": "NoSchedule"}]}});
        let once = Write::create(&NODES, node)
            .through(&TaintNodesByCondition)
            .await
            .unwrap();
        assert_eq!(
            once["spec"]["taints"][1],
            json!({"key": NOT_READY, "effect": "NoSchedule"})
        );
        let twice = Write::create(&NODES, once.clone())
            .through(&TaintNodesByCondition)
            .await
            .unwrap();
        assert_eq!(twice, once);
    }
}
