//! Updating.

use serde_json::{Value, json};

use crate::gadgets::{Cluster, gadget, refused, version};

#[tokio::test]
async fn a_change_of_spec_counts_and_one_of_status_does_not() {
    let cluster = Cluster::start().await;
    let mut tree = cluster.create(gadget("a")).await.tree();
    tree["spec"]["minAvailable"] = 2.into();
    tree["status"]["currentHealthy"] = 9.into();
    let updated = cluster
        .gadgets
        .update(&cluster.context, "ns", "a", "", tree)
        .await
        .unwrap();
    assert!(!updated.created);
    let mut tree = updated.object.tree();
    assert_eq!(tree["metadata"]["generation"], 2);
    assert_eq!(tree["status"]["currentHealthy"], 0);
    tree["spec"]["minAvailable"] = 3.into();
    tree["status"]["currentHealthy"] = 9.into();
    let updated = cluster
        .gadgets
        .update(&cluster.context, "ns", "a", "status", tree)
        .await
        .unwrap();
    let tree = updated.object.tree();
    assert_eq!(tree["metadata"]["generation"], 2);
    assert_eq!(tree["spec"]["minAvailable"], 2);
    assert_eq!(tree["status"]["currentHealthy"], 9);
    assert_eq!(cluster.read("a").await.unwrap(), tree);
}

#[tokio::test]
async fn an_update_without_effect_is_no_write() {
    let cluster = Cluster::start().await;
    let created = cluster.create(gadget("a")).await;
    let again = cluster
        .gadgets
        .update(&cluster.context, "ns", "a", "", created.tree())
        .await
        .unwrap();
    assert_eq!(version(&again.object), version(&created));
    assert_eq!(cluster.revision(), version(&created));
}

#[tokio::test]
async fn old_versions_and_other_objects_are_not_overwritten() {
    let cluster = Cluster::start().await;
    let first = cluster.create(gadget("a")).await.tree();
    let mut second = first.clone();
    second["spec"]["minAvailable"] = 2.into();
    cluster
        .gadgets
        .update(&cluster.context, "ns", "a", "", second)
        .await
        .unwrap();

    let put = async |edit: &dyn Fn(&mut Value)| {
        let mut body = first.clone();
        edit(&mut body);
        cluster
            .gadgets
            .update(&cluster.context, "ns", "a", "", body)
            .await
    };
    let modified = "Operation cannot be fulfilled on gadgets.policy \"a\": the object has been modified; please apply your \
                    changes to the latest version and try again";
    refused(
        put(&|body| body["spec"]["minAvailable"] = 3.into()).await,
        409,
        modified,
    );
    let words = put(&|body| body["metadata"]["resourceVersion"] = "xyz".into()).await;
    refused(words, 500, "strconv.ParseUint: parsing \"xyz\": invalid syntax");
    let renamed = put(&|body| body["metadata"]["name"] = "b".into()).await;
    refused(
        renamed,
        400,
        "the name of the object (b) does not match the name on the URL (a)",
    );
    let uid = first["metadata"]["uid"].as_str().unwrap();
    let other = put(&|body| {
        body["metadata"]["uid"] = "1-2-3".into();
        body["metadata"]["resourceVersion"] = "".into();
    });
    let storage = format!(
        "Operation cannot be fulfilled on gadgets.policy \"a\": StorageError: invalid object, Code: 4, Key: \
         /registry/gadgets/ns/a, ResourceVersion: 0, AdditionalErrorMsg: Precondition failed: UID in precondition: 1-2-3, \
         UID in object meta: {uid}"
    );
    refused(other.await, 409, &storage);
    let unconditional = put(&|body| {
        body["metadata"]["resourceVersion"] = "0".into();
        body["spec"]["minAvailable"] = 4.into();
    });
    assert_eq!(
        unconditional.await.unwrap().object.tree()["spec"]["minAvailable"],
        4
    );
    let missing = cluster
        .gadgets
        .update(&cluster.context, "ns", "b", "", gadget("b"))
        .await;
    refused(missing, 404, "gadgets.policy \"b\" not found");
}

#[tokio::test]
async fn a_projection_is_read_and_written_through_the_object() {
    let cluster = Cluster::start().await;
    cluster.create(gadget("a")).await;
    let get = cluster
        .gadgets
        .get_subresource("ns", "a", "healthy", &Default::default())
        .await;
    let mut face = get.unwrap().tree();
    assert_eq!(
        (face["kind"].as_str(), face["spec"]["replicas"].as_i64()),
        (Some("Scale"), Some(1))
    );
    face["spec"]["replicas"] = 5.into();
    let written = cluster
        .gadgets
        .update(&cluster.context, "ns", "a", "healthy", face.clone())
        .await
        .unwrap();
    assert_eq!(written.object.tree()["spec"]["replicas"], 5);
    assert_eq!(cluster.read("a").await.unwrap()["spec"]["minAvailable"], 5);
    let stale = cluster
        .gadgets
        .update(&cluster.context, "ns", "a", "healthy", face)
        .await;
    assert!(stale.unwrap_err().is_conflict());
}

#[tokio::test]
async fn writers_do_not_lose_each_others_changes() {
    let cluster = Cluster::start().await;
    cluster.create(gadget("a")).await;
    let writers = (0..8).map(|writer| {
        let (gadgets, context) = (cluster.gadgets.clone(), cluster.context.clone());
        tokio::spawn(async move {
            for round in 0..10 {
                let key = format!("w{writer}r{round}");
                loop {
                    let mut tree = gadgets.get("ns", "a", &Default::default()).await.unwrap().tree();
                    tree["metadata"]["labels"][&key] = "x".into();
                    match gadgets.update(&context, "ns", "a", "", tree).await {
                        Ok(_) => break,
                        Err(status) => assert!(status.is_conflict(), "{status}"),
                    }
                }
            }
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.unwrap();
    }
    let tree = cluster.read("a").await.unwrap();
    assert_eq!(tree["metadata"]["labels"].as_object().unwrap().len(), 80);
}

#[tokio::test]
async fn a_dry_run_shows_the_change_and_keeps_the_object() {
    let cluster = Cluster::start().await;
    let created = cluster.create(gadget("a")).await;
    let mut tree = created.tree();
    tree["spec"] = json!({"minAvailable": 2});
    let dry = cluster
        .gadgets
        .update(&cluster.dry(), "ns", "a", "", tree)
        .await
        .unwrap()
        .object;
    let mut other = created.tree();
    other["metadata"]["uid"] = "1-2-3".into();
    let other = cluster.gadgets.update(&cluster.dry(), "ns", "a", "", other).await;
    let message = other.unwrap_err().message;
    assert!(
        message.contains("Code: 4, Key: /gadgets/ns/a, ResourceVersion: 0"),
        "{message}"
    );
    assert_eq!(version(&dry), version(&created));
    assert_eq!(dry.tree()["metadata"]["generation"], 2);
    assert_eq!(cluster.read("a").await.unwrap(), created.tree());
}
