//! What metrics of an autoscaler must be like.

use crate::toolkit::{Field, quantity};

const TYPES: &[&str] = &["ContainerResource", "External", "Object", "Pods", "Resource"];
/// Rules for one source.
type Rules = fn(&Field);

/// Sources by the type of metric that has them.
const SOURCES: [(&str, &str, Rules); 5] = [
    ("Object", "object", object),
    ("Pods", "pods", pods),
    ("Resource", "resource", resource),
    ("External", "external", external),
    ("ContainerResource", "containerResource", container_resource),
];

/// All metrics. Only some can tell when none is needed any more.
pub fn rules(metrics: &Field, least_replicas: Option<i64>) {
    let mut wakes = false;
    for metric in metrics.items() {
        self::metric(&metric);
        wakes |= matches!(metric.text_of("type"), "Object" | "External");
    }
    if least_replicas == Some(0) && !wakes {
        metrics.forbidden(
            "must specify at least one Object or External metric to support scaling to zero replicas",
        );
    }
}

fn metric(metric: &Field) {
    let kind = metric.child("type");
    if kind.is_empty() {
        kind.required("must specify a metric source type");
    } else if !TYPES.contains(&kind.text()) {
        // Upstream says so twice.
        kind.not_supported(TYPES);
        kind.not_supported(TYPES);
    }
    for (of, name, rules) in SOURCES {
        let source = metric.child(name);
        if !source.is_set() {
            if of == kind.text() {
                source.required("must populate information for the given metric source");
            }
        } else if of == kind.text() || !TYPES.contains(&kind.text()) {
            rules(&source);
        } else {
            source.forbidden("must populate the given metric source only");
        }
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
        "" => kind.required("must specify a metric target type"),
        "Utilization" | "Value" | "AverageValue" => {}
        _ => kind.invalid("must be either Utilization, Value, or AverageValue"),
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

fn object(source: &Field) {
    let described = source.child("describedObject");
    for field in ["kind", "name"] {
        let field = described.child(field);
        if field.is_empty() {
            field.required("");
        } else {
            field.complain(meta::name::path_segment(field.text()));
        }
    }
    identifier(&source.child("metric"));
    let target = source.child("target");
    self::target(&target);
    let (value, average) = (target.child("value"), target.child("averageValue"));
    if !value.is_set() && !average.is_set() {
        average.required("must set either a target value or averageValue");
    }
}

fn pods(source: &Field) {
    identifier(&source.child("metric"));
    let target = source.child("target");
    self::target(&target);
    let average = target.child("averageValue");
    if quantity::read(average.value()).is_none_or(|value| value.sign() != 1) {
        average.required("must specify a positive target averageValue");
    }
}

fn external(source: &Field) {
    let metric = source.child("metric");
    identifier(&metric);
    metric.child("selector").label_selector();
    let target = source.child("target");
    self::target(&target);
    let (value, average) = (target.child("value"), target.child("averageValue"));
    match (value.is_set(), average.is_set()) {
        (false, false) => average.required("must set either a target value for metric or a per-pod target"),
        (true, true) => value.forbidden("may not set both a target value for metric and a per-pod target"),
        _ => {}
    }
}

fn resource(source: &Field) {
    source_of_resource(source);
}

fn container_resource(source: &Field) {
    let container = source.child("container");
    if container.is_empty() {
        container.required("must specify a container");
    }
    source_of_resource(source);
}

fn source_of_resource(source: &Field) {
    let name = source.child("name");
    if name.is_empty() {
        name.required("must specify a resource name");
    }
    let target = source.child("target");
    self::target(&target);
    let (value, utilization) = (target.child("averageValue"), target.child("averageUtilization"));
    match (value.is_set(), utilization.is_set()) {
        (false, false) => utilization.required("must set either a target raw value or a target utilization"),
        (true, true) => value.forbidden("may not set both a target raw value and a target utilization"),
        _ => {}
    }
}
