//! Mirror pods: objects that show in the API what runs from files on this node.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use client::controller::{Chain, Outcome};
use client::{Client, DeleteOptions, Error, Informer, WorkQueue, run_workers};
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;

use crate::node::NodeShared;
use crate::pod::annotation::{CONFIG_HASH, CONFIG_MIRROR};

/// The pause after a failure, or until there is a Node object to own the mirrors.
const RETRY: Duration = Duration::from_millis(500);

type Key = (String, String);

/// Keeps the mirrors of pods from files.
pub struct Mirrors {
    client: Client,
    pods: Informer<Pod>,
    node: Arc<NodeShared>,
    node_name: String,
    from_files: Mutex<HashMap<Key, Arc<Pod>>>,
    queue: WorkQueue<Key>,
}

/// What is to be done about a mirror.
#[derive(Debug, PartialEq, Eq)]
enum Step {
    Nothing,
    Create,
    Delete { uid: String },
}

impl Mirrors {
    pub fn new(client: Client, pods: Informer<Pod>, node: Arc<NodeShared>, node_name: &str) -> Arc<Self> {
        Arc::new(Self {
            client,
            pods,
            node,
            node_name: node_name.to_owned(),
            from_files: Mutex::default(),
            queue: WorkQueue::new(),
        })
    }

    /// Works until the token fires. To be started when the files are known, or mirrors would be taken for leftovers.
    pub async fn run(self: Arc<Self>, shutdown: CancellationToken) {
        let mirrors = self.clone();
        let sync = move |key: Key| {
            let mirrors = mirrors.clone();
            async move { Ok::<_, Error>(mirrors.sync(&key).await) }
        };
        run_workers("kubelet-mirror", self.queue.clone(), 1, shutdown, sync).await;
    }

    /// A pod from a file runs, or is to run.
    pub fn set(&self, pod: Arc<Pod>) {
        let key = key(&pod);
        self.from_files.lock().insert(key.clone(), pod);
        self.queue.add(key);
    }

    /// A pod from a file is over.
    pub fn gone(&self, pod: &Pod) {
        let key = key(pod);
        let mut from_files = self.from_files.lock();
        // Another one of that name may have come in the meantime.
        if from_files
            .get(&key)
            .is_some_and(|known| known.metadata.uid == pod.metadata.uid)
        {
            from_files.remove(&key);
        }
        self.queue.add(key);
    }

    /// A mirror changed in the API.
    pub fn check(&self, namespace: &str, name: &str) {
        self.queue.add((namespace.to_owned(), name.to_owned()));
    }

    async fn sync(&self, key: &Key) -> Outcome {
        let (namespace, name) = key;
        let from_file = self.from_files.lock().get(key).cloned();
        let in_api = self.pods.store().get(namespace, name);
        let done = match step(from_file.as_deref(), in_api.as_deref()) {
            Step::Nothing => Ok(()),
            Step::Delete { uid } => {
                let options = DeleteOptions {
                    grace_period_seconds: Some(0),
                    ..DeleteOptions::of_uid(uid)
                };
                self.client
                    .delete::<Pod>(namespace.as_str().into(), name, &options)
                    .await
            }
            Step::Create => match from_file.as_deref().and_then(|pod| self.mirror_of(pod)) {
                Some(mirror) => self
                    .client
                    .create(namespace.as_str().into(), &mirror)
                    .await
                    .map(|_| ()),
                None => return Outcome::After(RETRY),
            },
        };
        match done {
            Ok(()) => Outcome::Done,
            Err(error) if error.is_not_found() && from_file.is_none() => Outcome::Done,
            Err(error) => {
                tracing::debug!(namespace, name, error = %Chain(&error), "mirror pod not written");
                Outcome::After(RETRY)
            }
        }
    }

    /// The mirror of a pod; none before there is a Node object to own it.
    fn mirror_of(&self, pod: &Pod) -> Option<Pod> {
        let node = self.node.node()?;
        let owner = OwnerReference {
            api_version: "v1".to_owned(),
            kind: "Node".to_owned(),
            name: self.node_name.clone(),
            uid: node.metadata.uid.clone()?,
            controller: Some(true),
            block_owner_deletion: None,
        };
        let mut annotations = pod.metadata.annotations.clone().unwrap_or_default();
        let hash = annotations.get(CONFIG_HASH).cloned().unwrap_or_default();
        annotations.insert(CONFIG_MIRROR.to_owned(), hash);
        Some(Pod {
            metadata: ObjectMeta {
                name: pod.metadata.name.clone(),
                namespace: pod.metadata.namespace.clone(),
                labels: pod.metadata.labels.clone(),
                annotations: Some(annotations),
                owner_references: Some(vec![owner]),
                ..ObjectMeta::default()
            },
            spec: pod.spec.clone(),
            status: None,
        })
    }
}

fn key(pod: &Pod) -> Key {
    let metadata = &pod.metadata;
    (
        metadata.namespace.clone().unwrap_or_default(),
        metadata.name.clone().unwrap_or_default(),
    )
}

fn step(from_file: Option<&Pod>, in_api: Option<&Pod>) -> Step {
    let annotation = |pod: &Pod, key: &str| pod.metadata.annotations.as_ref()?.get(key).cloned();
    let mirrors = in_api.and_then(|pod| annotation(pod, CONFIG_MIRROR));
    let delete = |pod: &Pod| Step::Delete {
        uid: pod.metadata.uid.clone().unwrap_or_default(),
    };
    match (from_file, in_api) {
        (Some(_), None) => Step::Create,
        // A pod of that name that is nobody's mirror is not ours to touch.
        (_, Some(_)) if mirrors.is_none() => Step::Nothing,
        (None, Some(in_api)) => delete(in_api),
        (Some(from_file), Some(in_api)) => {
            let is_current = mirrors == annotation(from_file, CONFIG_HASH);
            if is_current && in_api.metadata.deletion_timestamp.is_none() {
                Step::Nothing
            } else {
                delete(in_api)
            }
        }
        (None, None) => Step::Nothing,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pod(annotations: serde_json::Value, deleted: bool) -> Pod {
        let mut pod = json!({ "metadata": { "name": "a", "uid": "u", "annotations": annotations } });
        if deleted {
            pod["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
        }
        serde_json::from_value(pod).unwrap()
    }

    #[test]
    fn a_mirror_is_there_if_and_only_if_its_pod_is() {
        let from_file = pod(json!({ CONFIG_HASH: "h" }), false);
        let mirror = |hash: &str, deleted| pod(json!({ CONFIG_MIRROR: hash }), deleted);
        let delete = Step::Delete { uid: "u".to_owned() };
        assert_eq!(step(Some(&from_file), None), Step::Create);
        assert_eq!(step(Some(&from_file), Some(&mirror("h", false))), Step::Nothing);
        assert_eq!(step(Some(&from_file), Some(&mirror("other", false))), delete);
        assert_eq!(step(Some(&from_file), Some(&mirror("h", true))), delete);
        assert_eq!(step(None, Some(&mirror("h", false))), delete);
        assert_eq!(step(None, None), Step::Nothing);
        assert_eq!(step(None, Some(&pod(json!({}), false))), Step::Nothing);
    }
}
