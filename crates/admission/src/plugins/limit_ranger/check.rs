//! What is beyond a limit range, in upstream's words.

use meta::Quantity;
use serde_json::Value;

use super::resources::{Quantities, pod_total, quantities};
use crate::request::{items, text};

/// What is wrong with a pod.
pub(super) fn pod(pod: &Value, range: &Value) -> Vec<String> {
    let mut problems = Vec::new();
    for limit in items(range, "/spec/limits") {
        match text(limit, "/type") {
            "Container" => {
                let lists = ["/spec/containers", "/spec/initContainers"];
                for container in lists.into_iter().flat_map(|list| items(pod, list)) {
                    let measured = Measured {
                        requests: quantities(container, "/resources/requests"),
                        limits: quantities(container, "/resources/limits"),
                    };
                    problems.extend(measured.problems(limit));
                }
            }
            "Pod" => {
                let measured = Measured {
                    requests: pod_total(pod, "requests"),
                    limits: pod_total(pod, "limits"),
                };
                problems.extend(measured.problems(limit));
            }
            _ => {}
        }
    }
    problems
}

/// What is wrong with a claim, which has requests only.
pub(super) fn claim(claim: &Value, range: &Value) -> Vec<String> {
    let requests = quantities(claim, "/spec/resources/requests");
    let limits = items(range, "/spec/limits").iter();
    let of_claims = limits.filter(|limit| text(limit, "/type") == "PersistentVolumeClaim");
    let mut problems = Vec::new();
    for limit in of_claims {
        for (resource, least) in quantities(limit, "/min") {
            problems.extend(minimum(limit, &resource, least, requests.get(&resource)));
        }
        for (resource, most) in quantities(limit, "/max") {
            problems.extend(maximum(
                limit,
                &resource,
                most,
                "request",
                requests.get(&resource),
            ));
        }
    }
    problems
}

/// What a container or a pod asks for, and what it may use.
struct Measured {
    requests: Quantities,
    limits: Quantities,
}

impl Measured {
    fn problems(&self, limit: &Value) -> Vec<String> {
        let mut problems = Vec::new();
        for (resource, least) in quantities(limit, "/min") {
            let request = self.requests.get(&resource);
            let allowed = self.limits.get(&resource);
            let below = minimum(limit, &resource, least, request);
            problems.extend(below.or_else(|| limit_below(limit, &resource, least, allowed)));
        }
        for (resource, most) in quantities(limit, "/max") {
            problems.extend(maximum(
                limit,
                &resource,
                most,
                "limit",
                self.limits.get(&resource),
            ));
        }
        for (resource, most) in quantities(limit, "/maxLimitRequestRatio") {
            problems.extend(self.ratio(limit, &resource, most));
        }
        problems
    }

    fn ratio(&self, limit: &Value, resource: &str, most: Quantity) -> Option<String> {
        let called = text(limit, "/type");
        let of = |quantities: &Quantities| {
            quantities
                .get(resource)
                .copied()
                .filter(|quantity| !quantity.is_zero())
        };
        let missing = |what: &str| {
            Some(format!(
                "{resource} max limit to request ratio per {called} is {most}, but no {what} is specified or {what} is 0"
            ))
        };
        let Some(request) = of(&self.requests) else {
            return missing("request");
        };
        let Some(allowed) = of(&self.limits) else {
            return missing("limit");
        };
        let ratio = allowed.as_f64() / request.as_f64();
        (ratio > most.as_f64()).then(|| {
            format!("{resource} max limit to request ratio per {called} is {most}, but provided ratio is {ratio:.6}")
        })
    }
}

fn minimum(limit: &Value, resource: &str, least: Quantity, request: Option<&Quantity>) -> Option<String> {
    let called = text(limit, "/type");
    match request {
        None => Some(format!(
            "minimum {resource} usage per {called} is {least}.  No request is specified"
        )),
        Some(request) if *request < least => Some(format!(
            "minimum {resource} usage per {called} is {least}, but request is {request}"
        )),
        Some(_) => None,
    }
}

fn limit_below(limit: &Value, resource: &str, least: Quantity, allowed: Option<&Quantity>) -> Option<String> {
    let called = text(limit, "/type");
    let allowed = allowed.filter(|allowed| **allowed < least)?;
    Some(format!(
        "minimum {resource} usage per {called} is {least}, but limit is {allowed}"
    ))
}

fn maximum(
    limit: &Value,
    resource: &str,
    most: Quantity,
    what: &str,
    found: Option<&Quantity>,
) -> Option<String> {
    let called = text(limit, "/type");
    match found {
        None => Some(format!(
            "maximum {resource} usage per {called} is {most}.  No {what} is specified"
        )),
        Some(found) if *found > most => Some(format!(
            "maximum {resource} usage per {called} is {most}, but {what} is {found}"
        )),
        Some(_) => None,
    }
}
