//! Rules for resource requests, limits, claims and how resizing them works.

use crate::core::pod::context::PodContext;
use crate::core::resources;
use crate::toolkit::quantity::{self, Quantity};
use crate::toolkit::{Field, Seen};

/// What one container asks for.
pub fn of_container(requirements: &Field, pod: &PodContext) {
    quantities(requirements, resources::container_name);
    claims(&requirements.child("claims"), pod);
}

/// What the pod as a whole asks for.
pub fn of_pod(spec: &Field) {
    let requirements = spec.child("resources");
    if !requirements.is_set() {
        return;
    }
    quantities(&requirements, pod_level_name);
    if !requirements.child("claims").is_empty() {
        requirements
            .child("claims")
            .forbidden("claims may not be set for Resources at pod-level");
    }
    covers_containers(spec, &requirements);
}

/// Requests and limits, and how they fit together. `name` are the rules for a resource's name at its place.
pub fn quantities(requirements: &Field, name: fn(&Field, &str)) {
    let (limits, requests) = (requirements.child("limits"), requirements.child("requests"));
    let (mut has_huge_pages, mut has_cpu_or_memory) = (false, false);
    let mut note = |resource: &str| {
        has_huge_pages |= resources::is_huge_pages(resource);
        has_cpu_or_memory |= matches!(resource, "cpu" | "memory");
    };
    for (resource, limit) in limits.entries() {
        name(&limit, resource);
        resources::amount(&limit, resource);
        note(resource);
    }
    for (resource, request) in requests.entries() {
        name(&request, resource);
        resources::amount(&request, resource);
        note(resource);
        let asked = quantity::read(request.value());
        let limit = quantity::read(limits.key(resource).value());
        match (asked, limit) {
            (Some(asked), Some(limit)) => within(&requests, resource, &asked, &limit),
            (Some(_), None) if !resources::may_be_overcommitted(resource) => {
                limits.required("Limit must be set for non overcommitable resources");
            }
            _ => {}
        }
    }
    if has_huge_pages && !has_cpu_or_memory {
        requirements.forbidden("HugePages require cpu or memory");
    }
}

fn within(requests: &Field, resource: &str, asked: &Quantity, limit: &Quantity) {
    let complaint = if !resources::may_be_overcommitted(resource) && asked != limit {
        "must be equal to"
    } else if asked > limit {
        "must be less than or equal to"
    } else {
        return;
    };
    requests.invalid_as(
        asked.to_string(),
        &format!("{complaint} {resource} limit of {limit}"),
    );
}

/// Claims that a container uses.
fn claims(claims: &Field, pod: &PodContext) {
    let mut seen = Seen::new();
    for claim in claims.items() {
        let (name, request) = (claim.text_of("name"), claim.text_of("request"));
        if name.is_empty() {
            claim.child("name").required("");
            continue;
        }
        if seen.again((name, request)) || (!request.is_empty() && seen.again((name, ""))) {
            claim.duplicate_as(if request.is_empty() {
                name.to_owned()
            } else {
                format!("{name}/{request}")
            });
        }
        if !request.is_empty() {
            claim.child("request").dns_label();
        }
        let known: Vec<&str> = pod.resource_claim_names().collect();
        if !known.contains(&name) {
            let mut error = meta::FieldError::not_found(&claim.path(), name);
            error
                .message
                .push_str(": must be one of the names in pod.spec.resourceClaims");
            if known.is_empty() {
                error.message.push_str(" which is empty");
            } else {
                error.message.push_str(&format!(": {}", known.join(", ")));
            }
            claim.report().push(error);
        }
    }
}

/// Whether a resource can be changed with or without a restart.
pub fn resize_policy(policies: &Field, pod: &PodContext) {
    let mut seen = Seen::new();
    for policy in policies.items() {
        let resource = policy.text_of("resourceName");
        if seen.again(resource) {
            policy.duplicate_as(resource);
        }
        let resources = ["cpu", "memory"];
        if resource.is_empty() {
            policies.required("");
        } else if !resources.contains(&resource) {
            policies.not_supported_as(resource, &resources);
        }
        let restart = policy.text_of("restartPolicy");
        let supported = ["NotRequired", "RestartContainer"];
        if restart.is_empty() {
            policies.required("");
        } else if !supported.contains(&restart) {
            policies.not_supported_as(restart, &supported);
        }
        if pod.restart_policy() == "Never" && restart == "RestartContainer" {
            policies.invalid_as(restart, "must be 'NotRequired' when `restartPolicy` is 'Never'");
        }
    }
}

const POD_LEVEL: [&str; 2] = ["cpu", "memory"];

fn pod_level_name(place: &Field, resource: &str) {
    resources::container_name(place, resource);
    if !POD_LEVEL.contains(&resource) && !resources::is_huge_pages(resource) {
        place.not_supported_as(resource, &["cpu", "hugepages-", "memory"]);
    }
}

/// The pod's share must be enough for its containers.
fn covers_containers(spec: &Field, requirements: &Field) {
    let requests = requirements.child("requests");
    let total = resources::total_requests(spec.value());
    for (resource, request) in requests.entries() {
        let (Some(request_of_pod), Some(total)) = (quantity::read(request.value()), total.get(resource))
        else {
            continue;
        };
        if *total > request_of_pod {
            request.invalid_as(
                request_of_pod.to_string(),
                &format!("must be greater than or equal to aggregate container requests of {total}"),
            );
        }
    }
    let limits = requirements.child("limits");
    let containers = spec.child("containers");
    for container in containers.items() {
        let of_container = container.child("resources");
        let of_container = of_container.child("limits");
        for (resource, limit) in of_container.entries() {
            let of_pod = quantity::read(limits.key(resource).value());
            if let (Some(limit_of_container), Some(of_pod)) = (quantity::read(limit.value()), of_pod)
                && limit_of_container > of_pod
            {
                of_container.invalid_as(
                    limit_of_container.to_string(),
                    &format!("must be less than or equal to pod limits of {of_pod}"),
                );
            }
        }
    }
}

/// What the sandbox itself costs: limits, whatever it is called.
pub fn overhead(overhead: &Field) {
    let limits = overhead.standing_for("limits", overhead.value());
    for (resource, limit) in limits.entries() {
        resources::container_name(&limit, resource);
        resources::amount(&limit, resource);
    }
}
