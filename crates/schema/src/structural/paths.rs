//! Paths to declared fields, as definitions spell them: `.spec.color`, `.data['a.b']`.

use meta::Path;

use super::node::{Additional, Node};

/// Why a path leads nowhere.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FieldPathError {
    /// No such field.
    #[error("does not refer to a valid field")]
    NoField,
    /// It ends too early.
    #[error("unexpected end of JSON path")]
    End,
    /// Brackets where only dots may be.
    #[error("array notation is not allowed")]
    Brackets,
    /// Something else in brackets.
    #[error("expected single quoted string but got {0}")]
    NotQuoted(String),
    /// A quoted name with an escape that there is not.
    #[error("invalid string literal: invalid escape sequence {0} encountered")]
    Escape(String),
    /// A bracket that is not closed.
    #[error("expected ] but got {0}")]
    Unclosed(String),
    /// A name without a dot before it.
    #[error("expected [ or . but got: {0}")]
    NoDot(String),
}

/// The field that a path leads to, and the path as errors name it.
///
/// # Errors
/// If the schema has no such field, or the text is no path.
pub fn field_at<'n>(
    node: &'n Node,
    path: &str,
    allows_brackets: bool,
) -> Result<(Path, &'n Node), FieldPathError> {
    let mut place = Path::root();
    let mut node = node;
    let mut tokens = Tokens(path);
    while let Some(token) = tokens.next() {
        let name = match token {
            "." => tokens.next().ok_or(FieldPathError::End)?.to_owned(),
            "[" if !allows_brackets => return Err(FieldPathError::Brackets),
            "[" => tokens.quoted()?,
            other => return Err(FieldPathError::NoDot(other.to_owned())),
        };
        if !node.properties.is_empty() {
            node = node.properties.get(&name).ok_or(FieldPathError::NoField)?;
            place = place.child(&name);
        } else if let Some(Additional::Schema(below)) = &node.additional {
            node = below;
            place = place.key(&name);
        } else {
            return Err(FieldPathError::NoField);
        }
    }
    Ok((place, node))
}

/// A path taken apart: dots and brackets, names, and names in quotes.
struct Tokens<'t>(&'t str);

impl<'t> Iterator for Tokens<'t> {
    type Item = &'t str;

    fn next(&mut self) -> Option<&'t str> {
        let first = self.0.chars().next()?;
        let end = match first {
            '.' | '[' | ']' => 1,
            '\'' => self.end_of_quote(),
            _ => self.0.find(['.', '[', ']']).unwrap_or(self.0.len()),
        };
        let (token, rest) = self.0.split_at(end);
        self.0 = rest;
        Some(token)
    }
}

impl Tokens<'_> {
    /// Where the quote that begins here ends; the end of all if it does not.
    fn end_of_quote(&self) -> usize {
        let bytes = self.0.as_bytes();
        let closing = (1..bytes.len()).find(|&index| bytes[index] == b'\'' && bytes[index - 1] != b'\\');
        closing.map_or(bytes.len(), |index| index + 1)
    }

    fn quoted(&mut self) -> Result<String, FieldPathError> {
        let token = self.next().ok_or(FieldPathError::End)?;
        let inner = token.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\''));
        let name = unescaped(inner.ok_or_else(|| FieldPathError::NotQuoted(token.to_owned()))?)?;
        match self.next() {
            Some("]") => Ok(name),
            Some(other) => Err(FieldPathError::Unclosed(other.to_owned())),
            None => Err(FieldPathError::End),
        }
    }
}

fn unescaped(text: &str) -> Result<String, FieldPathError> {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        out.push(match chars.next() {
            Some('a') => '\u{7}',
            Some('b') => '\u{8}',
            Some('f') => '\u{c}',
            Some('n') => '\n',
            Some('r') => '\r',
            Some('t') => '\t',
            Some('v') => '\u{b}',
            Some(same @ ('\'' | '\\')) => same,
            Some(other) => return Err(FieldPathError::Escape(format!("\\{other}"))),
            None => return Err(FieldPathError::Escape("\\".to_owned())),
        });
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::structural::StructuralSchema;

    #[test]
    fn paths_lead_to_declared_fields() {
        let schema = json!({"type": "object", "properties": {
            "a": {"type": "object", "properties": {"b.c": {"type": "string"}}},
            "m": {"type": "object", "additionalProperties": {"type": "integer"}}}});
        let schema = StructuralSchema::parse(&schema).expect("it is structural");
        let check = |path: &str, allows_brackets: bool, expected: Result<&str, &str>| {
            let found = field_at(schema.root(), path, allows_brackets);
            let found = found
                .map(|(path, _)| path.to_string())
                .map_err(|error| error.to_string());
            assert_eq!(found.as_deref().map_err(String::as_str), expected, "{path}");
        };
        check(".a", true, Ok("a"));
        check(".a['b.c']", true, Ok("a.b.c"));
        check(".m['k']", true, Ok("m[k]"));
        check(".m.k", false, Ok("m[k]"));
        check(".m['k']", false, Err("array notation is not allowed"));
        check(".x", true, Err("does not refer to a valid field"));
        check(".m.k.l", true, Err("does not refer to a valid field"));
        check("a", true, Err("expected [ or . but got: a"));
        check(".", true, Err("unexpected end of JSON path"));
        check(".a[0]", true, Err("expected single quoted string but got 0"));
    }
}
