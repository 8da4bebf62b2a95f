//! What is wrong with a YAML text, in the words upstream's reader has for it.

use granit_parser::{ErrorKind, Marker, ScanError};

/// Who found the problem. It decides on the line that is named.
enum Finder {
    /// Names the line.
    Scanner,
    /// Names the line in which the text ends.
    ScannerAtEnd,
    /// Names the line of what comes next.
    ScannerAtNext,
    /// Names the next line that begins with a tab.
    ScannerAtTab,
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
        Finder::ScannerAtNext => next_line(text, error.marker()),
        Finder::ScannerAtTab => line_with_tab(text, error.marker().line()),
        // An unfinished line ends there too.
        Finder::ParserAtEnd => text.lines().count(),
    };
    match (line_before, finder) {
        (0, _) => format!("yaml: {problem}"),
        (line, Finder::Parser | Finder::ParserAtEnd) => format!("yaml: line {line}: {problem}"),
        (line, _) => format!("yaml: line {}: {problem}", line + 1),
    }
}

/// The first line behind a marker that holds something else than the rest of a text that begins there, by its number from zero;
/// else the one in which the text ends.
fn next_line(text: &str, marker: &Marker) -> usize {
    let goes_on = |line: &str| {
        let indentation = line.len() - line.trim_start().len();
        indentation > marker.col() && !line.contains(": ") && !line.ends_with(':') && !line.contains(" #")
    };
    let is_comment = |line: &str| line.trim_start().starts_with('#');
    let says = |line: &str| !line.trim_start().is_empty() && !is_comment(line) && !goes_on(line);
    let next = text.lines().skip(marker.line()).position(says);
    let end = text.matches('\n').count() + usize::from(!text.ends_with('\n'));
    next.map_or(end, |next| marker.line() + next)
}

/// The first line behind those counted that begins with a tab, by its number from zero.
fn line_with_tab(text: &str, lines: usize) -> usize {
    let is_tabbed = |line: &str| line.trim_start_matches(' ').starts_with('\t');
    lines + text.lines().skip(lines).position(is_tabbed).unwrap_or(0)
}

/// What is wrong with the lines before a document that begin with `%`.
pub(super) fn directives(text: &str) -> Result<(), String> {
    for directive in text.lines().map_while(|line| line.strip_prefix('%')) {
        let mut words = directive.split_whitespace();
        match (words.next(), words.next()) {
            (Some("YAML"), Some(version)) => {
                let is_number = version.chars().all(|c| c.is_ascii_digit() || c == '.');
                if is_number && version != "1.1" {
                    return Err(String::from("yaml: found incompatible YAML document"));
                }
            }
            (Some("YAML" | "TAG") | None, _) => {}
            _ => return Err(String::from("yaml: found unknown directive name")),
        }
    }
    Ok(())
}

/// Whether a line of a mapping begins there, and with the colon: its key is missing.
pub(super) fn begins_with_colon(text: &str, marker: Marker) -> bool {
    let place = Place::of(text, &marker);
    let before = text
        .lines()
        .nth(marker.line().saturating_sub(2))
        .unwrap_or_default();
    place.rest.starts_with(':') && place.before.is_empty() && !before.trim_start().starts_with('?')
}

/// What is said of such a line.
pub(super) fn no_key(marker: Marker) -> String {
    match marker.line() - 1 {
        0 => String::from("yaml: did not find expected key"),
        line => format!("yaml: line {line}: did not find expected key"),
    }
}

/// Where a problem is.
struct Place<'a> {
    /// The lines before.
    above: &'a str,
    /// What stands before it in its line, without spaces around.
    before: String,
    /// The rest of its line.
    rest: String,
}

impl<'a> Place<'a> {
    fn of(text: &'a str, marker: &Marker) -> Self {
        let lines = text.split_inclusive('\n').take(marker.line().saturating_sub(1));
        let above = &text[..lines.map(str::len).sum()];
        let line = text[above.len()..].lines().next().unwrap_or_default();
        let before: String = line.chars().take(marker.col()).collect();
        Self {
            above,
            before: before.trim().to_owned(),
            rest: line.chars().skip(marker.col()).collect(),
        }
    }

    /// The innermost bracket that is open there.
    fn bracket(&self) -> Option<char> {
        let mut open = Vec::new();
        for c in self.above.chars().chain(self.before.chars()) {
            match c {
                '[' | '{' => open.push(c),
                ']' | '}' => drop(open.pop()),
                _ => {}
            }
        }
        open.pop()
    }

    /// What is missing in brackets that open here and are closed by others.
    fn ends_wrongly(&self, open: char, close: char) -> &'static str {
        let within = self.rest.split(close).next().unwrap_or_default();
        match open {
            _ if within.trim_end().ends_with([',', ':', open]) => NODE_CONTENT,
            '[' => END_OF_LIST,
            _ => END_OF_MAPPING,
        }
    }

    /// Whether something must stand there.
    fn wants_content(&self) -> bool {
        self.before.ends_with([':', '-', '?', ',', '[', '{'])
    }

    /// What is missing where something stands that does not belong there.
    fn expected(&self) -> &'static str {
        match self.bracket() {
            _ if self.wants_content() => NODE_CONTENT,
            Some('[') => END_OF_LIST,
            Some(_) => END_OF_MAPPING,
            None => KEY,
        }
    }
}

const NODE_CONTENT: &str = "did not find expected node content";
const END_OF_LIST: &str = "did not find expected ',' or ']'";
const END_OF_MAPPING: &str = "did not find expected ',' or '}'";
const KEY: &str = "did not find expected key";

fn problem(error: &ScanError, text: &str) -> (Finder, &'static str) {
    let place = Place::of(text, error.marker());
    of_parser(error.kind(), &place, text)
        .or_else(|| of_scanner(error.kind(), &place))
        // Tabs, and characters that mean nothing where they stand.
        .unwrap_or((Finder::Scanner, "found character that cannot start any token"))
}

/// What upstream's reader finds once it has the words, where they do not follow one another.
fn of_parser(kind: &ErrorKind, place: &Place<'_>, text: &str) -> Option<(Finder, &'static str)> {
    use ErrorKind as Kind;
    use Finder::{Parser, ParserAtEnd};
    Some(match kind {
        Kind::MappingValueNotAllowed | Kind::InvalidColonPlacement | Kind::InvalidMappingValueWhitespace
            if above_brackets(place) =>
        {
            (Parser, END_OF_LIST)
        }
        Kind::UnclosedFlowCollection { .. } if text.trim_end().ends_with(['[', '{', ',', ':']) => {
            (ParserAtEnd, NODE_CONTENT)
        }
        Kind::UnclosedFlowCollection { open: '[' } => (ParserAtEnd, END_OF_LIST),
        Kind::UnclosedFlowCollection { .. } => (ParserAtEnd, END_OF_MAPPING),
        Kind::UnexpectedEofFlowSequence | Kind::ExpectedFlowSequenceSeparator => (Parser, END_OF_LIST),
        Kind::UnexpectedEofImplicitFlowMapping if place.wants_content() => (Parser, NODE_CONTENT),
        Kind::ExpectedFlowMappingSeparator if place.bracket() == Some('[') => (Parser, END_OF_LIST),
        Kind::UnexpectedEofFlowMapping
        | Kind::UnexpectedEofImplicitFlowMapping
        | Kind::FlowMappingValueAdjacentCollection
        | Kind::ExpectedFlowMappingSeparator => (Parser, END_OF_MAPPING),
        Kind::UnexpectedEofBlockMapping | Kind::UnexpectedEofBlockSequence if place.wants_content() => {
            (Parser, NODE_CONTENT)
        }
        Kind::MismatchedFlowCollectionEnd { open, close } => (Parser, place.ends_wrongly(*open, *close)),
        Kind::MisplacedFlowCollectionEnd
        | Kind::BlockEntryInFlowCollection
        | Kind::InvalidTrailingDoubleQuotedScalar
        | Kind::InvalidTrailingSingleQuotedScalar => (Parser, place.expected()),
        Kind::SimpleKeyExpected if place.before.is_empty() && place.rest.starts_with(['{', '[']) => {
            (Parser, KEY)
        }
        Kind::ExpectedNodeContent => (Parser, NODE_CONTENT),
        Kind::ExpectedBlockMappingKey
        | Kind::UnexpectedEofBlockMapping
        | Kind::InvalidIndentation
        | Kind::InvalidBlockScalarIndent
        | Kind::InvalidFlowScalarIndent => (Parser, KEY),
        Kind::ExpectedBlockSequenceEntry | Kind::UnexpectedEofBlockSequence => {
            (Parser, "did not find expected '-' indicator")
        }
        Kind::ExpectedDocumentStart | Kind::InvalidDocumentEnd => {
            (Parser, "did not find expected <document start>")
        }
        Kind::UndeclaredTagHandle => (Parser, "found undefined tag handle"),
        Kind::UnsupportedYamlMajorVersion => (Parser, "found incompatible YAML document"),
        Kind::DuplicateVersionDirective => (Parser, "found duplicate %YAML directive"),
        _ => return None,
    })
}

/// Whether a list in brackets is open in the lines before.
fn above_brackets(place: &Place<'_>) -> bool {
    let count = |c: char| place.above.matches(c).count();
    count('[') > count(']')
}

/// What it finds where it looks for words.
fn of_scanner(kind: &ErrorKind, place: &Place<'_>) -> Option<(Finder, &'static str)> {
    use ErrorKind as Kind;
    use Finder::{Scanner, ScannerAtEnd, ScannerAtNext, ScannerAtTab};
    let (finder, problem) = match kind {
        Kind::SimpleKeyExpected | Kind::InvalidSimpleKey => (ScannerAtNext, "could not find expected ':'"),
        Kind::UnclosedQuotedScalar | Kind::UnexpectedEof => (ScannerAtEnd, "found unexpected end of stream"),
        Kind::TabInPlainScalar if !place.rest.starts_with('\t') => {
            (ScannerAtTab, "found a tab character that violates indentation")
        }
        Kind::TabAtBlockScalarStart => (
            ScannerAtTab,
            "found a tab character where an indentation space is expected",
        ),
        _ => (Scanner, of_character(kind)?),
    };
    Some((finder, problem))
}

/// What it says of the character it has come to.
fn of_character(kind: &ErrorKind) -> Option<&'static str> {
    use ErrorKind as Kind;
    Some(match kind {
        Kind::MappingValueNotAllowed | Kind::InvalidColonPlacement | Kind::InvalidMappingValueWhitespace => {
            "mapping values are not allowed in this context"
        }
        Kind::MappingKeyNotAllowed => "mapping keys are not allowed in this context",
        Kind::BlockSequenceEntryNotAllowed => "block sequence entries are not allowed in this context",
        Kind::DocumentIndicatorInQuotedScalar => "found unexpected document indicator",
        Kind::UnknownQuotedScalarEscape => "found unknown escape character",
        Kind::InvalidQuotedScalarHexEscape => "did not find expected hexdecimal number",
        Kind::InvalidUnicodeEscape | Kind::UnpairedLowSurrogate | Kind::MissingLowSurrogate => {
            "found invalid Unicode character escape code"
        }
        Kind::MissingAnchorOrAliasName => "did not find expected alphabetic or numeric character",
        Kind::ZeroBlockScalarIndent => "found an indentation indicator equal to 0",
        Kind::InvalidBlockScalarHeader => "did not find expected comment or line break",
        Kind::MissingTagUri => "did not find expected tag URI",
        Kind::MissingYamlVersion => "did not find expected version number",
        Kind::ExpectedTagBang => "did not find expected '!'",
        Kind::MissingDirectiveName => "could not find expected directive name",
        Kind::RecursionLimitExceeded => "exceeded max depth",
        _ => return None,
    })
}
