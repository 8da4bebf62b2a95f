//! Rules for what a pod asks for as a whole.

use super::{claims, requirements};
use crate::core::pod::context::PodContext;
use crate::core::resources;
use crate::toolkit::Field;
use crate::toolkit::quantity;

/// What the pod as a whole asks for.
pub fn of_pod(spec: &Field, pod: &PodContext) {
    let own = spec.child("resources");
    if !own.is_set() {
        return;
    }
    if spec.child("os").text_of("name") == "windows" {
        return own.forbidden("may not be set for a windows pod");
    }
    let claims = own.child("claims");
    if claims.is_set() {
        claims.forbidden("claims may not be set for Resources at pod-level");
    }
    requirements::quantities(&own, name);
    claims::used(&claims, pod);
    covers_requests(spec, &own);
    covers_huge_pages(spec, &own);
    covers_limits(spec, &own);
}

fn name(place: &Field, resource: &str) {
    let before = place.report().count();
    resources::name(place, resource);
    let is_pods = matches!(resource, "cpu" | "memory") || resources::is_huge_pages(resource);
    if place.report().count() == before && !is_pods {
        place.not_supported_as(resource, &["cpu", "hugepages-", "memory"]);
    }
}

/// The pod's share must be enough for what its containers ask for.
fn covers_requests(spec: &Field, own: &Field) {
    let requests = own.child("requests");
    for (resource, total) in resources::total_requests(spec.value()) {
        let request = requests.key(&resource);
        if let Some(of_pod) = quantity::read(request.value())
            && total > of_pod
        {
            let complaint =
                format!("must be greater than or equal to aggregate container requests of {total}");
            request.invalid_as(of_pod.to_string(), &complaint);
        }
    }
}

/// Huge pages are never promised twice.
fn covers_huge_pages(spec: &Field, own: &Field) {
    let limits = own.child("limits");
    for (resource, total) in resources::total_limits(spec.value()) {
        let limit = limits.key(&resource);
        if let Some(of_pod) = quantity::read(limit.value())
            && resources::is_huge_pages(&resource)
            && total > of_pod
        {
            let complaint = format!("must be greater than or equal to aggregate container limits of {total}");
            limit.invalid_as(of_pod.to_string(), &complaint);
        }
    }
}

/// No container may use more than the pod. Upstream names a place below the pod's resources.
fn covers_limits(spec: &Field, own: &Field) {
    let limits = own.child("limits");
    let places = own.standing_for("containers", spec.child("containers").value());
    for container in places.items() {
        let of_container = container.child("resources");
        for (resource, limit) in of_container.child("limits").entries() {
            let of_pod = quantity::read(limits.key(resource).value());
            if let (Some(limit), Some(of_pod)) = (quantity::read(limit.value()), of_pod)
                && limit > of_pod
            {
                let complaint = format!("must be less than or equal to pod limits of {of_pod}");
                let place = container.key(resource);
                place.child("limits").invalid_as(limit.to_string(), &complaint);
            }
        }
    }
}
