//! What is said of a pod's claims to devices.

use serde_json::Value;

use crate::toolkit::columns::list;
use crate::toolkit::{Field, Seen};

/// What is said of claims is said of claims the pod has, once of each.
pub fn rules(statuses: &Field, claims: &Field) {
    let mut seen = Seen::new();
    for status in statuses.items() {
        let name = status.child("name");
        if !claims.items().any(|claim| claim.text_of("name") == name.text()) {
            name.invalid_as(
                name.text(),
                "must match the name of an entry in `spec.resourceClaims`",
            );
        }
        if seen.again(name.text()) {
            name.duplicate_as(name.text());
        }
        let claim = status.child("resourceClaimName");
        if claim.is_set() {
            claim.complain(meta::name::dns1123_subdomain(claim.text()));
        }
    }
}

/// Requests for resources that a claim made for the pod fulfils.
pub fn extended(status: &Field, spec: &Field) {
    if !status.is_set() {
        return;
    }
    let mappings = status.child("requestMappings");
    if mappings.is_empty() {
        mappings.required("at least one request mapping is required");
    }
    let mut seen = Seen::new();
    for mapping in mappings.items() {
        let names = ["containerName", "resourceName", "requestName"].map(|name| mapping.child(name));
        let [container, resource, request] = &names;
        requested(container, resource, spec.value().unwrap_or(&Value::Null));
        // Upstream's path leaves the mapping out.
        let short = status.standing_for("requestName", request.value());
        short.complain(meta::name::dns1123_label(short.text()));
        if seen.again(names.each_ref().map(Field::text)) {
            for name in &names {
                name.duplicate_as(name.text());
            }
        }
    }
    let claim = status.child("resourceClaimName");
    if claim.is_empty() {
        claim.required("");
    } else {
        claim.complain(meta::name::dns1123_subdomain(claim.text()));
    }
}

/// The container is there and has asked for the resource.
fn requested(container: &Field, resource: &Field, spec: &Value) {
    let mut containers = ["containers", "initContainers"]
        .iter()
        .flat_map(|kind| list(spec, &[kind]));
    match containers.find(|each| each["name"] == container.text()) {
        None => container.invalid_as(
            container.text(),
            "must match the name of an entry in spec.initContainers.name or spec.containers.name",
        ),
        Some(found) if found["resources"]["requests"].get(resource.text()).is_none() => resource.invalid_as(
            resource.text(),
            "must match the extended resource name of an entry in spec.initContainers.resources.requests or \
             spec.containers.resources.requests",
        ),
        Some(_) => {}
    }
}
