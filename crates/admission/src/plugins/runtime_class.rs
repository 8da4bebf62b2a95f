//! RuntimeClass: a pod takes overhead and placement from its runtime class.

use std::sync::Arc;

use async_trait::async_trait;
use meta::{Quantity, Reason, Status};
use registry::AdmissionRequest;
use serde_json::{Map, Value};

use crate::cluster::Cluster;
use crate::plugin::Plugin;
use crate::pod;
use crate::request::resources::{PODS, RUNTIME_CLASSES};
use crate::request::{Request, items};

/// The plugin.
pub(crate) struct RuntimeClass {
    pub(crate) cluster: Arc<dyn Cluster>,
}

impl RuntimeClass {
    async fn class_of(&self, request: &AdmissionRequest<'_>) -> Result<Option<Value>, Status> {
        let Some(name) = request.proposed()["spec"]["runtimeClassName"].as_str() else {
            return Ok(None);
        };
        if let Some(why) = pod::unreadable_name(name) {
            return Err(Status::failure(500, Reason::UNKNOWN, why));
        }
        match self.cluster.get(&RUNTIME_CLASSES, "", name).await? {
            Some(class) => Ok(Some(class.tree())),
            None => Err(request.forbidden(format_args!("pod rejected: RuntimeClass {name:?} not found"))),
        }
    }
}

#[async_trait]
impl Plugin for RuntimeClass {
    fn name(&self) -> &'static str {
        "RuntimeClass"
    }

    async fn mutate(&self, request: &mut AdmissionRequest<'_>) -> Result<(), Status> {
        if !request.creates(&PODS) {
            return Ok(());
        }
        let Some(class) = self.class_of(request).await? else {
            return Ok(());
        };
        set_overhead(request, &class)?;
        set_placement(request, &class)
    }

    async fn validate(&self, request: &AdmissionRequest<'_>) -> Result<(), Status> {
        if !request.creates(&PODS) {
            return Ok(());
        }
        let class = self.class_of(request).await?;
        let has_own = !request.proposed()["spec"]["overhead"].is_null();
        if has_own && class.is_none_or(|class| overhead_of(&class).is_none()) {
            let why = "pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead";
            return Err(request.forbidden(why));
        }
        Ok(())
    }
}

fn has_entries(map: &Value) -> bool {
    map.as_object().is_some_and(|map| !map.is_empty())
}

fn overhead_of(class: &Value) -> Option<&Value> {
    class
        .pointer("/overhead/podFixed")
        .filter(|overhead| has_entries(overhead))
}

fn set_overhead(request: &mut AdmissionRequest<'_>, class: &Value) -> Result<(), Status> {
    let Some(overhead) = overhead_of(class) else {
        return Ok(());
    };
    let own = &request.proposed()["spec"]["overhead"];
    if !own.is_null() && !are_equal(own, overhead) {
        let why = "pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead";
        return Err(request.forbidden(why));
    }
    if let Some(pod) = &mut request.object {
        pod["spec"]["overhead"] = overhead.clone();
    }
    Ok(())
}

/// Whether two maps of quantities mean the same, however they are written.
fn are_equal(a: &Value, b: &Value) -> bool {
    let quantities = |map: &Value| -> Option<Vec<(String, Quantity)>> {
        let entries = map.as_object()?.iter();
        entries
            .map(|(name, value)| Some((name.clone(), value.as_str()?.parse().ok()?)))
            .collect()
    };
    quantities(a).is_some_and(|a| Some(a) == quantities(b))
}

fn set_placement(request: &mut AdmissionRequest<'_>, class: &Value) -> Result<(), Status> {
    let selector = class
        .pointer("/scheduling/nodeSelector")
        .and_then(Value::as_object);
    let own = request
        .proposed()
        .pointer("/spec/nodeSelector")
        .and_then(Value::as_object);
    let mut merged = own.cloned().unwrap_or_default();
    for (key, value) in selector.unwrap_or(&Map::new()) {
        let (wanted, found) = (
            value.as_str().unwrap_or(""),
            merged.get(key).and_then(Value::as_str),
        );
        if let Some(found) = found.filter(|found| *found != wanted) {
            return Err(request.forbidden(format_args!(
                "conflict: runtimeClass.scheduling.nodeSelector[{key}] = {wanted}; pod.spec.nodeSelector[{key}] = {found}"
            )));
        }
        merged.insert(key.clone(), value.clone());
    }
    let Some(pod) = &mut request.object else {
        return Ok(());
    };
    if !merged.is_empty() {
        pod["spec"]["nodeSelector"] = merged.into();
    }
    for toleration in items(class, "/scheduling/tolerations") {
        if !items(pod, "/spec/tolerations").contains(toleration) {
            pod::append(pod, "tolerations", toleration.clone());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testing::{FakeCluster, Write};

    #[tokio::test]
    async fn overhead_and_placement_come_from_the_class() {
        let class = json!({
            "metadata": {"name": "rc"}, "handler": "h", "overhead": {"podFixed": {"cpu": "250m"}},
            "scheduling": {"nodeSelector": {"kind": "kata"}, "tolerations": [{"key": "kata", "operator": "Exists"}]},
        });
        let plain = json!({"metadata": {"name": "rd"}, "handler": "h"});
        let cluster = FakeCluster::default()
            .with(&RUNTIME_CLASSES, class)
            .with(&RUNTIME_CLASSES, plain);
        let plugin = RuntimeClass {
            cluster: cluster.shared(),
        };
        let placed = json!({
            "runtimeClassName": "rc", "overhead": {"cpu": "250m"}, "nodeSelector": {"kind": "kata"},
            "tolerations": [{"key": "kata", "operator": "Exists"}],
        });
        let refused = |why: &str| Err(format!("pods \"p\" is forbidden: {why}"));
        let without = "pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead";
        let cases = [
            (json!({}), Ok(json!({}))),
            (
                json!({"runtimeClassName": "rd"}),
                Ok(json!({"runtimeClassName": "rd"})),
            ),
            (json!({"runtimeClassName": "rc"}), Ok(placed.clone())),
            (
                json!({"runtimeClassName": "rc", "overhead": {"cpu": "0.25"}}),
                Ok(placed.clone()),
            ),
            (placed.clone(), Ok(placed)),
            (
                json!({"runtimeClassName": "x"}),
                refused("pod rejected: RuntimeClass \"x\" not found"),
            ),
            (
                json!({"runtimeClassName": "rc", "overhead": {"cpu": "1m"}}),
                refused("pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead"),
            ),
            (json!({"overhead": {"cpu": "1m"}}), refused(without)),
            (json!({"overhead": {}}), refused(without)),
            (
                json!({"runtimeClassName": "a/b"}),
                Err("invalid resource name \"a/b\": [may not contain '/']".to_owned()),
            ),
            (
                json!({"runtimeClassName": "rd", "overhead": {"cpu": "1m"}}),
                refused(without),
            ),
            (
                json!({"runtimeClassName": "rc", "nodeSelector": {"kind": "gvisor"}}),
                refused(
                    "conflict: runtimeClass.scheduling.nodeSelector[kind] = kata; pod.spec.nodeSelector[kind] = gvisor",
                ),
            ),
        ];
        for (spec, expected) in cases {
            let pod = json!({"metadata": {"name": "p"}, "spec": spec});
            let pod = Write::create(&PODS, pod).through(&plugin).await;
            assert_eq!(pod.map(|pod| pod["spec"].clone()), expected);
        }
    }
}
