//! Why a text is no pattern, in Go's words.

/// What is wrong with a pattern: `error parsing regexp: missing closing ]: `[a``.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("error parsing regexp: {what}: `{place}`")]
pub struct PatternError {
    what: &'static str,
    place: String,
}

impl PatternError {
    pub(super) fn new(what: &'static str, place: impl Into<String>) -> Self {
        Self {
            what,
            place: place.into(),
        }
    }

    /// What only the engine finds: bounds, and names of classes.
    pub(super) fn of_engine(error: &regex::Error, pattern: &str) -> Self {
        match error {
            regex::Error::CompiledTooBig(_) => Self::new("expression too large", pattern),
            regex::Error::Syntax(message) if message.contains("nest") => {
                Self::new("expression nests too deeply", pattern)
            }
            _ => Self::new("invalid character class range", pattern),
        }
    }
}
