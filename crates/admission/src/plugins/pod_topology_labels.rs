//! PodTopologyLabels: a pod learns in its labels in which zone and region its node stands.

use std::sync::Arc;

use async_trait::async_trait;
use meta::Status;
use meta::label_selector::Labels as _;
use registry::{AdmissionRequest, Operation};
use serde_json::Value;

use crate::cluster::Cluster;
use crate::plugin::Plugin;
use crate::request::resources::{NODES, PODS};
use crate::request::{Request, text};

const LABELS: [&str; 2] = ["topology.kubernetes.io/zone", "topology.kubernetes.io/region"];

/// The plugin.
pub(crate) struct PodTopologyLabels {
    pub(crate) cluster: Arc<dyn Cluster>,
}

#[async_trait]
impl Plugin for PodTopologyLabels {
    fn name(&self) -> &'static str {
        "PodTopologyLabels"
    }

    async fn mutate(&self, request: &mut AdmissionRequest<'_>) -> Result<(), Status> {
        if request.operation != Operation::Create {
            return Ok(());
        }
        let node = if request.is_for(&PODS, "") {
            text(request.proposed(), "/spec/nodeName")
        } else if request.is_for(&PODS, "binding") {
            text(request.proposed(), "/target/name")
        } else {
            return Ok(());
        };
        if node.is_empty() {
            return Ok(());
        }
        // A pod may be put on a node that is yet to come; it then stays without labels.
        let Some(node) = self.cluster.get(&NODES, "", node).await? else {
            return Ok(());
        };
        let Some(object) = &mut request.object else {
            return Ok(());
        };
        for label in LABELS {
            if let Some(value) = node.label(label) {
                set_label(object, label, value);
            }
        }
        Ok(())
    }
}

fn set_label(object: &mut Value, key: &str, value: &str) {
    object["metadata"]["labels"][key] = value.into();
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testing::{FakeCluster, Write};

    #[tokio::test]
    async fn pods_and_bindings_take_the_labels_of_the_node() {
        let labels = json!({LABELS[0]: "z1", LABELS[1]: "r1", "other": "x"});
        let cluster =
            FakeCluster::default().with(&NODES, json!({"metadata": {"name": "n", "labels": labels}}));
        let plugin = PodTopologyLabels {
            cluster: cluster.shared(),
        };
        let expected = json!({LABELS[0]: "z1", LABELS[1]: "r1"});
        let pod = |node: &str| json!({"metadata": {"name": "p"}, "spec": {"nodeName": node}});
        let pod_on = async |node: &str| Write::create(&PODS, pod(node)).through(&plugin).await.unwrap();
        assert_eq!(pod_on("n").await["metadata"]["labels"], expected);
        assert_eq!(pod_on("").await, pod(""));
        assert_eq!(pod_on("missing").await, pod("missing"));
        let binding = json!({"metadata": {"name": "p"}, "target": {"kind": "Node", "name": "n"}});
        let binding = Write::create(&PODS, binding)
            .below("binding")
            .through(&plugin)
            .await
            .unwrap();
        assert_eq!(binding["metadata"]["labels"], expected);
    }
}
