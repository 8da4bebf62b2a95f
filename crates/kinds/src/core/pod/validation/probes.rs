//! Rules for probes and lifecycle hooks.

use crate::core::pod::context::PodContext;
use crate::toolkit::Field;

/// Whether to restart the container.
pub fn liveness(probe: &Field, pod: &PodContext) {
    if self::probe(probe, pod) {
        one_success(probe);
    }
}

/// Whether the container has started.
pub fn startup(probe: &Field, pod: &PodContext) {
    liveness(probe, pod);
}

/// Whether the container can serve.
pub fn readiness(probe: &Field, pod: &PodContext) {
    if self::probe(probe, pod) {
        let grace = probe.child("terminationGracePeriodSeconds");
        if grace.is_set() {
            grace.invalid("must not be set for readinessProbes");
        }
    }
}

fn one_success(probe: &Field) {
    let threshold = probe.child("successThreshold");
    if threshold.number() != 1 {
        threshold.invalid_as(threshold.number(), "must be 1");
    }
}

fn probe(probe: &Field, pod: &PodContext) -> bool {
    if !probe.is_set() {
        return false;
    }
    handler(probe, pod);
    for field in [
        "initialDelaySeconds",
        "timeoutSeconds",
        "periodSeconds",
        "successThreshold",
        "failureThreshold",
    ] {
        probe.child(field).non_negative();
    }
    let grace = probe.child("terminationGracePeriodSeconds");
    if grace.int().is_some_and(|seconds| seconds <= 0) {
        grace.invalid("must be greater than 0");
    }
    true
}

/// What runs after a container's start and before its end.
pub fn lifecycle(lifecycle: &Field, pod: &PodContext) {
    for hook in ["postStart", "preStop"] {
        let hook = lifecycle.child(hook);
        if hook.is_set() {
            handler(&hook, pod);
        }
    }
}

fn handler(handler: &Field, pod: &PodContext) {
    let mut handlers = 0;
    for (name, rules) in HANDLERS {
        let one = handler.child(name);
        if !one.is_set() {
            continue;
        }
        if handlers > 0 {
            one.forbidden("may not specify more than 1 handler type");
        } else {
            rules(&one, pod);
        }
        handlers += 1;
    }
    if handlers == 0 {
        handler.required("must specify a handler type");
    }
}

type Rules = fn(&Field, &PodContext);

const HANDLERS: [(&str, Rules); 5] = [
    ("exec", exec),
    ("httpGet", http_get),
    ("tcpSocket", port),
    ("grpc", port),
    ("sleep", sleep),
];

fn exec(exec: &Field, _: &PodContext) {
    exec.child("command").needed();
}

fn http_get(http: &Field, _: &PodContext) {
    http.child("path").needed();
    http.child("port").port_number_or_name();
    http.child("scheme").any_of(&["HTTP", "HTTPS"]);
    let headers = http.child("httpHeaders");
    for header in headers.items() {
        let name = header.text_of("name");
        for complaint in meta::name::http_header_name(name) {
            headers.invalid_as(name, &complaint);
        }
    }
}

fn port(handler: &Field, _: &PodContext) {
    handler.child("port").port_number_or_name();
}

fn sleep(sleep: &Field, pod: &PodContext) {
    let seconds = sleep.child("seconds").number();
    let grace = pod.termination_grace_period_seconds();
    if !(0..=grace).contains(&seconds) {
        let detail = format!("must be non-negative and less than terminationGracePeriodSeconds ({grace})");
        sleep.invalid_as(seconds, &detail);
    }
}
