//! What Go says of a JSON value where it wanted another type.

use serde_json::Value;

/// `json: cannot unmarshal array into Go value of type string`: `wanted` is what stands behind "into Go".
pub fn misfit(value: &Value, wanted: &str) -> String {
    let found = match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    format!("json: cannot unmarshal {found} into Go {wanted}")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_are_named_as_json_names_them() {
        for (value, found) in [
            (json!(null), "null"),
            (json!(true), "bool"),
            (json!(1.5), "number"),
            (json!(""), "string"),
            (json!([]), "array"),
            (json!({}), "object"),
        ] {
            let said = misfit(&value, "value of type int");
            assert_eq!(
                said,
                format!("json: cannot unmarshal {found} into Go value of type int")
            );
        }
    }
}
