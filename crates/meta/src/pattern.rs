//! Regular expressions as Go reads them (RE2): patterns of schemas, and those in CEL.
//!
//! They run in time linear to the text, and what they compile to is bounded. A pattern is read once here, into the same
//! pattern for Rust's engine, whose dialect differs in small things: classes hold brackets as they are, `\d` means ASCII.

mod problem;
mod translate;

use std::fmt;
use std::sync::{Arc, OnceLock};

use regex::{Regex, RegexBuilder};

pub use problem::PatternError;

/// A compiled pattern may take that many bytes.
const MAX_COMPILED_BYTES: usize = 10 << 20;
/// What a search remembers of its way may take that many.
const MAX_CACHE_BYTES: usize = 1 << 20;
/// Groups may be nested that deep.
const MAX_DEPTH: u32 = 200;

/// A regular expression. It matches anywhere in a text unless it says otherwise.
#[derive(Clone)]
pub struct Pattern {
    text: Arc<str>,
    /// Compiled when it is first asked: of the patterns in schemas few are.
    compiled: OnceLock<Result<Regex, PatternError>>,
}

impl Pattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// In Go's words, if it is none, or beyond its bounds.
    pub fn new(text: &str) -> Result<Self, PatternError> {
        let pattern = Self::lazy(text);
        pattern.regex()?;
        Ok(pattern)
    }

    /// A pattern that is read when it is first asked.
    pub fn lazy(text: &str) -> Self {
        Self {
            text: text.into(),
            compiled: OnceLock::new(),
        }
    }

    /// Whether the text has a match somewhere.
    ///
    /// # Errors
    /// If this is no pattern. Those that [`Pattern::new`] gave are.
    pub fn matches(&self, text: &str) -> Result<bool, PatternError> {
        Ok(self.regex()?.is_match(text))
    }

    /// The engine, to find matches.
    ///
    /// # Errors
    /// As [`Pattern::matches`].
    pub fn regex(&self) -> Result<&Regex, PatternError> {
        let compiled = self.compiled.get_or_init(|| compile(&self.text));
        compiled.as_ref().map_err(Clone::clone)
    }
}

fn compile(text: &str) -> Result<Regex, PatternError> {
    let translated = translate::translate(text)?;
    RegexBuilder::new(&translated)
        .size_limit(MAX_COMPILED_BYTES)
        .dfa_size_limit(MAX_CACHE_BYTES)
        .nest_limit(MAX_DEPTH)
        .build()
        .map_err(|error| PatternError::of_engine(&error, text))
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pattern({:?})", self.text)
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Pattern {}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pattern: &str, good: &[&str], bad: &[&str]) {
        let compiled = Pattern::new(pattern).unwrap_or_else(|error| panic!("{pattern}: {error}"));
        for text in good {
            assert_eq!(compiled.matches(text), Ok(true), "{pattern} matches {text:?}");
        }
        for text in bad {
            assert_eq!(
                compiled.matches(text),
                Ok(false),
                "{pattern} does not match {text:?}"
            );
        }
    }

    #[test]
    fn patterns_mean_what_they_mean_in_go() {
        check("^[a-z]+$", &["abc"], &["", "a1", "é"]);
        check("b", &["abc"], &["ac"]);
        check(r"^\d+$", &["12"], &["\u{661}", ""]);
        check(r"^\w\W$", &["a-"], &["aé\u{e9}x", "--"]);
        check(r"^\s$", &[" ", "\t"], &["\u{a0}", "\u{b}"]);
        check(r"^[\d[]$", &["1", "["], &["a", "]"]);
        check(r"^[a&&b]$", &["a", "&", "b"], &["c"]);
        check(r"^a{$", &["a{"], &["a"]);
        check(r"^a{,2}$", &["a{,2}"], &["aa"]);
        check(r"^a{2,3}$", &["aa", "aaa"], &["a", "aaaa"]);
        check(r"^\pL\p{Greek}$", &["aα"], &["1α"]);
        check(r"^(?P<x>a)(?:b)$", &["ab"], &["a"]);
        check(r"^[[:alpha:]]+$", &["aB"], &["1"]);
        check(r"^[]a]$", &["]", "a"], &["b"]);
        check(r"^[^]a]$", &["b"], &["]", "a"]);
        check(r"(?i)^É$", &["é"], &["e"]);
        check(r"^\Qa.b\E$", &["a.b"], &["axb"]);
        check(r"^\x41\x{263a}\101$", &["A☺A"], &["A"]);
        check(r"^.$", &["é"], &["\n", ""]);
        check(r"\bfoo\b", &["a foo b", "éfoo"], &["afoo"]);
        check(r"^a#b c$", &["a#b c"], &["abc"]);
        check(r"(?s)^.$", &["\n"], &[]);
        check(r"^[^\d]$", &["é"], &["1"]);
        check(r"^[\Da]$", &["a", "é"], &["1"]);
    }

    #[test]
    fn what_is_no_pattern_is_told_in_gos_words() {
        for (pattern, problem) in [
            ("[a", "missing closing ]: `[a`"),
            ("(a", "missing closing ): `(a`"),
            ("a)", "unexpected ): `a)`"),
            ("*a", "missing argument to repetition operator: `*`"),
            ("a**", "invalid nested repetition operator: `**`"),
            (r"\q", r"invalid escape sequence: `\q`"),
            (r"a\", "trailing backslash at end of expression: ``"),
            ("[z-a]", "invalid character class range: `z-a`"),
            ("a{1001}", "invalid repeat count: `{1001}`"),
            ("a{3,2}", "invalid repeat count: `{3,2}`"),
            ("(?=a)", "invalid or unsupported Perl syntax: `(?=`"),
            ("(?!a)", "invalid or unsupported Perl syntax: `(?!`"),
            (r"\1", r"invalid escape sequence: `\1`"),
            (r"\pX", r"invalid character class range: `\pX`"),
            ("[[:x:]]", "invalid character class range: `[:x:]`"),
            ("(?P<1 >a)", "invalid named capture: `(?P<1 >`"),
        ] {
            let error = Pattern::new(pattern)
                .map(|_| ())
                .map_err(|error| error.to_string());
            assert_eq!(
                error,
                Err(format!("error parsing regexp: {problem}")),
                "{pattern}"
            );
        }
    }

    #[test]
    fn patterns_are_bounded() {
        let bomb = "(((a{100}){100}){100})".to_owned();
        let error = Pattern::new(&bomb).map(|_| ()).map_err(|error| error.to_string());
        assert!(error.is_err(), "{error:?}");
        assert!(Pattern::new(&"(".repeat(5000)).is_err());
        let slow = Pattern::new("^(a+)+$").expect("a pattern");
        assert_eq!(slow.matches(&format!("{}b", "a".repeat(100_000))), Ok(false));
    }
}
