//! What metrics of an autoscaler must be like.

use serde_json::Value;

use crate::core::resources;
use crate::toolkit::columns::{list, text};
use crate::toolkit::{Field, quantity};

/// Which versions a reference may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Versions {
    /// Those of a named group.
    WithGroup,
    /// Also those of the core group.
    AlsoCore,
    /// Any text: one that is wrong was there before.
    Any,
}

/// A reference to an object in some version.
pub fn reference(reference: &Field, versions: Versions) {
    for field in ["kind", "name"] {
        let field = reference.child(field);
        if field.is_empty() {
            field.required("");
        } else {
            field.complain(meta::name::path_segment(field.text()));
        }
    }
    let version = reference.child("apiVersion");
    if let Some(complaint) = wrong_version(version.text(), versions) {
        version.invalid_as(version.text(), &complaint);
    }
}

fn wrong_version(version: &str, versions: Versions) -> Option<String> {
    let (group, rest) = version.split_once('/').unwrap_or(("", version));
    if versions == Versions::Any {
        None
    } else if rest.contains('/') {
        Some(format!("unexpected GroupVersion string: {version}"))
    } else if versions == Versions::WithGroup && group.is_empty() {
        Some("apiVersion must specify API group".to_owned())
    } else {
        None
    }
}

/// Which versions described objects may have: any if there is a wrong one in the old spec.
pub fn allowed_versions(old: Option<&Value>) -> Versions {
    let metrics = old.map_or(&[][..], |old| list(old, &["metrics"]));
    let is_wrong = |metric: &Value| {
        let version = text(metric, &["object", "describedObject", "apiVersion"]);
        metric["type"] == "Object" && wrong_version(version, Versions::AlsoCore).is_some()
    };
    if metrics.iter().any(is_wrong) {
        Versions::Any
    } else {
        Versions::AlsoCore
    }
}

const TYPES: &[&str] = &["ContainerResource", "External", "Object", "Pods", "Resource"];
/// Rules for one source.
type Rules = fn(&Field, Versions);

/// Sources by the type of metric that has them, in the order in which upstream looks for the first.
const SOURCES: [(&str, &str, Rules); 5] = [
    ("Object", "object", object),
    ("External", "external", external),
    ("Pods", "pods", pods),
    ("Resource", "resource", resource),
    ("ContainerResource", "containerResource", container_resource),
];

/// All metrics. Only some can tell when none is needed any more.
pub fn rules(metrics: &Field, least_replicas: Option<i64>, described: Versions) {
    let mut wakes = false;
    for metric in metrics.items() {
        self::metric(&metric, described);
        wakes |= matches!(metric.text_of("type"), "Object" | "External");
    }
    if least_replicas == Some(0) && !wakes {
        metrics.forbidden(
            "must specify at least one Object or External metric to support scaling to zero replicas",
        );
    }
}

fn metric(metric: &Field, described: Versions) {
    let kind = metric.child("type");
    let is_known = TYPES.contains(&kind.text());
    if kind.is_empty() {
        kind.required("must specify a metric source type");
    }
    if !is_known {
        kind.not_supported(TYPES);
    }
    // The first source is judged, whatever the type.
    let mut sources = SOURCES.iter().filter(|(_, name, _)| metric.child(name).is_set());
    if let Some((_, name, rules)) = sources.next() {
        rules(&metric.child(name), described);
    }
    match SOURCES.iter().find(|(of, ..)| *of == kind.text()) {
        Some((_, name, _)) if !metric.child(name).is_set() => {
            metric
                .child(name)
                .required("must populate information for the given metric source");
        }
        Some(_) => {}
        None => kind.not_supported(TYPES),
    }
    only_source(metric, kind.text());
}

/// There is one source. Which is not forbidden depends on the type.
fn only_source(metric: &Field, kind: &str) {
    let there = SOURCES.iter().filter(|(_, name, _)| metric.child(name).is_set());
    if there.clone().count() == 1 {
        return;
    }
    for (_, name, _) in there.filter(|(of, ..)| *of != kind) {
        metric
            .child(name)
            .forbidden("must populate the given metric source only");
    }
}

fn positive(place: &Field) {
    if quantity::read(place.value()).is_some_and(|value| value.sign() <= 0) {
        place.invalid("must be positive");
    }
}

fn target(target: &Field) {
    let kind = target.child("type");
    match kind.text() {
        "Utilization" | "Value" | "AverageValue" => {}
        other => {
            if other.is_empty() {
                kind.required("must specify a metric target type");
            }
            kind.invalid_as(other, "must be either Utilization, Value, or AverageValue");
        }
    }
    positive(&target.child("value"));
    positive(&target.child("averageValue"));
    let utilization = target.child("averageUtilization");
    if utilization.is_set() && utilization.number() < 1 {
        utilization.invalid("must be greater than 0");
    }
}

fn identifier(metric: &Field) {
    let name = metric.child("name");
    if name.is_empty() {
        name.required("must specify a metric name");
    } else {
        name.complain(meta::name::path_segment(name.text()));
    }
}

fn object(source: &Field, versions: Versions) {
    reference(&source.child("describedObject"), versions);
    identifier(&source.child("metric"));
    let target = source.child("target");
    self::target(&target);
    let (value, average) = (target.child("value"), target.child("averageValue"));
    if !value.is_set() && !average.is_set() {
        average.required("must set either a target value or averageValue");
    }
}

fn pods(source: &Field, _: Versions) {
    identifier(&source.child("metric"));
    let target = source.child("target");
    self::target(&target);
    let average = target.child("averageValue");
    if !average.is_set() {
        average.required("must specify a positive target averageValue");
    }
}

fn external(source: &Field, _: Versions) {
    identifier(&source.child("metric"));
    let target = source.child("target");
    self::target(&target);
    let (value, average) = (target.child("value"), target.child("averageValue"));
    match (value.is_set(), average.is_set()) {
        (false, false) => average.required("must set either a target value for metric or a per-pod target"),
        (true, true) => value.forbidden("may not set both a target value for metric and a per-pod target"),
        _ => {}
    }
}

fn resource(source: &Field, _: Versions) {
    let name = source.child("name");
    if name.is_empty() {
        name.required("must specify a resource name");
    }
    target_of_resource(source);
}

fn container_resource(source: &Field, _: Versions) {
    let (name, container) = (source.child("name"), source.child("container"));
    if name.is_empty() {
        name.required("must specify a resource name");
    } else {
        resources::container_name(&name, name.text());
    }
    if container.is_empty() {
        container.required("must specify a container");
    } else {
        container.complain(meta::name::dns1123_label(container.text()));
    }
    target_of_resource(source);
}

fn target_of_resource(source: &Field) {
    let target = source.child("target");
    self::target(&target);
    let (value, utilization) = (target.child("averageValue"), target.child("averageUtilization"));
    match (value.is_set(), utilization.is_set()) {
        (false, false) => utilization.required("must set either a target raw value or a target utilization"),
        (true, true) => value.forbidden("may not set both a target raw value and a target utilization"),
        _ => {}
    }
}
