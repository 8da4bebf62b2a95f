//! Objects in other forms than their own: rows of tables and metadata, listed and watched.

use futures::{AsyncBufReadExt, StreamExt};
use http::Request;
use kube::Client;
use serde_json::{Value, json};
use testkit::ServerBuilder;

use crate::kube_rs::client;

const MAPS: &str = "/api/v1/namespaces/default/configmaps";
const TABLE: &str = "application/json;as=Table;v=v1;g=meta.k8s.io";
const METADATA: &str = "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io";
const METADATA_LIST: &str = "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io";
/// A watch that begins with the present state and says where it ends.
const STREAMED: &str =
    "watch=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true";

fn get(path: &str, accept: &str) -> Request<Vec<u8>> {
    let request = Request::get(path).header("accept", accept);
    request.body(Vec::new()).expect("a request")
}

/// The events of a watch up to the end of the present state.
async fn present(client: &Client, query: &str, accept: &str) -> Vec<Value> {
    let path = format!("{MAPS}?{STREAMED}&labelSelector=test&{query}");
    let stream = client.request_stream(get(&path, accept)).await.expect("a watch");
    let mut lines = Box::pin(stream).lines();
    let mut events = Vec::new();
    loop {
        let line = lines.next().await.expect("the watch goes on").expect("a line");
        let event: Value = serde_json::from_str(&line).expect("JSON");
        let is_last = event["type"] == "BOOKMARK";
        events.push(event);
        if is_last {
            return events;
        }
    }
}

async fn listed(client: &Client, query: &str, accept: &str) -> Value {
    let path = format!("{MAPS}?labelSelector=test&{query}");
    client.request(get(&path, accept)).await.expect("a list")
}

/// The kinds of what rows carry.
fn carried(tables: &[Value]) -> Vec<&Value> {
    let rows = tables
        .iter()
        .flat_map(|table| table["rows"].as_array().into_iter().flatten());
    rows.map(|row| row["object"].get("kind").unwrap_or(&Value::Null))
        .collect()
}

#[test]
fn rows_and_metadata_are_listed_and_watched() {
    let server = ServerBuilder::control_plane().start();
    let kubectl = server.kubectl();
    for name in ["a", "b"] {
        kubectl.run(&["create", "configmap", name, "--from-literal=k=v"]);
        kubectl.run(&["label", "configmap", name, "test=yes"]);
    }
    let runtime = tokio::runtime::Runtime::new().expect("threads can be made");
    runtime.block_on(async {
        let client = client(server.kubeconfig()).await;
        tables(&client).await;
        metadata(&client).await;
        refusals(&client).await;
    });
}

async fn tables(client: &Client) {
    for (include, kind) in [
        ("", json!("PartialObjectMetadata")),
        ("includeObject=Metadata", json!("PartialObjectMetadata")),
        ("includeObject=Object", json!("ConfigMap")),
        ("includeObject=None", Value::Null),
    ] {
        let table = listed(client, include, TABLE).await;
        assert_eq!(
            (&table["kind"], &table["apiVersion"]),
            (&json!("Table"), &json!("meta.k8s.io/v1"))
        );
        assert_eq!(carried(&[table]), [&kind, &kind], "{include}");

        let events = present(client, include, TABLE).await;
        let kinds: Vec<&Value> = events.iter().map(|event| &event["type"]).collect();
        assert_eq!(kinds, ["ADDED", "ADDED", "BOOKMARK"]);
        let tables: Vec<Value> = events.iter().map(|event| event["object"].clone()).collect();
        assert_eq!(carried(&tables), [&kind, &kind, &kind], "{include}");
        // Only the first table of a watch says what its columns are.
        let columns: Vec<bool> = tables
            .iter()
            .map(|table| table["columnDefinitions"].is_array())
            .collect();
        assert_eq!(columns, [true, false, false]);
        assert_eq!(tables[0]["rows"][0]["cells"][0], "a");
    }
}

async fn metadata(client: &Client) {
    let page = listed(client, "limit=1", METADATA_LIST).await;
    assert_eq!(page["kind"], "PartialObjectMetadataList");
    let next = page["metadata"]["continue"].as_str().expect("there is more");
    assert!(
        page["metadata"].get("remainingItemCount").is_none(),
        "not all are selected"
    );
    let rest = listed(client, &format!("limit=1&continue={next}"), METADATA_LIST).await;
    assert_eq!(
        rest["metadata"]["resourceVersion"],
        page["metadata"]["resourceVersion"]
    );
    assert_eq!(rest["items"][0]["metadata"]["name"], "b");
    assert_eq!(rest["items"][0]["kind"], "PartialObjectMetadata");

    let events = present(client, "", METADATA).await;
    for event in &events {
        assert_eq!(event["object"]["kind"], "PartialObjectMetadata");
        assert!(event["object"].get("data").is_none());
    }
    let annotations = &events[2]["object"]["metadata"]["annotations"];
    assert_eq!(annotations["k8s.io/initial-events-end"], "true");
}

async fn refusals(client: &Client) {
    for (path, accept, message) in [
        (
            format!("{MAPS}?includeObject=x"),
            TABLE,
            "Unable to convert to Table as requested: includeObject: Invalid value: \"x\": must be 'Metadata', 'Object', 'None', or empty",
        ),
        (
            format!("{MAPS}?watch=true&sendInitialEvents=true"),
            "application/json",
            "ListOptions.meta.k8s.io \"\" is invalid: resourceVersionMatch: Forbidden: sendInitialEvents requires setting \
             resourceVersionMatch to NotOlderThan",
        ),
        (
            String::from("/api/v1/watch/namespaces/default/configmaps/a?fieldSelector=metadata.name%3Db"),
            "application/json",
            "fieldSelector metadata.name doesn't match requested name",
        ),
        (
            format!("{MAPS}?continue=x"),
            "application/json",
            "invalid continue token: continue key is not valid: illegal base64 data at input byte 0",
        ),
    ] {
        match client.request::<Value>(get(&path, accept)).await {
            Err(kube::Error::Api(status)) => assert_eq!(status.message, message, "{path}"),
            other => panic!("{path}: {other:?}"),
        }
    }
}
