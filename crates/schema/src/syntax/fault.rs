//! Finds the first fault in a JSON text and says it in Go's words.

use std::borrow::Cow;

/// What Go's decoder says of the first fault in `json`; none if there is none.
pub fn fault(json: &[u8]) -> Option<String> {
    let mut scanner = Scanner {
        rest: json,
        open: Vec::new(),
    };
    match scanner.document() {
        Ok(()) => None,
        Err(Fault::End) => Some("unexpected end of JSON input".to_owned()),
        Err(Fault::Byte(byte, context)) => Some(format!("invalid character {} {context}", quoted(byte))),
    }
}

/// A byte in single quotes, as the character of that number.
fn quoted(byte: u8) -> String {
    match byte {
        b'\'' => r"'\''".to_owned(),
        b'"' => "'\"'".to_owned(),
        _ => {
            let quoted = meta::quote(&char::from(byte).to_string());
            format!("'{}'", &quoted[1..quoted.len() - 1])
        }
    }
}

enum Fault {
    /// The text ends too early.
    End,
    /// A byte that does not belong, and what it does not belong to.
    Byte(u8, Cow<'static, str>),
}

/// What a value stands in.
#[derive(Clone, Copy)]
enum Open {
    Array,
    Object,
}

/// What must come next, spaces aside.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Next {
    Value,
    FirstItem,
    Key,
    FirstKey,
    AfterValue,
}

/// Walks a text without recursion, so that no nesting is too deep for it.
struct Scanner<'a> {
    rest: &'a [u8],
    open: Vec<Open>,
}

impl Scanner<'_> {
    fn document(&mut self) -> Result<(), Fault> {
        let mut next = Next::Value;
        loop {
            self.spaces();
            next = match next {
                Next::Value | Next::FirstItem => self.value(next)?,
                Next::Key | Next::FirstKey => self.key(next)?,
                Next::AfterValue => match self.open.last() {
                    Some(open) => self.after_value(*open)?,
                    None if self.rest.is_empty() => return Ok(()),
                    None => return self.refuse("after top-level value"),
                },
            };
        }
    }

    fn value(&mut self, next: Next) -> Result<Next, Fault> {
        match self.peek()? {
            b'[' => return Ok(self.enter(Open::Array, Next::FirstItem)),
            b'{' => return Ok(self.enter(Open::Object, Next::FirstKey)),
            b']' if next == Next::FirstItem => return Ok(self.leave()),
            b'"' => self.string()?,
            b't' => self.literal("true")?,
            b'f' => self.literal("false")?,
            b'n' => self.literal("null")?,
            b'-' | b'0'..=b'9' => self.number()?,
            _ => return self.refuse("looking for beginning of value"),
        }
        Ok(Next::AfterValue)
    }

    fn key(&mut self, next: Next) -> Result<Next, Fault> {
        match self.peek()? {
            b'}' if next == Next::FirstKey => return Ok(self.leave()),
            b'"' => self.string()?,
            _ => return self.refuse("looking for beginning of object key string"),
        }
        self.spaces();
        match self.peek()? {
            b':' => self.skip(),
            _ => return self.refuse("after object key"),
        }
        Ok(Next::Value)
    }

    fn after_value(&mut self, open: Open) -> Result<Next, Fault> {
        match (open, self.peek()?) {
            (Open::Array, b']') | (Open::Object, b'}') => Ok(self.leave()),
            (Open::Array, b',') => {
                self.skip();
                Ok(Next::Value)
            }
            (Open::Object, b',') => {
                self.skip();
                Ok(Next::Key)
            }
            (Open::Array, _) => self.refuse("after array element"),
            (Open::Object, _) => self.refuse("after object key:value pair"),
        }
    }

    fn enter(&mut self, open: Open, next: Next) -> Next {
        self.skip();
        self.open.push(open);
        next
    }

    fn leave(&mut self) -> Next {
        self.skip();
        self.open.pop();
        Next::AfterValue
    }

    fn string(&mut self) -> Result<(), Fault> {
        self.skip();
        loop {
            match self.peek()? {
                b'"' => break,
                b'\\' => self.escape()?,
                0..0x20 => return self.refuse("in string literal"),
                _ => self.skip(),
            }
        }
        self.skip();
        Ok(())
    }

    fn escape(&mut self) -> Result<(), Fault> {
        self.skip();
        match self.peek()? {
            b'b' | b'f' | b'n' | b'r' | b't' | b'\\' | b'/' | b'"' => self.skip(),
            b'u' => {
                self.skip();
                for _ in 0..4 {
                    if !self.peek()?.is_ascii_hexdigit() {
                        return self.refuse("in \\u hexadecimal character escape");
                    }
                    self.skip();
                }
            }
            _ => return self.refuse("in string escape code"),
        }
        Ok(())
    }

    fn literal(&mut self, word: &str) -> Result<(), Fault> {
        for letter in word.bytes() {
            if self.peek()? != letter {
                return self.refuse(format!("in literal {word} (expecting {})", quoted(letter)));
            }
            self.skip();
        }
        Ok(())
    }

    fn number(&mut self) -> Result<(), Fault> {
        if self.peek()? == b'-' {
            self.skip();
        }
        match self.peek()? {
            b'0' => self.skip(),
            b'1'..=b'9' => self.digits("")?,
            _ => return self.refuse("in numeric literal"),
        }
        if self.rest.first() == Some(&b'.') {
            self.skip();
            self.digits("after decimal point in numeric literal")?;
        }
        if matches!(self.rest.first(), Some(b'e' | b'E')) {
            self.skip();
            if matches!(self.peek()?, b'+' | b'-') {
                self.skip();
            }
            self.digits("in exponent of numeric literal")?;
        }
        Ok(())
    }

    /// One digit or more; `context` says where none was found.
    fn digits(&mut self, context: &'static str) -> Result<(), Fault> {
        if !self.peek()?.is_ascii_digit() {
            return self.refuse(context);
        }
        while self.rest.first().is_some_and(u8::is_ascii_digit) {
            self.skip();
        }
        Ok(())
    }

    fn spaces(&mut self) {
        while matches!(self.rest.first(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.skip();
        }
    }

    fn peek(&self) -> Result<u8, Fault> {
        self.rest.first().copied().ok_or(Fault::End)
    }

    fn skip(&mut self) {
        self.rest = self.rest.get(1..).unwrap_or_default();
    }

    fn refuse<T>(&self, context: impl Into<Cow<'static, str>>) -> Result<T, Fault> {
        Err(Fault::Byte(self.peek()?, context.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_has_no_fault() {
        for json in [
            "{}",
            "[]",
            " [1, -0.5e+3, \"a\\u00e9\\n\", null, true, false, {\"a\": {\"b\": []}}] ",
            "\"\\ud800\"",
        ] {
            assert_eq!(fault(json.as_bytes()), None, "{json}");
        }
        assert_eq!(
            fault(&[b"[".repeat(100_000), b"]".repeat(100_000)].concat()),
            None
        );
    }

    #[test]
    fn faults_read_as_gos() {
        for (json, message) in [
            ("", "unexpected end of JSON input"),
            ("{\"a\"", "unexpected end of JSON input"),
            ("[1,", "unexpected end of JSON input"),
            ("- op", "invalid character ' ' in numeric literal"),
            (
                "definitely",
                "invalid character 'd' looking for beginning of value",
            ),
            ("{}x", "invalid character 'x' after top-level value"),
            ("01", "invalid character '1' after top-level value"),
            (
                "{a: 1}",
                "invalid character 'a' looking for beginning of object key string",
            ),
            (
                "{\"a\": 1,}",
                "invalid character '}' looking for beginning of object key string",
            ),
            ("{\"a\" 1}", "invalid character '1' after object key"),
            (
                "{\"a\": 1 \"b\"}",
                "invalid character '\"' after object key:value pair",
            ),
            ("[1 2]", "invalid character '2' after array element"),
            ("[1,]", "invalid character ']' looking for beginning of value"),
            ("tru3", "invalid character '3' in literal true (expecting 'e')"),
            ("'a'", "invalid character '\\'' looking for beginning of value"),
            ("\"a\nb\"", "invalid character '\\n' in string literal"),
            ("\"\\x\"", "invalid character 'x' in string escape code"),
            (
                "\"\\u12g4\"",
                "invalid character 'g' in \\u hexadecimal character escape",
            ),
            (
                "1.x",
                "invalid character 'x' after decimal point in numeric literal",
            ),
            ("1ex", "invalid character 'x' in exponent of numeric literal"),
            ("é", "invalid character 'Ã' looking for beginning of value"),
        ] {
            assert_eq!(fault(json.as_bytes()).as_deref(), Some(message));
        }
    }
}
