//! `/metrics`, and `/metrics/slis`.

use std::sync::Arc;

use http::StatusCode;
use registry::Registry;

use crate::aggregation::Aggregation;
use crate::call::Response;
use crate::documents::health::Health;
use crate::metrics::Metrics;
use crate::respond::document::with_bytes;

/// Appends metrics of another part of the process, in the text format.
pub type MetricsSource = Arc<dyn Fn(&mut String) + Send + Sync>;

/// What the registry counts.
pub fn of_registry(registry: Registry) -> MetricsSource {
    Arc::new(move |out| {
        const NAME: &str = "pintle_storage_unreadable_objects";
        let count = registry.unreadable_objects();
        *out += &format!(
            "# HELP {NAME} Stored objects that cannot be read, because they are damaged or no objects.\n"
        );
        *out += &format!("# TYPE {NAME} gauge\n{NAME} {count}\n");
    })
}

/// Which group versions of the API have nobody who serves them at present.
pub fn of_aggregation(aggregation: Aggregation) -> MetricsSource {
    Arc::new(move |out| {
        const NAME: &str = "aggregator_unavailable_apiservice";
        *out += &format!("# HELP {NAME} Whether nobody serves a group version of the API at present.\n");
        *out += &format!("# TYPE {NAME} gauge\n");
        for part in aggregation.parts().all() {
            let is_lost = part.other.as_ref().is_some_and(|other| !other.is_available);
            let (group, version) = (&part.group, &part.version);
            *out += &format!("{NAME}{{name=\"{version}.{group}\"}} {}\n", u8::from(is_lost));
        }
        let lost = aggregation.lost();
        if lost.is_empty() {
            return;
        }
        *out +=
            &format!("# HELP {NAME}_total How often nobody served a group version any more, by reason.\n");
        *out += &format!("# TYPE {NAME}_total counter\n");
        for ((name, reason), count) in &lost {
            *out += &format!("{NAME}_total{{name=\"{name}\",reason=\"{reason}\"}} {count}\n");
        }
    })
}

/// Answers `/metrics`.
pub fn metrics(metrics: &Metrics, sources: &[MetricsSource]) -> Response {
    let mut text = String::with_capacity(64 << 10);
    metrics.write(&mut text);
    for source in sources {
        source(&mut text);
    }
    with_bytes(StatusCode::OK, "text/plain; version=0.0.4; charset=utf-8", text)
}

/// Answers `/metrics/slis`: how checks of health went.
pub fn slis(health: &Health) -> Response {
    let mut text = String::new();
    health.metrics().write(&mut text);
    with_bytes(
        StatusCode::OK,
        "text/plain; version=0.0.4; charset=utf-8; escaping=underscores",
        text,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_lost_is_counted() {
        let aggregation = Aggregation::default();
        let write = of_aggregation(aggregation.clone());
        let written = || {
            let mut out = String::new();
            write(&mut out);
            out
        };
        assert!(!written().contains("_total"));
        aggregation.count_lost("v1.a.example", "FailedDiscoveryCheck");
        aggregation.count_lost("v1.a.example", "FailedDiscoveryCheck");
        let line = "aggregator_unavailable_apiservice_total{name=\"v1.a.example\",reason=\"FailedDiscoveryCheck\"} 2\n";
        assert!(written().ends_with(line), "{}", written());
    }
}
