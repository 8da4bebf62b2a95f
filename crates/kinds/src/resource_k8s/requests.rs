//! Requests for devices, as claims and templates of claims have them.

use super::{constraints, expression, taints};
use crate::toolkit::Field;
use crate::toolkit::defaults::{Object, object_in, objects, text, when_empty};

/// The most requests of a claim.
pub const MOST_REQUESTS: usize = 32;
const MOST_SELECTORS: usize = 32;
const MOST_ALTERNATIVES: usize = 8;

/// One device of a class, unless something is said.
pub fn defaults(spec: &mut Object) {
    let Some(devices) = object_in(spec, "devices") else {
        return;
    };
    for request in objects(devices, "requests") {
        if let Some(exactly) = object_in(request, "exactly") {
            request_defaults(exactly);
        }
        for alternative in objects(request, "firstAvailable") {
            request_defaults(alternative);
        }
    }
}

fn request_defaults(request: &mut Object) {
    when_empty(request, "allocationMode", "ExactCount");
    if text(request, "allocationMode") == "ExactCount" {
        when_empty(request, "count", 1);
    }
    toleration_defaults(request);
}

/// What is tolerated has the value that is named, unless something is said.
pub fn toleration_defaults(parent: &mut Object) {
    for toleration in objects(parent, "tolerations") {
        when_empty(toleration, "operator", "Equal");
    }
}

/// The rules for what a claim asks for.
pub fn rules(spec: &Field) {
    let devices = spec.child("devices");
    let requests = devices.child("requests");
    if requests.len() > MOST_REQUESTS {
        requests.too_many(MOST_REQUESTS);
    } else {
        for request in requests.items() {
            self::request(&request);
        }
        requests.each_once_by("name");
    }
    constraints::rules(&devices);
}

fn request(request: &Field) {
    request.child("name").dns_label();
    let (exactly, first) = (request.child("exactly"), request.child("firstAvailable"));
    match (exactly.is_set(), !first.is_empty()) {
        (true, true) => request.invalid_printed(
            "null",
            "exactly one of `exactly` or `firstAvailable` is required, but multiple fields are set",
        ),
        (false, false) => request.required("exactly one of `exactly` or `firstAvailable` is required"),
        (true, false) => wanted(&exactly),
        (false, true) => alternatives(&first),
    }
}

fn alternatives(first: &Field) {
    if first.len() > MOST_ALTERNATIVES {
        return first.too_many(MOST_ALTERNATIVES);
    }
    for alternative in first.items() {
        alternative.child("name").dns_label();
        wanted(&alternative);
    }
    first.each_once_by("name");
}

/// Which devices, and how many.
fn wanted(request: &Field) {
    let class = request.child("deviceClassName");
    if class.is_empty() {
        class.required("");
    } else {
        class.dns_subdomain();
    }
    selectors(&request.child("selectors"));
    let (mode, count) = (request.child("allocationMode"), request.child("count"));
    match mode.text() {
        "All" if count.number() != 0 => {
            count.invalid("must not be specified when allocationMode is 'All'");
        }
        "ExactCount" if count.number() <= 0 => {
            count.invalid_as(count.number(), "must be greater than zero");
        }
        "All" | "ExactCount" => {}
        _ => mode.not_supported(&["All", "ExactCount"]),
    }
    for toleration in request.child("tolerations").items() {
        taints::toleration(&toleration);
    }
}

/// Expressions that choose devices.
pub fn selectors(selectors: &Field) {
    if selectors.len() > MOST_SELECTORS {
        return selectors.too_many(MOST_SELECTORS);
    }
    for selector in selectors.items() {
        let cel = selector.child("cel");
        if cel.is_set() {
            expression::selector(&cel.child("expression"));
        } else {
            cel.required("");
        }
    }
}
