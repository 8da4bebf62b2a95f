//! Points in time. They are written with the distance from UTC that they were read with, and compared without it.

use std::cmp::Ordering;
use std::fmt;

use jiff::civil::DateTime;
use jiff::tz::{Offset, TimeZone};
use jiff::{SignedDuration, Timestamp};

/// A point in time, in the years 1 to 9999.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    /// In UTC; the timestamps of other libraries end a day earlier.
    utc: DateTime,
    /// How many seconds the clock it was read from is ahead.
    ahead: i64,
}

const EPOCH: DateTime = DateTime::constant(1970, 1, 1, 0, 0, 0, 0);
const NANOS: i128 = 1_000_000_000;

impl Moment {
    fn new(utc: DateTime, ahead: i64) -> Option<Self> {
        (1..=9999).contains(&utc.year()).then_some(Self { utc, ahead })
    }

    /// So many seconds after 1970 began.
    pub fn from_second(second: i64) -> Option<Self> {
        Self::new(EPOCH.checked_add(SignedDuration::from_secs(second)).ok()?, 0)
    }

    /// Whole seconds since 1970 began.
    pub fn as_second(self) -> i64 {
        let nanos = self.utc.duration_since(EPOCH).as_nanos();
        // The years 1 to 9999 have fewer seconds than that.
        i64::try_from(nanos.div_euclid(NANOS)).unwrap_or(i64::MAX)
    }

    /// So much later.
    pub fn checked_add(self, nanos: i64) -> Option<Self> {
        let utc = self.utc.checked_add(SignedDuration::from_nanos(nanos)).ok()?;
        Self::new(utc, self.ahead)
    }

    /// How much later it is, in nanoseconds.
    pub fn since(self, other: Self) -> Option<i64> {
        i64::try_from(self.utc.duration_since(other.utc).as_nanos()).ok()
    }

    /// What clocks in the zone show.
    pub fn in_zone(self, zone: &TimeZone) -> DateTime {
        let known = Offset::UTC.to_timestamp(self.utc).unwrap_or(Timestamp::MAX);
        let offset = zone.to_offset(known);
        shifted(self.utc, i64::from(offset.seconds()))
    }

    /// Reads the form of RFC 3339.
    pub fn parse(text: &str) -> Option<Self> {
        let (clock, ahead) = match text.strip_suffix('Z') {
            Some(clock) => (clock, 0),
            None => {
                let (clock, distance) = text.split_at_checked(text.len().checked_sub(6)?)?;
                (clock, seconds_ahead(distance)?)
            }
        };
        let (whole, fraction) = match clock.split_once('.') {
            Some((whole, fraction)) => (whole, fraction),
            None if clock.len() == 19 => (clock, "0"),
            None => return None,
        };
        let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        // Leap seconds are none.
        if whole.len() != 19 || whole.as_bytes()[10] != b'T' || whole.ends_with("60") || !is_number(fraction)
        {
            return None;
        }
        let kept = &fraction[..fraction.len().min(9)];
        let clock: DateTime = format!("{whole}.{kept}").parse().ok()?;
        let utc = clock.checked_sub(SignedDuration::from_secs(ahead)).ok()?;
        Self::new(utc, ahead)
    }
}

/// `+01:00`
fn seconds_ahead(distance: &str) -> Option<i64> {
    let [sign @ (b'+' | b'-'), rest @ ..] = distance.as_bytes() else {
        return None;
    };
    let [a, b, b':', c, d] = rest else { return None };
    if ![a, b, c, d].iter().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let number = |tens: u8, ones: u8| i64::from(tens - b'0') * 10 + i64::from(ones - b'0');
    let (hours, minutes) = (number(*a, *b), number(*c, *d));
    let seconds = (hours * 60 + minutes) * 60;
    (hours <= 24 && minutes < 60).then_some(if *sign == b'-' { -seconds } else { seconds })
}

fn shifted(utc: DateTime, seconds: i64) -> DateTime {
    utc.checked_add(SignedDuration::from_secs(seconds)).unwrap_or(utc)
}

impl PartialEq for Moment {
    fn eq(&self, other: &Self) -> bool {
        self.utc == other.utc
    }
}

impl Eq for Moment {}

impl PartialOrd for Moment {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Moment {
    fn cmp(&self, other: &Self) -> Ordering {
        self.utc.cmp(&other.utc)
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", shifted(self.utc, self.ahead))?;
        if self.ahead == 0 {
            return f.write_str("Z");
        }
        let (sign, minutes) = (if self.ahead < 0 { '-' } else { '+' }, self.ahead.abs() / 60);
        write!(f, "{sign}{:02}:{:02}", minutes / 60, minutes % 60)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_written_as_they_were_read() {
        for (text, expected) in [
            (
                "2024-02-29T23:59:59.123+02:00",
                Some("2024-02-29T23:59:59.123+02:00"),
            ),
            ("2024-02-29T23:59:59+00:00", Some("2024-02-29T23:59:59Z")),
            (
                "2024-02-29T23:59:59.1234567891Z",
                Some("2024-02-29T23:59:59.123456789Z"),
            ),
            ("9999-12-31T23:59:59Z", Some("9999-12-31T23:59:59Z")),
            ("2024-02-29T23:59:59+24:00", Some("2024-02-29T23:59:59+24:00")),
            ("0001-01-01T00:00:00Z", Some("0001-01-01T00:00:00Z")),
            ("0001-01-01T00:00:00+01:00", None),
            ("9999-12-31T23:59:59-01:00", None),
            ("2024-02-29T23:59:60Z", None),
            ("2024-02-29T23:59:59-25:00", None),
            ("2023-02-29T00:00:00Z", None),
            ("2024-02-29t23:59:59z", None),
            ("2024-02-29T23:59:59", None),
            ("2024-02-29", None),
        ] {
            let found = Moment::parse(text).map(|moment| moment.to_string());
            assert_eq!(found.as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn moments_are_counted() {
        let moment = |text: &str| Moment::parse(text).expect("a moment");
        let (here, there) = (
            moment("1970-01-01T01:00:00+02:00"),
            moment("1969-12-31T23:00:00Z"),
        );
        assert_eq!(here, there);
        assert_eq!(here.as_second(), -3600);
        assert_eq!(Moment::from_second(-3600), Some(there));
        assert_eq!(moment("1969-12-31T23:59:59.5Z").as_second(), -1);
        assert_eq!(
            here.since(moment("1970-01-01T00:00:00Z")),
            Some(-3_600_000_000_000)
        );
        assert_eq!(moment("9999-12-31T23:59:59Z").since(here), None);
        assert_eq!(moment("9999-12-31T23:59:59Z").checked_add(1_000_000_000), None);
        assert_eq!(here.in_zone(&TimeZone::UTC).to_string(), "1969-12-31T23:00:00");
    }
}
