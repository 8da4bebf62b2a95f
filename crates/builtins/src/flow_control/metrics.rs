//! Levels and flows in the text format of metrics, under upstream's names.

use std::fmt::Write as _;
use std::sync::atomic::Ordering;

use super::counts::{Counts, Refused};
use super::level::Level;

/// Appends what is known.
pub(super) fn write<'a>(
    out: &mut String,
    levels: impl Iterator<Item = (&'a str, &'a Level)>,
    flows: impl Iterator<Item = (&'a (String, String), &'a Counts)>,
) {
    let levels: Vec<_> = levels.collect();
    let flows: Vec<_> = flows.collect();
    let mut of_levels = |name: &str, help: &str, value: &dyn Fn(&Level) -> u32| {
        head(out, name, "gauge", help);
        for (level, seats) in &levels {
            line(
                out,
                name,
                &format!("priority_level=\"{level}\""),
                value(seats).into(),
            );
        }
    };
    of_levels(
        "current_limit_seats",
        "Seats a priority level could have now.",
        &Level::current,
    );
    of_levels(
        "lower_limit_seats",
        "Seats a priority level does not lend.",
        &|level| level.limits().lower,
    );
    of_levels(
        "nominal_limit_seats",
        "Seats a priority level's shares come to.",
        &|level| level.limits().nominal,
    );
    of_levels(
        "upper_limit_seats",
        "Seats a priority level has at most.",
        &|level| level.limits().upper,
    );
    let mut of_flows = |name: &str, kind: &str, help: &str, value: &dyn Fn(&Counts) -> u64| {
        head(out, name, kind, help);
        for (names, counts) in &flows {
            line(out, name, &labels(names), value(counts));
        }
    };
    let executing = "Requests being worked on, by flow schema and priority level.";
    of_flows(
        "current_executing_requests",
        "gauge",
        executing,
        &Counts::executing,
    );
    let seats = "Seats of requests being worked on, by flow schema and priority level.";
    of_flows("current_executing_seats", "gauge", seats, &Counts::executing);
    let waiting = "Requests that wait for a seat, by flow schema and priority level.";
    of_flows("current_inqueue_requests", "gauge", waiting, &Counts::waiting);
    let dispatched = "Requests that got a seat, by flow schema and priority level.";
    of_flows("dispatched_requests_total", "counter", dispatched, &|counts| {
        counts.dispatched.load(Ordering::Relaxed)
    });
    refusals(out, &flows);
}

fn refusals(out: &mut String, flows: &[(&(String, String), &Counts)]) {
    let name = "rejected_requests_total";
    let lines = flows.iter().flat_map(|(names, counts)| {
        let of = |why: Refused| {
            (
                format!("{},reason=\"{}\"", labels(names), why.name()),
                counts.refused(why),
            )
        };
        Refused::ALL.map(of)
    });
    let lines: Vec<_> = lines.filter(|(_, count)| *count > 0).collect();
    if lines.is_empty() {
        return;
    }
    head(
        out,
        name,
        "counter",
        "Requests turned away, by flow schema, priority level and reason.",
    );
    for (labels, count) in lines {
        line(out, name, &labels, count);
    }
}

fn labels((level, schema): &(String, String)) -> String {
    format!("flow_schema=\"{schema}\",priority_level=\"{level}\"")
}

// Writing to a String cannot fail.
fn head(out: &mut String, name: &str, kind: &str, help: &str) {
    let name = format!("apiserver_flowcontrol_{name}");
    let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}");
}

fn line(out: &mut String, name: &str, labels: &str, value: u64) {
    let _ = writeln!(out, "apiserver_flowcontrol_{name}{{{labels}}} {value}");
}
