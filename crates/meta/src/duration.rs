//! Durations in Go's dialect: `1h30m0s`, `1.5s`, `-2m`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::quote::quote;

/// A signed length of time in nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Duration(i64);

const MICROSECOND: i64 = 1_000;
const MILLISECOND: i64 = 1_000 * MICROSECOND;
const SECOND: i64 = 1_000 * MILLISECOND;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;

/// Why a text is not a duration, in Go's words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DurationError {
    /// Not of the form, or too long.
    #[error("time: invalid duration {}", quote(.0))]
    Invalid(String),
    /// A number stands alone.
    #[error("time: missing unit in duration {}", quote(.0))]
    MissingUnit(String),
    /// No such unit.
    #[error("time: unknown unit {} in duration {}", quote(unit), quote(text))]
    UnknownUnit {
        /// The unit.
        unit: String,
        /// The whole text.
        text: String,
    },
}

impl Duration {
    /// From nanoseconds.
    pub const fn from_nanos(nanos: i64) -> Self {
        Self(nanos)
    }

    /// From seconds; the longest duration if that is too long.
    pub const fn from_secs(seconds: i64) -> Self {
        Self(seconds.saturating_mul(SECOND))
    }

    /// In nanoseconds.
    pub const fn as_nanos(self) -> i64 {
        self.0
    }

    /// In whole seconds, the rest cut off.
    pub const fn as_secs(self) -> i64 {
        self.0 / SECOND
    }

    /// As the standard library has it; zero if negative.
    pub fn to_std(self) -> std::time::Duration {
        std::time::Duration::from_nanos(u64::try_from(self.0).unwrap_or(0))
    }

    /// Reads a duration as Go does.
    ///
    /// # Errors
    /// With Go's texts.
    pub fn parse(text: &str) -> Result<Self, DurationError> {
        let invalid = || DurationError::Invalid(text.to_owned());
        let negative = text.starts_with('-');
        let mut rest = text.strip_prefix(['-', '+']).unwrap_or(text);
        if rest == "0" {
            return Ok(Self(0));
        }
        if rest.is_empty() {
            return Err(invalid());
        }
        // Unsigned, so that the most negative duration can be read.
        let mut total: u64 = 0;
        while !rest.is_empty() {
            let (amount, after) = amount(rest, text)?;
            total = amount
                .and_then(|amount| total.checked_add(amount))
                .filter(|&total| total <= i64::MIN.unsigned_abs())
                .ok_or_else(invalid)?;
            rest = after;
        }
        if negative {
            Ok(Self(0i64.wrapping_sub_unsigned(total)))
        } else {
            i64::try_from(total).map(Self).map_err(|_| invalid())
        }
    }
}

/// The first number with its unit, in nanoseconds (none if too long), and what follows it.
fn amount<'a>(rest: &'a str, text: &str) -> Result<(Option<u64>, &'a str), DurationError> {
    let digits = |text: &'a str| {
        let end = text
            .bytes()
            .position(|b| !b.is_ascii_digit())
            .unwrap_or(text.len());
        text.split_at(end)
    };
    let (whole, after) = digits(rest);
    let (fraction, after) = after.strip_prefix('.').map_or(("", after), digits);
    if whole.is_empty() && fraction.is_empty() {
        return Err(DurationError::Invalid(text.to_owned()));
    }
    let end = after
        .find(|c: char| c == '.' || c.is_ascii_digit())
        .unwrap_or(after.len());
    let (unit, after) = after.split_at(end);
    let nanos = match unit {
        "ns" => 1,
        "us" | "\u{b5}s" | "\u{3bc}s" => MICROSECOND,
        "ms" => MILLISECOND,
        "s" => SECOND,
        "m" => MINUTE,
        "h" => HOUR,
        "" => return Err(DurationError::MissingUnit(text.to_owned())),
        _ => {
            return Err(DurationError::UnknownUnit {
                unit: unit.to_owned(),
                text: text.to_owned(),
            });
        }
    }
    .unsigned_abs();
    let whole: Option<u64> = if whole.is_empty() {
        Some(0)
    } else {
        whole.parse().ok()
    };
    let amount = whole
        .and_then(|whole| whole.checked_mul(nanos))
        .and_then(|whole| whole.checked_add(fraction_of(fraction, nanos)));
    Ok((amount, after))
}

/// `0.fraction * nanos`, cut off.
fn fraction_of(fraction: &str, nanos: u64) -> u64 {
    // No unit is longer than 13 digits, so the digits after the eighteenth say nothing.
    let kept = fraction.get(..18).unwrap_or(fraction);
    let scale = 10u128.pow(kept.len() as u32);
    let amount = kept.parse::<u128>().unwrap_or(0) * u128::from(nanos) / scale;
    u64::try_from(amount).unwrap_or(u64::MAX)
}

/// As Go writes it: `1h0m5s`, `1.5ms`, `0s`.
impl fmt::Display for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nanos = self.0.unsigned_abs();
        if self.0 < 0 {
            f.write_str("-")?;
        }
        let second = SECOND.unsigned_abs();
        if nanos == 0 {
            return f.write_str("0s");
        }
        if nanos < second {
            let (unit, name) = match nanos {
                0..1_000 => (1, "ns"),
                1_000..1_000_000 => (1_000, "\u{b5}s"),
                _ => (1_000_000, "ms"),
            };
            write_decimal(f, nanos, unit)?;
            return f.write_str(name);
        }
        let minutes = nanos / (60 * second);
        if minutes >= 60 {
            write!(f, "{}h", minutes / 60)?;
        }
        if minutes > 0 {
            write!(f, "{}m", minutes % 60)?;
        }
        write_decimal(f, nanos % (60 * second), second)?;
        f.write_str("s")
    }
}

/// `amount / unit` (a power of ten) with as many decimals as it has.
fn write_decimal(f: &mut fmt::Formatter<'_>, amount: u64, unit: u64) -> fmt::Result {
    write!(f, "{}", amount / unit)?;
    let fraction = amount % unit;
    if fraction > 0 {
        let digits = format!("{:0width$}", fraction, width = unit.ilog10() as usize);
        write!(f, ".{}", digits.trim_end_matches('0'))?;
    }
    Ok(())
}

impl FromStr for Duration {
    type Err = DurationError;

    fn from_str(text: &str) -> Result<Self, DurationError> {
        Self::parse(text)
    }
}

impl Serialize for Duration {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Duration {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'_, str>::deserialize(deserializer)?;
        Self::parse(&text).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn durations_are_read_and_written_as_go_does() {
        for (text, written) in [
            ("0", "0s"),
            ("1h", "1h0m0s"),
            ("90m", "1h30m0s"),
            ("1.5h", "1h30m0s"),
            ("61s", "1m1s"),
            (".5s", "500ms"),
            ("1.s", "1s"),
            ("-1.5s", "-1.5s"),
            ("+3us", "3µs"),
            ("1500us", "1.5ms"),
            ("7ns", "7ns"),
            ("1h2m3.004s", "1h2m3.004s"),
            ("9223372036854775807ns", "2562047h47m16.854775807s"),
            ("-9223372036854775808ns", "-2562047h47m16.854775808s"),
        ] {
            assert_eq!(Duration::parse(text).unwrap().to_string(), written, "{text}");
        }
    }

    #[test]
    fn errors_are_gos() {
        for (text, message) in [
            ("", "time: invalid duration \"\""),
            ("-", "time: invalid duration \"-\""),
            ("x", "time: invalid duration \"x\""),
            (".s", "time: invalid duration \".s\""),
            ("5", "time: missing unit in duration \"5\""),
            ("1h5", "time: missing unit in duration \"1h5\""),
            ("5d", "time: unknown unit \"d\" in duration \"5d\""),
            ("5 s", "time: unknown unit \" s\" in duration \"5 s\""),
            (
                "9223372036854775808ns",
                "time: invalid duration \"9223372036854775808ns\"",
            ),
            ("99999999999h", "time: invalid duration \"99999999999h\""),
        ] {
            assert_eq!(Duration::parse(text).unwrap_err().to_string(), message);
        }
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back_the_same(nanos in any::<i64>()) {
            let duration = Duration::from_nanos(nanos);
            prop_assert_eq!(Duration::parse(&duration.to_string()), Ok(duration));
        }

        #[test]
        fn no_text_panics(text in "[-+0-9.hmnsuµ]{0,30}") {
            let _ = Duration::parse(&text);
        }
    }
}
