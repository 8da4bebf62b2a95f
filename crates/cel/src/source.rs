//! The text of an expression, and the errors found in it, written with the line they are in.

use std::fmt;

use crate::error::EvaluationError;

/// The text of an expression. Positions in it count characters.
#[derive(Clone, Debug)]
pub struct Source {
    text: Vec<char>,
    /// Where each line begins.
    lines: Vec<u32>,
}

/// A place in a source: lines count from 1, columns from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Location {
    /// The line, from 1; 0 if there is no place to point at.
    pub line: u32,
    /// The character of the line, from 0.
    pub column: u32,
}

impl Source {
    /// Takes the text of an expression.
    pub fn new(text: &str) -> Self {
        let text: Vec<char> = text.chars().collect();
        let mut lines = vec![0];
        for (at, c) in (1u32..).zip(&text) {
            if *c == '\n' {
                lines.push(at);
            }
        }
        Self { text, lines }
    }

    /// Its characters.
    pub fn characters(&self) -> &[char] {
        &self.text
    }

    /// The text between two positions.
    pub fn slice(&self, from: u32, to: u32) -> String {
        let to = (to as usize).min(self.text.len());
        let from = (from as usize).min(to);
        self.text[from..to].iter().collect()
    }

    /// The line and column of a position.
    pub fn location(&self, at: u32) -> Location {
        let line = self.lines.partition_point(|begin| *begin <= at);
        let begin = line
            .checked_sub(1)
            .and_then(|line| self.lines.get(line))
            .copied()
            .unwrap_or(0);
        Location {
            line: line as u32,
            column: at - begin,
        }
    }

    fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    fn line(&self, line: u32) -> Option<String> {
        let index = (line as usize).checked_sub(1)?;
        let from = *self.lines.get(index)?;
        let to = match self.lines.get(index + 1) {
            Some(next) => next - 1,
            None => self.text.len() as u32,
        };
        Some(self.slice(from, to))
    }
}

/// One error of an expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where it is; none if it concerns the whole expression.
    pub location: Option<Location>,
    /// What is wrong.
    pub message: String,
}

/// Everything that is wrong with an expression. Its text shows each error with the line it is in, as upstream's servers do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompileErrors {
    problems: Vec<Problem>,
    text: String,
    /// Whether the expression is well-formed, but a part of it that is worked out beforehand fails.
    beforehand: bool,
}

/// No more errors of one expression are told.
const MOST_ERRORS: usize = 100;

impl CompileErrors {
    pub(crate) fn new(source: &Source, mut problems: Vec<Problem>) -> Self {
        problems.sort_by_key(|problem| {
            problem
                .location
                .map_or((0, 0), |place| (place.line, place.column))
        });
        let mut text = Vec::new();
        for problem in problems.iter().take(MOST_ERRORS) {
            text.push(shown(source, problem));
        }
        if problems.len() > MOST_ERRORS {
            text.push(format!(
                "{} more errors were truncated",
                problems.len() - MOST_ERRORS
            ));
        }
        let text = text.join("\n");
        Self {
            problems,
            text,
            beforehand: false,
        }
    }

    /// An operation on literals that fails whatever the variables are.
    pub(crate) fn beforehand(error: &EvaluationError) -> Self {
        let message = error.to_string();
        Self {
            text: message.clone(),
            problems: vec![Problem {
                location: None,
                message,
            }],
            beforehand: true,
        }
    }

    /// What is told of an expression that is stored: what was done to it, and why that failed.
    pub fn told(&self) -> String {
        let what = if self.beforehand {
            "program instantiation failed"
        } else {
            "compilation failed"
        };
        format!("{what}: {}", self.text)
    }

    /// Whether the expression is well-formed, but an operation on its literals fails.
    pub fn is_beforehand(&self) -> bool {
        self.beforehand
    }

    /// The errors, in the order of their places.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }
}

impl fmt::Display for CompileErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for CompileErrors {}

fn shown(source: &Source, problem: &Problem) -> String {
    let Some(place) = problem.location else {
        return format!("ERROR: <input>:-1:0: {}", problem.message);
    };
    // Of nothing there is no line to show, and no first column.
    if source.is_empty() {
        return format!("ERROR: <input>:{}:0: {}", place.line, problem.message);
    }
    let mut text = format!(
        "ERROR: <input>:{}:{}: {}",
        place.line,
        place.column + 1,
        problem.message
    );
    if let Some(line) = source.line(place.line) {
        text.push_str(&marked(&line, place.column));
    }
    text
}

/// The line, and below it a mark under the column. Characters of several bytes are two columns wide and get a wide mark.
fn marked(line: &str, column: u32) -> String {
    let line = line.replace('\t', " ");
    let mut text = format!("\n | {line}\n | ");
    let mut rest = line.chars();
    for _ in 0..column {
        match rest.next() {
            Some(c) if c.len_utf8() > 1 => text.push('\u{ff0e}'),
            Some(_) => text.push('.'),
            None => break,
        }
    }
    text.push(match rest.next() {
        Some(c) if c.len_utf8() > 1 => '\u{ff3e}',
        _ => '^',
    });
    text
}
