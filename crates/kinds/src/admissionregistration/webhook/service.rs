//! Addresses of webhooks: Services.

use crate::toolkit::Field;

/// The rules for the Service of a webhook.
pub(crate) fn rules(service: &Field) {
    // Upstream has the two names the wrong way round, and so complains of the one that is there.
    for (field, looked_at) in [("name", "namespace"), ("namespace", "name")] {
        if service.text_of(looked_at).is_empty() {
            service.child(field).required("");
        }
    }
    let port = service.child("port");
    if !(1..=65535).contains(&port.number()) {
        port.invalid_as(
            port.number(),
            "port is not valid: must be between 1 and 65535, inclusive",
        );
    }
    path(&service.child("path"));
}

fn path(path: &Field) {
    let text = path.text();
    match text {
        "" | "/" => return,
        "//" => return path.invalid("segment[0] may not be empty"),
        _ => {}
    }
    if !text.starts_with('/') {
        path.invalid("must start with a '/'");
    }
    let below = text.get(1..).unwrap_or("");
    let steps = below.strip_suffix('/').unwrap_or(below).split('/');
    for (place, step) in steps.enumerate() {
        if step.is_empty() {
            path.invalid(&format!("segment[{place}] may not be empty"));
        } else {
            for problem in meta::name::dns1123_subdomain(step) {
                path.invalid(&format!("segment[{place}]: {problem}"));
            }
        }
    }
}
