//! Times and spans: their parts and how they are written.

use jiff::civil::DateTime;
use jiff::tz::{Offset, TimeZone};
use meta::Duration;

use super::{Answer, Functions, Run, failed, no_such_overload};
use crate::types::Type;
use crate::value::Value;

pub(super) fn declare(functions: &mut Functions) {
    let parts: [(&'static str, &'static str, &'static str, Run); 10] = [
        (
            "getFullYear",
            "timestamp_to_year",
            "timestamp_to_year_with_tz",
            |a| part(a, |t| i64::from(t.year())),
        ),
        (
            "getMonth",
            "timestamp_to_month",
            "timestamp_to_month_with_tz",
            |a| part(a, |t| i64::from(t.month()) - 1),
        ),
        (
            "getDayOfYear",
            "timestamp_to_day_of_year",
            "timestamp_to_day_of_year_with_tz",
            |a| part(a, |t| i64::from(t.day_of_year()) - 1),
        ),
        (
            "getDayOfMonth",
            "timestamp_to_day_of_month",
            "timestamp_to_day_of_month_with_tz",
            |a| part(a, |t| i64::from(t.day()) - 1),
        ),
        (
            "getDate",
            "timestamp_to_day_of_month_1_based",
            "timestamp_to_day_of_month_1_based_with_tz",
            |a| part(a, |t| i64::from(t.day())),
        ),
        (
            "getDayOfWeek",
            "timestamp_to_day_of_week",
            "timestamp_to_day_of_week_with_tz",
            |a| part(a, |t| i64::from(t.weekday().to_sunday_zero_offset())),
        ),
        (
            "getHours",
            "timestamp_to_hours",
            "timestamp_to_hours_with_tz",
            |a| part(a, |t| i64::from(t.hour())),
        ),
        (
            "getMinutes",
            "timestamp_to_minutes",
            "timestamp_to_minutes_tz",
            |a| part(a, |t| i64::from(t.minute())),
        ),
        (
            "getSeconds",
            "timestamp_to_seconds",
            "timestamp_to_seconds_tz",
            |a| part(a, |t| i64::from(t.second())),
        ),
        (
            "getMilliseconds",
            "timestamp_to_milliseconds",
            "timestamp_to_milliseconds_with_tz",
            |a| part(a, |t| i64::from(t.millisecond())),
        ),
    ];
    for (function, plain, with_zone, run) in parts {
        functions.member(function, plain, &[Type::Timestamp], Type::Int, run);
        functions.member(
            function,
            with_zone,
            &[Type::Timestamp, Type::String],
            Type::Int,
            run,
        );
    }
    let totals: [(&'static str, &'static str, Run); 4] = [
        ("getHours", "duration_to_hours", |a| total(a, 3_600_000_000_000)),
        ("getMinutes", "duration_to_minutes", |a| total(a, 60_000_000_000)),
        ("getSeconds", "duration_to_seconds", |a| total(a, 1_000_000_000)),
        ("getMilliseconds", "duration_to_milliseconds", |a| {
            total(a, 1_000_000)
        }),
    ];
    for (function, id, run) in totals {
        functions.member(function, id, &[Type::Duration], Type::Int, run);
    }
}

fn part<'v>(arguments: &[Value<'v>], part: fn(DateTime) -> i64) -> Answer<'v> {
    let (time, zone) = match arguments {
        [Value::Timestamp(time)] => (time, TimeZone::UTC),
        [Value::Timestamp(time), Value::String(name)] => match zone(name) {
            Some(zone) => (time, zone),
            None => return failed(format!("unknown time zone {}", &**name)),
        },
        _ => return Err(no_such_overload()),
    };
    Ok(Value::Int(part(time.in_zone(&zone))))
}

/// A zone by its name or by its distance from UTC, `+01:00`.
fn zone(name: &str) -> Option<TimeZone> {
    if name.is_empty() {
        return Some(TimeZone::UTC);
    }
    let Some((hours, minutes)) = name.split_once(':') else {
        return meta::time::zone(name);
    };
    let negative = hours.starts_with('-');
    let hours: i32 = hours.trim_start_matches(['+', '-']).parse().ok()?;
    let minutes: i32 = minutes.parse().ok().filter(|minutes| (0..60).contains(minutes))?;
    let seconds = (hours * 60 + minutes) * 60;
    Offset::from_seconds(if negative { -seconds } else { seconds })
        .ok()
        .map(TimeZone::fixed)
}

fn total<'v>(arguments: &[Value<'v>], unit: i64) -> Answer<'v> {
    match arguments {
        [Value::Duration(span)] => Ok(Value::Int(span.as_nanos() / unit)),
        _ => Err(no_such_overload()),
    }
}

/// A span as seconds with as many decimals as it needs.
pub(crate) fn shown_duration(span: Duration) -> String {
    let nanos = span.as_nanos();
    let (sign, nanos) = (if nanos < 0 { "-" } else { "" }, nanos.unsigned_abs());
    let (seconds, rest) = (nanos / 1_000_000_000, nanos % 1_000_000_000);
    if rest == 0 {
        return format!("{sign}{seconds}s");
    }
    let decimals = format!("{rest:09}");
    format!("{sign}{seconds}.{}s", decimals.trim_end_matches('0'))
}
