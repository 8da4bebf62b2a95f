//! Field selectors: `metadata.name=a,status.phase!=Running`.

use std::fmt;

/// Terms that must all hold. Without any, everything is selected.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FieldSelector {
    terms: Vec<FieldTerm>,
}

/// One field that must have (or not have) one value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldTerm {
    /// `spec.nodeName`.
    pub field: String,
    /// Whether the field must have the value, or must not.
    pub equal: bool,
    /// The value.
    pub value: String,
}

/// Why a text is no field selector, in upstream's words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FieldSelectorError {
    /// A term without operator.
    #[error("invalid selector: '{selector}'; can't understand '{term}'")]
    Term {
        /// The whole text.
        selector: String,
        /// The term.
        term: String,
    },
    /// A backslash before something that needs none.
    #[error("invalid field selector: invalid escape sequence: {0}")]
    Escape(String),
    /// A `=` or `,` in a value, without backslash. Upstream prints the character's number.
    #[error("invalid field selector: unescaped character in value: {}", u32::from(*.0))]
    Unescaped(char),
}

impl FieldSelector {
    /// Selects everything.
    pub fn everything() -> Self {
        Self::default()
    }

    /// Selects what has `value` in `field`.
    pub fn equals(field: &str, value: &str) -> Self {
        Self {
            terms: vec![FieldTerm {
                field: field.to_owned(),
                equal: true,
                value: value.to_owned(),
            }],
        }
    }

    /// Selects what all the terms hold for.
    pub fn from_terms(mut terms: Vec<FieldTerm>) -> Self {
        terms.sort_by(|a, b| a.field.cmp(&b.field));
        Self { terms }
    }

    /// Reads the text form. `\`, `,` and `=` in values stand after a backslash. Terms are sorted.
    ///
    /// # Errors
    /// With upstream's texts.
    pub fn parse(text: &str) -> Result<Self, FieldSelectorError> {
        let mut parts = split_terms(text);
        parts.retain(|part| !part.is_empty());
        parts.sort_unstable();
        let terms = parts
            .into_iter()
            .map(|part| term(part, text))
            .collect::<Result<_, _>>()?;
        Ok(Self { terms })
    }

    /// The terms.
    pub fn terms(&self) -> &[FieldTerm] {
        &self.terms
    }

    /// Whether everything is selected.
    pub fn is_everything(&self) -> bool {
        self.terms.is_empty()
    }

    /// The value that `field` must have, if the selector says so.
    pub fn required_value(&self, field: &str) -> Option<&str> {
        self.terms
            .iter()
            .find(|term| term.equal && term.field == field)
            .map(|term| term.value.as_str())
    }

    /// Whether an object with these values of fields is selected; a field without value counts as empty.
    pub fn matches<'a>(&self, value_of: impl Fn(&str) -> Option<&'a str>) -> bool {
        self.terms
            .iter()
            .all(|term| (value_of(&term.field).unwrap_or("") == term.value) == term.equal)
    }
}

fn split_terms(text: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut start, mut escaped) = (0, false);
    for (i, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            ',' => {
                parts.push(&text[start..i]);
                start = i + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts
}

fn term(part: &str, selector: &str) -> Result<FieldTerm, FieldSelectorError> {
    let operator = part.char_indices().find_map(|(i, _)| {
        ["!=", "==", "="]
            .into_iter()
            .find(|operator| part[i..].starts_with(operator))
            .map(|operator| (i, operator))
    });
    let Some((at, operator)) = operator else {
        return Err(FieldSelectorError::Term {
            selector: selector.to_owned(),
            term: part.to_owned(),
        });
    };
    Ok(FieldTerm {
        field: part[..at].to_owned(),
        equal: operator != "!=",
        value: unescape(&part[at + operator.len()..])?,
    })
}

fn unescape(text: &str) -> Result<String, FieldSelectorError> {
    let mut value = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some(c @ ('\\' | ',' | '=')) => value.push(c),
                Some(c) => return Err(FieldSelectorError::Escape(format!("\\{c}"))),
                None => return Err(FieldSelectorError::Escape(String::from("\\"))),
            },
            ',' | '=' => return Err(FieldSelectorError::Unescaped(c)),
            c => value.push(c),
        }
    }
    Ok(value)
}

impl fmt::Display for FieldSelector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, term) in self.terms.iter().enumerate() {
            let comma = if i > 0 { "," } else { "" };
            let operator = if term.equal { "=" } else { "!=" };
            write!(f, "{comma}{}{operator}", term.field)?;
            for c in term.value.chars() {
                if matches!(c, '\\' | ',' | '=') {
                    f.write_str("\\")?;
                }
                write!(f, "{c}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn texts_are_read() {
        for (text, written) in [
            ("", ""),
            (",", ""),
            ("a=b", "a=b"),
            ("a==b", "a=b"),
            ("c!=d,a=b", "a=b,c!=d"),
            ("a=", "a="),
            ("a=b\\,c\\=d\\\\", "a=b\\,c\\=d\\\\"),
        ] {
            assert_eq!(FieldSelector::parse(text).unwrap().to_string(), written, "{text}");
        }
        for (text, message) in [
            ("a", "invalid selector: 'a'; can't understand 'a'"),
            ("a=b,c", "invalid selector: 'a=b,c'; can't understand 'c'"),
            ("a=\\x", "invalid field selector: invalid escape sequence: \\x"),
            (
                "a=b=c",
                "invalid field selector: unescaped character in value: 61",
            ),
        ] {
            assert_eq!(FieldSelector::parse(text).unwrap_err().to_string(), message);
        }
    }

    #[test]
    fn terms_hold_or_not() {
        let value_of = |field: &str| (field == "a").then_some("b");
        for (text, selected) in [
            ("", true),
            ("a=b", true),
            ("a!=b", false),
            ("z=", true),
            ("a=b,z!=", false),
        ] {
            assert_eq!(
                FieldSelector::parse(text).unwrap().matches(value_of),
                selected,
                "{text}"
            );
        }
        assert_eq!(
            FieldSelector::parse("c!=d,a=b").unwrap().required_value("a"),
            Some("b")
        );
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back_the_same(field in "[a-z.]{1,8}", value in "\\PC{0,10}") {
            let selector = FieldSelector::equals(&field, &value);
            prop_assert_eq!(FieldSelector::parse(&selector.to_string()), Ok(selector));
        }

        #[test]
        fn no_text_panics(text in "[a-c=!,\\\\é]{0,20}") {
            let _ = FieldSelector::parse(&text);
        }
    }
}
