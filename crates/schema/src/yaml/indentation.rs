//! Tabs where lines begin: upstream's reader takes none outside of brackets, texts in quotes and blocks of text.

use granit_parser::Span;

/// The lines of a text, if any of them begins with a tab.
pub(super) struct Tabs<'a> {
    lines: Vec<&'a str>,
    /// The line in which what was read last ends, counted from one.
    read_to: usize,
}

impl<'a> Tabs<'a> {
    /// None for a text without such lines, which is almost every text.
    pub(super) fn of(text: &'a str) -> Option<Self> {
        let lines: Vec<&str> = match text.contains('\t') {
            true => text.lines().collect(),
            false => return None,
        };
        let any = lines.iter().any(|line| tab(line).is_some());
        any.then_some(Self { lines, read_to: 0 })
    }

    /// What is read next stands there, not in brackets: no line up to it may begin with a tab.
    pub(super) fn reach(&mut self, span: &Span) -> Result<(), String> {
        let lines = self.lines.iter().take(span.start.line()).enumerate();
        for (index, line) in lines.skip(self.read_to) {
            let is_before = index + 1 < span.start.line() || tab(line) < Some(span.start.col());
            if is_before && tab(line).is_some() {
                return Err(said(index, "found character that cannot start any token"));
            }
        }
        self.pass(span);
        Ok(())
    }

    /// What stands there was read.
    pub(super) fn pass(&mut self, span: &Span) {
        // What ends at the beginning of a line has not read that.
        let line = span.end.line() - usize::from(span.end.col() == 0 && span.end.line() > span.start.line());
        self.read_to = self.read_to.max(line);
    }

    /// A text without quotes ends there, and might go on in the next lines if these were indented so far.
    pub(super) fn after_plain(&mut self, span: &Span, indentation: usize) -> Result<(), String> {
        let end = span.end.line();
        let rest: String = self
            .lines
            .get(end - 1)
            .map_or_else(String::new, |line| line.chars().skip(span.end.col()).collect());
        if !rest.trim().is_empty() {
            return Ok(());
        }
        for (index, line) in self.lines.iter().enumerate().skip(end) {
            if tab(line).is_some_and(|column| column < indentation) {
                return Err(said(index, "found a tab character that violates indentation"));
            }
            if !line.trim().is_empty() {
                break;
            }
        }
        Ok(())
    }
}

/// The column of the first tab that a line begins with, behind spaces or not.
fn tab(line: &str) -> Option<usize> {
    let spaces = line.len() - line.trim_start_matches(' ').len();
    line[spaces..].starts_with('\t').then_some(spaces)
}

fn said(line_before: usize, problem: &str) -> String {
    match line_before {
        0 => format!("yaml: {problem}"),
        _ => format!("yaml: line {}: {problem}", line_before + 1),
    }
}
