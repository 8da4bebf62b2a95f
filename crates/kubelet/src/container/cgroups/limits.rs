//! What groups are limited to.

use k8s_openapi::api::core::v1::PodSpec;

use crate::pod::PodToRun;
use crate::pod::qos::QosClass;
use crate::pod::resources::Claims;

use super::super::resources::{cpu_quota, cpu_shares};
use super::super::settings::NodeResources;

/// Limits of a group; none is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// 1024 for a core.
    pub cpu_shares: i64,
    /// Microseconds per period.
    pub cpu_quota: Option<i64>,
    pub memory_bytes: Option<i64>,
    pub pids: Option<i64>,
}

impl Limits {
    /// Of all pods together.
    pub fn of_node(allocatable: NodeResources) -> Self {
        Self {
            cpu_shares: cpu_shares(allocatable.cpu_milli),
            memory_bytes: Some(allocatable.memory_bytes).filter(|bytes| *bytes > 0),
            ..Self::default()
        }
    }

    /// What is left when others have had theirs.
    pub fn least() -> Self {
        Self {
            cpu_shares: cpu_shares(0),
            ..Self::default()
        }
    }

    /// Of the burstable ones among these pods.
    pub fn of_burstable(pods: &[PodToRun]) -> Self {
        let burstable = pods
            .iter()
            .filter(|pod| QosClass::of(pod.spec()) == QosClass::Burstable);
        let milli = burstable.filter_map(|pod| Claims::of_pod(pod.spec()).requests.cpu_milli);
        Self {
            cpu_shares: cpu_shares(milli.sum()),
            ..Self::default()
        }
    }

    /// The wider of two in everything.
    pub fn widest(self, other: Self) -> Self {
        let wider = |a: Option<i64>, b: Option<i64>| a.zip(b).map(|(a, b)| a.max(b));
        Self {
            cpu_shares: self.cpu_shares.max(other.cpu_shares),
            cpu_quota: wider(self.cpu_quota, other.cpu_quota),
            memory_bytes: wider(self.memory_bytes, other.memory_bytes),
            pids: wider(self.pids, other.pids),
        }
    }

    /// Of a pod.
    pub fn of_pod(spec: &PodSpec, pids: Option<i64>) -> Self {
        let claims = Claims::of_pod(spec);
        let limits = match QosClass::of(spec) {
            QosClass::BestEffort => Self::least(),
            QosClass::Burstable | QosClass::Guaranteed => Self {
                cpu_shares: cpu_shares(claims.requests.cpu_milli.unwrap_or(0)),
                cpu_quota: claims.limits.cpu_milli.filter(|milli| *milli > 0).map(cpu_quota),
                memory_bytes: claims.limits.memory_bytes.filter(|bytes| *bytes > 0),
                pids: None,
            },
        };
        Self { pids, ..limits }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::{Value, json};

    use super::*;

    fn spec(containers: Value) -> PodSpec {
        serde_json::from_value(json!({ "containers": containers })).unwrap()
    }

    fn limits(cpu_shares: i64, cpu_quota: Option<i64>, memory_bytes: Option<i64>) -> Limits {
        Limits {
            cpu_shares,
            cpu_quota,
            memory_bytes,
            pids: None,
        }
    }

    #[test]
    fn of_pods() {
        let of = |containers| Limits::of_pod(&spec(containers), None);
        assert_eq!(of(json!([{ "name": "a" }])), limits(2, None, None));
        let burstable = json!([
            { "name": "a", "resources": { "requests": { "cpu": "500m" }, "limits": { "memory": "1Gi" } } },
            { "name": "b", "resources": { "limits": { "cpu": "1", "memory": "1Gi" } } },
        ]);
        assert_eq!(of(burstable), limits(1536, None, Some(2 << 30)));
        let guaranteed = json!([{ "name": "a", "resources": { "limits": { "cpu": "2", "memory": "1Gi" } } }]);
        assert_eq!(of(guaranteed), limits(2048, Some(200_000), Some(1 << 30)));
    }

    #[test]
    fn the_wider_of_two_may_have_no_limit() {
        let (less, more) = (limits(2, Some(1000), Some(1)), limits(1024, None, Some(2)));
        assert_eq!(less.widest(more), limits(1024, None, Some(2)));
    }

    #[test]
    fn burstable_pods_share_what_they_asked_for_together() {
        let pod = |resources: Value| {
            let object = json!({ "metadata": {}, "spec": { "containers": [{ "name": "a", "resources": resources }] } });
            PodToRun::new(Arc::new(serde_json::from_value(object).unwrap()))
        };
        let pods = [
            pod(json!({ "requests": { "cpu": "500m" } })),
            pod(json!({ "requests": { "cpu": "250m" } })),
            pod(json!({ "limits": { "cpu": "2", "memory": "1Gi" } })),
            pod(json!({})),
        ];
        assert_eq!(Limits::of_burstable(&pods).cpu_shares, 768);
        assert_eq!(Limits::of_burstable(&[]).cpu_shares, 2);
    }
}
