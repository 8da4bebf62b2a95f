//! Pods that the API assigns to this node.

use std::sync::Arc;

use client::{Change, Client, Informer, ListOptions};
use k8s_openapi::api::core::v1::Pod;
use tokio_util::sync::CancellationToken;

use super::PodSink;
use crate::pod::annotation::CONFIG_MIRROR;

/// Starts following the pods of a node.
pub fn pods_of_node(client: Client, node_name: &str, shutdown: CancellationToken) -> Informer<Pod> {
    let options = ListOptions::fields(format!("spec.nodeName={node_name}"));
    Informer::start(client, "", options, shutdown)
}

/// Passes the pods on, as long as there is someone to take them. Mirror pods are not passed on as pods: what they show
/// runs already.
pub fn follow_api<S: PodSink>(informer: &Informer<Pod>, sink: &Arc<S>) {
    // Who takes the pods may hold the informer.
    let sink = Arc::downgrade(sink);
    informer.on_change(move |change| {
        if let Some(sink) = sink.upgrade() {
            pass_on(change, &*sink);
        }
    });
}

fn pass_on(change: &Change<Pod>, sink: &dyn PodSink) {
    let is_same = match (&change.old, &change.new) {
        (Some(old), Some(new)) => old.metadata.uid == new.metadata.uid,
        _ => true,
    };
    match (&change.old, &change.new) {
        // One was replaced by another of the same name while nobody looked.
        (Some(old), new) if !is_same || new.is_none() => forget(old, sink),
        _ => {}
    }
    if let Some(new) = &change.new {
        if is_mirror(new) {
            sink.mirror_changed(namespace(new), name(new));
        } else {
            sink.set(new.clone());
        }
    }
}

fn forget(pod: &Pod, sink: &dyn PodSink) {
    if is_mirror(pod) {
        sink.mirror_changed(namespace(pod), name(pod));
    } else {
        sink.gone(pod);
    }
}

fn is_mirror(pod: &Pod) -> bool {
    let annotations = pod.metadata.annotations.as_ref();
    annotations.is_some_and(|annotations| annotations.contains_key(CONFIG_MIRROR))
}

fn namespace(pod: &Pod) -> &str {
    pod.metadata.namespace.as_deref().unwrap_or_default()
}

fn name(pod: &Pod) -> &str {
    pod.metadata.name.as_deref().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::source::files::tests::Recorder;

    fn pod(uid: &str, mirrors: bool) -> Arc<Pod> {
        let annotations = if mirrors {
            json!({ CONFIG_MIRROR: "h" })
        } else {
            json!({})
        };
        let pod =
            json!({ "metadata": { "name": "a", "namespace": "n", "uid": uid, "annotations": annotations } });
        Arc::new(serde_json::from_value(pod).unwrap())
    }

    #[track_caller]
    fn check(old: Option<Arc<Pod>>, new: Option<Arc<Pod>>, expected: &[&str]) {
        let recorder = Recorder::default();
        pass_on(&Change { old, new }, &recorder);
        assert_eq!(recorder.take(), expected);
    }

    #[test]
    fn changes_are_passed_on_by_uid() {
        check(None, Some(pod("1", false)), &["set a 1"]);
        check(Some(pod("1", false)), Some(pod("1", false)), &["set a 1"]);
        check(Some(pod("1", false)), None, &["gone a 1"]);
        check(
            Some(pod("1", false)),
            Some(pod("2", false)),
            &["gone a 1", "set a 2"],
        );
    }

    #[test]
    fn mirrors_are_no_pods_of_their_own() {
        check(None, Some(pod("1", true)), &["mirror n/a"]);
        check(Some(pod("1", true)), None, &["mirror n/a"]);
        check(
            Some(pod("1", true)),
            Some(pod("2", false)),
            &["mirror n/a", "set a 2"],
        );
    }
}
