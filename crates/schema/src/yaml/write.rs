//! From a JSON tree to YAML, in the style upstream writes: keys sorted, lists not indented.

use std::fmt::Write as _;

use serde_json::{Map, Value};

use super::resolve::resolve;

/// The YAML text of a value, with a line end.
pub fn to_yaml(value: &Value) -> String {
    let mut text = String::new();
    match value {
        Value::Array(items) if !items.is_empty() => list(&mut text, items, 0),
        Value::Object(entries) if !entries.is_empty() => object(&mut text, entries, 0),
        scalar => {
            write_scalar(&mut text, scalar, 0);
            text.push('\n');
        }
    }
    text
}

/// Entries, each on a line of its own; the first one where the text ends.
fn object(text: &mut String, entries: &Map<String, Value>, indent: usize) {
    for (index, (key, value)) in entries.iter().enumerate() {
        if index > 0 {
            text.extend(std::iter::repeat_n(' ', indent));
        }
        write_key(text, key);
        text.push(':');
        match value {
            Value::Array(items) if !items.is_empty() => {
                text.push('\n');
                text.extend(std::iter::repeat_n(' ', indent));
                list(text, items, indent);
            }
            Value::Object(entries) if !entries.is_empty() => {
                text.push('\n');
                text.extend(std::iter::repeat_n(' ', indent + 2));
                object(text, entries, indent + 2);
            }
            scalar => {
                text.push(' ');
                write_scalar(text, scalar, indent + 2);
                text.push('\n');
            }
        }
    }
}

/// Items, each on a line of its own; the first one where the text ends.
fn list(text: &mut String, items: &[Value], indent: usize) {
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            text.extend(std::iter::repeat_n(' ', indent));
        }
        text.push_str("- ");
        match item {
            Value::Array(items) if !items.is_empty() => list(text, items, indent + 2),
            Value::Object(entries) if !entries.is_empty() => object(text, entries, indent + 2),
            scalar => {
                write_scalar(text, scalar, indent + 2);
                text.push('\n');
            }
        }
    }
}

fn write_key(text: &mut String, key: &str) {
    if is_plain(key) {
        text.push_str(key);
    } else {
        push_json(text, &Value::from(key));
    }
}

/// A scalar or an empty collection. A block of lines is indented by `indent` spaces.
fn write_scalar(text: &mut String, scalar: &Value, indent: usize) {
    match scalar {
        Value::String(string) if is_plain(string) => text.push_str(string),
        Value::String(string) if is_block(string) => write_block(text, string, indent),
        other => push_json(text, other),
    }
}

/// JSON is YAML: what cannot be written plainly is written so, with every control character escaped.
fn push_json(text: &mut String, value: &Value) {
    for c in value.to_string().chars() {
        if c.is_control() || matches!(c, '\u{feff}' | '\u{2028}' | '\u{2029}') {
            // Writing to a String cannot fail.
            let _ = write!(text, "\\u{:04x}", u32::from(c));
        } else {
            text.push(c);
        }
    }
}

fn write_block(text: &mut String, string: &str, indent: usize) {
    let (lines, chomping) = match string.strip_suffix('\n') {
        None => (string, "-"),
        Some(lines) if lines.ends_with('\n') => (lines, "+"),
        Some(lines) => (lines, ""),
    };
    text.push('|');
    text.push_str(chomping);
    for line in lines.split('\n') {
        text.push('\n');
        if !line.is_empty() {
            text.extend(std::iter::repeat_n(' ', indent));
            text.push_str(line);
        }
    }
}

/// Whether a text can stand as it is: it reads as a string again, and as nothing else in any version of YAML.
fn is_plain(text: &str) -> bool {
    let starts_plainly =
        text.starts_with(|first: char| first.is_ascii_alphabetic() || matches!(first, '/' | '_'));
    let starts_with_digit = text.starts_with(|first: char| first.is_ascii_digit());
    let looks_like_time = starts_with_digit && text.contains([':', '-']);
    (starts_plainly || (starts_with_digit && !looks_like_time))
        && text.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ')
        && !text.ends_with([' ', ':'])
        && !text.contains(": ")
        && !text.contains(" #")
        && resolve(text) == Some(Value::from(text))
}

/// Whether a text of several lines can stand as a block: one that needs no escapes and whose indentation shows.
fn is_block(text: &str) -> bool {
    text.contains('\n')
        && !text.starts_with([' ', '\n', '\t'])
        && !text.contains(" \n")
        && text.chars().all(|c| c == '\n' || c == '\t' || !c.is_control())
        && !text.contains(['\u{feff}', '\u{2028}', '\u{2029}', '\u{85}'])
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::yaml::YamlDocument;

    #[test]
    fn yaml_is_written_in_upstreams_style() {
        let value = json!({
            "apiVersion": "v1",
            "data": {"a": "two\nlines\n", "b": "yes", "c": "5", "d": "", "e": " x", "f": "x: y", "on": "x"},
            "items": [{"name": "a", "ports": [80, {"x": 1}]}, [1, [2]], {}, []],
            "when": "2020-01-01T00:00:00Z",
        });
        let expected = r#"apiVersion: v1
data:
  a: |
    two
    lines
  b: "yes"
  c: "5"
  d: ""
  e: " x"
  f: "x: y"
  "on": x
items:
- name: a
  ports:
  - 80
  - x: 1
- - 1
  - - 2
- {}
- []
when: "2020-01-01T00:00:00Z"
"#;
        assert_eq!(to_yaml(&value), expected);
    }

    #[test]
    fn what_is_written_reads_the_same() {
        for value in [
            json!(null),
            json!(1.5),
            json!({}),
            json!({"a": null, "b": [true, -1], "c": {"d": []}}),
            json!({"a": "x\ny", "b": "x\n\n", "c": "x\n\ny\n", "d": "\nx\n", "e": " x\ny\n", "f": "x \ny"}),
            json!({"~": "~", "null": "null", "": "", "#": "a #b", "- a": "- a", "é": "é\n", "a:": "b:"}),
            json!({"a": "\u{7f}\u{0}\t", "b": "\"'\\", "c": "0x1F", "d": "1_000", "e": "12:30:45", "f": ".5"}),
            json!([["a", "b"], [], [[{"c": "d"}]], "%x", "@y", "`z", "!t", "&a", "*b", "|", ">", "?", "=", "<<"]),
        ] {
            let yaml = to_yaml(&value);
            let read = YamlDocument::parse(yaml.as_bytes()).map(YamlDocument::into_value);
            assert_eq!(read, Ok(value), "{yaml}");
        }
    }
}
