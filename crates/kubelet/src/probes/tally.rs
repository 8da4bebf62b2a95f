//! From single attempts to verdicts: enough of the same in a row.

use k8s_openapi::api::core::v1::Probe;

use crate::plan::Verdict;

/// Counts what came in a row.
#[derive(Clone, Debug)]
pub struct Tally {
    success_threshold: u32,
    failure_threshold: u32,
    last: Option<Verdict>,
    in_a_row: u32,
    verdict: Option<Verdict>,
}

fn threshold(value: Option<i32>, default: u32) -> u32 {
    value
        .and_then(|value| u32::try_from(value).ok())
        .filter(|value| *value > 0)
        .unwrap_or(default)
}

impl Tally {
    pub fn new(probe: &Probe) -> Self {
        Self {
            success_threshold: threshold(probe.success_threshold, 1),
            failure_threshold: threshold(probe.failure_threshold, 3),
            last: None,
            in_a_row: 0,
            verdict: None,
        }
    }

    /// Counts an attempt; gives the verdict if it is a new one.
    pub fn count(&mut self, attempt: Verdict) -> Option<Verdict> {
        if self.last == Some(attempt) {
            self.in_a_row = self.in_a_row.saturating_add(1);
        } else {
            self.last = Some(attempt);
            self.in_a_row = 1;
        }
        let needed = match attempt {
            Verdict::Success => self.success_threshold,
            Verdict::Failure => self.failure_threshold,
        };
        if self.in_a_row < needed || self.verdict == Some(attempt) {
            return None;
        }
        self.verdict = Some(attempt);
        self.verdict
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(success: i32, failure: i32, attempts: &str, verdicts: &str) {
        let probe = Probe {
            success_threshold: Some(success),
            failure_threshold: Some(failure),
            ..Probe::default()
        };
        let mut tally = Tally::new(&probe);
        let found: String = attempts
            .chars()
            .map(|c| {
                let attempt = if c == '+' {
                    Verdict::Success
                } else {
                    Verdict::Failure
                };
                match tally.count(attempt) {
                    Some(Verdict::Success) => '+',
                    Some(Verdict::Failure) => '-',
                    None => '.',
                }
            })
            .collect();
        assert_eq!(found, verdicts, "{success} {failure} {attempts}");
    }

    #[test]
    fn enough_in_a_row() {
        check(1, 3, "+", "+");
        check(1, 3, "+++", "+..");
        check(1, 3, "+--+---", "+.....-");
        check(1, 3, "----", "..-.");
        check(2, 1, "-+-++-", "-...+-");
        check(0, 0, "+---", "+..-");
    }
}
