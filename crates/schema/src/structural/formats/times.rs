//! Dates, times and durations.

/// `2006-01-02`, a day that there is.
pub(super) fn is_date(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let [year, month, day] = parts.as_slice() else {
        return false;
    };
    let number = |text: &str, digits: usize| {
        let is_plain = text.len() == digits && super::is_digits(text);
        text.parse::<u32>().ok().filter(|_| is_plain)
    };
    match (number(year, 4), number(month, 2), number(day, 2)) {
        (Some(year), Some(month), Some(day)) => day >= 1 && day <= days_in(year, month),
        _ => false,
    }
}

fn days_in(year: u32, month: u32) -> u32 {
    let is_leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 => 28 + u32::from(is_leap),
        _ => 0,
    }
}

/// A date, `T`, a time of day and a zone. What follows a second `T` does not matter.
pub(super) fn is_date_time(text: &str) -> bool {
    let lower = text.to_lowercase();
    let mut parts = lower.split('t');
    match (parts.next(), parts.next()) {
        (Some(date), Some(time)) => is_date(date) && is_time(time),
        _ => false,
    }
}

/// `15:04:05`, a fraction if there is one, and `z` or `+01:00`. Of the zone only the digits are asked for.
fn is_time(text: &str) -> bool {
    let Some((clock, rest)) = text.split_at_checked(8) else {
        return false;
    };
    if !is_clock(clock) {
        return false;
    }
    let zone = match rest.char_indices().nth(1) {
        // Any character may stand before a fraction.
        Some((start, _)) if rest[start..].starts_with(|c: char| c.is_ascii_digit()) && !is_zone(rest) => {
            rest[start..].trim_start_matches(|c: char| c.is_ascii_digit())
        }
        _ => rest,
    };
    is_zone(zone)
}

fn is_clock(clock: &str) -> bool {
    let parts: Vec<&str> = clock.split(':').collect();
    let within = |text: &str, most: &str| text.len() == 2 && super::is_digits(text) && text <= most;
    matches!(parts.as_slice(), [hour, minute, second]
        if within(hour, "23") && within(minute, "59") && within(second, "59"))
}

fn is_zone(zone: &str) -> bool {
    if zone == "z" {
        return true;
    }
    let Some((hour, minute)) = zone
        .strip_prefix(['+', '-'])
        .and_then(|offset| offset.split_once(':'))
    else {
        return false;
    };
    [hour, minute]
        .iter()
        .all(|text| text.len() == 2 && super::is_digits(text))
}

/// A unit of Scala's durations, by its short names and the beginning of its long one.
const UNITS: [(&[&str], &str); 8] = [
    (&["ns"], "nano"),
    (&["us", "µs"], "micro"),
    (&["ms"], "milli"),
    (&["s"], "sec"),
    (&["m"], "min"),
    (&["h", "hr"], "hour"),
    (&["d"], "day"),
    (&["w", "wk"], "week"),
];

/// Go's `1h30m`, or numbers with units somewhere in the text: `22 ns`, `3 days`.
pub(super) fn is_duration(text: &str) -> bool {
    meta::Duration::parse(text).is_ok() || has_amounts(text)
}

fn has_amounts(text: &str) -> bool {
    let mut rest = text;
    let mut found = false;
    while let Some(start) = rest.find(|c: char| c.is_ascii_digit()) {
        rest = &rest[start..];
        let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let (number, after) = rest.split_at(digits);
        let unit = after.trim_start_matches(|c: char| c.is_ascii_whitespace());
        let letters = unit
            .find(|c: char| !c.is_ascii_alphabetic() && c != 'µ')
            .unwrap_or(unit.len());
        let (unit, after) = unit.split_at(letters);
        rest = after;
        if unit.is_empty() {
            continue;
        }
        if number.parse::<i64>().is_err() {
            return false;
        }
        found |= is_unit(&unit.to_lowercase());
    }
    found
}

fn is_unit(unit: &str) -> bool {
    UNITS
        .iter()
        .any(|(short, long)| short.contains(&unit) || unit.starts_with(long))
}
