//! The paths by which printer columns find their values: kubectl's JSONPath, without loops and recursion.

use serde_json::Value;

/// A path.
#[derive(Clone, Debug, PartialEq)]
pub struct JsonPath(Vec<Step>);

#[derive(Clone, Debug, PartialEq)]
enum Step {
    Field(String),
    Index(i64),
    Slice(Option<i64>, Option<i64>),
    Every,
    Where { path: JsonPath, test: Test },
}

#[derive(Clone, Debug, PartialEq)]
enum Test {
    Exists,
    Compares(Comparison, Value),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// The longest first, so that none is taken for the beginning of another.
const COMPARISONS: [(&str, Comparison); 6] = [
    ("==", Comparison::Equal),
    ("!=", Comparison::NotEqual),
    ("<=", Comparison::LessOrEqual),
    (">=", Comparison::GreaterOrEqual),
    ("<", Comparison::Less),
    (">", Comparison::Greater),
];

impl JsonPath {
    /// Reads `.spec.list[0]`, `.status.conditions[?(@.type=="Ready")].status`, `.metadata.annotations.example\.com/x`. None if
    /// it is no path.
    pub fn parse(text: &str) -> Option<Self> {
        let mut rest = text.trim();
        if let Some(inner) = rest.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
            rest = inner.trim();
        }
        rest = rest.strip_prefix(['$', '@']).unwrap_or(rest);
        let mut steps = Vec::new();
        while !rest.is_empty() {
            let step;
            (step, rest) = next_step(rest)?;
            steps.extend(step);
        }
        Some(Self(steps))
    }

    /// The values it leads to, in order.
    pub fn find<'a>(&self, object: &'a Value) -> Vec<&'a Value> {
        let mut found = vec![object];
        for step in &self.0 {
            found = found.into_iter().flat_map(|value| step.from(value)).collect();
        }
        found
    }

    /// The names of a path that is nothing but fields.
    pub fn fields(&self) -> Option<Vec<&str>> {
        let names = self.0.iter().map(|step| match step {
            Step::Field(name) => Some(name.as_str()),
            _ => None,
        });
        names.collect()
    }
}

/// The steps that a path begins with (none for a lone dot), and what follows.
fn next_step(path: &str) -> Option<(Vec<Step>, &str)> {
    if let Some(rest) = path.strip_prefix('[') {
        let end = closing(rest)?;
        let inside = rest[..end].trim();
        let steps = match inside.strip_prefix('\'').and_then(|name| name.strip_suffix('\'')) {
            // As kubectl reads it, what is quoted is a path too: `['a\.b/c']`.
            Some(name) => JsonPath::parse(&format!(".{name}"))?.0,
            None => vec![in_brackets(inside)?],
        };
        return Some((steps, &rest[end + 1..]));
    }
    let rest = path.strip_prefix('.').unwrap_or(path);
    if rest.starts_with('.') {
        return None;
    }
    let (name, rest) = field(rest);
    let step = match name.as_str() {
        "" => vec![],
        "*" => vec![Step::Every],
        _ => vec![Step::Field(name)],
    };
    Some((step, rest))
}

/// A name up to the next dot or bracket that no backslash protects.
fn field(path: &str) -> (String, &str) {
    let mut name = String::new();
    let mut characters = path.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '.' | '[' => return (name, &path[at..]),
            '\\' => name.extend(characters.next().map(|(_, escaped)| escaped)),
            _ => name.push(character),
        }
    }
    (name, "")
}

/// Where the bracket closes that was opened before.
fn closing(text: &str) -> Option<usize> {
    let (mut depth, mut quote) = (1, None);
    for (at, character) in text.char_indices() {
        match (quote, character) {
            (Some(open), _) if open == character => quote = None,
            (Some(_), _) => {}
            (None, '\'' | '"') => quote = Some(character),
            (None, '[') => depth += 1,
            (None, ']') if depth == 1 => return Some(at),
            (None, ']') => depth -= 1,
            (None, _) => {}
        }
    }
    None
}

fn in_brackets(text: &str) -> Option<Step> {
    if text == "*" {
        return Some(Step::Every);
    }
    if let Some(name) = unquoted(text) {
        return Some(Step::Field(name));
    }
    if let Some(filter) = text.strip_prefix("?(").and_then(|text| text.strip_suffix(')')) {
        return filter_step(filter);
    }
    let number = |text: &str| match text.trim() {
        "" => Some(None),
        number => number.parse().ok().map(Some),
    };
    match text.split_once(':') {
        Some((from, to)) => Some(Step::Slice(number(from)?, number(to)?)),
        None => text.parse().ok().map(Step::Index),
    }
}

fn filter_step(text: &str) -> Option<Step> {
    let operator = COMPARISONS
        .iter()
        .filter_map(|(sign, comparison)| Some((text.find(sign)?, *sign, *comparison)))
        .min_by_key(|(at, sign, _)| (*at, usize::MAX - sign.len()));
    let Some((at, sign, comparison)) = operator else {
        let path = JsonPath::parse(text)?;
        return Some(Step::Where {
            path,
            test: Test::Exists,
        });
    };
    let operand = text[at + sign.len()..].trim();
    let operand = match unquoted(operand) {
        Some(text) => Value::String(text),
        None => serde_json::from_str(operand).ok()?,
    };
    Some(Step::Where {
        path: JsonPath::parse(&text[..at])?,
        test: Test::Compares(comparison, operand),
    })
}

fn unquoted(text: &str) -> Option<String> {
    let inner = ['\'', '"']
        .iter()
        .find_map(|quote| text.strip_prefix(*quote)?.strip_suffix(*quote))?;
    Some(inner.to_owned())
}

impl Step {
    fn from<'a>(&self, value: &'a Value) -> Vec<&'a Value> {
        let items = value.as_array().map_or(&[][..], Vec::as_slice);
        match self {
            Self::Field(name) => value.get(name).into_iter().collect(),
            Self::Index(index) => place(*index, items.len())
                .and_then(|at| items.get(at))
                .into_iter()
                .collect(),
            Self::Slice(from, to) => {
                let bound = |bound: i64| place(bound, items.len()).unwrap_or(0).min(items.len());
                let (from, to) = (from.map_or(0, bound), to.map_or(items.len(), bound));
                items.get(from..to).into_iter().flatten().collect()
            }
            Self::Every => match value {
                Value::Array(items) => items.iter().collect(),
                Value::Object(fields) => fields.values().collect(),
                _ => Vec::new(),
            },
            Self::Where { path, test } => items.iter().filter(|item| test.holds(path.find(item))).collect(),
        }
    }
}

/// A place in a list; negative ones count from its end.
fn place(index: i64, length: usize) -> Option<usize> {
    let length = i64::try_from(length).ok()?;
    usize::try_from(if index < 0 { index + length } else { index }).ok()
}

impl Test {
    fn holds(&self, found: Vec<&Value>) -> bool {
        match self {
            Self::Exists => !found.is_empty(),
            Self::Compares(comparison, wanted) => {
                found.first().is_some_and(|found| comparison.holds(found, wanted))
            }
        }
    }
}

impl Comparison {
    fn holds(self, found: &Value, wanted: &Value) -> bool {
        use std::cmp::Ordering::{Equal, Greater, Less};
        let ordering = match (found, wanted) {
            (Value::String(found), Value::String(wanted)) => Some(found.cmp(wanted)),
            (Value::Number(found), Value::Number(wanted)) => found
                .as_f64()
                .zip(wanted.as_f64())
                .and_then(|(found, wanted)| found.partial_cmp(&wanted)),
            (Value::Bool(found), Value::Bool(wanted)) => Some(found.cmp(wanted)),
            _ => None,
        };
        match (self, ordering) {
            (Self::NotEqual, None) => true,
            (_, None) => false,
            (Self::Equal, Some(ordering)) => ordering == Equal,
            (Self::NotEqual, Some(ordering)) => ordering != Equal,
            (Self::Less, Some(ordering)) => ordering == Less,
            (Self::LessOrEqual, Some(ordering)) => ordering != Greater,
            (Self::Greater, Some(ordering)) => ordering == Greater,
            (Self::GreaterOrEqual, Some(ordering)) => ordering != Less,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn paths_lead_to_values() {
        let object = json!({
            "spec": {"list": ["a", "b", "c"], "n": 5, "a.b": "dotted"},
            "metadata": {"annotations": {"example.com/x": "y"}},
            "status": {"conditions": [{"type": "Ready", "status": "True", "n": 1}, {"type": "Other", "n": 2}]},
        });
        for (path, expected) in [
            (".spec.n", json!([5])),
            ("spec.n", json!([5])),
            ("{.spec.n}", json!([5])),
            ("$.spec.n", json!([5])),
            (".spec.list[0]", json!(["a"])),
            (".spec.list[-1]", json!(["c"])),
            (".spec.list[1:]", json!(["b", "c"])),
            (".spec.list[:2]", json!(["a", "b"])),
            (".spec.list[7]", json!([])),
            (".spec.list[*]", json!(["a", "b", "c"])),
            (".spec['a\\.b']", json!(["dotted"])),
            (".spec['a.b']", json!([])),
            (".spec[\"n\"]", json!([5])),
            (r".metadata.annotations.example\.com/x", json!(["y"])),
            (
                r#".status.conditions[?(@.type=="Ready")].status"#,
                json!(["True"]),
            ),
            (".status.conditions[?(@.type=='Other')].n", json!([2])),
            (".status.conditions[?(@.n>1)].type", json!(["Other"])),
            (".status.conditions[?(@.status)].type", json!(["Ready"])),
            (".status.conditions[*].type", json!(["Ready", "Other"])),
            (".none.such", json!([])),
            (".spec.n.deeper", json!([])),
        ] {
            let parsed = JsonPath::parse(path).unwrap_or_else(|| panic!("{path}"));
            assert_eq!(json!(parsed.find(&object)), expected, "{path}");
        }
        for wrong in [".a[", "..a", ".a[x]", ".a[?(@.b==)]"] {
            assert_eq!(JsonPath::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn plain_paths_are_fields() {
        let fields = |text: &str| {
            let path = JsonPath::parse(text)?;
            path.fields()
                .map(|fields| fields.iter().map(|field| (*field).to_owned()).collect::<Vec<_>>())
        };
        assert_eq!(fields(".spec.a"), Some(vec!["spec".to_owned(), "a".to_owned()]));
        assert_eq!(fields(".spec.a[0]"), None);
    }
}
