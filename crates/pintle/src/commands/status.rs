//! `pintle status`: whether the cluster is well.

use clap::Args;
use client::k8s_openapi::api::core::v1::Node;
use client::{Client, ListOptions, Scope, transport};
use http::Request;
use jiff::Timestamp;

use super::CommandError;
use super::cluster::{ClusterOptions, wait_for};
use super::table;

/// Say whether the cluster is well. Fails if the API is not ready.
#[derive(Debug, Args)]
pub struct StatusCommand {
    #[command(flatten)]
    cluster: ClusterOptions,
}

const ROLE_PREFIX: &str = "node-role.kubernetes.io/";

impl StatusCommand {
    /// Does it.
    pub fn run(self) -> Result<(), CommandError> {
        wait_for(async {
            let (client, config) = self.cluster.client()?;
            let is_ready = is_ready(&client).await?;
            let word = if is_ready { "ready" } else { "not ready" };
            println!("API server {}: {word}", config.server);
            if !is_ready {
                return Err(CommandError::NotReady);
            }
            let nodes = client.list::<Node>(Scope::Cluster, &ListOptions::default()).await;
            let nodes = nodes.map_err(CommandError::api("cannot list the nodes"))?;
            let now = Timestamp::now();
            let rows: Vec<_> = nodes.items.iter().map(|node| row(node, now)).collect();
            match rows.as_slice() {
                [] => println!("no nodes"),
                rows => print!("{}", table::render(TITLES, rows)),
            }
            Ok(())
        })
    }
}

async fn is_ready(client: &Client) -> Result<bool, CommandError> {
    let request = Request::get("/readyz").body(transport::empty());
    let request = request.expect("the path is a constant");
    let answer = client.send(request).await;
    let answer = answer.map_err(CommandError::api(
        "the API server does not answer; is it running?",
    ))?;
    Ok(answer.status().is_success())
}

const TITLES: [&str; 5] = ["NODE", "STATUS", "ROLES", "AGE", "VERSION"];

fn row(node: &Node, now: Timestamp) -> [String; 5] {
    let status = node.status.clone().unwrap_or_default();
    let ready = status
        .conditions
        .iter()
        .flatten()
        .find(|condition| condition.type_ == "Ready");
    let mut words = vec![match ready.map(|condition| condition.status.as_str()) {
        Some("True") => "Ready",
        Some("False") => "NotReady",
        _ => "Unknown",
    }];
    if node.spec.as_ref().and_then(|spec| spec.unschedulable) == Some(true) {
        words.push("SchedulingDisabled");
    }
    let labels = node.metadata.labels.iter().flatten();
    let roles: Vec<&str> = labels
        .filter_map(|(label, _)| label.strip_prefix(ROLE_PREFIX))
        .collect();
    let made = node
        .metadata
        .creation_timestamp
        .as_ref()
        .map(|time| time.0.as_second());
    [
        node.metadata.name.clone().unwrap_or_default(),
        words.join(","),
        if roles.is_empty() {
            String::from("<none>")
        } else {
            roles.join(",")
        },
        table::span(now.as_second() - made.unwrap_or(now.as_second())),
        status
            .node_info
            .map(|info| info.kubelet_version)
            .unwrap_or_default(),
    ]
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_nodes_row_says_how_it_is() {
        let node: Node = serde_json::from_value(json!({
            "metadata": {
                "name": "a",
                "creationTimestamp": "2026-01-01T00:00:00Z",
                "labels": {"node-role.kubernetes.io/control-plane": "", "x": "y"},
            },
            "spec": {"unschedulable": true},
            "status": {
                "conditions": [{"type": "Ready", "status": "True"}],
                "nodeInfo": {
                    "architecture": "", "bootID": "", "containerRuntimeVersion": "", "kernelVersion": "",
                    "kubeProxyVersion": "", "kubeletVersion": "v1.36.2", "machineID": "", "operatingSystem": "",
                    "osImage": "", "systemUUID": "",
                },
            },
        }))
        .expect("a node");
        let now: Timestamp = "2026-01-03T01:00:00Z".parse().expect("a time");
        assert_eq!(
            row(&node, now),
            [
                "a",
                "Ready,SchedulingDisabled",
                "control-plane",
                "2d1h",
                "v1.36.2"
            ]
        );
        assert_eq!(row(&Node::default(), now)[1..3], ["Unknown", "<none>"]);
    }
}
