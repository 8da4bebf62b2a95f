//! The node's lease: the cheap sign of life.

use std::time::Duration;

use client::{Client, Error, Patch, PatchOptions, Scope};
use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::api::core::v1::Node;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta, OwnerReference};
use serde_json::json;
use tokio_util::sync::CancellationToken;

/// Where the leases of nodes are.
pub const LEASE_NAMESPACE: &str = "kube-node-lease";
/// How long a sign of life counts.
const DURATION_SECONDS: i32 = 40;
/// How often it is given: a quarter of that, as upstream.
const INTERVAL: Duration = Duration::from_secs(10);
/// The first and the longest pause after a failure.
const FIRST_RETRY: Duration = Duration::from_millis(200);
const LONGEST_RETRY: Duration = Duration::from_secs(7);

/// Renews the lease until the token fires. It belongs to the Node object, so that it goes with it.
pub async fn renew_lease(client: Client, node_name: String, shutdown: CancellationToken) {
    let mut retry = FIRST_RETRY;
    let renew = async {
        loop {
            let pause = match renew(&client, &node_name).await {
                Ok(()) => {
                    retry = FIRST_RETRY;
                    INTERVAL
                }
                Err(error) => {
                    tracing::debug!(error = %client::controller::Chain(&error), "lease not renewed");
                    let pause = retry;
                    retry = (retry * 2).min(LONGEST_RETRY);
                    pause
                }
            };
            tokio::time::sleep(pause).await;
        }
    };
    tokio::select! {
        () = shutdown.cancelled() => {}
        () = renew => {}
    }
}

async fn renew(client: &Client, node_name: &str) -> Result<(), Error> {
    let now = MicroTime(Timestamp::now());
    let spec = json!({ "spec": {
        "holderIdentity": node_name,
        "leaseDurationSeconds": DURATION_SECONDS,
        "renewTime": now,
    } });
    let options = PatchOptions::default();
    let scope = Scope::Namespace(LEASE_NAMESPACE);
    match client
        .patch::<Lease>(scope, node_name, Patch::Merge(&spec), &options)
        .await
    {
        Ok(_) => Ok(()),
        Err(error) if error.is_not_found() => create(client, node_name, now).await,
        Err(error) => Err(error),
    }
}

async fn create(client: &Client, node_name: &str, now: MicroTime) -> Result<(), Error> {
    let node = client.get::<Node>(Scope::Cluster, node_name).await?;
    let lease = Lease {
        metadata: ObjectMeta {
            name: Some(node_name.to_owned()),
            namespace: Some(LEASE_NAMESPACE.to_owned()),
            owner_references: Some(vec![OwnerReference {
                api_version: "v1".to_owned(),
                kind: "Node".to_owned(),
                name: node_name.to_owned(),
                uid: node.metadata.uid.unwrap_or_default(),
                ..OwnerReference::default()
            }]),
            ..ObjectMeta::default()
        },
        spec: Some(LeaseSpec {
            holder_identity: Some(node_name.to_owned()),
            lease_duration_seconds: Some(DURATION_SECONDS),
            renew_time: Some(now),
            ..LeaseSpec::default()
        }),
    };
    client
        .create(Scope::Namespace(LEASE_NAMESPACE), &lease)
        .await
        .map(|_| ())
}
