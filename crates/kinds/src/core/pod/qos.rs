//! The quality of service a pod gets, from what it asks for.

use serde_json::Value;

use crate::core::resources::Amounts;
use crate::toolkit::columns::{at, list};
use crate::toolkit::quantity;

const COMPUTE: [&str; 2] = ["cpu", "memory"];

/// `Guaranteed` if every container has limits for CPU and memory and asks for as much, `BestEffort` if none asks for
/// anything, else `Burstable`. If the pod has resources of its own, they alone count.
pub fn class(pod: &Value) -> &'static str {
    let (mut requests, mut limits) = (Amounts::new(), Amounts::new());
    let mut is_guaranteed = true;
    let mut count = |resources: &Value| {
        add(&mut requests, &resources["requests"]);
        let limited = add(&mut limits, &resources["limits"]);
        is_guaranteed &= limited == COMPUTE.len();
    };
    match at(pod, &["spec", "resources"]).filter(|own| !own.is_null()) {
        Some(own) => count(own),
        None => {
            let containers = list(pod, &["spec", "containers"]).iter();
            for container in containers.chain(list(pod, &["spec", "initContainers"])) {
                count(&container["resources"]);
            }
        }
    }
    if requests.is_empty() && limits.is_empty() {
        return "BestEffort";
    }
    if is_guaranteed && requests == limits {
        "Guaranteed"
    } else {
        "Burstable"
    }
}

/// Adds the compute resources of which there is something; how many these are.
fn add(sum: &mut Amounts, resources: &Value) -> usize {
    let mut found = 0;
    for name in COMPUTE {
        let Some(quantity) = quantity::of(resources, name).filter(|q| q.sign() > 0) else {
            continue;
        };
        found += 1;
        sum.entry(name.to_owned())
            .and_modify(|total| *total += quantity)
            .or_insert(quantity);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn classes_follow_from_resources() {
        let one = |resources: Value| json!({"spec": {"containers": [{"resources": resources}]}});
        let full =
            json!({"limits": {"cpu": "1", "memory": "1Gi"}, "requests": {"cpu": "1000m", "memory": "1Gi"}});
        for (pod, expected) in [
            (json!({}), "BestEffort"),
            (one(json!({})), "BestEffort"),
            (one(json!({"requests": {"cpu": "0"}})), "BestEffort"),
            (one(json!({"requests": {"example.com/x": "1"}})), "BestEffort"),
            (one(json!({"requests": {"cpu": "1"}})), "Burstable"),
            (one(full.clone()), "Guaranteed"),
            (
                json!({"spec": {"containers": [{"resources": full}, {"resources": {}}]}}),
                "Burstable",
            ),
            (
                json!({"spec": {"resources": full, "containers": [{"resources": {}}]}}),
                "Guaranteed",
            ),
        ] {
            assert_eq!(class(&pod), expected, "{pod}");
        }
    }
}
