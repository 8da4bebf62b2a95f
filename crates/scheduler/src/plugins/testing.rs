//! Nodes and pods for tests of plugins.

use std::collections::BTreeMap;
use std::sync::Arc;

use client::k8s_openapi::api::core::v1::{Node, NodeStatus, ResourceRequirements};
use client::k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use client::k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use client::lean::{Container, Metadata, Pod, PodTemplate};

use crate::framework::{Cycle, Filter};
use crate::nodes::Nodes;
use crate::pod::PodInfo;

/// A pod in the default namespace that asks for that much CPU; its UID is its name.
pub(crate) fn pod(name: &str, cpu: &str) -> Pod {
    let requests: BTreeMap<_, _> = [("cpu".to_owned(), Quantity(cpu.to_owned()))].into();
    let container = Container {
        resources: Some(ResourceRequirements {
            requests: Some(requests),
            ..ResourceRequirements::default()
        }),
        ..Container::default()
    };
    Pod {
        metadata: Metadata {
            name: Some(name.into()),
            namespace: Some("default".into()),
            uid: Some(name.into()),
            ..Metadata::default()
        },
        spec: Some(
            PodTemplate {
                containers: vec![container].into(),
                ..PodTemplate::default()
            }
            .into(),
        ),
        status: None,
    }
}

pub(crate) fn labelled(mut pod: Pod, labels: &[(&str, &str)]) -> Pod {
    pod.metadata.labels = Some(
        labels
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect(),
    );
    pod
}

pub(crate) fn prioritised(mut pod: Pod, priority: i32) -> Pod {
    pod.spec.get_or_insert_default().priority = Some(priority);
    pod
}

pub(crate) fn on_node(mut pod: Pod, node: &str) -> Arc<Pod> {
    pod.spec.get_or_insert_default().node_name = Some(node.into());
    Arc::new(pod)
}

pub(crate) fn info(pod: Pod) -> PodInfo {
    PodInfo::new(Arc::new(pod))
}

/// A node with that much CPU, 1Gi of memory, and room for 10 pods.
pub(crate) fn node(name: &str, cpu: &str) -> Arc<Node> {
    node_with(name, cpu, &[])
}

fn node_with(name: &str, cpu: &str, labels: &[(&str, &str)]) -> Arc<Node> {
    let amount = |name: &str, amount: &str| (name.to_owned(), Quantity(amount.to_owned()));
    let allocatable = [amount("cpu", cpu), amount("memory", "1Gi"), amount("pods", "10")];
    Arc::new(Node {
        metadata: ObjectMeta {
            name: Some(name.into()),
            labels: Some(
                labels
                    .iter()
                    .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
                    .collect(),
            ),
            ..ObjectMeta::default()
        },
        status: Some(NodeStatus {
            allocatable: Some(allocatable.into()),
            ..NodeStatus::default()
        }),
        ..Node::default()
    })
}

/// Nodes with pods.
#[derive(Default)]
pub(crate) struct Cluster {
    pub(crate) nodes: Nodes,
}

impl Cluster {
    pub(crate) fn node(&mut self, name: &str, labels: &[(&str, &str)]) -> &mut Self {
        self.nodes.put(node_with(name, "1", labels));
        self
    }

    pub(crate) fn place(&mut self, pod: Pod, node: &str) -> &mut Self {
        assert!(
            self.nodes
                .add_pod(node, Arc::new(PodInfo::new(on_node(pod, node))))
        );
        self
    }

    /// The nodes a filter rules out for a pod, with the first reason.
    pub(crate) fn rejections(&self, filter: &dyn Filter, pod: Pod) -> Vec<(&str, &'static str)> {
        let pod = info(pod);
        let Some(prepared) = filter.prepare(Cycle {
            pod: &pod,
            nodes: &self.nodes,
        }) else {
            return Vec::new();
        };
        let mut rejected: Vec<_> = self
            .nodes
            .iter()
            .filter_map(|node| {
                let rejection = prepared.check(node).err()?;
                Some((
                    node.name(),
                    &*Box::leak(rejection.reasons[0].clone().into_boxed_str()),
                ))
            })
            .collect();
        rejected.sort();
        rejected
    }
}
