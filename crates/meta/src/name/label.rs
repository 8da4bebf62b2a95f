//! Keys and values of labels, and the qualified names that annotations, finalizers and conditions share with them.

use super::{LABEL_MAX_LENGTH, Problems, dns, is_made_of, mismatch, too_many_bytes};

const NAME_REGEX: &str = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]";
const NAME_EXAMPLES: &[&str] = &["MyName", "my.name", "123-abc"];
const CONSISTS: &str = "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character";

fn is_name(text: &str) -> bool {
    is_made_of(
        text,
        |b| b.is_ascii_alphanumeric(),
        |b| b.is_ascii_alphanumeric() || b"-_.".contains(&b),
    )
}

/// A name with an optional DNS subdomain before a slash: `example.com/MyName`. Upstream's message calls it a label key
/// whatever it is used for.
pub fn qualified_name(text: &str) -> Problems {
    label_key(text)
}

/// The key of a label.
pub fn label_key(text: &str) -> Problems {
    let mut problems = Problems::new();
    let name = match text.split_once('/') {
        None => text,
        Some((_, name)) if name.contains('/') => {
            let message = mismatch(
                &format!("a valid label key {CONSISTS}"),
                NAME_REGEX,
                NAME_EXAMPLES,
            );
            return vec![format!(
                "{message} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')"
            )];
        }
        Some(("", name)) => {
            problems.push(String::from("prefix part must be non-empty"));
            name
        }
        Some((prefix, name)) => {
            problems.extend(
                dns::subdomain(prefix, too_many_bytes)
                    .into_iter()
                    .map(|problem| format!("prefix part {problem}")),
            );
            name
        }
    };
    if name.is_empty() {
        problems.push(String::from("name part must be non-empty"));
    } else if name.len() > LABEL_MAX_LENGTH {
        problems.push(format!("name part {}", too_many_bytes(LABEL_MAX_LENGTH)));
    }
    if !is_name(name) {
        problems.push(format!(
            "name part {}",
            mismatch(CONSISTS, NAME_REGEX, NAME_EXAMPLES)
        ));
    }
    problems
}

/// The value of a label.
pub fn label_value(value: &str) -> Problems {
    let mut problems = Problems::new();
    if value.len() > LABEL_MAX_LENGTH {
        problems.push(too_many_bytes(LABEL_MAX_LENGTH));
    }
    if !value.is_empty() && !is_name(value) {
        problems.push(mismatch(
            "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character",
            "(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?",
            &["MyValue", "my_value", "12345"],
        ));
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAME: &str = "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";

    #[test]
    fn keys() {
        for key in ["a", "A_b.c-1", "example.com/MyName", "a/b"] {
            assert!(label_key(key).is_empty(), "{key}");
        }
        for (key, problems) in [
            ("", vec!["name part must be non-empty", NAME]),
            ("a b", vec![NAME]),
            ("-a", vec![NAME]),
            ("/a", vec!["prefix part must be non-empty"]),
            ("a/", vec!["name part must be non-empty", NAME]),
            (&"n".repeat(64), vec!["name part must be no more than 63 bytes"]),
            (
                &format!("{}/a", "p".repeat(254)),
                vec!["prefix part must be no more than 253 bytes"],
            ),
            (
                "A/b",
                vec![
                    "prefix part a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')",
                ],
            ),
            (
                "x/y/z",
                vec![
                    "a valid label key must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]') with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')",
                ],
            ),
        ] {
            assert_eq!(label_key(key), problems, "{key}");
        }
    }

    #[test]
    fn values() {
        for value in ["", "a", "my_value", "12345", "A.b"] {
            assert!(label_value(value).is_empty(), "{value}");
        }
        assert_eq!(label_value(&"n".repeat(64)), ["must be no more than 63 bytes"]);
        for value in ["b c", "-b", "b.", "é"] {
            assert_eq!(
                label_value(value),
                [
                    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"
                ],
                "{value}"
            );
        }
    }
}
