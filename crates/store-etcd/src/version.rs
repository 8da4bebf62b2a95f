//! The version of an etcd, and what depends on it.

/// A version: major, minor, patch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Version(u32, u32, u32);

impl Version {
    /// Reads `3.4.23` and `3.6.0-alpha.0`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut numbers = text.split(['-', '+']).next()?.splitn(3, '.').map(str::parse);
        let mut next = || numbers.next()?.ok();
        Some(Self(next()?, next()?, next()?))
    }

    /// Whether the answer to a progress request of a watch can be believed: earlier ones may overtake events. The bounds are
    /// those from which on upstream's API server believes them.
    pub(crate) fn tells_progress(self) -> bool {
        self >= Self(3, 5, 13) || (self >= Self(3, 4, 31) && self < Self(3, 5, 0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_is_believed_from_the_repair_on() {
        for (version, believed) in [
            ("3.4.23", false),
            ("3.4.31", true),
            ("3.5.0", false),
            ("3.5.12", false),
            ("3.5.13", true),
            ("3.6.0-rc.1", true),
            ("4.0.0", true),
        ] {
            let parsed = Version::parse(version).expect(version);
            assert_eq!(parsed.tells_progress(), believed, "{version}");
        }
        assert_eq!(Version::parse("nonsense"), None);
    }
}
