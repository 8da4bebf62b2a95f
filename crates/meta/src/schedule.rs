//! When a schedule in the form of cron is due: CronJobs, and whatever else goes by the clock.

use std::time::Duration;

use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan, Zoned};

/// A schedule that never comes (30 February) is given up on after so many steps; years of real ones take fewer.
const MOST_STEPS: usize = 2000;

/// A schedule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule(Kind);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind {
    /// By the clock.
    Cron(Box<Fields>),
    /// At equal distances.
    Every(Duration),
}

/// The values of each field that match, as bits.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Fields {
    minutes: u64,
    hours: u64,
    days: u64,
    months: u64,
    weekdays: u64,
    /// Whether either kind of day was left open; if neither was, one that matches is enough.
    some_day_is_open: bool,
}

const MONTHS: [&str; 12] = [
    "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
];
const WEEKDAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

impl Schedule {
    /// Reads a schedule as the API lets it through; an error names what cannot be read.
    pub fn parse(text: &str) -> Result<Self, String> {
        let fields = match text.trim() {
            "@yearly" | "@annually" => "0 0 1 1 *",
            "@monthly" => "0 0 1 * *",
            "@weekly" => "0 0 * * 0",
            "@daily" | "@midnight" => "0 0 * * *",
            "@hourly" => "0 * * * *",
            other => match other.strip_prefix("@every ") {
                Some(every) => return every_of(every),
                None => other,
            },
        };
        let parts: Vec<&str> = fields.split_whitespace().collect();
        let [minutes, hours, days, months, weekdays] = parts[..] else {
            return Err(format!(
                "expected exactly 5 fields, found {}: [{}]",
                parts.len(),
                parts.join(" ")
            ));
        };
        let is_open = |field: &str| {
            field
                .split(',')
                .any(|part| matches!(part.split('/').next(), Some("*" | "?")))
        };
        Ok(Self(Kind::Cron(Box::new(Fields {
            minutes: field(minutes, 0, 59, &[])?,
            hours: field(hours, 0, 23, &[])?,
            days: field(days, 1, 31, &[])?,
            months: field(months, 1, 12, &MONTHS)?,
            weekdays: field(weekdays, 0, 6, &WEEKDAYS)?,
            some_day_is_open: is_open(days) || is_open(weekdays),
        }))))
    }

    /// The first time after `after` when it is due; none if it never is.
    pub fn next(&self, after: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        match &self.0 {
            Kind::Every(every) => {
                let whole = Timestamp::from_second(after.as_second()).ok()?;
                whole
                    .checked_add(jiff::SignedDuration::try_from(*every).ok()?)
                    .ok()
            }
            Kind::Cron(fields) => fields.next(after, zone),
        }
    }
}

fn every_of(text: &str) -> Result<Schedule, String> {
    let duration = crate::Duration::parse(text)
        .map_err(|why| format!("failed to parse duration @every {text}: {why}"))?;
    Ok(Schedule(Kind::Every(Duration::from_secs(
        duration.to_std().as_secs().max(1),
    ))))
}

/// The bits of one field: numbers, names, ranges and steps, joined by commas.
fn field(text: &str, least: u32, most: u32, names: &[&str]) -> Result<u64, String> {
    let mut bits = 0;
    for part in text.split(',').filter(|part| !part.is_empty()) {
        let (range, step) = part.split_once('/').unwrap_or((part, ""));
        let (low, high) = match range.split_once('-') {
            _ if matches!(range, "*" | "?") => (least, most),
            Some((low, high)) => (value(low, least, names)?, value(high, least, names)?),
            None => {
                let low = value(range, least, names)?;
                (low, if step.is_empty() { low } else { most })
            }
        };
        let step = if step.is_empty() { 1 } else { value(step, 0, &[])? };
        if low < least || high > most || low > high || step == 0 {
            return Err(format!("failed to parse {part:?}: not from {least} to {most}"));
        }
        for value in (low..=high).step_by(step as usize) {
            bits |= 1 << value;
        }
    }
    Ok(bits)
}

fn value(text: &str, least: u32, names: &[&str]) -> Result<u32, String> {
    let named = names.iter().position(|name| name.eq_ignore_ascii_case(text));
    match named {
        Some(at) => Ok(u32::try_from(at).unwrap_or(0) + least),
        None => text
            .parse()
            .map_err(|_| format!("failed to parse int from {text}")),
    }
}

impl Fields {
    /// Goes through months, days, hours and minutes as the clocks of the zone show them; an hour that the clocks skip does
    /// not come, one that they show twice comes twice.
    fn next(&self, after: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        let minute = after.as_second().div_euclid(60) + 1;
        let mut time = Timestamp::from_second(minute.checked_mul(60)?)
            .ok()?
            .to_zoned(zone.clone());
        for _ in 0..MOST_STEPS {
            let has = |bits: u64, value: i8| bits & (1 << u32::from(value.unsigned_abs())) != 0;
            time = if !has(self.months, time.month()) {
                let next = time.first_of_month().ok()?.checked_add(1.month()).ok()?;
                next.start_of_day().ok()?
            } else if !self.is_day(&time) {
                time.tomorrow().ok()?.start_of_day().ok()?
            } else if !has(self.hours, time.hour()) {
                time.checked_add((60 - i64::from(time.minute())).minutes()).ok()?
            } else if !has(self.minutes, time.minute()) {
                time.checked_add(1.minute()).ok()?
            } else {
                return Some(time.timestamp());
            };
        }
        None
    }

    fn is_day(&self, time: &Zoned) -> bool {
        let weekday = time.weekday().to_sunday_zero_offset();
        let day = self.days & (1 << u32::from(time.day().unsigned_abs())) != 0;
        let weekday = self.weekdays & (1 << u32::from(weekday.unsigned_abs())) != 0;
        if self.some_day_is_open {
            day && weekday
        } else {
            day || weekday
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_in(zone: &TimeZone, schedule: &str, after: &str, expected: &str) {
        let next = Schedule::parse(schedule)
            .unwrap()
            .next(after.parse().unwrap(), zone)
            .unwrap();
        assert_eq!(next, expected.parse().unwrap(), "{schedule}: {next}");
    }

    fn check(schedule: &str, after: &str, expected: &str) {
        check_in(&TimeZone::UTC, schedule, after, expected);
    }

    #[test]
    fn the_next_time_matches_every_field() {
        check("* * * * *", "2026-01-01T00:00:00Z", "2026-01-01T00:01:00Z");
        check("*/15 * * * *", "2026-01-01T00:15:30Z", "2026-01-01T00:30:00Z");
        check("5-10/5 3 * * *", "2026-01-01T03:05:00Z", "2026-01-01T03:10:00Z");
        check("0 0 29 2 *", "2026-01-01T00:00:00Z", "2028-02-29T00:00:00Z");
        check("0 9 * * mon-fri", "2026-01-02T09:00:00Z", "2026-01-05T09:00:00Z");
        check("0 0 * jan,Mar *", "2026-01-31T00:00:00Z", "2026-03-01T00:00:00Z");
        check("@hourly", "2026-12-31T23:00:00Z", "2027-01-01T00:00:00Z");
        check("@every 90s", "2026-01-01T00:00:00Z", "2026-01-01T00:01:30Z");
    }

    #[test]
    fn one_of_two_kinds_of_day_is_enough() {
        check("0 0 13 * 5", "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z");
        check("0 0 13 * *", "2026-01-01T00:00:00Z", "2026-01-13T00:00:00Z");
    }

    #[test]
    fn clocks_are_those_of_the_zone() {
        let zone = TimeZone::fixed(jiff::tz::offset(-5));
        check_in(&zone, "0 1 * * *", "2026-01-01T00:00:00Z", "2026-01-01T06:00:00Z");
    }

    #[test]
    fn what_never_comes_or_cannot_be_read_is_told() {
        let never = Schedule::parse("0 0 30 2 *").unwrap();
        assert_eq!(never.next(Timestamp::UNIX_EPOCH, &TimeZone::UTC), None);
        for text in [
            "",
            "* * * *",
            "61 * * * *",
            "a * * * *",
            "*/0 * * * *",
            "@every x",
        ] {
            assert!(Schedule::parse(text).is_err(), "{text}");
        }
    }
}
