//! Rules for devices that a pod claims, and for how its containers name them.

use crate::core::pod::context::PodContext;
use crate::core::pod::create::MIRROR;
use crate::toolkit::{Field, Seen};

/// The claims of a pod.
pub fn claims(claims: &Field, metadata: Option<&Field>) {
    let mut names = Seen::new();
    let is_mirror = metadata.is_some_and(|metadata| metadata.child("annotations").key(MIRROR).is_set());
    for claim in claims.items() {
        if is_mirror {
            // Upstream names no place here.
            let nowhere = meta::Path::root().key("");
            let error = meta::FieldError::forbidden(&nowhere, "static pods do not support resource claims");
            claim.report().push(error);
        } else {
            name(&claim, &mut names);
            source(&claim);
        }
    }
}

fn name<'v>(claim: &Field<'_, 'v>, names: &mut Seen<&'v str>) {
    let name = claim.child("name");
    if name.is_empty() {
        name.required("");
    } else if names.again(name.text()) {
        name.duplicate();
    } else {
        name.dns_label();
    }
}

fn source(claim: &Field) {
    let (by_name, by_template) = (
        claim.child("resourceClaimName"),
        claim.child("resourceClaimTemplateName"),
    );
    match (by_name.is_set(), by_template.is_set()) {
        (true, true) => claim
            .invalid("at most one of `resourceClaimName` or `resourceClaimTemplateName` may be specified"),
        (false, false) => {
            claim.invalid("must specify one of: `resourceClaimName`, `resourceClaimTemplateName`");
        }
        _ => {}
    }
    for name in [by_name, by_template] {
        if name.is_set() {
            name.dns_subdomain();
        }
    }
}

/// The claims that a container, or the pod as a whole, uses.
pub fn used(claims: &Field, pod: &PodContext) {
    let mut whole = Seen::new();
    let mut parts = Seen::new();
    for claim in claims.items() {
        let (name, request) = (claim.text_of("name"), claim.child("request"));
        if name.is_empty() {
            claim.required("");
            continue;
        }
        if whole.contains(name) {
            claim.duplicate_as(name);
        } else if request.is_empty() {
            for _ in parts.iter().filter(|(of, _)| *of == name) {
                claim.duplicate_as(name);
            }
            whole.again(name);
        } else {
            request.dns_label();
            if parts.again((name, request.text())) {
                claim.duplicate_as(format!("{name}/{}", request.text()));
            }
        }
        known(&claim, name, pod);
    }
}

fn known(claim: &Field, name: &str, pod: &PodContext) {
    let mut known: Vec<&str> = pod
        .resource_claim_names()
        .filter(|name| !name.is_empty())
        .collect();
    if known.contains(&name) {
        return;
    }
    known.sort_unstable();
    known.dedup();
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
