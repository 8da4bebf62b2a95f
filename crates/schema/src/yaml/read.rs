//! From YAML's events to a JSON tree.

use std::borrow::Cow;
use std::collections::HashMap;

use granit_parser::{Event, Options, Parser, ScalarStyle, Span, StrInput, Tag};
use serde_json::{Map, Value};

use super::problem;
use super::resolve::resolve;
use crate::forms::base64;

/// Nesting beyond that is refused, as in JSON.
const MAX_DEPTH: usize = 127;

/// Aliases may repeat no more values than that: a small text could else become a huge tree.
const MAX_REPEATED: usize = 100_000;

/// What `!!` stands for.
const YAML_TAGS: &str = "tag:yaml.org,2002:";

/// The first document in `text` and a message for each key that is there twice.
pub(super) fn read(text: &str) -> Result<(Value, Vec<String>), String> {
    let mut options = Options::default();
    options.emit_comments = false;
    options.emit_unresolved_aliases = true;
    let mut reader = Reader {
        text,
        events: Parser::new_from_str_with_options(text, options),
        anchors: HashMap::new(),
        repeated: 0,
        duplicate_keys: Vec::new(),
    };
    let value = reader.document()?;
    Ok((value, reader.duplicate_keys))
}

struct Reader<'a> {
    text: &'a str,
    events: Parser<'a, StrInput<'a>>,
    anchors: HashMap<usize, Value>,
    repeated: usize,
    duplicate_keys: Vec<String>,
}

impl<'a> Reader<'a> {
    fn document(&mut self) -> Result<Value, String> {
        loop {
            match self.next()? {
                None | Some((Event::StreamEnd, _)) => return Ok(Value::Null),
                Some((Event::StreamStart | Event::DocumentStart(..), _)) => {}
                Some((event, _)) => return self.node(event, 0),
            }
        }
    }

    fn next(&mut self) -> Result<Option<(Event<'a>, Span)>, String> {
        match self.events.next() {
            None => Ok(None),
            Some(Ok(next)) => Ok(Some(next)),
            Some(Err(error)) => Err(problem::message(&error, self.text)),
        }
    }

    /// The next event inside a list or mapping that is not yet closed.
    fn inner(&mut self) -> Result<(Event<'a>, Span), String> {
        self.next()?
            .ok_or_else(|| "yaml: found unexpected end of stream".to_owned())
    }

    fn node(&mut self, event: Event<'a>, depth: usize) -> Result<Value, String> {
        if depth > MAX_DEPTH {
            return Err("yaml: exceeded max depth".to_owned());
        }
        let (value, anchor) = match event {
            Event::Scalar(text, style, anchor, tag) => (scalar(&text, style, tag.as_deref())?, anchor),
            Event::SequenceStart(_, anchor, _) => (self.sequence(depth)?, anchor),
            Event::MappingStart(_, anchor, _) => (self.mapping(depth)?, anchor),
            Event::Alias(anchor) => (self.repeat(anchor)?, 0),
            Event::UnresolvedAlias(name) => return Err(format!("yaml: unknown anchor '{name}' referenced")),
            _ => return Err("yaml: did not find expected node content".to_owned()),
        };
        if anchor != 0 {
            self.anchors.insert(anchor, value.clone());
        }
        Ok(value)
    }

    fn sequence(&mut self, depth: usize) -> Result<Value, String> {
        let mut items = Vec::new();
        loop {
            match self.inner()?.0 {
                Event::SequenceEnd => return Ok(Value::Array(items)),
                event => items.push(self.node(event, depth + 1)?),
            }
        }
    }

    fn mapping(&mut self, depth: usize) -> Result<Value, String> {
        let mut entries = Map::new();
        let mut merged = Map::new();
        loop {
            let event = match self.inner()?.0 {
                Event::MappingEnd => break,
                event => event,
            };
            let merges = is_merge(&event);
            let key = self.node(event, depth + 1)?;
            let (event, span) = self.inner()?;
            let line = span.start.line();
            let value = self.node(event, depth + 1)?;
            if merges {
                merge(&mut merged, value)?;
                continue;
            }
            let (key, printed) = key_text(key, &value)?;
            if entries.insert(key, value).is_some() {
                self.duplicate_keys
                    .push(format!("line {line}: key {printed} already set in map"));
            }
        }
        for (key, value) in merged {
            entries.entry(key).or_insert(value);
        }
        Ok(Value::Object(entries))
    }

    fn repeat(&mut self, anchor: usize) -> Result<Value, String> {
        let value = self
            .anchors
            .get(&anchor)
            .ok_or("yaml: unknown anchor referenced")?;
        self.repeated += count(value);
        if self.repeated > MAX_REPEATED {
            return Err("yaml: document contains excessive aliasing".to_owned());
        }
        Ok(value.clone())
    }
}

/// How many values a tree holds, itself included.
fn count(value: &Value) -> usize {
    1 + match value {
        Value::Array(items) => items.iter().map(count).sum(),
        Value::Object(entries) => entries.values().map(count).sum(),
        _ => 0,
    }
}

fn is_merge(event: &Event<'_>) -> bool {
    matches!(event, Event::Scalar(text, ScalarStyle::Plain, _, None) if text == "<<")
}

/// Takes in what `<<` names: a mapping, or a list of mappings of which the first wins.
fn merge(into: &mut Map<String, Value>, value: Value) -> Result<(), String> {
    match value {
        Value::Object(entries) => {
            for (key, value) in entries {
                into.entry(key).or_insert(value);
            }
            Ok(())
        }
        Value::Array(items) if items.iter().all(Value::is_object) => {
            items.into_iter().try_for_each(|item| merge(into, item))
        }
        _ => Err("yaml: map merge requires map or sequence of maps as the value".to_owned()),
    }
}

/// A key as JSON has it, and as a message shows it.
fn key_text(key: Value, value: &Value) -> Result<(String, String), String> {
    match key {
        Value::String(text) => {
            let printed = meta::quote(&text);
            Ok((text, printed))
        }
        Value::Bool(_) | Value::Number(_) => Ok((key.to_string(), key.to_string())),
        Value::Null => Err(format!(
            "unsupported map key of type: %!s(<nil>), key: <nil>, value: {}",
            in_go(value)
        )),
        Value::Array(_) | Value::Object(_) => Err(format!("yaml: invalid map key: {}", in_go(&key))),
    }
}

/// A value in Go's syntax.
fn in_go(value: &Value) -> String {
    match value {
        Value::Null => "<nil>".to_owned(),
        Value::String(text) => meta::quote(text),
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(in_go).collect();
            format!("[]interface {{}}{{{}}}", items.join(", "))
        }
        Value::Object(fields) => {
            let fields = fields
                .iter()
                .map(|(name, field)| format!("{}:{}", meta::quote(name), in_go(field)));
            let fields: Vec<String> = fields.collect();
            format!("map[interface {{}}]interface {{}}{{{}}}", fields.join(", "))
        }
        scalar => scalar.to_string(),
    }
}

fn scalar(text: &str, style: ScalarStyle, tag: Option<&Tag>) -> Result<Value, String> {
    // Tags of an application's own say nothing about JSON.
    let tag = tag.map(|tag| tag.suffix_in_namespace(YAML_TAGS).unwrap_or(Cow::Borrowed("str")));
    let resolved = |text: &str| {
        let infinite = || {
            let shown = match text.as_bytes() {
                [b'-', ..] => "-Inf",
                [b'.', b'n' | b'N', ..] => "NaN",
                _ => "+Inf",
            };
            format!("json: unsupported value: {shown}")
        };
        resolve(text).ok_or_else(infinite)
    };
    match tag.as_deref() {
        None if style == ScalarStyle::Plain => resolved(text),
        None | Some("str" | "timestamp") => Ok(Value::from(text)),
        Some("binary") => {
            let bytes =
                base64::parse(text).map_err(|_| "yaml: !!binary value contains invalid base64 data")?;
            Ok(Value::String(String::from_utf8_lossy(&bytes).into_owned()))
        }
        Some(tag) => {
            let value = resolved(text)?;
            let fits = match tag {
                "int" => value.is_i64() || value.is_u64(),
                "float" => value.is_number(),
                "bool" => value.is_boolean(),
                "null" => value.is_null(),
                _ => true,
            };
            let shown = if value.is_string() { "str" } else { tag };
            fits.then_some(value)
                .ok_or_else(|| format!("yaml: cannot decode !!{shown} `{text}` as a !!{tag}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn yaml_becomes_json() {
        for (yaml, value) in [
            ("", json!(null)),
            ("# nothing\n", json!(null)),
            (
                "a: 1\nb: [x, 'y', \"z\"]\n",
                json!({"a": 1, "b": ["x", "y", "z"]}),
            ),
            (r#"{"a": {"b": null}}"#, json!({"a": {"b": null}})),
            (
                "on: yes\n5: x\n1.5: z\n",
                json!({"true": true, "5": "x", "1.5": "z"}),
            ),
            (
                "a: 'yes'\nb: !!str 5\nc: !!int '5'\n",
                json!({"a": "yes", "b": "5", "c": 5}),
            ),
            (
                "x: &x {a: [1]}\nz: *x\n",
                json!({"x": {"a": [1]}, "z": {"a": [1]}}),
            ),
            (
                "base: &b {a: 1, c: 3}\nthis: {<<: *b, a: 2}\n",
                json!({"base": {"a": 1, "c": 3}, "this": {"a": 2, "c": 3}}),
            ),
            ("z: |\n  two\n  lines\n", json!({"z": "two\nlines\n"})),
            ("a: 1\n---\nb: 2\n", json!({"a": 1})),
            ("a: !!binary aGk=\n", json!({"a": "hi"})),
        ] {
            assert_eq!(read(yaml), Ok((value, Vec::new())), "{yaml}");
        }
    }

    #[test]
    fn keys_that_are_there_twice_are_named() {
        for (yaml, value, messages) in [
            (
                "a: 1\nb:\n  k: x\n  k: y\n  k:\n    z\n",
                json!({"a": 1, "b": {"k": "z"}}),
                &[
                    "line 4: key \"k\" already set in map",
                    "line 6: key \"k\" already set in map",
                ][..],
            ),
            (
                "{5: 1, 5: 2}",
                json!({"5": 2}),
                &["line 1: key 5 already set in map"],
            ),
        ] {
            let messages = messages.iter().map(|message| (*message).to_owned()).collect();
            assert_eq!(read(yaml), Ok((value, messages)), "{yaml}");
        }
    }

    #[test]
    fn errors_read_as_upstreams() {
        for (yaml, message) in [
            (
                "apiVersion: v1\nkind: [\n",
                "yaml: line 2: did not find expected node content",
            ),
            (
                "apiVersion: v1\nkind: [ConfigMap\n",
                "yaml: line 2: did not find expected ',' or ']'",
            ),
            (
                "a: [b, c\nd: e\n",
                "yaml: line 1: did not find expected ',' or ']'",
            ),
            (r#"{"a":"#, "yaml: line 1: did not find expected node content"),
            ("a: b\nk", "yaml: line 3: could not find expected ':'"),
            ("a: b\nk\n", "yaml: line 3: could not find expected ':'"),
            ("a: b\nk\n\n#c\n", "yaml: line 5: could not find expected ':'"),
            ("a: b\nk\n\nc: d\n", "yaml: line 4: could not find expected ':'"),
            (
                "apiVersion: v1\nkind: ConfigMap\nmetadata:\n\tname: a\n",
                "yaml: line 4: found character that cannot start any token",
            ),
            (
                "a: b: c\n",
                "yaml: mapping values are not allowed in this context",
            ),
            (
                "a: 1\nb: c: d\n",
                "yaml: line 2: mapping values are not allowed in this context",
            ),
            ("a: *x\n", "yaml: unknown anchor 'x' referenced"),
            ("a: .inf\n", "json: unsupported value: +Inf"),
            ("a: -.Inf\n", "json: unsupported value: -Inf"),
            ("a: .nan\n", "json: unsupported value: NaN"),
            ("a: 1\nb: \"x\n", "yaml: line 3: found unexpected end of stream"),
            (
                "a: {null: d}\n",
                "unsupported map key of type: %!s(<nil>), key: <nil>, value: \"d\"",
            ),
            ("{[a]: b}\n", "yaml: invalid map key: []interface {}{\"a\"}"),
            ("a: !!int x\n", "yaml: cannot decode !!str `x` as a !!int"),
        ] {
            assert_eq!(read(yaml), Err(message.to_owned()), "{yaml}");
        }
    }

    #[test]
    fn bombs_are_refused() {
        let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for level in 1..10 {
            let aliases = vec![format!("*a{}", level - 1); 10].join(", ");
            bomb.push_str(&format!("a{level}: &a{level} [{aliases}]\n"));
        }
        assert_eq!(
            read(&bomb),
            Err("yaml: document contains excessive aliasing".to_owned())
        );
        for nested in ["[".repeat(10_000), "- ".repeat(10_000)] {
            assert!(read(&nested).is_err());
        }
    }
}
