//! Tokens.

use crate::source::Source;

/// The kinds of tokens, in the order in which errors list them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    Eof,
    Equal,
    NotEqual,
    In,
    Less,
    LessEqual,
    GreaterEqual,
    Greater,
    And,
    Or,
    LeftBracket,
    RightBracket,
    LeftBrace,
    RightBrace,
    LeftParenthesis,
    RightParenthesis,
    Dot,
    Comma,
    Minus,
    Not,
    Question,
    Colon,
    Plus,
    Star,
    Slash,
    Percent,
    True,
    False,
    Null,
    Float,
    Int,
    Uint,
    String,
    Bytes,
    Ident,
    EscapedIdent,
}

/// What errors call the kinds, in their order.
const NAMES: [&str; 36] = [
    "<EOF>",
    "'=='",
    "'!='",
    "'in'",
    "'<'",
    "'<='",
    "'>='",
    "'>'",
    "'&&'",
    "'||'",
    "'['",
    "']'",
    "'{'",
    "'}'",
    "'('",
    "')'",
    "'.'",
    "','",
    "'-'",
    "'!'",
    "'?'",
    "':'",
    "'+'",
    "'*'",
    "'/'",
    "'%'",
    "'true'",
    "'false'",
    "'null'",
    "NUM_FLOAT",
    "NUM_INT",
    "NUM_UINT",
    "STRING",
    "BYTES",
    "IDENTIFIER",
    "ESC_IDENTIFIER",
];

/// A set of kinds of tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Set(u64);

impl Set {
    pub const EMPTY: Self = Self(0);

    pub const fn of(kinds: &[Kind]) -> Self {
        let mut bits = 0;
        let mut at = 0;
        while at < kinds.len() {
            bits |= 1 << kinds[at] as u8;
            at += 1;
        }
        Self(bits)
    }

    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub const fn has(self, kind: Kind) -> bool {
        self.0 & (1 << kind as u8) != 0
    }

    /// As errors write it.
    pub fn names(self) -> String {
        let names: Vec<&str> = (0..NAMES.len())
            .filter(|bit| self.0 & (1 << bit) != 0)
            .map(|bit| NAMES[bit])
            .collect();
        match names.as_slice() {
            [one] => (*one).to_owned(),
            several => format!("{{{}}}", several.join(", ")),
        }
    }
}

/// A token and its place.
#[derive(Clone, Copy, Debug)]
pub struct Token {
    pub kind: Kind,
    pub from: u32,
    pub to: u32,
}

/// A piece of text that is no token.
#[derive(Debug)]
pub struct Unreadable {
    pub at: u32,
    pub text: String,
}

/// All tokens, the last of them `Eof`, and what could not be read.
pub fn tokens(source: &Source) -> (Vec<Token>, Vec<Unreadable>) {
    let mut lexer = Lexer {
        text: source.characters(),
        at: 0,
    };
    let (mut tokens, mut unreadable) = (Vec::new(), Vec::new());
    loop {
        lexer.skip_blanks();
        let from = lexer.at;
        match lexer.token() {
            Ok(kind) => {
                tokens.push(Token {
                    kind,
                    from: from as u32,
                    to: lexer.at as u32,
                });
                if kind == Kind::Eof {
                    return (tokens, unreadable);
                }
            }
            Err(stopped) => {
                // What was read up to the character that did not fit, and that character, is passed over.
                lexer.at = (stopped + 1).min(lexer.text.len());
                unreadable.push(Unreadable {
                    at: from as u32,
                    text: lexer.text[from..lexer.at].iter().collect(),
                });
            }
        }
    }
}

struct Lexer<'s> {
    text: &'s [char],
    at: usize,
}

/// The character at which nothing fits any more.
type Stopped = usize;

impl Lexer<'_> {
    fn peek(&self, ahead: usize) -> Option<char> {
        self.text.get(self.at + ahead).copied()
    }

    fn skip_blanks(&mut self) {
        loop {
            match (self.peek(0), self.peek(1)) {
                (Some('\t' | ' ' | '\r' | '\n' | '\u{c}'), _) => self.at += 1,
                (Some('/'), Some('/')) => {
                    while self.peek(0).is_some_and(|c| c != '\n') {
                        self.at += 1;
                    }
                }
                _ => return,
            }
        }
    }

    fn token(&mut self) -> Result<Kind, Stopped> {
        let Some(c) = self.peek(0) else {
            return Ok(Kind::Eof);
        };
        if let Some(kind) = self.prefixed_string() {
            return Ok(kind);
        }
        match c {
            '\'' | '"' => {
                self.at = self.string(self.at, false)?;
                Ok(Kind::String)
            }
            '`' => self.escaped_ident(),
            'a'..='z' | 'A'..='Z' | '_' => Ok(self.ident()),
            '0'..='9' => Ok(self.number()),
            '.' if self.peek(1).is_some_and(|c| c.is_ascii_digit()) => Ok(self.number()),
            _ => self.sign(c),
        }
    }

    fn sign(&mut self, c: char) -> Result<Kind, Stopped> {
        let two = match (c, self.peek(1)) {
            ('=', Some('=')) => Some(Kind::Equal),
            ('!', Some('=')) => Some(Kind::NotEqual),
            ('<', Some('=')) => Some(Kind::LessEqual),
            ('>', Some('=')) => Some(Kind::GreaterEqual),
            ('&', Some('&')) => Some(Kind::And),
            ('|', Some('|')) => Some(Kind::Or),
            _ => None,
        };
        if let Some(kind) = two {
            self.at += 2;
            return Ok(kind);
        }
        let one = match c {
            '<' => Kind::Less,
            '>' => Kind::Greater,
            '[' => Kind::LeftBracket,
            ']' => Kind::RightBracket,
            '{' => Kind::LeftBrace,
            '}' => Kind::RightBrace,
            '(' => Kind::LeftParenthesis,
            ')' => Kind::RightParenthesis,
            '.' => Kind::Dot,
            ',' => Kind::Comma,
            '-' => Kind::Minus,
            '!' => Kind::Not,
            '?' => Kind::Question,
            ':' => Kind::Colon,
            '+' => Kind::Plus,
            '*' => Kind::Star,
            '/' => Kind::Slash,
            '%' => Kind::Percent,
            // Half of a sign of two characters: the second one is what does not fit.
            '=' | '&' | '|' => return Err(self.at + 1),
            _ => return Err(self.at),
        };
        self.at += 1;
        Ok(one)
    }

    fn ident(&mut self) -> Kind {
        let from = self.at;
        while self
            .peek(0)
            .is_some_and(|c| c.is_ascii_alphanumeric() || c == '_')
        {
            self.at += 1;
        }
        let name: String = self.text[from..self.at].iter().collect();
        match name.as_str() {
            "in" => Kind::In,
            "true" => Kind::True,
            "false" => Kind::False,
            "null" => Kind::Null,
            _ => Kind::Ident,
        }
    }

    fn escaped_ident(&mut self) -> Result<Kind, Stopped> {
        let mut at = self.at + 1;
        let fits = |c: &char| c.is_ascii_alphanumeric() || "_.-/ ".contains(*c);
        while self.text.get(at).is_some_and(fits) {
            at += 1;
        }
        if at == self.at + 1 || self.text.get(at) != Some(&'`') {
            return Err(at);
        }
        self.at = at + 1;
        Ok(Kind::EscapedIdent)
    }

    fn digits(&self, mut at: usize, fits: fn(&char) -> bool) -> usize {
        while self.text.get(at).is_some_and(fits) {
            at += 1;
        }
        at
    }

    fn number(&mut self) -> Kind {
        if self.peek(0) == Some('0') && self.peek(1) == Some('x') {
            let end = self.digits(self.at + 2, char::is_ascii_hexdigit);
            if end > self.at + 2 {
                self.at = end;
                return self.unsigned();
            }
        }
        let whole = self.digits(self.at, char::is_ascii_digit);
        let mut end = whole;
        if self.text.get(whole) == Some(&'.') {
            let fraction = self.digits(whole + 1, char::is_ascii_digit);
            if fraction > whole + 1 {
                end = fraction;
            }
        }
        if matches!(self.text.get(end), Some('e' | 'E')) {
            let signed = end + 1 + usize::from(matches!(self.text.get(end + 1), Some('+' | '-')));
            let exponent = self.digits(signed, char::is_ascii_digit);
            if exponent > signed {
                end = exponent;
            }
        }
        self.at = end;
        if end > whole { Kind::Float } else { self.unsigned() }
    }

    fn unsigned(&mut self) -> Kind {
        if matches!(self.peek(0), Some('u' | 'U')) {
            self.at += 1;
            return Kind::Uint;
        }
        Kind::Int
    }

    /// A string with `b` or `r` or both before it. If none follows, those letters are a name.
    fn prefixed_string(&mut self) -> Option<Kind> {
        let (bytes, raw, length) = match (self.peek(0)?, self.peek(1)?) {
            ('b' | 'B', 'r' | 'R') => (true, true, 2),
            ('b' | 'B', _) => (true, false, 1),
            ('r' | 'R', _) => (false, true, 1),
            _ => return None,
        };
        if !matches!(self.peek(length), Some('\'' | '"')) {
            return None;
        }
        self.at = self.string(self.at + length, raw).ok()?;
        Some(if bytes { Kind::Bytes } else { Kind::String })
    }

    /// Where the string that begins at the quote ends.
    fn string(&self, quote: usize, raw: bool) -> Result<usize, Stopped> {
        let mark = self.text[quote];
        if self.three(quote, mark)
            && let Ok(end) = self.string_body(quote + 3, mark, raw, true)
        {
            return Ok(end);
        }
        self.string_body(quote + 1, mark, raw, false)
    }

    fn three(&self, at: usize, mark: char) -> bool {
        self.text
            .get(at..at + 3)
            .is_some_and(|three| three.iter().all(|c| *c == mark))
    }

    fn string_body(&self, mut at: usize, mark: char, raw: bool, long: bool) -> Result<usize, Stopped> {
        loop {
            match self.text.get(at) {
                None => return Err(at),
                Some('\\') if !raw => at = self.escape(at)?,
                Some(c) if long && *c == mark && self.three(at, mark) => return Ok(at + 3),
                Some(c) if !long && *c == mark => return Ok(at + 1),
                Some('\n' | '\r') if !long => return Err(at),
                Some(_) => at += 1,
            }
        }
    }

    /// Where the escape that begins at the backslash ends.
    fn escape(&self, at: usize) -> Result<usize, Stopped> {
        let hexadecimal = |count: usize| -> Result<usize, Stopped> {
            let end = self.digits(at + 2, char::is_ascii_hexdigit);
            if end >= at + 2 + count {
                Ok(at + 2 + count)
            } else {
                Err(end)
            }
        };
        match self.text.get(at + 1) {
            Some('a' | 'b' | 'f' | 'n' | 'r' | 't' | 'v' | '"' | '\'' | '\\' | '?' | '`') => Ok(at + 2),
            Some('x' | 'X') => hexadecimal(2),
            Some('u') => hexadecimal(4),
            Some('U') => hexadecimal(8),
            Some('0'..='3') => {
                let octal = |at: usize| matches!(self.text.get(at), Some('0'..='7'));
                match (octal(at + 2), octal(at + 3)) {
                    (true, true) => Ok(at + 4),
                    (true, false) => Err(at + 3),
                    (false, _) => Err(at + 2),
                }
            }
            _ => Err(at + 1),
        }
    }
}
