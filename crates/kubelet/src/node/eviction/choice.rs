//! Who has to go when the node is short of something.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::api::core::v1::Pod;

use super::{Least, Shortage, Signal};
use crate::pod::PodToRun;
use crate::pod::qos::QosClass;
use crate::pod::resources::{Claims, amount};
use crate::status::PodVerdict;

/// A pod that could be ended, with what its containers use, by name.
#[derive(Clone, Debug)]
pub struct Candidate {
    pub pod: Arc<Pod>,
    pub memory_bytes: BTreeMap<String, u64>,
    pub disk_bytes: BTreeMap<String, u64>,
}

/// Pods of this priority and above are critical to the cluster, and not evicted.
const CRITICAL: i32 = 2_000_000_000;

impl Candidate {
    fn usage(&self, signal: Signal) -> &BTreeMap<String, u64> {
        static NOTHING: BTreeMap<String, u64> = BTreeMap::new();
        match signal {
            Signal::MemoryAvailable => &self.memory_bytes,
            Signal::NodeFsAvailable
            | Signal::NodeFsInodesFree
            | Signal::ImageFsAvailable
            | Signal::ImageFsInodesFree => &self.disk_bytes,
            Signal::PidAvailable => &NOTHING,
        }
    }

    fn priority(&self) -> i32 {
        self.pod.spec.as_ref().and_then(|spec| spec.priority).unwrap_or(0)
    }

    fn may_go(&self) -> bool {
        let is_static = PodToRun::new(self.pod.clone()).is_static();
        !is_static && self.priority() < CRITICAL
    }

    /// How far the pod's use is above what it asked for.
    fn excess(&self, signal: Signal) -> i128 {
        let used: u64 = self.usage(signal).values().sum();
        let requested = match (&self.pod.spec, signal) {
            (Some(spec), Signal::MemoryAvailable) => Claims::of_pod(spec).requests.memory_bytes.unwrap_or(0),
            (Some(spec), _) => spec.containers.iter().map(disk_request).sum(),
            (None, _) => 0,
        };
        i128::from(used) - i128::from(requested)
    }
}

fn disk_request(container: &k8s_openapi::api::core::v1::Container) -> i64 {
    request(container, "ephemeral-storage").map_or(0, |amount| amount.value())
}

fn request(container: &k8s_openapi::api::core::v1::Container, resource: &str) -> Option<meta::Quantity> {
    amount(container.resources.as_ref()?.requests.as_ref(), resource)
}

/// The pod to end: one that uses more than it asked for before one that does not, the least important of those, and of
/// equally important ones the one that is furthest above.
pub fn choose(signal: Signal, candidates: &[Candidate]) -> Option<&Candidate> {
    let order = |candidate: &&Candidate| {
        let excess = candidate.excess(signal);
        let class = candidate
            .pod
            .spec
            .as_ref()
            .map_or(QosClass::BestEffort, QosClass::of);
        (excess <= 0, candidate.priority(), Reverse(excess), Reverse(class))
    };
    candidates
        .iter()
        .filter(|candidate| candidate.may_go())
        .min_by_key(order)
}

/// What its status will say.
pub fn verdict(shortage: &Shortage, chosen: &Candidate) -> PodVerdict {
    let signal = shortage.threshold.signal;
    let resource = signal.resource();
    let threshold = match shortage.threshold.least {
        Least::Amount(amount) => amount.to_string(),
        Least::Part(_) => shortage.threshold.bytes(shortage.total).to_string(),
    };
    let available = bytes(shortage.available);
    let mut message = format!(
        "The node was low on resource: {resource}. Threshold quantity: {threshold}, available: {available}. "
    );
    for container in chosen.pod.spec.iter().flat_map(|spec| &spec.containers) {
        let used = chosen.usage(signal).get(&container.name).copied().unwrap_or(0);
        let requested = request(container, resource);
        let requested_bytes = requested.map_or(0, |amount| amount.value().max(0).cast_unsigned());
        if used > requested_bytes {
            message.push_str(&format!(
                "Container {} was using {}, request is {}, has larger consumption of {resource}. ",
                container.name,
                bytes(used),
                requested.map_or_else(|| "0".to_owned(), |amount| amount.to_string()),
            ));
        }
    }
    PodVerdict {
        reason: "Evicted".to_owned(),
        message,
    }
}

/// A number of bytes as upstream's quantities print it.
fn bytes(number: u64) -> String {
    if number.is_multiple_of(1024) {
        format!("{}Ki", number / 1024)
    } else {
        number.to_string()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::Threshold;
    use super::*;

    fn candidate(name: &str, spec: Value, used_mib: u64) -> Candidate {
        let pod = json!({ "metadata": { "name": name, "uid": name }, "spec": spec });
        Candidate {
            pod: Arc::new(serde_json::from_value(pod).unwrap()),
            memory_bytes: BTreeMap::from([("c".to_owned(), used_mib << 20)]),
            disk_bytes: BTreeMap::new(),
        }
    }

    fn spec(request: &str, priority: i32) -> Value {
        json!({ "priority": priority, "containers": [{ "name": "c", "resources": { "requests": { "memory": request } } }] })
    }

    #[track_caller]
    fn check(candidates: &[Candidate], expected: Option<&str>) {
        let chosen = choose(Signal::MemoryAvailable, candidates);
        let name = chosen.and_then(|candidate| candidate.pod.metadata.name.as_deref());
        assert_eq!(name, expected);
    }

    #[test]
    fn who_keeps_to_its_word_goes_last() {
        check(&[], None);
        let modest = candidate("modest", spec("200Mi", 0), 100);
        let greedy = candidate("greedy", spec("50Mi", 0), 100);
        let greedier = candidate("greedier", spec("50Mi", 0), 150);
        let important = candidate("important", spec("50Mi", 10), 900);
        check(&[modest.clone(), greedy.clone()], Some("greedy"));
        check(&[greedy.clone(), greedier.clone()], Some("greedier"));
        check(&[important.clone(), greedy], Some("greedy"));
        check(&[important, modest.clone()], Some("important"));
        check(&[modest], Some("modest"));
    }

    #[test]
    fn the_node_needs_some_pods_itself() {
        let critical = candidate("critical", spec("1Mi", CRITICAL), 900);
        let mut fixed = candidate("static", spec("1Mi", 0), 900);
        let annotations = [("kubernetes.io/config.source".to_owned(), "file".to_owned())];
        Arc::make_mut(&mut fixed.pod).metadata.annotations = Some(annotations.into());
        check(&[critical, fixed], None);
    }

    #[test]
    fn the_verdict_is_in_upstreams_words() {
        let shortage = Shortage {
            threshold: Threshold::parse("memory.available<100Mi").unwrap(),
            total: 1 << 30,
            available: 50 << 20,
        };
        let verdict = verdict(&shortage, &candidate("a", spec("10Mi", 0), 100));
        assert_eq!(verdict.reason, "Evicted");
        assert_eq!(
            verdict.message,
            "The node was low on resource: memory. Threshold quantity: 100Mi, available: 51200Ki. Container c was using \
             102400Ki, request is 10Mi, has larger consumption of memory. "
        );
    }
}
