//! What kind of stream is asked for, as an object: upstream has a kind for the query of each.

use meta::GroupVersionKind;
use schema::SchemaRef;
use schema::Shape;
use serde_json::{Map, Value};

use crate::query::{Query, is_true};

/// The field that the path below a proxied object stands in.
const PATH: &str = "path";
/// Streams that are wanted unless the client says otherwise.
const BY_DEFAULT: [&str; 2] = ["stdout", "stderr"];

/// The query and the path below the subresource as an object of `kind`, whose type `schema` is.
pub(super) fn to_object(kind: &GroupVersionKind, schema: SchemaRef<'_>, path: &str, query: &Query) -> Value {
    let mut object = Map::new();
    object.insert("kind".to_owned(), kind.kind.as_ref().into());
    object.insert("apiVersion".to_owned(), kind.api_version().into());
    for (name, field) in schema.fields() {
        let value = match (name, field.shape()) {
            ("kind" | "apiVersion" | "metadata", _) => None,
            (PATH, _) => Some(path).filter(|path| !path.is_empty()).map(Value::from),
            (_, Shape::Bool) => {
                let wanted = query.first(name).map_or(BY_DEFAULT.contains(&name), is_true);
                wanted.then_some(Value::Bool(true))
            }
            (_, Shape::List) => list(name, field, query),
            _ => query.first(name).filter(|text| !text.is_empty()).map(Value::from),
        };
        if let Some(value) = value {
            object.insert(name.to_owned(), value);
        }
    }
    Value::Object(object)
}

fn list(name: &str, field: SchemaRef<'_>, query: &Query) -> Option<Value> {
    let is_text = field
        .element()
        .is_none_or(|element| element.shape() == Shape::String);
    let item = |text: &str| match text.parse::<i64>() {
        Ok(number) if !is_text => number.into(),
        _ => text.into(),
    };
    let items: Vec<Value> = query.all(name).map(item).collect();
    (!items.is_empty()).then_some(Value::Array(items))
}

/// The way back, for options that admission has changed: the path and the query.
pub(super) fn to_query(object: &Value) -> (String, Vec<(String, String)>) {
    let mut path = String::new();
    let mut query = Vec::new();
    for (name, value) in object.as_object().into_iter().flatten() {
        match (name.as_str(), value) {
            ("kind" | "apiVersion" | "metadata", _) => {}
            (PATH, _) => path = text(value),
            (_, Value::Array(items)) => query.extend(items.iter().map(|item| (name.clone(), text(item)))),
            (_, value) => query.push((name.clone(), text(value))),
        }
    }
    for name in BY_DEFAULT {
        // What is left out would be taken for wanted.
        if object.get(name).is_none() && object.get("container").is_some() {
            query.push((name.to_owned(), "false".to_owned()));
        }
    }
    (path, query)
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(kind: &'static str, path: &str, query: &str) -> Value {
        let kind = GroupVersionKind::new("", "v1", kind);
        let schema = schema::builtin(&kind).expect("a known kind");
        to_object(&kind, schema, path, &Query::parse(Some(query)))
    }

    #[test]
    fn queries_are_objects() {
        assert_eq!(
            object(
                "PodExecOptions",
                "",
                "command=sh&command=-c&container=c&stdin=1&stderr=false"
            ),
            json!({
                "kind": "PodExecOptions", "apiVersion": "v1", "command": ["sh", "-c"], "container": "c", "stdin": true,
                "stdout": true,
            })
        );
        assert_eq!(
            object("PodPortForwardOptions", "", "ports=80&ports=81"),
            json!({"kind": "PodPortForwardOptions", "apiVersion": "v1", "ports": [80, 81]})
        );
        assert_eq!(
            object("ServiceProxyOptions", "/a/b", "path=c"),
            json!({"kind": "ServiceProxyOptions", "apiVersion": "v1", "path": "/a/b"})
        );
    }

    #[test]
    fn objects_are_queries() {
        let (path, query) = to_query(&json!({
            "kind": "PodExecOptions", "apiVersion": "v1", "command": ["a", "b"], "container": "c", "stdout": true,
        }));
        let pairs: Vec<String> = query
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        assert_eq!(path, "");
        assert_eq!(
            pairs,
            [
                "command=a",
                "command=b",
                "container=c",
                "stdout=true",
                "stderr=false"
            ]
        );
    }
}
