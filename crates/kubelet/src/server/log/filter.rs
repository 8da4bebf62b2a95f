//! From entries of the file to what a client sees. Pure.

use std::ops::ControlFlow;

use super::line::Line;
use super::options::LogOptions;

/// Chooses entries and puts together what the runtime has split.
#[derive(Debug)]
pub struct Filter {
    options: LogOptions,
    /// Bytes that may still be shown.
    left: u64,
    /// Whether the next entry begins a line.
    at_start: bool,
}

impl Filter {
    pub fn new(options: &LogOptions) -> Self {
        Self {
            left: options.limit_bytes.unwrap_or(u64::MAX),
            options: options.clone(),
            at_start: true,
        }
    }

    /// Appends what is to be seen of an entry. Breaks when no more may be shown.
    pub fn push(&mut self, entry: &[u8], out: &mut Vec<u8>) -> ControlFlow<()> {
        // An entry of another form is none of the container's words.
        let Some(line) = Line::parse(entry) else {
            return ControlFlow::Continue(());
        };
        if !self.wants(&line) {
            return ControlFlow::Continue(());
        }
        let start = out.len();
        if self.options.timestamps && self.at_start {
            line.push_time(out);
            out.push(b' ');
        }
        out.extend_from_slice(line.content);
        if !line.partial {
            out.push(b'\n');
        }
        self.at_start = !line.partial;
        self.count(start, out)
    }

    fn wants(&self, line: &Line<'_>) -> bool {
        if self.options.stream.is_some_and(|wanted| wanted != line.stream) {
            return false;
        }
        match self.options.since {
            Some(since) => line.timestamp().is_some_and(|time| time >= since),
            None => true,
        }
    }

    fn count(&mut self, start: usize, out: &mut Vec<u8>) -> ControlFlow<()> {
        let added = (out.len() - start) as u64;
        if added < self.left {
            self.left -= added;
            return ControlFlow::Continue(());
        }
        // No more than was added, which fits.
        out.truncate(start + usize::try_from(self.left).unwrap_or(usize::MAX));
        self.left = 0;
        ControlFlow::Break(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::log::line::Stream;

    const ENTRIES: [&str; 5] = [
        "2026-01-01T00:00:01.5Z stdout F first",
        "2026-01-01T00:00:02Z stderr P sec",
        "2026-01-01T00:00:03Z stderr F ond",
        "not an entry",
        "2026-01-01T00:00:04Z stdout F last",
    ];

    fn check(options: LogOptions, expected: &str, ends: bool) {
        let mut filter = Filter::new(&options);
        let mut out = Vec::new();
        let mut flow = ControlFlow::Continue(());
        for entry in ENTRIES {
            if flow.is_continue() {
                flow = filter.push(entry.as_bytes(), &mut out);
            }
        }
        assert_eq!(String::from_utf8(out).unwrap(), expected);
        assert_eq!(flow.is_break(), ends);
    }

    #[test]
    fn entries_become_lines() {
        check(LogOptions::default(), "first\nsecond\nlast\n", false);
        let with_times = LogOptions {
            timestamps: true,
            ..LogOptions::default()
        };
        let expected = "2026-01-01T00:00:01.500000000Z first\n2026-01-01T00:00:02.000000000Z second\n2026-01-01T00:00:04.000000000Z last\n";
        check(with_times, expected, false);
    }

    #[test]
    fn only_what_is_wanted_is_shown() {
        let since = LogOptions {
            since: Some("2026-01-01T00:00:03Z".parse().unwrap()),
            ..LogOptions::default()
        };
        check(since, "ond\nlast\n", false);
        let stdout = LogOptions {
            stream: Some(Stream::Stdout),
            ..LogOptions::default()
        };
        check(stdout, "first\nlast\n", false);
        let limited = |limit| LogOptions {
            limit_bytes: Some(limit),
            ..LogOptions::default()
        };
        check(limited(8), "first\nse", true);
        check(limited(6), "first\n", true);
        check(limited(100), "first\nsecond\nlast\n", false);
    }
}
