//! A line of a log file as runtimes write them: time, stream, tags, and what the container wrote.

use jiff::Timestamp;

/// Where a container wrote to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    Stdout,
    Stderr,
}

/// An entry of the file, without its line feed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line<'a> {
    /// RFC 3339, with up to nine digits of a second.
    pub time: &'a str,
    pub stream: Stream,
    /// Whether what the container wrote as one line goes on in the next entry.
    pub partial: bool,
    pub content: &'a [u8],
}

impl<'a> Line<'a> {
    /// Takes an entry apart; none if it has another form.
    pub fn parse(entry: &'a [u8]) -> Option<Self> {
        let mut parts = entry.splitn(4, |byte| *byte == b' ');
        let time = std::str::from_utf8(parts.next()?).ok()?;
        let stream = match parts.next()? {
            b"stdout" => Stream::Stdout,
            b"stderr" => Stream::Stderr,
            _ => return None,
        };
        let tags = parts.next()?;
        let content = parts.next()?;
        Some(Self {
            time: Some(time).filter(|time| time.len() > 10 && time.as_bytes()[4] == b'-')?,
            stream,
            partial: tags.split(|byte| *byte == b':').next() == Some(b"P"),
            content,
        })
    }

    /// When it was written.
    pub fn timestamp(&self) -> Option<Timestamp> {
        self.time.parse().ok()
    }

    /// Appends the time with nine digits of a second, in the zone it was written in.
    pub fn push_time(&self, out: &mut Vec<u8>) {
        const DIGITS: usize = 9;
        let zone = self.time[10..]
            .find(['Z', '+', '-'])
            .map_or(self.time.len(), |at| at + 10);
        let (time, zone) = self.time.split_at(zone);
        let (seconds, fraction) = time.split_once('.').unwrap_or((time, ""));
        out.extend_from_slice(seconds.as_bytes());
        out.push(b'.');
        let fraction = fraction.as_bytes();
        out.extend((0..DIGITS).map(|at| fraction.get(at).copied().unwrap_or(b'0')));
        out.extend_from_slice(zone.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_taken_apart() {
        let line = Line::parse(b"2026-01-02T03:04:05.678Z stderr P:x two words ").unwrap();
        assert_eq!(line.stream, Stream::Stderr);
        assert!(line.partial);
        assert_eq!(line.content, b"two words ");
        let line = Line::parse(b"2026-01-02T03:04:05Z stdout F ").unwrap();
        assert!(!line.partial && line.content.is_empty());
        for wrong in [
            &b""[..],
            b"2026-01-02T03:04:05Z",
            b"2026-01-02T03:04:05Z stdout F",
            b"2026-01-02T03:04:05Z stdin F x",
            b"x stdout F x",
            b"\xff\xff\xff\xff-\xff\xff\xff\xff\xff\xff\xff stdout F x",
        ] {
            assert_eq!(Line::parse(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn times_have_nine_digits() {
        for (written, shown) in [
            ("2026-01-02T03:04:05.678Z", "2026-01-02T03:04:05.678000000Z"),
            ("2026-01-02T03:04:05Z", "2026-01-02T03:04:05.000000000Z"),
            (
                "2026-01-02T03:04:05.123456789+02:00",
                "2026-01-02T03:04:05.123456789+02:00",
            ),
            ("2026-01-02T03:04:05-02:00", "2026-01-02T03:04:05.000000000-02:00"),
        ] {
            let entry = format!("{written} stdout F x");
            let mut out = Vec::new();
            Line::parse(entry.as_bytes()).unwrap().push_time(&mut out);
            assert_eq!(String::from_utf8(out).unwrap(), shown);
        }
    }
}
