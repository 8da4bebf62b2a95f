//! Rules for resource requests, limits, claims and how resizing them works.

use super::claims;
use crate::core::pod::context::PodContext;
use crate::core::resources;
use crate::toolkit::quantity::{self, Quantity};
use crate::toolkit::{Field, Seen};

/// What one container asks for.
pub fn of_container(requirements: &Field, pod: &PodContext) {
    quantities(requirements, resources::container_name);
    claims::used(&requirements.child("claims"), pod);
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
        resources::whole_pages(&limit, resource);
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
        resources::whole_pages(&request, resource);
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
        if pod.restart_policy() == "Never" && restart != "NotRequired" {
            policies.invalid_as(
                restart,
                "must be 'NotRequired' when pod `restartPolicy` is 'Never'",
            );
        }
    }
}

/// What the sandbox itself costs: limits, whatever it is called.
pub fn overhead(overhead: &Field) {
    let limits = overhead.standing_for("limits", overhead.value());
    for (resource, limit) in limits.entries() {
        resources::container_name(&limit, resource);
        resources::amount(&limit, resource);
        resources::whole_pages(&limit, resource);
    }
}
