//! From Go's dialect to that of Rust's engine.

use super::problem::PatternError;

/// A count of repetitions may not be larger.
const MAX_REPEAT: u32 = 1000;

type Step<T> = Result<T, PatternError>;

/// The same pattern for Rust's engine.
pub(super) fn translate(pattern: &str) -> Step<String> {
    let mut translation = Translation {
        pattern,
        rest: pattern,
        out: String::with_capacity(pattern.len() + 8),
        open: 0,
        last: Last::Nothing,
    };
    while !translation.rest.is_empty() {
        translation.item()?;
    }
    if translation.open > 0 {
        return Err(PatternError::new("missing closing )", pattern));
    }
    Ok(translation.out)
}

/// What the last thing was, which a repetition follows.
#[derive(Clone, Copy)]
enum Last<'p> {
    /// Nothing that can be repeated.
    Nothing,
    /// Something.
    Item,
    /// A repetition, as the pattern has it from there on.
    Repeat(&'p str),
}

struct Translation<'p> {
    pattern: &'p str,
    rest: &'p str,
    out: String,
    /// Groups that are not closed yet.
    open: usize,
    last: Last<'p>,
}

impl<'p> Translation<'p> {
    fn item(&mut self) -> Step<()> {
        let Some(c) = self.rest.chars().next() else {
            return Ok(());
        };
        match c {
            '(' => return self.group(),
            ')' => return self.close(),
            '|' => {
                self.take("|");
                self.last = Last::Nothing;
                return Ok(());
            }
            '*' | '+' | '?' => return self.repeat(c.len_utf8()),
            '{' => {
                if let Some((length, least, most)) = counts(self.rest) {
                    let is_wrong =
                        least > MAX_REPEAT || most.is_some_and(|most| most > MAX_REPEAT || most < least);
                    if is_wrong {
                        return Err(PatternError::new("invalid repeat count", &self.rest[..length]));
                    }
                    return self.repeat(length);
                }
                self.literal('{');
                self.rest = &self.rest[1..];
            }
            '[' => self.class()?,
            '\\' => self.escape()?,
            '^' => self.take("^"),
            '$' => self.take("$"),
            '.' => self.take("."),
            other => {
                self.literal(other);
                self.rest = &self.rest[other.len_utf8()..];
            }
        }
        self.last = Last::Item;
        Ok(())
    }

    fn take(&mut self, same: &str) {
        self.out.push_str(same);
        self.rest = &self.rest[same.len()..];
    }

    fn literal(&mut self, c: char) {
        push_literal(&mut self.out, c);
    }

    fn close(&mut self) -> Step<()> {
        if self.open == 0 {
            return Err(PatternError::new("unexpected )", self.pattern));
        }
        self.open -= 1;
        self.take(")");
        self.last = Last::Item;
        Ok(())
    }

    fn repeat(&mut self, operator: usize) -> Step<()> {
        let before = self.rest;
        let is_lazy = before[operator..].starts_with('?');
        let length = operator + usize::from(is_lazy);
        match self.last {
            Last::Nothing => {
                return Err(PatternError::new(
                    "missing argument to repetition operator",
                    &before[..operator],
                ));
            }
            Last::Repeat(start) => {
                let shown = &start[..start.len() - (before.len() - length)];
                return Err(PatternError::new("invalid nested repetition operator", shown));
            }
            Last::Item => {}
        }
        self.take(&before[..length]);
        self.last = Last::Repeat(before);
        Ok(())
    }

    fn group(&mut self) -> Step<()> {
        self.last = Last::Nothing;
        let Some(after) = self.rest.strip_prefix("(?") else {
            self.open += 1;
            self.take("(");
            return Ok(());
        };
        if let Some(name) = after.strip_prefix("P<").or_else(|| after.strip_prefix('<')) {
            return self.named_group(name);
        }
        let mut length = 2;
        for c in after.chars() {
            length += c.len_utf8();
            match c {
                'i' | 'm' | 's' | 'U' | '-' => {}
                ':' | ')' => {
                    self.take(&self.rest[..length]);
                    self.open += usize::from(c == ':');
                    return Ok(());
                }
                _ => {
                    return Err(PatternError::new(
                        "invalid or unsupported Perl syntax",
                        &self.rest[..length],
                    ));
                }
            }
        }
        Err(PatternError::new("missing closing )", self.pattern))
    }

    /// Names do not matter for matching, and may be what Rust does not take for one.
    fn named_group(&mut self, name: &'p str) -> Step<()> {
        let invalid = |place: &str| Err(PatternError::new("invalid named capture", place));
        let Some(end) = name.find('>') else {
            return invalid(self.rest);
        };
        let length = self.rest.len() - name.len() + end + 1;
        let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if end == 0 || !name[..end].chars().all(is_word) {
            return invalid(&self.rest[..length]);
        }
        self.open += 1;
        self.out.push('(');
        self.rest = &self.rest[length..];
        Ok(())
    }

    fn escape(&mut self) -> Step<()> {
        let next = self.rest[1..].chars().next();
        match next {
            Some('A') => self.replace(2, r"\A"),
            Some('z') => self.replace(2, r"\z"),
            Some('b') => self.replace(2, r"(?-u:\b)"),
            Some('B') => self.replace(2, r"(?-u:\B)"),
            // A byte in Go; the nearest thing that text has.
            Some('C') => self.replace(2, "(?s:.)"),
            Some('Q') => self.quoted(),
            Some(c) if perl_class(c).is_some() => self.replace(2, perl_class(c).unwrap_or_default()),
            Some('p' | 'P') => {
                let (class, length) = unicode_class(self.rest)?;
                self.out.push_str(class);
                self.rest = &self.rest[length..];
            }
            _ => {
                let (c, length) = escaped(self.rest)?;
                self.literal(c);
                self.rest = &self.rest[length..];
            }
        }
        Ok(())
    }

    fn replace(&mut self, length: usize, with: &str) {
        self.out.push_str(with);
        self.rest = &self.rest[length..];
    }

    /// Everything up to `\E` as it is.
    fn quoted(&mut self) {
        let text = &self.rest[2..];
        let (quoted, rest) = text.split_once(r"\E").unwrap_or((text, ""));
        // Of several characters only the last is repeated, as in Go.
        quoted.chars().for_each(|c| self.literal(c));
        self.rest = rest;
    }

    fn class(&mut self) -> Step<()> {
        let start = self.rest;
        self.take("[");
        if self.rest.starts_with('^') {
            self.take("^");
        }
        let mut is_first = true;
        loop {
            match self.rest.chars().next() {
                None => return Err(PatternError::new("missing closing ]", start)),
                Some(']') if !is_first => {
                    self.take("]");
                    return Ok(());
                }
                Some(_) => self.class_item(start)?,
            }
            is_first = false;
        }
    }

    fn class_item(&mut self, start: &str) -> Step<()> {
        if let Some(length) = posix_class(self.rest)? {
            self.take(&self.rest[..length]);
            return Ok(());
        }
        if let Some(after) = self.rest.strip_prefix('\\') {
            match after.chars().next() {
                Some('p' | 'P') => {
                    let (class, length) = unicode_class(self.rest)?;
                    self.replace(length, class);
                    return Ok(());
                }
                Some(c) if perl_class(c).is_some() => {
                    self.replace(2, perl_class(c).unwrap_or_default());
                    return Ok(());
                }
                _ => {}
            }
        }
        let range = self.rest;
        let low = self.class_char(start)?;
        push_literal(&mut self.out, low);
        let is_range =
            self.rest.starts_with('-') && !self.rest[1..].is_empty() && !self.rest[1..].starts_with(']');
        if is_range {
            self.take("-");
            let high = self.class_char(start)?;
            if high < low {
                let shown = &range[..range.len() - self.rest.len()];
                return Err(PatternError::new("invalid character class range", shown));
            }
            push_literal(&mut self.out, high);
        }
        Ok(())
    }

    fn class_char(&mut self, start: &str) -> Step<char> {
        let (c, length) = match self.rest.chars().next() {
            None => return Err(PatternError::new("missing closing ]", start)),
            Some('\\') => escaped(self.rest)?,
            Some(c) => (c, c.len_utf8()),
        };
        self.rest = &self.rest[length..];
        Ok(c)
    }
}

/// A character as it is, in a class or outside of one.
fn push_literal(out: &mut String, c: char) {
    if c.is_ascii_punctuation() {
        out.push('\\');
        out.push(c);
    } else {
        out.push(c);
    }
}

/// Classes of Perl are ASCII's. Brackets stand both for themselves and within others.
fn perl_class(c: char) -> Option<&'static str> {
    Some(match c {
        'd' => "[0-9]",
        'D' => "[^0-9]",
        's' => r"[\t\n\f\r ]",
        'S' => r"[^\t\n\f\r ]",
        'w' => "[0-9A-Za-z_]",
        'W' => "[^0-9A-Za-z_]",
        _ => return None,
    })
}

/// The names of POSIX classes.
const POSIX: [&str; 14] = [
    "alnum", "alpha", "ascii", "blank", "cntrl", "digit", "graph", "lower", "print", "punct", "space",
    "upper", "word", "xdigit",
];

/// How long `[:alpha:]` is, if such a thing begins here.
fn posix_class(rest: &str) -> Step<Option<usize>> {
    let Some(end) = rest.strip_prefix("[:").and_then(|after| after.find(":]")) else {
        return Ok(None);
    };
    let length = end + 4;
    let name = &rest[2..2 + end];
    if POSIX.contains(&name.strip_prefix('^').unwrap_or(name)) {
        Ok(Some(length))
    } else {
        Err(PatternError::new(
            "invalid character class range",
            &rest[..length],
        ))
    }
}

/// `\pL`, `\p{Greek}`, `\P{^Greek}`: the class and its length.
fn unicode_class(rest: &str) -> Step<(&str, usize)> {
    let after = &rest[2..];
    let length = match after.chars().next() {
        None => rest.len(),
        Some('{') => match after.find('}') {
            Some(end) => 2 + end + 1,
            None => return Err(PatternError::new("invalid character class range", rest)),
        },
        Some(c) => 2 + c.len_utf8(),
    };
    let class = &rest[..length];
    let is_known = regex::Regex::new(class).is_ok();
    if is_known {
        Ok((class, length))
    } else {
        Err(PatternError::new("invalid character class range", class))
    }
}

/// The character that an escape stands for, and the escape's length.
fn escaped(rest: &str) -> Step<(char, usize)> {
    let invalid = |length: usize| {
        let end = rest
            .char_indices()
            .map(|(index, c)| index + c.len_utf8())
            .find(|end| *end >= length);
        Err(PatternError::new(
            "invalid escape sequence",
            &rest[..end.unwrap_or(rest.len())],
        ))
    };
    let Some(c) = rest[1..].chars().next() else {
        return Err(PatternError::new("trailing backslash at end of expression", ""));
    };
    let digits = |from: usize, radix: u32, most: usize| {
        let digits = rest[from..]
            .chars()
            .take(most)
            .take_while(|c| c.is_digit(radix))
            .count();
        (
            u32::from_str_radix(&rest[from..from + digits], radix).ok(),
            from + digits,
        )
    };
    let code = match c {
        // A single digit would be a reference back, which is not regular.
        '1'..='7' if !rest[2..].starts_with(|c: char| c.is_digit(8)) => return invalid(2),
        '0'..='7' => digits(1, 8, 3),
        'x' => match rest[2..].strip_prefix('{') {
            Some(_) => {
                let (code, end) = digits(3, 16, 8);
                if !rest[end..].starts_with('}') {
                    return invalid(end + 1);
                }
                (code, end + 1)
            }
            None => match digits(2, 16, 2) {
                (code, 4) => (code, 4),
                (_, end) => return invalid(end + 1),
            },
        },
        'a' => return Ok(('\u{7}', 2)),
        'f' => return Ok(('\u{c}', 2)),
        'n' => return Ok(('\n', 2)),
        'r' => return Ok(('\r', 2)),
        't' => return Ok(('\t', 2)),
        'v' => return Ok(('\u{b}', 2)),
        c if c.is_ascii() && !c.is_ascii_alphanumeric() => return Ok((c, 2)),
        c => return invalid(1 + c.len_utf8()),
    };
    match code {
        (Some(code), end) => match char::from_u32(code) {
            Some(c) => Ok((c, end)),
            None => invalid(end),
        },
        (None, end) => invalid(end),
    }
}

/// `{2}`, `{2,}` or `{2,3}`: length, least and most. What looks otherwise is text.
fn counts(rest: &str) -> Option<(usize, u32, Option<u32>)> {
    let end = rest.find('}')?;
    let inner = &rest[1..end];
    // What is too large for a number is too large for a count.
    let number = |text: &str| {
        let is_number = !text.is_empty() && text.bytes().all(|c| c.is_ascii_digit());
        let is_plain = text.len() == 1 || !text.starts_with('0');
        (is_number && is_plain).then(|| text.parse().unwrap_or(u32::MAX))
    };
    let (least, most) = match inner.split_once(',') {
        None => (number(inner)?, Some(number(inner)?)),
        Some((least, "")) => (number(least)?, None),
        Some((least, most)) => (number(least)?, Some(number(most)?)),
    };
    Some((end + 1, least, most))
}
