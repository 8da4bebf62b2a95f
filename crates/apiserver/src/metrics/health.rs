//! How checks of health went, one by one (KEP-3466): `/metrics/slis`.

use std::sync::Arc;

use super::family::{Counter, Family, Gauge};

/// What each check said last, and how often it said what.
#[derive(Debug)]
pub struct HealthMetrics {
    last: Family<Gauge>,
    total: Family<Counter>,
}

impl Default for HealthMetrics {
    fn default() -> Self {
        Self {
            last: Family::new(
                "kubernetes_healthcheck",
                "[STABLE] This metric records the result of a single healthcheck.",
                &["name", "type"],
            ),
            total: Family::new(
                "kubernetes_healthchecks_total",
                "[STABLE] This metric records the results of all healthcheck.",
                &["name", "status", "type"],
            ),
        }
    }
}

impl HealthMetrics {
    /// None asked yet.
    pub fn new() -> Arc<Self> {
        Arc::default()
    }

    /// A check was asked by a probe (`readyz`).
    pub fn asked(&self, check: &str, probe: &str, is_well: bool) {
        let status = if is_well { "success" } else { "error" };
        self.last.series(&[check, probe]).set(is_well.into());
        self.total.series(&[check, status, probe]).increment();
    }

    /// Appends all in the text format.
    pub fn write(&self, out: &mut String) {
        self.last.write(out);
        self.total.write(out);
    }
}
