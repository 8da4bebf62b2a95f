//! LimitRanger: containers get the namespace's default resources, and nothing is beyond the namespace's limits.

mod check;
mod defaults;
mod resources;

use std::sync::Arc;

use async_trait::async_trait;
use meta::Status;
use registry::{AdmissionRequest, Operation};
use serde_json::Value;

use crate::cluster::Cluster;
use crate::plugin::Plugin;
use crate::request::Request;
use crate::request::resources::{CLAIMS, LIMIT_RANGES, PODS};

/// The plugin.
pub(crate) struct LimitRanger {
    pub(crate) cluster: Arc<dyn Cluster>,
}

impl LimitRanger {
    /// The limit ranges that a request is measured by.
    async fn limit_ranges(&self, request: &AdmissionRequest<'_>) -> Result<Vec<Value>, Status> {
        if !concerns(request) {
            return Ok(Vec::new());
        }
        let ranges = self.cluster.list(&LIMIT_RANGES, Some(request.namespace)).await?;
        Ok(ranges.iter().map(|range| range.tree()).collect())
    }
}

/// Pods when they are made or resized, claims whenever they are written; nothing that is about to go.
fn concerns(request: &AdmissionRequest<'_>) -> bool {
    let is_going = !request.existing()["metadata"]["deletionTimestamp"].is_null();
    let updates = request.operation == Operation::Update && !is_going;
    request.creates(&PODS)
        || (updates && request.is_for(&PODS, "resize"))
        || request.creates(&CLAIMS)
        || (updates && request.is_for(&CLAIMS, ""))
}

#[async_trait]
impl Plugin for LimitRanger {
    fn name(&self) -> &'static str {
        "LimitRanger"
    }

    async fn mutate(&self, request: &mut AdmissionRequest<'_>) -> Result<(), Status> {
        if !request.creates(&PODS) {
            return Ok(());
        }
        let ranges = self.limit_ranges(request).await?;
        if let Some(pod) = &mut request.object {
            ranges.iter().for_each(|range| defaults::fill_in(pod, range));
        }
        Ok(())
    }

    async fn validate(&self, request: &AdmissionRequest<'_>) -> Result<(), Status> {
        for range in self.limit_ranges(request).await? {
            let problems = if request.resource.resource == PODS.resource {
                check::pod(request.proposed(), &range)
            } else {
                check::claim(request.proposed(), &range)
            };
            match problems.as_slice() {
                [] => {}
                [only] => return Err(request.forbidden(only)),
                many => return Err(request.forbidden(format_args!("[{}]", many.join(", ")))),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testing::{FakeCluster, Write};

    fn plugin(limits: Value) -> LimitRanger {
        let range = json!({"metadata": {"name": "l", "namespace": "ns"}, "spec": {"limits": limits}});
        LimitRanger {
            cluster: FakeCluster::default().with(&LIMIT_RANGES, range).shared(),
        }
    }

    fn pod(resources: Value) -> Value {
        json!({
            "metadata": {"name": "p", "namespace": "ns"},
            "spec": {"containers": [{"name": "c", "resources": resources}]},
        })
    }

    #[tokio::test]
    async fn containers_without_resources_get_the_defaults() {
        let plugin = plugin(json!([{
            "type": "Container", "default": {"cpu": "1", "memory": "1Gi"}, "defaultRequest": {"cpu": "100m"},
        }]));
        let admitted = Write::create(&PODS, pod(json!({"limits": {"memory": "2Gi"}})))
            .through(&plugin)
            .await
            .unwrap();
        let resources = &admitted["spec"]["containers"][0]["resources"];
        assert_eq!(resources["limits"], json!({"cpu": "1", "memory": "2Gi"}));
        assert_eq!(resources["requests"]["cpu"], "100m");
        let annotation = &admitted["metadata"]["annotations"]["kubernetes.io/limit-ranger"];
        let expected = "LimitRanger plugin set: cpu request for container c; cpu limit for container c";
        assert_eq!(annotation, expected);
    }

    #[tokio::test]
    async fn what_is_beyond_the_limits_is_refused() {
        let limits = json!([
            {"type": "Container", "min": {"cpu": "100m"}, "max": {"cpu": "1"}, "maxLimitRequestRatio": {"cpu": "2"}},
            {"type": "Pod", "max": {"memory": "1Gi"}},
        ]);
        let resources = |request: &str, limit: &str| json!({"requests": {"cpu": request, "memory": "1Mi"}, "limits": {"cpu": limit, "memory": "1Mi"}});
        let refused = |why: &str| Some(format!("pods \"p\" is forbidden: {why}"));
        let cases = [
            (resources("500m", "1"), None),
            (
                resources("50m", "100m"),
                refused("minimum cpu usage per Container is 100m, but request is 50m"),
            ),
            (
                resources("1", "2"),
                refused("maximum cpu usage per Container is 1, but limit is 2"),
            ),
            (
                resources("250m", "1"),
                refused("cpu max limit to request ratio per Container is 2, but provided ratio is 4.000000"),
            ),
            (
                json!({}),
                refused(
                    "[minimum cpu usage per Container is 100m.  No request is specified, maximum cpu usage per Container is \
                     1.  No limit is specified, cpu max limit to request ratio per Container is 2, but no request is \
                     specified or request is 0, maximum memory usage per Pod is 1Gi.  No limit is specified]",
                ),
            ),
        ];
        for (resources, expected) in cases {
            let outcome = Write::create(&PODS, pod(resources.clone()))
                .through(&plugin(limits.clone()))
                .await;
            assert_eq!(outcome.err(), expected, "{resources}");
        }
    }

    #[tokio::test]
    async fn claims_are_measured_by_what_they_request() {
        let plugin = plugin(
            json!([{"type": "PersistentVolumeClaim", "min": {"storage": "1Gi"}, "max": {"storage": "2Gi"}}]),
        );
        let claim = |storage: &str| {
            json!({
                "metadata": {"name": "c", "namespace": "ns"},
                "spec": {"resources": {"requests": {"storage": storage}}},
            })
        };
        let forbidden = "persistentvolumeclaims \"c\" is forbidden:";
        let cases = [
            ("1Gi", None),
            (
                "1Mi",
                Some(format!(
                    "{forbidden} minimum storage usage per PersistentVolumeClaim is 1Gi, but request is 1Mi"
                )),
            ),
            (
                "3Gi",
                Some(format!(
                    "{forbidden} maximum storage usage per PersistentVolumeClaim is 2Gi, but request is 3Gi"
                )),
            ),
        ];
        for (storage, expected) in cases {
            let outcome = Write::create(&CLAIMS, claim(storage)).through(&plugin).await;
            assert_eq!(outcome.err(), expected);
        }
    }
}
