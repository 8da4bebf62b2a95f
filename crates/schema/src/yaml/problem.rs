//! What is wrong with a YAML text, in the words upstream's reader has for it.

use granit_parser::{ErrorKind, ScanError};

/// Who found the problem. It decides on the line that is named.
enum Finder {
    /// Names the line.
    Scanner,
    /// Names the line in which the text ends.
    ScannerAtEnd,
    /// Names the line of what comes next.
    ScannerAtNext,
    /// Names the line before.
    Parser,
    /// Names the line before the end of the text.
    ParserAtEnd,
}

/// The message for `error`, found in `text`.
pub(super) fn message(error: &ScanError, text: &str) -> String {
    let (finder, problem) = problem(error, text);
    let line_before = match finder {
        Finder::Scanner | Finder::Parser => error.marker().line().saturating_sub(1),
        Finder::ScannerAtEnd => text.matches('\n').count(),
        Finder::ScannerAtNext => next_line(text, error.marker().line()),
        // An unfinished line ends there too.
        Finder::ParserAtEnd => text.lines().count(),
    };
    match (line_before, finder) {
        (0, _) => format!("yaml: {problem}"),
        (line, Finder::Scanner | Finder::ScannerAtEnd | Finder::ScannerAtNext) => {
            format!("yaml: line {}: {problem}", line + 1)
        }
        (line, Finder::Parser | Finder::ParserAtEnd) => format!("yaml: line {line}: {problem}"),
    }
}

/// The first line behind those counted that holds something, by its number from zero; else the one in which the text ends.
fn next_line(text: &str, lines: usize) -> usize {
    let says = |line: &str| !line.trim_start().is_empty() && !line.trim_start().starts_with('#');
    let next = text.lines().skip(lines).position(says);
    let end = text.matches('\n').count() + usize::from(!text.ends_with('\n'));
    next.map_or(end, |next| lines + next)
}

/// Whether a list in brackets is open in the lines before one.
fn is_in_brackets(text: &str, line: usize) -> bool {
    let before = text.lines().take(line.saturating_sub(1));
    let count = |c: char| before.clone().map(|line| line.matches(c).count()).sum::<usize>();
    count('[') > count(']')
}

fn problem(error: &ScanError, text: &str) -> (Finder, &'static str) {
    use ErrorKind as Kind;
    use Finder::{Parser, ParserAtEnd, Scanner, ScannerAtEnd, ScannerAtNext};
    match error.kind() {
        Kind::MappingValueNotAllowed | Kind::InvalidColonPlacement | Kind::InvalidMappingValueWhitespace
            if is_in_brackets(text, error.marker().line()) =>
        {
            (Parser, "did not find expected ',' or ']'")
        }
        Kind::UnclosedFlowCollection { .. } if text.trim_end().ends_with(['[', '{', ',', ':']) => {
            (ParserAtEnd, "did not find expected node content")
        }
        Kind::UnclosedFlowCollection { open: '[' } => (ParserAtEnd, "did not find expected ',' or ']'"),
        Kind::UnclosedFlowCollection { .. } => (ParserAtEnd, "did not find expected ',' or '}'"),
        Kind::UnexpectedEofFlowSequence | Kind::ExpectedFlowSequenceSeparator => {
            (Parser, "did not find expected ',' or ']'")
        }
        Kind::UnexpectedEofFlowMapping
        | Kind::UnexpectedEofImplicitFlowMapping
        | Kind::ExpectedFlowMappingSeparator => (Parser, "did not find expected ',' or '}'"),
        Kind::ExpectedNodeContent | Kind::MisplacedFlowCollectionEnd => {
            (Parser, "did not find expected node content")
        }
        Kind::ExpectedBlockMappingKey
        | Kind::UnexpectedEofBlockMapping
        | Kind::InvalidIndentation
        | Kind::InvalidFlowScalarIndent => (Parser, "did not find expected key"),
        Kind::ExpectedBlockSequenceEntry | Kind::UnexpectedEofBlockSequence => {
            (Parser, "did not find expected '-' indicator")
        }
        Kind::ExpectedDocumentStart | Kind::InvalidDocumentEnd => {
            (Parser, "did not find expected <document start>")
        }
        Kind::UndeclaredTagHandle => (Parser, "found undefined tag handle"),
        Kind::UnsupportedYamlMajorVersion => (Parser, "found incompatible YAML document"),
        Kind::SimpleKeyExpected | Kind::InvalidSimpleKey => (ScannerAtNext, "could not find expected ':'"),
        Kind::MappingValueNotAllowed | Kind::InvalidColonPlacement | Kind::InvalidMappingValueWhitespace => {
            (Scanner, "mapping values are not allowed in this context")
        }
        Kind::MappingKeyNotAllowed => (Scanner, "mapping keys are not allowed in this context"),
        Kind::BlockSequenceEntryNotAllowed | Kind::BlockEntryInFlowCollection => {
            (Scanner, "block sequence entries are not allowed in this context")
        }
        Kind::UnclosedQuotedScalar | Kind::UnexpectedEof => (ScannerAtEnd, "found unexpected end of stream"),
        Kind::DocumentIndicatorInQuotedScalar => (Scanner, "found unexpected document indicator"),
        Kind::UnknownQuotedScalarEscape => (Scanner, "found unknown escape character"),
        Kind::InvalidQuotedScalarHexEscape => (Scanner, "did not find expected hexdecimal number"),
        Kind::InvalidUnicodeEscape | Kind::UnpairedLowSurrogate | Kind::MissingLowSurrogate => {
            (Scanner, "found invalid Unicode character escape code")
        }
        Kind::MissingAnchorOrAliasName => (Scanner, "did not find expected alphabetic or numeric character"),
        Kind::ZeroBlockScalarIndent => (Scanner, "found an indentation indicator equal to 0"),
        Kind::InvalidBlockScalarHeader => (Scanner, "did not find expected comment or line break"),
        Kind::TabAtBlockScalarStart => (
            Scanner,
            "found a tab character where an indentation space is expected",
        ),
        Kind::RecursionLimitExceeded => (Scanner, "exceeded max depth"),
        // Tabs, and characters that mean nothing where they stand.
        _ => (Scanner, "found character that cannot start any token"),
    }
}
