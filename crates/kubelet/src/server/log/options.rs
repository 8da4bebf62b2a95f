//! Which part of a log is wanted.

use jiff::{SignedDuration, Timestamp};

use super::line::Stream;
use crate::server::query::Query;

/// Which part of a log is wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogOptions {
    /// Go on until the container ends.
    pub follow: bool,
    /// Of the container before.
    pub previous: bool,
    /// A time at the start of each line.
    pub timestamps: bool,
    /// Only what was written then or later.
    pub since: Option<Timestamp>,
    /// Only so many lines at the end of what is there.
    pub tail_lines: Option<u64>,
    /// Only so many bytes.
    pub limit_bytes: Option<u64>,
    /// Only one of the streams.
    pub stream: Option<Stream>,
}

/// The query is no description of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadOptions {
    /// A value is of the wrong kind.
    #[error("{{\"message\": \"Unable to decode query.\"}}")]
    Undecodable,
    /// Values are out of their ranges, or exclude each other.
    #[error("{{\"message\": \"Invalid request.\"}}")]
    Invalid,
}

impl LogOptions {
    /// Reads a query.
    pub fn parse(query: &Query, now: Timestamp) -> Result<Self, BadOptions> {
        let tail = number(query, "tailLines", 0)?;
        let limit = number(query, "limitBytes", 1)?;
        let stream = stream(query)?;
        if tail.is_some() && stream.is_some() {
            // Lines of one stream cannot be counted from the end without reading everything.
            return Err(BadOptions::Invalid);
        }
        Ok(Self {
            follow: flag(query, "follow"),
            previous: flag(query, "previous"),
            timestamps: flag(query, "timestamps"),
            since: since(query, now)?,
            tail_lines: tail,
            limit_bytes: limit,
            stream,
        })
    }
}

fn since(query: &Query, now: Timestamp) -> Result<Option<Timestamp>, BadOptions> {
    let seconds = number(query, "sinceSeconds", 1)?;
    let time = query.first("sinceTime").filter(|text| !text.is_empty());
    match (seconds, time) {
        (Some(_), Some(_)) => Err(BadOptions::Invalid),
        (Some(seconds), None) => {
            let seconds = SignedDuration::from_secs(seconds.try_into().unwrap_or(i64::MAX));
            Ok(Some(now.checked_sub(seconds).unwrap_or(Timestamp::MIN)))
        }
        (None, Some(time)) => time.parse().map(Some).map_err(|_| BadOptions::Undecodable),
        (None, None) => Ok(None),
    }
}

fn stream(query: &Query) -> Result<Option<Stream>, BadOptions> {
    match query.first("stream") {
        None | Some("" | "All") => Ok(None),
        Some("Stdout") => Ok(Some(Stream::Stdout)),
        Some("Stderr") => Ok(Some(Stream::Stderr)),
        Some(_) => Err(BadOptions::Invalid),
    }
}

fn number(query: &Query, name: &str, least: u64) -> Result<Option<u64>, BadOptions> {
    let Some(text) = query.first(name) else {
        return Ok(None);
    };
    let number: i64 = text.parse().map_err(|_| BadOptions::Undecodable)?;
    match u64::try_from(number) {
        Ok(number) if number >= least => Ok(Some(number)),
        _ => Err(BadOptions::Invalid),
    }
}

/// Whatever is not false is true.
fn flag(query: &Query, name: &str) -> bool {
    query
        .first(name)
        .is_some_and(|text| !(text.is_empty() || text == "0" || text.eq_ignore_ascii_case("false")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(query: &str) -> Result<LogOptions, BadOptions> {
        LogOptions::parse(
            &Query::parse(Some(query)),
            "2026-01-01T00:01:00Z".parse().unwrap(),
        )
    }

    #[test]
    fn queries_say_what_is_wanted() {
        let expected = LogOptions {
            follow: true,
            timestamps: true,
            since: Some("2026-01-01T00:00:50Z".parse().unwrap()),
            tail_lines: Some(0),
            limit_bytes: Some(7),
            ..LogOptions::default()
        };
        assert_eq!(
            parse("follow=true&timestamps=1&previous=false&sinceSeconds=10&tailLines=0&limitBytes=7"),
            Ok(expected)
        );
        let at = parse("sinceTime=2025-12-31T23:00:00%2B01:00").unwrap().since;
        assert_eq!(at, Some("2025-12-31T22:00:00Z".parse().unwrap()));
        assert_eq!(parse("stream=Stderr").unwrap().stream, Some(Stream::Stderr));
    }

    #[test]
    fn wrong_queries_are_refused() {
        for (query, expected) in [
            ("tailLines=x", BadOptions::Undecodable),
            ("sinceTime=yesterday", BadOptions::Undecodable),
            ("tailLines=-1", BadOptions::Invalid),
            ("limitBytes=0", BadOptions::Invalid),
            ("sinceSeconds=0", BadOptions::Invalid),
            (
                "sinceSeconds=1&sinceTime=2026-01-01T00:00:00Z",
                BadOptions::Invalid,
            ),
            ("stream=Both", BadOptions::Invalid),
        ] {
            assert_eq!(parse(query), Err(expected), "{query}");
        }
    }
}
