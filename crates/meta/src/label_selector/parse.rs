//! The text form of a label selector.

use std::collections::BTreeSet;

use super::requirement::{Operator, Requirement, RequirementError};

/// Why a text is no label selector, in upstream's words.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum SelectorSyntaxError {
    /// Between requirements.
    #[error("found '{found}', expected: {expected}")]
    Unexpected {
        /// What stands there.
        found: String,
        /// What should.
        expected: &'static str,
    },
    /// In a requirement.
    #[error("unable to parse requirement: found '{found}'{comma} expected: {expected}")]
    InRequirement {
        /// What stands there.
        found: String,
        /// Upstream forgets the comma in one place.
        comma: &'static str,
        /// What should.
        expected: &'static str,
    },
    /// A requirement that is well-formed, but not valid.
    #[error("unable to parse requirement: {0}")]
    Requirement(RequirementError),
}

pub(super) fn parse(text: &str) -> Result<Vec<Requirement>, SelectorSyntaxError> {
    let unexpected = |token: Token<'_>, expected| {
        Err(SelectorSyntaxError::Unexpected {
            found: token.text().to_owned(),
            expected,
        })
    };
    let mut parser = Parser { rest: text };
    let mut requirements = Vec::new();
    match parser.peek() {
        Token::End => return Ok(requirements),
        Token::Word(_) | Token::Not => {}
        token => return unexpected(token, "!, identifier, or 'end of string'"),
    }
    loop {
        requirements.push(parser.requirement()?);
        match parser.next() {
            Token::End => return Ok(requirements),
            Token::Comma => {}
            token => return unexpected(token, "',' or 'end of string'"),
        }
        match parser.peek() {
            Token::Word(_) | Token::Not => {}
            token => return unexpected(token, "identifier after ','"),
        }
    }
}

/// The smallest parts. `in` and `notin` are words that mean something only where an operator stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Token<'a> {
    Word(&'a str),
    Comma,
    Open,
    Close,
    Not,
    Equals,
    DoubleEquals,
    NotEquals,
    Greater,
    Less,
    End,
}

impl<'a> Token<'a> {
    /// The first part of `text`, and what follows.
    fn read(text: &'a str) -> (Self, &'a str) {
        const SYMBOLS: &[(&str, Token<'static>)] = &[
            ("==", Token::DoubleEquals),
            ("!=", Token::NotEquals),
            ("=", Token::Equals),
            ("!", Token::Not),
            (",", Token::Comma),
            ("(", Token::Open),
            (")", Token::Close),
            (">", Token::Greater),
            ("<", Token::Less),
        ];
        let text = text.trim_start_matches(is_space);
        if text.is_empty() {
            return (Self::End, text);
        }
        for (symbol, token) in SYMBOLS {
            if let Some(rest) = text.strip_prefix(symbol) {
                return (*token, rest);
            }
        }
        let end = text
            .find(|c| is_space(c) || "=!(),><".contains(c))
            .unwrap_or(text.len());
        let (word, rest) = text.split_at(end);
        (Self::Word(word), rest)
    }

    fn text(self) -> &'a str {
        match self {
            Self::Word(word) => word,
            Self::Comma => ",",
            Self::Open => "(",
            Self::Close => ")",
            Self::Not => "!",
            Self::Equals => "=",
            Self::DoubleEquals => "==",
            Self::NotEquals => "!=",
            Self::Greater => ">",
            Self::Less => "<",
            Self::End => "",
        }
    }
}

fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\r' | '\n')
}

struct Parser<'a> {
    rest: &'a str,
}

impl<'a> Parser<'a> {
    fn peek(&self) -> Token<'a> {
        Token::read(self.rest).0
    }

    fn next(&mut self) -> Token<'a> {
        let (token, rest) = Token::read(self.rest);
        self.rest = rest;
        token
    }

    fn requirement(&mut self) -> Result<Requirement, SelectorSyntaxError> {
        let absent = self.peek() == Token::Not;
        if absent {
            self.next();
        }
        let Token::Word(key) = self.peek() else {
            return Err(unexpected(self.next(), "identifier"));
        };
        self.next();
        let is_whole = matches!(self.peek(), Token::End | Token::Comma);
        let (operator, values) = match (absent, is_whole) {
            (true, _) => (Operator::DoesNotExist, BTreeSet::new()),
            (false, true) => (Operator::Exists, BTreeSet::new()),
            (false, false) => {
                // The key is judged before the rest is read.
                Requirement::new(key, Operator::Exists, BTreeSet::new())
                    .map_err(SelectorSyntaxError::Requirement)?;
                self.operator_and_values()?
            }
        };
        Requirement::new(key, operator, values).map_err(SelectorSyntaxError::Requirement)
    }

    fn operator_and_values(&mut self) -> Result<(Operator, BTreeSet<String>), SelectorSyntaxError> {
        let operator = match self.next() {
            Token::Word("in") => Operator::In,
            Token::Word("notin") => Operator::NotIn,
            Token::Equals => Operator::Equals,
            Token::DoubleEquals => Operator::DoubleEquals,
            Token::NotEquals => Operator::NotEquals,
            Token::Greater => Operator::GreaterThan,
            Token::Less => Operator::LessThan,
            token => return Err(unexpected(token, "in, notin, =, ==, !=, gt, lt")),
        };
        let values = match operator {
            Operator::In | Operator::NotIn => self.set()?,
            _ => BTreeSet::from([self.value()?]),
        };
        Ok((operator, values))
    }

    /// The one value after `=`; it may be empty.
    fn value(&mut self) -> Result<String, SelectorSyntaxError> {
        match self.peek() {
            Token::End | Token::Comma => Ok(String::new()),
            Token::Word(value) => {
                self.next();
                Ok(value.to_owned())
            }
            token => Err(unexpected(token, "identifier")),
        }
    }

    /// Values in parentheses, with commas between; what is missing between commas is the empty value.
    fn set(&mut self) -> Result<BTreeSet<String>, SelectorSyntaxError> {
        match self.next() {
            Token::Open => {}
            token => {
                return Err(SelectorSyntaxError::InRequirement {
                    found: token.text().to_owned(),
                    comma: "",
                    expected: "'('",
                });
            }
        }
        let mut values = BTreeSet::new();
        if !matches!(self.peek(), Token::Word(_) | Token::Comma | Token::Close) {
            return Err(unexpected(self.next(), "',', ')' or identifier"));
        }
        loop {
            match self.peek() {
                Token::Word(value) => {
                    self.next();
                    values.insert(value.to_owned());
                }
                Token::Comma | Token::Close => {
                    values.insert(String::new());
                }
                token => return Err(unexpected(token, "',', or identifier")),
            }
            match self.next() {
                Token::Comma => {}
                Token::Close => return Ok(values),
                token => return Err(unexpected(token, "',' or ')'")),
            }
        }
    }
}

fn unexpected(token: Token<'_>, expected: &'static str) -> SelectorSyntaxError {
    SelectorSyntaxError::InRequirement {
        found: token.text().to_owned(),
        comma: ",",
        expected,
    }
}

#[cfg(test)]
mod tests {
    use crate::label_selector::LabelSelector;

    /// Observed with kubectl 1.36.
    #[test]
    fn errors_are_upstreams() {
        const NAME: &str = "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
        for (text, message) in [
            (
                "a=(b",
                "unable to parse requirement: found '(', expected: identifier",
            ),
            (
                "a in (b",
                "unable to parse requirement: found '', expected: ',' or ')'",
            ),
            ("a in b", "unable to parse requirement: found 'b' expected: '('"),
            ("a in in", "unable to parse requirement: found 'in' expected: '('"),
            ("a in", "unable to parse requirement: found '' expected: '('"),
            (
                "a in (",
                "unable to parse requirement: found '', expected: ',', ')' or identifier",
            ),
            (
                "a in (b c)",
                "unable to parse requirement: found 'c', expected: ',' or ')'",
            ),
            ("!", "unable to parse requirement: found '', expected: identifier"),
            (
                "!!a",
                "unable to parse requirement: found '!', expected: identifier",
            ),
            (
                "a!b",
                "unable to parse requirement: found '!', expected: in, notin, =, ==, !=, gt, lt",
            ),
            (
                "a lt 5",
                "unable to parse requirement: found 'lt', expected: in, notin, =, ==, !=, gt, lt",
            ),
            (
                "a(b)",
                "unable to parse requirement: found '(', expected: in, notin, =, ==, !=, gt, lt",
            ),
            (
                "a=)",
                "unable to parse requirement: found ')', expected: identifier",
            ),
            ("a=b,", "found '', expected: identifier after ','"),
            (",a", "found ',', expected: !, identifier, or 'end of string'"),
            ("()", "found '(', expected: !, identifier, or 'end of string'"),
            ("a=b=c", "found '=', expected: ',' or 'end of string'"),
            ("a=b c", "found 'c', expected: ',' or 'end of string'"),
            ("!a=b", "found '=', expected: ',' or 'end of string'"),
            (
                "a>x",
                "unable to parse requirement: values[0]: Invalid value: \"x\": for 'Gt', 'Lt' operators, the value must be an integer",
            ),
            (
                "-a=b",
                &format!("unable to parse requirement: <nil>: Invalid value: \"-a\": {NAME}"),
            ),
            (
                "a=-b",
                "unable to parse requirement: values[0][a]: Invalid value: \"-b\": a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')",
            ),
        ] {
            assert_eq!(
                LabelSelector::parse(text).unwrap_err().to_string(),
                message,
                "{text}"
            );
        }
    }

    #[test]
    fn texts_are_read() {
        for (text, written) in [
            ("", ""),
            (" a = b ", "a=b"),
            ("b=1,a==2", "a==2,b=1"),
            ("a in ()", "a in ()"),
            ("a in (,)", "a in ()"),
            ("a in (c,,b)", "a in (,b,c)"),
            ("a in (in)", "a in (in)"),
            ("in=in", "in=in"),
            ("notin", "notin"),
            ("a=,b=c", "a=,b=c"),
            ("!a,b", "!a,b"),
            ("a>1,b<2", "a>1,b<2"),
        ] {
            assert_eq!(
                LabelSelector::parse(text)
                    .unwrap_or_else(|e| panic!("{text}: {e}"))
                    .to_string(),
                written
            );
        }
    }
}
