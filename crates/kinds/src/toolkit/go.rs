//! Values as upstream prints them in messages about whole structures.
//!
//! Structures of the API's own vocabulary (label selectors, owner references) are printed as JSON in the order of their
//! declaration. All others are printed as Go holds them: every field, by its name in Go, what is not there as `null`.

pub mod names;
mod order;

use schema::{SchemaRef, Shape};
use serde_json::Value;

/// The value at a position of the type table, on one line. What is not known to the table is printed as JSON.
pub fn printed(value: Option<&Value>, schema: Option<SchemaRef>) -> String {
    let mut out = String::new();
    Node::of(value, schema).write(&mut out);
    out
}

/// The same with a line for each part, indented by one space.
pub fn indented(value: &Value, schema: Option<SchemaRef>) -> Vec<String> {
    let mut out = String::new();
    Node::of(Some(value), schema).write_indented(&mut out, 0);
    out.split('\n').map(str::to_owned).collect()
}

/// The same for some fields of an object only, in the given order.
pub fn indented_fields(value: &Value, schema: Option<SchemaRef>, names: &[&str]) -> Vec<String> {
    let fields = names
        .iter()
        .filter_map(|&name| Some((name, schema?.field(name)?)));
    let mut out = String::new();
    Node::structure("", Some(value), fields).write_indented(&mut out, 0);
    out.split('\n').map(str::to_owned).collect()
}

const POD_SPEC: &str = "io.k8s.api.core.v1.PodSpec";

/// What is to be printed, in order.
enum Node {
    Text(String),
    List(Vec<Node>),
    Object(Vec<(String, Node)>),
}

impl Node {
    fn of(value: Option<&Value>, schema: Option<SchemaRef>) -> Self {
        let value = value.filter(|v| !v.is_null());
        match schema {
            Some(schema) => Self::typed(value, schema),
            None => Self::Text(value.map_or_else(|| "null".to_owned(), Value::to_string)),
        }
    }

    fn typed(value: Option<&Value>, schema: SchemaRef) -> Self {
        let text = |text: &str| Self::Text(text.to_owned());
        match (value, schema.shape()) {
            (None, _) if schema.is_pointer() => text("null"),
            (None, Shape::Bool) => text("false"),
            (None, Shape::Int32 | Shape::Int64 | Shape::Float64 | Shape::IntOrString) => text("0"),
            (None, Shape::String) => text("\"\""),
            (None, Shape::Quantity) => text("\"0\""),
            (None, Shape::Duration) => text("\"0s\""),
            (_, Shape::Object) => match schema.openapi_name() {
                Some(name) if is_vocabulary(&name) => Self::vocabulary(value, schema),
                Some(name) if name == POD_SPEC => Self::pod_spec(value, schema),
                name => Self::structure(short(name.as_deref()), value, schema.fields()),
            },
            (Some(Value::Array(items)), Shape::List) => Self::List(
                items
                    .iter()
                    .map(|item| Self::of(Some(item), schema.element()))
                    .collect(),
            ),
            (Some(Value::Object(entries)), Shape::Map) => Self::Object(
                entries
                    .iter()
                    .map(|(key, value)| (key.clone(), Self::of(Some(value), schema.element())))
                    .collect(),
            ),
            (None, _) => text("null"),
            (Some(value), _) => Self::Text(value.to_string()),
        }
    }

    fn vocabulary(value: Option<&Value>, schema: SchemaRef) -> Self {
        let there = schema.fields().filter_map(|(name, field)| {
            let value = value?.get(name)?;
            (!value.is_null() && !field.leaves_out(value)).then_some((name, value, field))
        });
        Self::Object(
            there
                .map(|(name, value, field)| (name.to_owned(), Self::typed(Some(value), field)))
                .collect(),
        )
    }

    /// All fields of a type, whose name is `owner`.
    fn structure<'a>(
        owner: &str,
        value: Option<&Value>,
        fields: impl Iterator<Item = (&'a str, SchemaRef<'a>)>,
    ) -> Self {
        let mut printed = Vec::new();
        for (name, field) in fields {
            let value = value.and_then(|v| v.get(name));
            // Metadata is embedded: its fields stand among the others.
            if name == "metadata"
                && let Self::Object(of_metadata) = Self::vocabulary(value, field)
            {
                printed.extend(of_metadata);
            } else {
                printed.push((names::of_field(owner, name), Self::of(value, Some(field))));
            }
        }
        for (before, name) in order::moved(owner) {
            move_after(&mut printed, before, name);
        }
        Self::Object(printed)
    }

    /// Upstream holds what concerns the host's namespaces in the security context.
    fn pod_spec(value: Option<&Value>, schema: SchemaRef) -> Self {
        const MOVED: [&str; 5] = [
            "hostNetwork",
            "hostPID",
            "hostIPC",
            "shareProcessNamespace",
            "hostUsers",
        ];
        let moved = MOVED.iter().filter_map(|&name| Some((name, schema.field(name)?)));
        let security = value
            .and_then(|v| v.get("securityContext"))
            .filter(|v| !v.is_null());
        let mut context = Self::structure("", value, moved);
        if let (Self::Object(context), Some(of)) = (&mut context, schema.field("securityContext"))
            && let Self::Object(own) = Self::structure("PodSecurityContext", security, of.fields())
        {
            context.extend(own);
        }
        let rest = schema
            .fields()
            .filter(|(name, _)| !MOVED.contains(name) && *name != "serviceAccount");
        let mut spec = Self::structure("PodSpec", value, rest);
        if let Self::Object(fields) = &mut spec
            && let Some((_, place)) = fields.iter_mut().find(|(name, _)| name == "SecurityContext")
        {
            *place = context;
        }
        spec
    }

    fn write(&self, out: &mut String) {
        let mut between = "";
        match self {
            Self::Text(text) => out.push_str(text),
            Self::List(items) => {
                out.push('[');
                for item in items {
                    out.push_str(between);
                    between = ",";
                    item.write(out);
                }
                out.push(']');
            }
            Self::Object(fields) => {
                out.push('{');
                for (name, value) in fields {
                    out.push_str(between);
                    between = ",";
                    name_to(out, name);
                    out.push(':');
                    value.write(out);
                }
                out.push('}');
            }
        }
    }

    fn write_indented(&self, out: &mut String, depth: usize) {
        let line = |out: &mut String, depth: usize| {
            out.push('\n');
            out.extend(std::iter::repeat_n(' ', depth));
        };
        let mut between = "";
        match self {
            Self::Text(text) => out.push_str(text),
            Self::List(items) if items.is_empty() => out.push_str("[]"),
            Self::Object(fields) if fields.is_empty() => out.push_str("{}"),
            Self::List(items) => {
                out.push('[');
                for item in items {
                    out.push_str(between);
                    between = ",";
                    line(out, depth + 1);
                    item.write_indented(out, depth + 1);
                }
                line(out, depth);
                out.push(']');
            }
            Self::Object(fields) => {
                out.push('{');
                for (name, value) in fields {
                    out.push_str(between);
                    between = ",";
                    line(out, depth + 1);
                    name_to(out, name);
                    out.push_str(": ");
                    value.write_indented(out, depth + 1);
                }
                line(out, depth);
                out.push('}');
            }
        }
    }
}

/// Moves a field behind another, or to the front.
fn move_after(fields: &mut Vec<(String, Node)>, before: &str, name: &str) {
    let place = |wanted: &str| fields.iter().position(|(name, _)| name == wanted);
    let Some(from) = place(name) else {
        return;
    };
    let to = match place(before) {
        Some(to) if from < to => to,
        Some(to) => to + 1,
        None => 0,
    };
    let field = fields.remove(from);
    fields.insert(to, field);
}

/// The name of a type without its group and version.
fn short(openapi_name: Option<&str>) -> &str {
    openapi_name.map_or("", |name| name.rsplit('.').next().unwrap_or(name))
}

fn name_to(out: &mut String, name: &str) {
    out.push_str(&Value::from(name).to_string());
}

fn is_vocabulary(name: &str) -> bool {
    name.starts_with("io.k8s.apimachinery.")
}

#[cfg(test)]
mod tests {
    use super::*;
    use meta::GroupVersionKind;
    use serde_json::json;

    fn at(kind: &'static str, path: &[&str]) -> Option<SchemaRef<'static>> {
        let mut schema = schema::builtin(&GroupVersionKind::new("", "v1", kind))?;
        for field in path {
            schema = if *field == "*" {
                schema.element()?
            } else {
                schema.field(field)?
            };
        }
        Some(schema)
    }

    #[test]
    fn structures_are_printed_as_go_holds_them() {
        let taint = json!({"key": "a", "value": "b", "effect": "NoSchedule"});
        assert_eq!(
            printed(Some(&taint), at("Node", &["spec", "taints", "*"])),
            r#"{"Key":"a","Value":"b","Effect":"NoSchedule","TimeAdded":null}"#
        );
        let port = json!({"protocol": "TCP", "port": 80});
        assert_eq!(
            printed(Some(&port), at("Service", &["spec", "ports", "*"])),
            r#"{"Name":"","Protocol":"TCP","AppProtocol":null,"Port":80,"TargetPort":0,"NodePort":0}"#
        );
    }

    #[test]
    fn some_fields_stand_elsewhere() {
        let volume = printed(Some(&json!({"name": "v"})), at("Pod", &["spec", "volumes", "*"]));
        assert!(
            volume.contains(r#""RBD":null,"Quobyte":null,"FlexVolume""#),
            "{volume}"
        );
        let service = printed(Some(&json!({})), at("Service", &["spec"]));
        assert!(service.starts_with(r#"{"Type":"","Ports":null,"#), "{service}");
    }

    #[test]
    fn vocabulary_is_printed_as_json_in_order() {
        let selector = json!({"matchExpressions": [{"values": ["x"], "operator": "In", "key": "k"}], "matchLabels": {"a": "b"}});
        assert_eq!(
            printed(
                Some(&selector),
                at("PersistentVolumeClaim", &["spec", "selector"])
            ),
            r#"{"matchLabels":{"a":"b"},"matchExpressions":[{"key":"k","operator":"In","values":["x"]}]}"#
        );
    }
}
