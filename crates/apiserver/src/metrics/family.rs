//! A metric and its series, one for each set of label values.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use parking_lot::RwLock;

/// Series a family holds at most; what comes later is counted in the last series, whose label values are all `other`.
const MAX_SERIES: usize = 20_000;

/// One series of a family.
pub trait Metric: Default {
    /// `counter`, `gauge`, `histogram`.
    const TYPE: &'static str;

    /// Appends the lines of the series; `labels` is `a="b",c="d"` or empty.
    fn write(&self, name: &str, labels: &str, out: &mut String);
}

/// Something that only grows.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// One more.
    pub fn increment(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// The count.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Metric for Counter {
    const TYPE: &'static str = "counter";

    fn write(&self, name: &str, labels: &str, out: &mut String) {
        write_sample(out, name, labels, self.get());
    }
}

/// Something that goes up and down.
#[derive(Debug, Default)]
pub struct Gauge(AtomicI64);

impl Gauge {
    /// One more, until the returned guard is dropped.
    pub fn enter(self: &Arc<Self>) -> Entered {
        self.0.fetch_add(1, Ordering::Relaxed);
        Entered(Arc::clone(self))
    }

    /// Sets the value.
    pub fn set(&self, value: i64) {
        self.0.store(value, Ordering::Relaxed);
    }

    /// The value.
    pub fn get(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Metric for Gauge {
    const TYPE: &'static str = "gauge";

    fn write(&self, name: &str, labels: &str, out: &mut String) {
        write_sample(out, name, labels, self.get());
    }
}

/// Counts in a [`Gauge`] while it lives.
#[derive(Debug)]
pub struct Entered(Arc<Gauge>);

impl Drop for Entered {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A metric with its series.
#[derive(Debug)]
pub struct Family<M> {
    name: &'static str,
    help: &'static str,
    labels: &'static [&'static str],
    make: fn() -> M,
    hasher: RandomState,
    series: RwLock<HashMap<u64, Series<M>>>,
}

#[derive(Debug)]
struct Series<M> {
    values: Vec<String>,
    metric: Arc<M>,
}

impl<M: Metric> Family<M> {
    /// A family without series.
    pub fn new(name: &'static str, help: &'static str, labels: &'static [&'static str]) -> Self {
        Self::with(name, help, labels, M::default)
    }

    /// A family whose series are made by `make`.
    pub fn with(
        name: &'static str,
        help: &'static str,
        labels: &'static [&'static str],
        make: fn() -> M,
    ) -> Self {
        Self {
            name,
            help,
            labels,
            make,
            hasher: RandomState::new(),
            series: RwLock::default(),
        }
    }

    /// The series with these label values, in the order of the label names. Makes nothing if it is there already.
    pub fn series(&self, values: &[&str]) -> Arc<M> {
        debug_assert_eq!(values.len(), self.labels.len());
        let key = self.hasher.hash_one(values);
        if let Some(series) = self.series.read().get(&key) {
            return Arc::clone(&series.metric);
        }
        let mut all = self.series.write();
        if all.len() < MAX_SERIES {
            return self.insert(&mut all, key, values);
        }
        let other = vec!["other"; self.labels.len()];
        self.insert(&mut all, self.hasher.hash_one(&other[..]), &other)
    }

    fn insert(&self, all: &mut HashMap<u64, Series<M>>, key: u64, values: &[&str]) -> Arc<M> {
        let new = || Series {
            values: values.iter().map(|&v| v.to_owned()).collect(),
            metric: Arc::new((self.make)()),
        };
        Arc::clone(&all.entry(key).or_insert_with(new).metric)
    }

    /// Appends the family in the text format; nothing if there are no series.
    pub fn write(&self, out: &mut String) {
        let all = self.series.read();
        let mut lines: Vec<(String, &Arc<M>)> = all
            .values()
            .map(|s| (label_text(self.labels, &s.values), &s.metric))
            .collect();
        if lines.is_empty() {
            return;
        }
        lines.sort_by(|(a, _), (b, _)| a.cmp(b));
        // Writing to a String cannot fail.
        let _ = writeln!(
            out,
            "# HELP {} {}\n# TYPE {} {}",
            self.name,
            self.help,
            self.name,
            M::TYPE
        );
        for (labels, metric) in lines {
            metric.write(self.name, &labels, out);
        }
    }
}

/// Appends `name{labels} value`.
pub(super) fn write_sample(out: &mut String, name: &str, labels: &str, value: impl std::fmt::Display) {
    let _ = if labels.is_empty() {
        writeln!(out, "{name} {value}")
    } else {
        writeln!(out, "{name}{{{labels}}} {value}")
    };
}

fn label_text(names: &[&str], values: &[String]) -> String {
    let mut text = String::new();
    for (name, value) in names.iter().zip(values) {
        if !text.is_empty() {
            text.push(',');
        }
        let escaped = value
            .replace('\\', "\\\\")
            .replace('"', "\\\"")
            .replace('\n', "\\n");
        let _ = write!(text, "{name}=\"{escaped}\"");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn series_are_told_apart_and_written() {
        let family: Family<Counter> = Family::new("things_total", "Things.", &["kind", "code"]);
        family.series(&["a", "200"]).increment();
        family.series(&["a", "200"]).increment();
        family.series(&["b\"", "404"]).increment();
        let mut out = String::new();
        family.write(&mut out);
        assert_eq!(
            out,
            "# HELP things_total Things.\n# TYPE things_total counter\n\
             things_total{kind=\"a\",code=\"200\"} 2\nthings_total{kind=\"b\\\"\",code=\"404\"} 1\n"
        );
    }

    #[test]
    fn a_gauge_counts_what_lives() {
        let gauge = Arc::new(Gauge::default());
        let first = gauge.enter();
        let second = gauge.enter();
        drop(first);
        assert_eq!(gauge.get(), 1);
        drop(second);
        assert_eq!(gauge.get(), 0);
    }
}
