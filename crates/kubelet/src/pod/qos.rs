//! Quality of service: which pods are the last to suffer when a node runs short.

use k8s_openapi::api::core::v1::PodSpec;

use super::member::Role;
use super::resources::{Amounts, Claims};

/// A class of pods.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum QosClass {
    /// Says exactly what it uses.
    Guaranteed,
    /// Says something.
    Burstable,
    /// Says nothing.
    BestEffort,
}

impl QosClass {
    /// The class of a pod, by requests and limits of cpu and memory.
    pub fn of(spec: &PodSpec) -> Self {
        let own = Claims::of(spec.resources.as_ref());
        let all: Vec<Claims> = if says_nothing(own) {
            let containers = spec.init_containers.iter().flatten().chain(&spec.containers);
            containers.map(|c| Claims::of(c.resources.as_ref())).collect()
        } else {
            vec![own]
        };
        if all.iter().copied().all(says_nothing) {
            Self::BestEffort
        } else if all.iter().copied().all(is_exact) {
            Self::Guaranteed
        } else {
            Self::Burstable
        }
    }

    /// As the API writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Guaranteed => "Guaranteed",
            Self::Burstable => "Burstable",
            Self::BestEffort => "BestEffort",
        }
    }
}

fn positive(amount: Option<i64>) -> Option<i64> {
    amount.filter(|amount| *amount > 0)
}

fn says_nothing(claims: Claims) -> bool {
    let silent =
        |amounts: Amounts| positive(amounts.cpu_milli).is_none() && positive(amounts.memory_bytes).is_none();
    silent(claims.requests) && silent(claims.limits)
}

fn is_exact(claims: Claims) -> bool {
    let same = |limit: Option<i64>, request: Option<i64>| positive(limit).is_some() && limit == request;
    same(claims.limits.cpu_milli, claims.requests.cpu_milli)
        && same(claims.limits.memory_bytes, claims.requests.memory_bytes)
}

/// Pods of this priority and above are critical to the cluster.
const SYSTEM_CRITICAL_PRIORITY: i32 = 2_000_000_000;

/// How much sooner than others a container is killed when memory runs out, from -1000 (never) to 1000 (first). A
/// burstable container is the safer the more of the node's memory it asked for.
pub fn oom_score_adjustment(
    spec: &PodSpec,
    role: Role,
    container_memory_request: i64,
    node_memory: i64,
) -> i64 {
    if spec
        .priority
        .is_some_and(|priority| priority >= SYSTEM_CRITICAL_PRIORITY)
    {
        return -997;
    }
    match QosClass::of(spec) {
        QosClass::Guaranteed => -997,
        QosClass::BestEffort => 1000,
        QosClass::Burstable => {
            let request = match role {
                // A sidecar lives as long as the main containers do, so it is no less safe than the boldest of them.
                Role::Sidecar => container_memory_request.max(lowest_main_request(spec)),
                _ => container_memory_request,
            };
            let used = 1000 * i128::from(request) / i128::from(node_memory.max(1));
            let adjustment = 1000 - i64::try_from(used).unwrap_or(1000);
            // Guaranteed pods must stay below every burstable one, and best-effort pods above.
            adjustment.clamp(3, 999)
        }
    }
}

fn lowest_main_request(spec: &PodSpec) -> i64 {
    let requests = spec.containers.iter().map(|container| {
        Claims::of(container.resources.as_ref())
            .requests
            .memory_bytes
            .unwrap_or(0)
    });
    requests.min().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn spec(resources: Value) -> PodSpec {
        serde_json::from_value(json!({ "containers": [{ "name": "c", "resources": resources }] })).unwrap()
    }

    #[test]
    fn classes() {
        for (resources, class) in [
            (json!({}), QosClass::BestEffort),
            (json!({ "requests": { "cpu": "0" } }), QosClass::BestEffort),
            (json!({ "requests": { "cpu": "1" } }), QosClass::Burstable),
            (json!({ "limits": { "cpu": "1" } }), QosClass::Burstable),
            (
                json!({ "limits": { "cpu": "1", "memory": "1Gi" } }),
                QosClass::Guaranteed,
            ),
            (
                json!({ "limits": { "cpu": "1", "memory": "1Gi" }, "requests": { "cpu": "1000m", "memory": "1Gi" } }),
                QosClass::Guaranteed,
            ),
            (
                json!({ "limits": { "cpu": "1", "memory": "1Gi" }, "requests": { "cpu": "500m" } }),
                QosClass::Burstable,
            ),
        ] {
            assert_eq!(QosClass::of(&spec(resources.clone())), class, "{resources}");
        }
    }

    #[test]
    fn one_container_without_limits_makes_a_pod_burstable() {
        let spec: PodSpec = serde_json::from_value(json!({ "containers": [
            { "name": "a", "resources": { "limits": { "cpu": "1", "memory": "1Gi" } } },
            { "name": "b" },
        ] }))
        .unwrap();
        assert_eq!(QosClass::of(&spec), QosClass::Burstable);
    }

    #[test]
    fn oom_scores() {
        let node = 10 << 30;
        let score = |resources: Value, request: i64| {
            oom_score_adjustment(&spec(resources), Role::Main, request, node)
        };
        assert_eq!(score(json!({}), 0), 1000);
        assert_eq!(
            score(json!({ "limits": { "cpu": "1", "memory": "1Gi" } }), 1 << 30),
            -997
        );
        assert_eq!(score(json!({ "requests": { "memory": "1Gi" } }), 1 << 30), 900);
        assert_eq!(score(json!({ "requests": { "cpu": "1" } }), 0), 999);
        assert_eq!(score(json!({ "requests": { "memory": "10Gi" } }), 10 << 30), 3);
    }
}
