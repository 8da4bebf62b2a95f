//! Requests for devices, as claims and templates of claims have them. Expressions are judged where they are compiled.

use serde_json::Value;

use super::expression;
use crate::toolkit::columns::{list, text as text_at};
use crate::toolkit::defaults::{Object, object_in, objects, text, when_empty};
use crate::toolkit::{Field, Seen};

const MAX_REQUESTS: usize = 32;
const MAX_SELECTORS: usize = 32;
const MAX_SUBREQUESTS: usize = 8;

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
    for toleration in objects(request, "tolerations") {
        when_empty(toleration, "operator", "Equal");
    }
}

/// The rules for what a claim asks for.
pub fn rules(spec: &Field) {
    let devices = spec.child("devices");
    let requests = devices.child("requests");
    if requests.len() > MAX_REQUESTS {
        requests.too_many(MAX_REQUESTS);
    }
    let mut names = Seen::new();
    for request in requests.items() {
        name(&request, &mut names);
        alternatives(&request);
    }
    for constraint in devices.child("constraints").items() {
        let (attribute, distinct) = (
            constraint.child("matchAttribute"),
            constraint.child("distinctAttribute"),
        );
        if !attribute.is_set() && !distinct.is_set() {
            constraint.required("exactly one of matchAttribute or distinctAttribute is required");
        }
        known_requests(&constraint.child("requests"), &devices);
    }
    for config in devices.child("config").items() {
        known_requests(&config.child("requests"), &devices);
        opaque(&config);
    }
}

fn name<'v>(request: &Field<'_, 'v>, names: &mut Seen<&'v str>) {
    let name = request.child("name");
    if name.is_empty() {
        return name.required("");
    }
    name.dns_label();
    if names.again(request.text_of("name")) {
        name.duplicate();
    }
}

fn alternatives(request: &Field) {
    let (exactly, first) = (request.child("exactly"), request.child("firstAvailable"));
    match (exactly.is_set(), !first.is_empty()) {
        (true, true) => request.invalid_printed(
            "{}",
            "exactly one of `exactly` or `firstAvailable` is required, but multiple fields are set",
        ),
        (false, false) => request.required("exactly one of `exactly` or `firstAvailable` is required"),
        (true, false) => self::request(&exactly),
        (false, true) => {
            if first.len() > MAX_SUBREQUESTS {
                first.too_many(MAX_SUBREQUESTS);
            }
            let mut names = Seen::new();
            for alternative in first.items() {
                name(&alternative, &mut names);
                self::request(&alternative);
            }
        }
    }
}

fn request(request: &Field) {
    let class = request.child("deviceClassName");
    if class.is_empty() {
        class.required("");
    } else {
        class.dns_subdomain();
    }
    selectors(&request.child("selectors"));
    let count = request.child("count");
    match request.text_of("allocationMode") {
        "All" => {
            if count.number() != 0 {
                count.invalid("must not be specified when allocationMode is 'All'");
            }
        }
        "ExactCount" => {
            if count.number() <= 0 {
                count.invalid_as(count.number(), "must be greater than zero");
            }
        }
        _ => request
            .child("allocationMode")
            .not_supported(&["All", "ExactCount"]),
    }
}

/// Expressions that choose devices.
pub fn selectors(selectors: &Field) {
    if selectors.len() > MAX_SELECTORS {
        selectors.too_many(MAX_SELECTORS);
    }
    for selector in selectors.items() {
        let cel = selector.child("cel");
        if !cel.is_set() {
            cel.required("");
        } else if cel.text_of("expression").trim().is_empty() {
            cel.child("expression").required("");
        } else {
            expression::selector(&cel.child("expression"));
        }
    }
}

/// Configuration for a driver.
pub fn opaque(config: &Field) {
    let opaque = config.child("opaque");
    if !opaque.is_set() {
        return opaque.required("");
    }
    let driver = opaque.child("driver");
    if driver.is_empty() {
        driver.required("");
    } else {
        driver.dns_subdomain();
    }
    let parameters = opaque.child("parameters");
    match parameters.value() {
        None => parameters.required(""),
        Some(Value::Object(_)) => {}
        Some(_) => parameters.invalid_as("<value omitted>", "parameters must be a valid JSON object"),
    }
}

fn known_requests(names: &Field, devices: &Field) {
    let requests = devices
        .value()
        .map_or(&[][..], |devices| list(devices, &["requests"]));
    let mut seen = Seen::new();
    for name in names.items() {
        let text = name.text();
        if seen.again(text) {
            name.duplicate();
        }
        let (main, sub) = text
            .split_once('/')
            .map_or((text, None), |(main, sub)| (main, Some(sub)));
        let found = requests
            .iter()
            .find(|request| text_at(request, &["name"]) == main);
        let is_known = found.is_some_and(|request| {
            sub.is_none_or(|sub| {
                list(request, &["firstAvailable"])
                    .iter()
                    .any(|each| text_at(each, &["name"]) == sub)
            })
        });
        if !is_known {
            name.invalid("must be the name of a request in the claim or the name of a request and a subrequest separated by '/'");
        }
    }
}
