//! The pods that reads are measured with.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};

use crate::wire::Address;

/// Where they live.
pub const NAMESPACE: &str = "bench";
/// Their collection.
pub const PATH: &str = "/api/v1/namespaces/bench/pods";

type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// Makes the namespace if need be, and the service account of its pods: a server without controllers has nobody who makes
/// it, and one with them makes it a little later.
pub async fn namespace(address: &Address) -> Result<()> {
    let named =
        |kind: &str, name: &str| json!({"apiVersion": "v1", "kind": kind, "metadata": {"name": name}});
    let accounts = format!("/api/v1/namespaces/{NAMESPACE}/serviceaccounts");
    let mut connection = address.connect().await?;
    post(
        &mut connection,
        "/api/v1/namespaces",
        &named("Namespace", NAMESPACE),
    )
    .await?;
    post(&mut connection, &accounts, &named("ServiceAccount", "default")).await
}

/// Makes what `namespace` makes, and pods `from..to` of about `bytes` each, as stored.
pub async fn fill(address: &Address, from: usize, to: usize, bytes: usize) -> Result<()> {
    namespace(address).await?;
    let next = Arc::new(AtomicUsize::new(from));
    let mut writers = tokio::task::JoinSet::new();
    for _ in 0..32 {
        let (mut connection, next) = (address.connect().await?, next.clone());
        writers.spawn(async move {
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= to {
                    return Ok::<_, Box<dyn std::error::Error + Send + Sync>>(());
                }
                post(&mut connection, PATH, &pod(number, bytes)).await?;
            }
        });
    }
    while let Some(writer) = writers.join_next().await {
        writer??;
    }
    Ok(())
}

/// Removes all pods, so that the next round finds what the first one found.
pub async fn clear(address: &Address) -> Result<()> {
    let mut connection = address.connect().await?;
    match connection.call("DELETE", PATH, "", b"").await?.code {
        200 | 202 => Ok(()),
        code => Err(format!("DELETE {PATH} was answered with {code}").into()),
    }
}

/// Creates what is not there.
pub async fn post(connection: &mut crate::wire::Connection, path: &str, object: &Value) -> Result<()> {
    let body = serde_json::to_vec(object)?;
    let answer = connection
        .call("POST", path, "Content-Type: application/json\r\n", &body)
        .await?;
    match answer.code {
        201 | 409 => Ok(()),
        code => Err(format!("POST {path} was answered with {code}").into()),
    }
}

/// A pod that no scheduler looks at. Of a hundred, one has the label `rare`.
pub fn pod(number: usize, bytes: usize) -> Value {
    // What a server adds to such a pod (defaults, managed fields, status) is about this much.
    const ADDED: usize = 1900;
    let mut labels =
        json!({"app": "bench", "number": number.to_string(), "tier": format!("tier-{}", number % 10)});
    if number.is_multiple_of(100) {
        labels["rare"] = "yes".into();
    }
    let filler = "x".repeat(bytes.saturating_sub(ADDED));
    let mut pod = json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name(number), "labels": labels},
        "spec": {
            "schedulerName": "nobody",
            "automountServiceAccountToken": false,
            "containers": [{
                "name": "main",
                "image": "localhost/bench:1",
                "resources": {"requests": {"cpu": "10m", "memory": "16Mi"}},
            }],
        },
    });
    if !filler.is_empty() {
        pod["metadata"]["annotations"] = json!({"filler": filler});
    }
    pod
}

/// The name of a pod.
pub fn name(number: usize) -> String {
    format!("pod-{number:06}")
}
