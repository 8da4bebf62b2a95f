//! Points in time as the API writes them: RFC 3339 in UTC, with seconds or with microseconds.

mod parse;
mod zone;

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

pub use parse::TimeError;
pub use zone::zone;

/// A point in time to the second, `2006-01-02T15:04:05Z`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(i64);

impl Time {
    /// From seconds since the epoch.
    pub const fn from_seconds(seconds: i64) -> Self {
        Self(seconds)
    }

    /// Seconds since the epoch.
    pub const fn seconds(self) -> i64 {
        self.0
    }

    /// Reads RFC 3339 in any zone; a fraction is accepted and forgotten.
    ///
    /// # Errors
    /// With Go's texts.
    pub fn parse(text: &str) -> Result<Self, TimeError> {
        parse::parse(text, parse::Layout::Seconds).map(|(seconds, _)| Self(seconds))
    }
}

/// A point in time to the microsecond, `2006-01-02T15:04:05.000000Z`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MicroTime(i64);

impl MicroTime {
    /// From microseconds since the epoch.
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// Microseconds since the epoch.
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// Reads RFC 3339 in any zone with exactly six digits of fraction.
    ///
    /// # Errors
    /// With Go's texts.
    pub fn parse(text: &str) -> Result<Self, TimeError> {
        parse::parse(text, parse::Layout::Micros)
            .map(|(seconds, nanos)| Self(seconds * 1_000_000 + i64::from(nanos) / 1_000))
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match Timestamp::from_second(self.0) {
            Ok(timestamp) => write!(f, "{timestamp:.0}"),
            Err(_) => f.write_str("<invalid>"),
        }
    }
}

impl fmt::Display for MicroTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match Timestamp::from_microsecond(self.0) {
            Ok(timestamp) => write!(f, "{timestamp:.6}"),
            Err(_) => f.write_str("<invalid>"),
        }
    }
}

macro_rules! as_text {
    ($name:ident) => {
        impl FromStr for $name {
            type Err = TimeError;

            fn from_str(text: &str) -> Result<Self, TimeError> {
                Self::parse(text)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'_, str>::deserialize(deserializer)?;
                Self::parse(&text).map_err(de::Error::custom)
            }
        }
    };
}

as_text!(Time);
as_text!(MicroTime);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_in_utc() {
        for (text, written) in [
            ("1970-01-01T00:00:00Z", "1970-01-01T00:00:00Z"),
            ("2020-02-29T23:59:59.999Z", "2020-02-29T23:59:59Z"),
            ("2020-01-01T00:30:00+01:00", "2019-12-31T23:30:00Z"),
            ("2020-01-01T00:30:00-00:30", "2020-01-01T01:00:00Z"),
            ("2020-01-01T5:00:00,5Z", "2020-01-01T05:00:00Z"),
            ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z"),
        ] {
            assert_eq!(Time::parse(text).unwrap().to_string(), written, "{text}");
        }
        for (text, written) in [
            ("2020-01-01T00:00:00.000000Z", "2020-01-01T00:00:00.000000Z"),
            ("1969-12-31T23:59:59.123456Z", "1969-12-31T23:59:59.123456Z"),
            ("2020-01-01T00:00:00.120000+02:00", "2019-12-31T22:00:00.120000Z"),
        ] {
            assert_eq!(MicroTime::parse(text).unwrap().to_string(), written, "{text}");
        }
    }
}
