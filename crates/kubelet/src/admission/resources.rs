//! Whether a node has enough of everything a pod asks for.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Container, PodSpec};
use meta::Quantity;

use super::AdmissionInput;
use crate::pod::resources::{Claims, amount};
use crate::status::PodVerdict;

/// Amounts by resource: milli-cores, bytes, pieces.
type Amounts = BTreeMap<String, i64>;

pub fn refusal(input: AdmissionInput<'_>) -> Option<PodVerdict> {
    let allocatable = input.node.status.as_ref()?.allocatable.as_ref()?;
    let mut used = Amounts::new();
    for other in input.others.iter().filter_map(|other| other.spec.as_ref()) {
        for (resource, amount) in requests(other) {
            *used.entry(resource).or_default() += amount;
        }
    }
    requests(input.pod.spec()).into_iter().find_map(|(resource, requested)| {
        let capacity = match amount(Some(allocatable), &resource) {
            Some(amount) => number(&resource, amount),
            // What the node knows nothing of is for a plugin to give, and upstream lets it pass here.
            None if resource.contains('/') => return None,
            None => 0,
        };
        let used = used.get(&resource).copied().unwrap_or(0);
        (requested > 0 && requested > capacity - used).then(|| PodVerdict {
            reason: format!("OutOf{resource}"),
            message: format!(
                "Node didn't have enough resource: {resource}, requested: {requested}, used: {used}, capacity: {capacity}"
            ),
        })
    })
}

/// What a pod asks for in all, and its own place.
fn requests(spec: &PodSpec) -> Amounts {
    let claims = Claims::of_pod(spec).requests;
    let mut amounts = Amounts::from([("pods".to_owned(), 1)]);
    amounts.insert("cpu".to_owned(), claims.cpu_milli.unwrap_or(0));
    amounts.insert("memory".to_owned(), claims.memory_bytes.unwrap_or(0));
    let mut others = Amounts::new();
    for container in &spec.containers {
        for (resource, amount) in of_container(container) {
            *others.entry(resource).or_default() += amount;
        }
    }
    for container in spec.init_containers.iter().flatten() {
        for (resource, amount) in of_container(container) {
            let most = others.entry(resource).or_default();
            *most = (*most).max(amount);
        }
    }
    amounts.extend(others);
    amounts
}

/// Everything but cpu and memory, which are counted with more care.
fn of_container(container: &Container) -> impl Iterator<Item = (String, i64)> {
    let requests = container
        .resources
        .as_ref()
        .and_then(|resources| resources.requests.as_ref());
    let others = requests
        .into_iter()
        .flatten()
        .filter(|(resource, _)| !matches!(resource.as_str(), "cpu" | "memory"));
    others.filter_map(|(resource, amount)| {
        let amount = Quantity::parse(&amount.0).ok()?;
        Some((resource.clone(), number(resource, amount)))
    })
}

fn number(resource: &str, amount: Quantity) -> i64 {
    if resource == "cpu" {
        amount.milli_value()
    } else {
        amount.value()
    }
}
