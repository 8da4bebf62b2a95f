//! Values as messages of a failed check name them.

use serde_json::Value;

use crate::strategic::printed;

/// `&{[a]}`: a value as upstream's wrapper prints it.
pub(super) fn shown(value: &Value) -> String {
    format!("&{{{}}}", printed(value))
}

/// `&value.valueUnstructured{Value:5}`: the same in Go's syntax.
pub(super) fn declared(value: &Value) -> String {
    format!("&value.valueUnstructured{{Value:{}}}", go_syntax(value))
}

/// The type Go has for it.
pub(super) fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "<nil>",
        Value::Bool(_) => "bool",
        Value::Number(number) if number.is_f64() => "float64",
        Value::Number(_) => "int64",
        Value::String(_) => "string",
        Value::Array(_) => "[]interface {}",
        Value::Object(_) => "map[string]interface {}",
    }
}

fn go_syntax(value: &Value) -> String {
    match value {
        Value::Null => String::from("interface {}(nil)"),
        Value::String(text) => meta::quote(text),
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(go_syntax).collect();
            format!("[]interface {{}}{{{}}}", items.join(", "))
        }
        Value::Object(fields) => {
            let fields = fields
                .iter()
                .map(|(name, field)| format!("{}:{}", meta::quote(name), go_syntax(field)));
            let fields: Vec<String> = fields.collect();
            format!("map[string]interface {{}}{{{}}}", fields.join(", "))
        }
        scalar => printed(scalar),
    }
}
