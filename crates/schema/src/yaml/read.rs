//! From YAML's events to a JSON tree.

use std::borrow::Cow;
use std::collections::HashMap;

use granit_parser::{Event, Options, Parser, ScalarStyle, Span, StrInput, StructureStyle, Tag};
use serde_json::{Map, Value};

use super::indentation::Tabs;
use super::problem;
use super::resolve::{resolve, tag_of};
use crate::forms::base64;

/// Nesting beyond that is refused, as in JSON.
const MAX_DEPTH: usize = 127;

/// Aliases may repeat no more values than that: a small text could else become a huge tree.
const MAX_REPEATED: usize = 100_000;

/// What `!!` stands for.
const YAML_TAGS: &str = "tag:yaml.org,2002:";

/// The first document in `text` and a message for each key that is there twice.
pub(super) fn read(text: &str) -> Result<(Value, Vec<String>), String> {
    problem::directives(text)?;
    let mut options = Options::default();
    options.emit_comments = false;
    options.emit_unresolved_aliases = true;
    let mut reader = Reader {
        text,
        events: Parser::new_from_str_with_options(text, options),
        anchors: HashMap::new(),
        repeated: 0,
        duplicate_keys: Vec::new(),
        tabs: Tabs::of(text),
        open: Vec::new(),
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
    tabs: Option<Tabs<'a>>,
    /// The lists and mappings that are open.
    open: Vec<Open>,
}

/// A list or mapping.
#[derive(Clone, Copy)]
struct Open {
    is_in_brackets: bool,
    /// How far its lines are indented.
    column: usize,
}

impl<'a> Reader<'a> {
    fn document(&mut self) -> Result<Value, String> {
        loop {
            match self.next()? {
                None | Some((Event::StreamEnd, _)) => return Ok(Value::Null),
                Some((Event::StreamStart | Event::DocumentStart(..), _)) => {}
                Some((event, span)) => {
                    let value = self.node((event, span), 0)?;
                    // What comes next may show that the document was not over.
                    self.next()?;
                    return Ok(value);
                }
            }
        }
    }

    fn next(&mut self) -> Result<Option<(Event<'a>, Span)>, String> {
        match self.events.next() {
            None => Ok(None),
            Some(Ok((event, span))) => {
                self.check_tabs(&event, &span)?;
                Ok(Some((event, span)))
            }
            Some(Err(error)) => Err(problem::message(&error, self.text)),
        }
    }

    /// The next event inside a list or mapping that is not yet closed.
    fn inner(&mut self) -> Result<(Event<'a>, Span), String> {
        self.next()?
            .ok_or_else(|| "yaml: found unexpected end of stream".to_owned())
    }

    fn check_tabs(&mut self, event: &Event<'a>, span: &Span) -> Result<(), String> {
        let Some(tabs) = &mut self.tabs else {
            return Ok(());
        };
        if matches!(event, Event::StreamStart | Event::DocumentStart(..)) {
            return Ok(());
        }
        let within = self.open.last();
        let begins = matches!(
            event,
            Event::Scalar(..) | Event::Alias(_) | Event::SequenceStart(..) | Event::MappingStart(..)
        );
        match within.is_some_and(|within| within.is_in_brackets) {
            false if begins => tabs.reach(span)?,
            _ => tabs.pass(span),
        }
        match event {
            Event::Scalar(text, ScalarStyle::Plain, ..) if !text.is_empty() => {
                tabs.after_plain(span, within.map_or(0, |within| within.column + 1))
            }
            _ => Ok(()),
        }
    }

    /// Reads what is in a list or mapping that begins there.
    fn within(
        &mut self,
        style: StructureStyle,
        span: &Span,
        read: impl FnOnce(&mut Self) -> Result<Value, String>,
    ) -> Result<Value, String> {
        let is_in_brackets = matches!(style, StructureStyle::Flow);
        let column = match self.open.last() {
            Some(around) if is_in_brackets => around.column,
            _ => span.start.col(),
        };
        self.open.push(Open {
            is_in_brackets,
            column,
        });
        let value = read(self)?;
        self.open.pop();
        Ok(value)
    }

    fn node(&mut self, (event, span): (Event<'a>, Span), depth: usize) -> Result<Value, String> {
        if depth > MAX_DEPTH {
            return Err("yaml: exceeded max depth".to_owned());
        }
        let (value, anchor) = match event {
            Event::Scalar(text, style, anchor, tag) => (scalar(&text, style, tag.as_deref())?, anchor),
            Event::SequenceStart(style, anchor, _) => {
                let value = self.within(style, &span, |reader| reader.sequence(depth))?;
                (value, anchor)
            }
            Event::MappingStart(style, anchor, _) => {
                let value = self.within(style, &span, |reader| reader.mapping(depth))?;
                (value, anchor)
            }
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
            match self.inner()? {
                (Event::SequenceEnd, _) => return Ok(Value::Array(items)),
                next => items.push(self.node(next, depth + 1)?),
            }
        }
    }

    fn mapping(&mut self, depth: usize) -> Result<Value, String> {
        let mut entries = Map::new();
        let mut merged = Map::new();
        loop {
            let (event, span) = match self.inner()? {
                (Event::MappingEnd, _) => break,
                next => next,
            };
            let merges = is_merge(&event);
            self.check_key(&span)?;
            let key = self.node((event, span), depth + 1)?;
            let (event, span) = self.inner()?;
            let line = span.start.line();
            let value = self.node((event, span), depth + 1)?;
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

    /// A line that begins with a colon has no key, outside of brackets.
    fn check_key(&self, span: &Span) -> Result<(), String> {
        let is_empty = span.start.index() == span.end.index();
        let is_in_brackets = self.open.last().is_some_and(|within| within.is_in_brackets);
        match is_empty && !is_in_brackets && problem::begins_with_colon(self.text, span.start) {
            true => Err(problem::no_key(span.start)),
            false => Ok(()),
        }
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
        Some("timestamp") if !text.starts_with(|first: char| first.is_ascii_digit()) => {
            Err(format!("yaml: cannot decode !!str `{text}` as a !!timestamp"))
        }
        None | Some("str" | "timestamp") => Ok(Value::from(text)),
        Some("binary") => {
            let bytes =
                base64::parse(text).map_err(|_| "yaml: !!binary value contains invalid base64 data")?;
            Ok(Value::String(String::from_utf8_lossy(&bytes).into_owned()))
        }
        Some(tag) => {
            let value = resolved(text)?;
            let shown = tag_of(text);
            let fits = match tag {
                "float" => matches!(shown, "int" | "float"),
                "int" | "bool" | "null" => shown == tag,
                _ => true,
            };
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
            ("a: !!int 1.0\n", "yaml: cannot decode !!float `1.0` as a !!int"),
            ("a: !!bool 1\n", "yaml: cannot decode !!int `1` as a !!bool"),
            (
                "a: !!timestamp x\n",
                "yaml: cannot decode !!str `x` as a !!timestamp",
            ),
            (
                "a:b\nc:d\ne:\n  f:g\n",
                "yaml: line 3: mapping values are not allowed in this context",
            ),
            ("a: 1\nb: \"a\"b\n", "yaml: line 1: did not find expected key"),
            (
                "a: 1\nb: {\"a\" \"b\"}\n",
                "yaml: line 1: did not find expected ',' or '}'",
            ),
            ("a: 1\nb: \n  : c\n", "yaml: line 2: did not find expected key"),
            (
                "a: 1\nb: [,]\n",
                "yaml: line 1: did not find expected node content",
            ),
            ("a: 1\n}\n", "yaml: line 1: did not find expected key"),
            ("a: 1\nb: ,\n", "yaml: line 1: did not find expected node content"),
            ("a: 1\n{}\n", "yaml: line 1: did not find expected key"),
            (
                "a: 1\nb: {c: [d}\n",
                "yaml: line 1: did not find expected ',' or ']'",
            ),
            (
                "a: 1\nb: [c, }\n",
                "yaml: line 1: did not find expected node content",
            ),
            (
                "a: 1\nb\n  c\nd: e\n",
                "yaml: line 4: could not find expected ':'",
            ),
            ("a: 1\nb: !!\n", "yaml: line 2: did not find expected tag URI"),
            ("a: 1\nb: |9\n  x\n", "yaml: line 2: did not find expected key"),
            (
                "%YAML x\n---\na: b\n",
                "yaml: did not find expected version number",
            ),
            ("%YAML 1.2\n---\na: b\n", "yaml: found incompatible YAML document"),
            ("%FOO x\n---\na: b\n", "yaml: found unknown directive name"),
        ] {
            assert_eq!(read(yaml), Err(message.to_owned()), "{yaml}");
        }
    }

    #[test]
    fn lines_begin_with_no_tabs() {
        for yaml in [
            "a: {\n \t\"b\": 1\n}\n",
            "{\n\t\"b\": 1\n}\n",
            "a: \"b\n\tc\"\n",
            "a: |\n  b\n  \tc\n",
            "a: 1\t\nb:\t2\n",
            "a:\n- b\n\n- c\n# \t\n",
        ] {
            assert!(read(yaml).is_ok(), "{yaml}");
        }
        for (yaml, message) in [
            (
                "a:\n  b: c\n\t\n",
                "yaml: line 3: found a tab character that violates indentation",
            ),
            (
                "a:\n  b: c\n\td: e\n",
                "yaml: line 3: found a tab character that violates indentation",
            ),
            ("\ta: b\n", "yaml: found character that cannot start any token"),
            (
                "a: |\n\tb\n",
                "yaml: line 2: found a tab character where an indentation space is expected",
            ),
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
