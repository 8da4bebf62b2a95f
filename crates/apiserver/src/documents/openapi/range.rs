//! The `Range` header, as far as it asks for one piece.

/// A piece of a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ByteRange {
    /// From `start` up to, not including, `end`.
    Part {
        /// First byte.
        start: usize,
        /// Byte behind the last.
        end: usize,
    },
    /// Nothing of the document.
    Outside,
}

impl ByteRange {
    /// Reads `bytes=a-b`, `bytes=a-` or `bytes=-n`; none if the whole document is to be sent.
    pub fn parse(text: &str, total: usize) -> Option<Self> {
        let (first, last) = text.strip_prefix("bytes=")?.split_once('-')?;
        let (first, last) = (first.trim(), last.trim());
        let (start, end) = match (first.is_empty(), last.is_empty()) {
            (true, true) => return None,
            (true, false) => (total.saturating_sub(last.parse().ok()?), total),
            (false, true) => (first.parse().ok()?, total),
            (false, false) => {
                let last: usize = last.parse().ok()?;
                (first.parse().ok()?, last.saturating_add(1).min(total))
            }
        };
        Some(if start < end {
            Self::Part { start, end }
        } else {
            Self::Outside
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_piece_is_read() {
        let part = |start, end| Some(ByteRange::Part { start, end });
        for (text, expected) in [
            ("bytes=0-10", part(0, 11)),
            ("bytes=90-", part(90, 100)),
            ("bytes=-10", part(90, 100)),
            ("bytes=50-1000", part(50, 100)),
            ("bytes=100-", Some(ByteRange::Outside)),
            ("bytes=0-1,5-6", None),
            ("lines=0-1", None),
            ("bytes=-", None),
        ] {
            assert_eq!(ByteRange::parse(text, 100), expected, "{text}");
        }
    }
}
