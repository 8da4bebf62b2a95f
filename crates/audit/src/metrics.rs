//! What auditing counts, under upstream's names.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use parking_lot::Mutex;

use crate::policy::Level;

/// What is counted.
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    events: AtomicU64,
    rejected: AtomicU64,
    levels: [AtomicU64; 4],
    /// Events that were not written, by whose fault.
    errors: Mutex<BTreeMap<&'static str, u64>>,
}

impl Metrics {
    pub(crate) fn event(&self) {
        self.events.fetch_add(1, Relaxed);
    }

    pub(crate) fn rejected(&self) {
        self.rejected.fetch_add(1, Relaxed);
    }

    pub(crate) fn level(&self, level: Level) {
        self.levels[level as usize].fetch_add(1, Relaxed);
    }

    pub(crate) fn lost(&self, plugin: &'static str, events: usize) {
        *self.errors.lock().entry(plugin).or_default() += events as u64;
    }

    /// Appends everything in the text format.
    pub(crate) fn write(&self, out: &mut String) {
        let by = |name: &str, counts: Vec<(&str, u64)>| {
            let counts = counts.into_iter().filter(|(_, count)| *count > 0);
            counts
                .map(|(value, count)| (format!("{{{name}=\"{value}\"}}"), count))
                .collect::<Vec<_>>()
        };
        let total = |count: &AtomicU64| vec![(String::new(), count.load(Relaxed))];
        let levels = Level::ALL.map(|level| (level.as_str(), self.levels[level as usize].load(Relaxed)));
        let errors = self
            .errors
            .lock()
            .iter()
            .map(|(plugin, count)| (*plugin, *count))
            .collect();
        for (name, help, samples) in [
            (
                "error_total",
                "Audit events that were not written, by whose fault.",
                by("plugin", errors),
            ),
            (
                "event_total",
                "Audit events that were to be written.",
                total(&self.events),
            ),
            (
                "level_total",
                "Levels at which requests were audited.",
                by("level", levels.to_vec()),
            ),
            (
                "requests_rejected_total",
                "Requests refused because their audit event could not be written.",
                total(&self.rejected),
            ),
        ] {
            if samples.is_empty() {
                continue;
            }
            let name = format!("apiserver_audit_{name}");
            // Writing to a String cannot fail.
            let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} counter");
            for (labels, count) in samples {
                let _ = writeln!(out, "{name}{labels} {count}");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_counted_is_written() {
        let metrics = Metrics::default();
        metrics.event();
        metrics.level(Level::Request);
        metrics.lost("buffered", 2);
        let mut out = String::new();
        metrics.write(&mut out);
        let samples: Vec<&str> = out.lines().filter(|line| !line.starts_with('#')).collect();
        assert_eq!(
            samples,
            [
                "apiserver_audit_error_total{plugin=\"buffered\"} 2",
                "apiserver_audit_event_total 1",
                "apiserver_audit_level_total{level=\"Request\"} 1",
                "apiserver_audit_requests_rejected_total 0",
            ]
        );
    }
}
