//! Reading RFC 3339 as Go does, leniencies and error texts included: clients see both.

use crate::quote::quote;

/// Why a text is not a time, in Go's words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TimeError {
    /// Something else was expected at a place.
    #[error(
        "parsing time {} as \"{layout}\": cannot parse {} as \"{element}\"",
        quote(text),
        quote(rest)
    )]
    Unexpected {
        /// The whole text.
        text: String,
        /// The layout it should have.
        layout: &'static str,
        /// The text from the place on.
        rest: String,
        /// What was expected there.
        element: &'static str,
    },
    /// A number is too large (or small) for what it stands for.
    #[error("parsing time {}: {what} out of range", quote(text))]
    OutOfRange {
        /// The whole text.
        text: String,
        /// `month`, `day`, ...
        what: &'static str,
    },
    /// Something follows.
    #[error("parsing time {}: extra text: {}", quote(text), quote(rest))]
    Extra {
        /// The whole text.
        text: String,
        /// What follows.
        rest: String,
    },
}

/// The two layouts the API has.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Layout {
    /// Seconds; a fraction may follow.
    Seconds,
    /// Exactly six digits of fraction.
    Micros,
}

impl Layout {
    fn text(self) -> &'static str {
        match self {
            Self::Seconds => "2006-01-02T15:04:05Z07:00",
            Self::Micros => "2006-01-02T15:04:05.000000Z07:00",
        }
    }
}

/// Seconds since the epoch, and nanoseconds in the second.
pub(super) fn parse(text: &str, layout: Layout) -> Result<(i64, u32), TimeError> {
    let mut reader = Reader {
        text,
        rest: text,
        layout,
    };
    let year = reader.number("2006", 4, 4)?;
    reader.literal("-")?;
    let month = reader.number("01", 2, 2)?;
    reader.in_range("month", month, 1, 12)?;
    reader.literal("-")?;
    let day = reader.number("02", 2, 2)?;
    reader.literal("T")?;
    let hour = reader.number("15", 1, 2)?;
    reader.in_range("hour", hour, 0, 23)?;
    reader.literal(":")?;
    let minute = reader.number("04", 2, 2)?;
    reader.in_range("minute", minute, 0, 59)?;
    reader.literal(":")?;
    let second = reader.number("05", 2, 2)?;
    reader.in_range("second", second, 0, 59)?;
    let nanos = reader.fraction()?;
    let offset_seconds = reader.zone()?;
    if !reader.rest.is_empty() {
        return Err(TimeError::Extra {
            text: text.to_owned(),
            rest: reader.rest.to_owned(),
        });
    }
    reader.in_range("day", day, 1, days_in(year, month))?;
    let days = days_since_epoch(year, month, day);
    let seconds = days * 86_400 + i64::from(hour * 3600 + minute * 60 + second) - offset_seconds;
    Ok((seconds, nanos))
}

struct Reader<'a> {
    text: &'a str,
    rest: &'a str,
    layout: Layout,
}

impl<'a> Reader<'a> {
    fn unexpected(&self, element: &'static str) -> TimeError {
        TimeError::Unexpected {
            text: self.text.to_owned(),
            layout: self.layout.text(),
            rest: self.rest.to_owned(),
            element,
        }
    }

    fn in_range(&self, what: &'static str, number: u32, least: u32, most: u32) -> Result<(), TimeError> {
        if (least..=most).contains(&number) {
            Ok(())
        } else {
            Err(TimeError::OutOfRange {
                text: self.text.to_owned(),
                what,
            })
        }
    }

    fn literal(&mut self, literal: &'static str) -> Result<(), TimeError> {
        self.rest = self
            .rest
            .strip_prefix(literal)
            .ok_or_else(|| self.unexpected(literal))?;
        Ok(())
    }

    /// A number of `least` to `most` digits.
    fn number(&mut self, element: &'static str, least: usize, most: usize) -> Result<u32, TimeError> {
        let digits = self
            .rest
            .bytes()
            .take(most)
            .take_while(u8::is_ascii_digit)
            .count();
        if digits < least {
            return Err(self.unexpected(element));
        }
        let (number, rest) = self.rest.split_at(digits);
        self.rest = rest;
        number.parse().map_err(|_| self.unexpected(element))
    }

    /// Nanoseconds.
    fn fraction(&mut self) -> Result<u32, TimeError> {
        let digits = self
            .rest
            .strip_prefix(['.', ','])
            .map_or(0, |rest| rest.bytes().take_while(u8::is_ascii_digit).count());
        let as_wanted = match self.layout {
            Layout::Seconds => true,
            Layout::Micros => digits == 6,
        };
        if !as_wanted {
            return Err(self.unexpected(".000000"));
        }
        if digits == 0 {
            return Ok(0);
        }
        let (fraction, rest) = self.rest[1..].split_at(digits);
        self.rest = rest;
        let nanos = fraction.bytes().chain(std::iter::repeat(b'0')).take(9);
        Ok(nanos.fold(0, |nanos, digit| nanos * 10 + u32::from(digit - b'0')))
    }

    /// Seconds east of Greenwich.
    fn zone(&mut self) -> Result<i64, TimeError> {
        if let Some(rest) = self.rest.strip_prefix('Z') {
            self.rest = rest;
            return Ok(0);
        }
        const ELEMENT: &str = "Z07:00";
        let bytes = self.rest.as_bytes();
        let (sign, hours, minutes) = match bytes {
            [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2, ..]
                if [h1, h2, m1, m2].iter().all(|b| b.is_ascii_digit()) =>
            {
                let number = |tens: &u8, ones: &u8| u32::from(tens - b'0') * 10 + u32::from(ones - b'0');
                (*sign, number(h1, h2), number(m1, m2))
            }
            _ => return Err(self.unexpected(ELEMENT)),
        };
        self.in_range("time zone offset hour", hours, 0, 24)?;
        self.in_range("time zone offset minute", minutes, 0, 60)?;
        self.rest = &self.rest[6..];
        let seconds = i64::from(hours * 3600 + minutes * 60);
        Ok(if sign == b'-' { -seconds } else { seconds })
    }
}

fn is_leap(year: u32) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

fn days_in(year: u32, month: u32) -> u32 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

fn days_since_epoch(year: u32, month: u32, day: u32) -> i64 {
    const DAYS_TO_1970: i64 = 719_528;
    let (y, before) = (i64::from(year), i64::from(year) - 1);
    // Year 0 is a leap year; without it the count of leap years before `year` is the usual one.
    let leap_years = if year == 0 {
        0
    } else {
        before / 4 - before / 100 + before / 400 + 1
    };
    let in_year: u32 = (1..month).map(|month| days_in(year, month)).sum::<u32>() + day - 1;
    y * 365 + leap_years + i64::from(in_year) - DAYS_TO_1970
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn errors_are_gos() {
        const SECONDS: &str = "2006-01-02T15:04:05Z07:00";
        for (text, message) in [
            (
                "yesterday",
                format!(
                    "parsing time \"yesterday\" as \"{SECONDS}\": cannot parse \"yesterday\" as \"2006\""
                ),
            ),
            (
                "",
                format!("parsing time \"\" as \"{SECONDS}\": cannot parse \"\" as \"2006\""),
            ),
            (
                "2020-01-01",
                format!("parsing time \"2020-01-01\" as \"{SECONDS}\": cannot parse \"\" as \"T\""),
            ),
            (
                "2020-1-01",
                format!("parsing time \"2020-1-01\" as \"{SECONDS}\": cannot parse \"1-01\" as \"01\""),
            ),
            (
                "2020-01-01T00:00:00",
                format!(
                    "parsing time \"2020-01-01T00:00:00\" as \"{SECONDS}\": cannot parse \"\" as \"Z07:00\""
                ),
            ),
            (
                "2020-13-01T00:00:00Z",
                String::from("parsing time \"2020-13-01T00:00:00Z\": month out of range"),
            ),
            (
                "2021-02-29T00:00:00Z",
                String::from("parsing time \"2021-02-29T00:00:00Z\": day out of range"),
            ),
            (
                "2021-02-28T24:00:00Z",
                String::from("parsing time \"2021-02-28T24:00:00Z\": hour out of range"),
            ),
            (
                "2021-02-28T00:00:00Zx",
                String::from("parsing time \"2021-02-28T00:00:00Zx\": extra text: \"x\""),
            ),
        ] {
            assert_eq!(parse(text, Layout::Seconds).unwrap_err().to_string(), message);
        }
        assert_eq!(
            parse("2020-01-01T00:00:00Z", Layout::Micros)
                .unwrap_err()
                .to_string(),
            "parsing time \"2020-01-01T00:00:00Z\" as \"2006-01-02T15:04:05.000000Z07:00\": cannot parse \"Z\" as \".000000\""
        );
    }

    proptest! {
        #[test]
        fn times_read_back_the_same(seconds in -62_167_219_200i64..253_402_207_200) {
            let text = crate::time::Time::from_seconds(seconds).to_string();
            prop_assert_eq!(parse(&text, Layout::Seconds), Ok((seconds, 0)), "{}", text);
        }

        #[test]
        fn no_text_panics(text in "\\PC{0,40}") {
            let _ = parse(&text, Layout::Seconds);
            let _ = parse(&text, Layout::Micros);
        }
    }
}
