//! How far long work is: a line on the terminal that is written over. Where standard error is no terminal, nothing is said.

use std::io::{IsTerminal, Write, stderr};
use std::time::{Duration, Instant};

use super::bytes;

/// Not more often, so that work is not slowed down.
const EVERY: Duration = Duration::from_millis(100);

const WIDTH: usize = 30;

/// A bar, or a count where the end is not known.
pub struct Progress {
    doing: &'static str,
    /// In bytes, if it is known.
    total: Option<u64>,
    shown: Option<Instant>,
    is_terminal: bool,
}

impl Progress {
    /// Of work that is `total` bytes long.
    pub fn new(doing: &'static str, total: Option<u64>) -> Self {
        Self {
            doing,
            total,
            shown: None,
            is_terminal: stderr().is_terminal(),
        }
    }

    /// So many bytes are done.
    pub fn at(&mut self, done: u64) {
        if self.is_due() {
            self.show(&line(self.doing, done, self.total));
        }
    }

    /// So many writes are done.
    pub fn count(&mut self, done: u64) {
        if self.is_due() {
            self.show(&format!("{} {done} revisions", self.doing));
        }
    }

    fn is_due(&self) -> bool {
        self.is_terminal && self.shown.is_none_or(|shown| shown.elapsed() >= EVERY)
    }

    fn show(&mut self, line: &str) {
        self.shown = Some(Instant::now());
        // Nobody may be looking any more; the work goes on all the same.
        let _ = write!(stderr(), "\r{line}\x1b[K");
    }

    /// Takes the line away.
    pub fn clear(&self) {
        if self.shown.is_some() {
            let _ = write!(stderr(), "\r\x1b[K");
        }
    }
}

fn line(doing: &str, done: u64, total: Option<u64>) -> String {
    let Some(total) = total.filter(|total| *total > 0) else {
        return format!("{doing} {}", bytes::size(done));
    };
    let part = (done.min(total) as f64 / total as f64 * WIDTH as f64) as usize;
    let (full, empty) = ("#".repeat(part), "-".repeat(WIDTH - part));
    format!(
        "{doing} [{full}{empty}] {} of {}",
        bytes::size(done),
        bytes::size(total)
    )
}

#[cfg(test)]
mod tests {
    use super::line;

    #[test]
    fn bars_fill_up() {
        assert_eq!(line("saving", 2048, None), "saving 2.0 KiB");
        assert_eq!(
            line("checking", 512, Some(1024)),
            "checking [###############---------------] 512 B of 1.0 KiB"
        );
        assert!(line("x", 9, Some(3)).contains(&"#".repeat(30)));
    }
}
