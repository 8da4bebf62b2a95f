//! Errors of syntax, and how reading goes on after one.
//!
//! The rules are those of ANTLR's default strategy: a token too many is dropped if the next one fits, a missing one is made up if
//! what stands there could follow it, and else the rule is given up and tokens are skipped until one fits a rule further out.

use super::lexer::{Kind, Set, Token, Unreadable};
use crate::source::{Problem, Source};

/// A rule was given up; the error was told.
#[derive(Debug)]
pub struct GaveUp;

/// How often reading may go on after an error.
const MOST_RECOVERIES: usize = 30;
/// How many errors of syntax are told.
const MOST_SYNTAX_ERRORS: usize = 100;
/// How deep expressions may be nested.
pub const MOST_DEPTH: usize = 250;

/// What follows a rule at the place that called it.
#[derive(Clone, Copy, Debug)]
pub struct Follow {
    /// The tokens that may come next there.
    pub tokens: Set,
    /// Whether the calling rule may end there too.
    pub end: bool,
}

/// The tokens that are left, the errors so far, and the rules that are open.
pub struct Reader<'s> {
    pub source: &'s Source,
    tokens: Vec<Token>,
    at: usize,
    /// Errors are told once, until a token fits again.
    recovering: bool,
    follows: Vec<Follow>,
    pub problems: Vec<Problem>,
    syntax_errors: usize,
    recoveries: usize,
    /// Where the last rule was given up, so as not to stand still.
    gave_up_at: Option<usize>,
    /// Reading has ended for good.
    pub stopped: bool,
    /// What is no token: from where to where.
    unreadable: Vec<(u32, u32)>,
}

impl<'s> Reader<'s> {
    pub fn new(source: &'s Source, tokens: Vec<Token>, unreadable: Vec<Unreadable>) -> Self {
        let mut reader = Self {
            source,
            tokens,
            at: 0,
            recovering: false,
            follows: Vec::new(),
            problems: Vec::new(),
            syntax_errors: 0,
            recoveries: 0,
            gave_up_at: None,
            stopped: false,
            unreadable: Vec::new(),
        };
        for piece in unreadable {
            let text = escaped(&piece.text);
            let end = piece.at + piece.text.chars().count() as u32;
            reader.unreadable.push((piece.at, end));
            reader.syntax_error(piece.at, format!("token recognition error at: '{text}'"));
        }
        reader
    }

    /// The token some places ahead; 0 is the next one.
    pub fn ahead(&self, places: usize) -> Token {
        let last = self.tokens.len() - 1;
        self.tokens[(self.at + places).min(last)]
    }

    /// The kind of the next token.
    pub fn kind(&self) -> Kind {
        self.ahead(0).kind
    }

    pub fn advance(&mut self) -> Token {
        let token = self.ahead(0);
        if token.kind != Kind::Eof {
            self.at += 1;
        }
        token
    }

    pub fn text(&self, token: Token) -> String {
        self.source.slice(token.from, token.to)
    }

    /// Within a rule that was called where `follow` comes next.
    pub fn enter(&mut self, follow: Follow) {
        self.follows.push(follow);
    }

    pub fn leave(&mut self) {
        self.follows.pop();
    }

    /// `here`, and what may follow further out if the rule may end here.
    fn expected(&self, here: Set, end: bool) -> Set {
        let (mut set, mut open) = (here, end);
        for follow in self.follows.iter().rev() {
            if !open {
                return set;
            }
            set = set.with(follow.tokens);
            open = follow.end;
        }
        if open {
            set.with(Set::of(&[Kind::Eof]))
        } else {
            set
        }
    }

    /// Takes a token of one kind.
    ///
    /// # Errors
    /// If another one stands there and neither dropping nor making up one helps. `after` is what may follow the token.
    pub fn take(&mut self, kind: Kind, after: Set, end: bool) -> Result<Token, GaveUp> {
        self.take_one_of(Set::of(&[kind]), after, end)
    }

    /// The same for several kinds.
    pub fn take_one_of(&mut self, wanted: Set, after: Set, end: bool) -> Result<Token, GaveUp> {
        if self.stopped {
            return Err(GaveUp);
        }
        if wanted.has(self.kind()) {
            self.recovering = false;
            self.gave_up_at = None;
            return Ok(self.advance());
        }
        if self.drop_one(wanted) {
            return Ok(self.advance());
        }
        if self.expected(after, end).has(self.kind()) {
            return Ok(self.made_up(wanted));
        }
        Err(self.mismatch(wanted))
    }

    /// Before a choice between alternatives: drops a token that fits none, if the next one does.
    ///
    /// # Errors
    /// If that does not help.
    pub fn synchronize(&mut self, choices: Set) -> Result<(), GaveUp> {
        if self.stopped {
            return Err(GaveUp);
        }
        if self.recovering || choices.has(self.kind()) || self.drop_one(choices) {
            return Ok(());
        }
        Err(self.mismatch(choices))
    }

    /// Within a repetition: tells of a token that fits none of `choices`, and skips to one that does or that fits further out.
    pub fn synchronize_loop(&mut self, choices: Set) {
        if self.recovering || self.stopped || choices.has(self.kind()) {
            return;
        }
        self.recovering = true;
        let message = format!("extraneous input {} expecting {}", self.shown(), choices.names());
        self.syntax_error(self.ahead(0).from, message);
        let stops = self
            .follows
            .iter()
            .fold(choices, |set, follow| set.with(follow.tokens));
        self.skip_to(stops);
    }

    fn skip_to(&mut self, stops: Set) {
        while self.kind() != Kind::Eof && !stops.has(self.kind()) {
            self.at += 1;
        }
    }

    /// Drops the next token if the one after it is wanted.
    fn drop_one(&mut self, wanted: Set) -> bool {
        if !wanted.has(self.ahead(1).kind) || self.kind() == Kind::Eof {
            return false;
        }
        if !self.recovering {
            let message = format!("extraneous input {} expecting {}", self.shown(), wanted.names());
            self.syntax_error(self.ahead(0).from, message);
        }
        self.advance();
        self.recovering = false;
        true
    }

    fn made_up(&mut self, wanted: Set) -> Token {
        let place = self.ahead(0).from;
        if !self.recovering {
            self.recovering = true;
            let message = format!("missing {} at {}", wanted.names(), self.shown());
            self.syntax_error(place, message);
        }
        Token {
            kind: Kind::Eof,
            from: place,
            to: place,
        }
    }

    fn mismatch(&mut self, wanted: Set) -> GaveUp {
        let message = format!("mismatched input {} expecting {}", self.shown(), wanted.names());
        self.give_up(0, message)
    }

    /// No alternative fits the tokens up to the one `places` ahead.
    pub fn no_alternative(&mut self, places: usize) -> GaveUp {
        let (first, last) = (self.ahead(0), self.ahead(places));
        let end = if last.kind == Kind::Eof {
            last.from
        } else {
            last.to
        };
        let text = match first.kind {
            Kind::Eof => "<EOF>".to_owned(),
            _ => escaped(&self.readable(first.from, end)),
        };
        self.give_up(
            places,
            format!("no viable alternative at input '{}'", text.trim_end()),
        )
    }

    /// The text between two places without what is no token.
    fn readable(&self, from: u32, to: u32) -> String {
        let mut text = String::new();
        let mut at = from;
        for (begin, end) in &self.unreadable {
            if (from..to).contains(begin) {
                text.push_str(&self.source.slice(at, *begin));
                at = *end;
            }
        }
        text.push_str(&self.source.slice(at, to.max(at)));
        text
    }

    fn give_up(&mut self, places: usize, message: String) -> GaveUp {
        if !self.recovering {
            self.recovering = true;
            self.syntax_error(self.ahead(places).from, message);
        }
        GaveUp
    }

    /// After a rule was given up: skips to a token that fits one further out.
    pub fn recover(&mut self) {
        if self.stopped {
            return;
        }
        self.recoveries += 1;
        if self.recoveries > MOST_RECOVERIES {
            let message = format!("error recovery attempt limit exceeded: {MOST_RECOVERIES}");
            self.syntax_error(self.ahead(0).from, message);
            self.stopped = true;
            return;
        }
        if self.gave_up_at == Some(self.at) {
            self.advance();
        }
        self.gave_up_at = Some(self.at);
        let stops = self
            .follows
            .iter()
            .fold(Set::EMPTY, |set, follow| set.with(follow.tokens));
        self.skip_to(stops);
    }

    /// Reading ends with an error that has no place.
    pub fn stop(&mut self, message: String) -> GaveUp {
        if !self.stopped {
            self.stopped = true;
            self.problems.push(Problem {
                location: None,
                message,
            });
        }
        GaveUp
    }

    fn shown(&self) -> String {
        match self.kind() {
            Kind::Eof => "'<EOF>'".to_owned(),
            _ => format!("'{}'", escaped(&self.text(self.ahead(0)))),
        }
    }

    fn syntax_error(&mut self, at: u32, message: String) {
        self.syntax_errors += 1;
        if self.syntax_errors <= MOST_SYNTAX_ERRORS {
            self.report(at, format!("Syntax error: {message}"));
        } else if !self.stopped {
            self.report(
                at,
                format!("Syntax error: More than {MOST_SYNTAX_ERRORS} syntax errors"),
            );
            self.stopped = true;
        }
    }

    /// An error that is none of grammar.
    pub fn report(&mut self, at: u32, message: impl Into<String>) {
        self.problems.push(Problem {
            location: Some(self.source.location(at)),
            message: message.into(),
        });
    }
}

fn escaped(text: &str) -> String {
    text.replace('\n', "\\n")
        .replace('\r', "\\r")
        .replace('\t', "\\t")
}
