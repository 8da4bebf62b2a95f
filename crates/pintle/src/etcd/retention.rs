//! How much history is kept, as etcd's flags say it.

use std::time::Duration;

use store_embedded::Options;

/// Longer than any clock will run, and yet a time that can be added to one.
const FOR_EVER: Duration = Duration::from_secs(100 * 365 * 24 * 3600);

/// How much history is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Retention {
    /// Until a client has it compacted.
    Unlimited,
    /// So long.
    For(Duration),
    /// So many changes.
    Changes(usize),
}

impl Retention {
    /// A time, or a number of hours.
    pub(super) fn periodic(text: &str) -> Option<Self> {
        let time = match text.parse() {
            Ok(hours) => Duration::from_secs(3600).checked_mul(hours)?,
            Err(_) => duration(text)?,
        };
        Some(match time {
            Duration::ZERO => Self::Unlimited,
            time => Self::For(time.min(FOR_EVER)),
        })
    }

    /// A number of revisions; each has one change at least.
    pub(super) fn revisions(text: &str) -> Option<Self> {
        Some(match text.parse().ok()? {
            0 => Self::Unlimited,
            count => Self::Changes(count),
        })
    }

    /// Gives the store's options this length.
    pub(super) fn apply(self, options: &mut Options) {
        match self {
            // How many changes there may be stays bounded.
            Self::Unlimited => options.history = FOR_EVER,
            Self::For(time) => options.history = time,
            Self::Changes(count) => {
                options.history = FOR_EVER;
                options.max_history_changes = count.min(options.max_history_changes);
            }
        }
    }
}

/// A time as Go writes it: `1h30m`, `500ms`.
pub(super) fn duration(text: &str) -> Option<Duration> {
    let mut rest = text;
    let mut total = Duration::ZERO;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let number: u32 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let units = [
            ("ms", Duration::from_millis(1)),
            ("h", Duration::from_secs(3600)),
            ("m", Duration::from_secs(60)),
            ("s", Duration::from_secs(1)),
        ];
        let (unit, length) = units.into_iter().find(|(unit, _)| rest.starts_with(unit))?;
        rest = &rest[unit.len()..];
        total = total.checked_add(length.checked_mul(number)?)?;
    }
    (!text.is_empty()).then_some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_read_as_etcd_does() {
        let minutes = |count: u64| Some(Retention::For(Duration::from_secs(60 * count)));
        for (text, expected) in [
            ("0", Some(Retention::Unlimited)),
            ("0s", Some(Retention::Unlimited)),
            ("2", minutes(120)),
            ("5m", minutes(5)),
            ("1h30m", minutes(90)),
            ("-1", None),
            ("5x", None),
            ("", None),
        ] {
            assert_eq!(Retention::periodic(text), expected, "{text}");
        }
        assert_eq!(Retention::revisions("1000"), Some(Retention::Changes(1000)));
        assert_eq!(Retention::revisions("5m"), None);
        assert_eq!(duration("500ms"), Some(Duration::from_millis(500)));
    }
}
