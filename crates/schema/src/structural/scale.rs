//! Where custom resources keep what their scale is (`subresources.scale`).

use meta::{ErrorList, FieldError, Path};
use serde_json::Value;

/// The paths of a definition: `.spec.replicas`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ScalePaths {
    /// How many are wanted.
    pub spec_replicas: String,
    /// How many there are.
    pub status_replicas: String,
    /// The selector, as text.
    pub label_selector: Option<String>,
}

impl ScalePaths {
    /// What is wrong with the wanted number.
    pub fn validate_spec(&self, object: &Value) -> ErrorList {
        replicas(object, &self.spec_replicas)
    }

    /// What is wrong with the number there is, and with the selector.
    pub fn validate_status(&self, object: &Value) -> ErrorList {
        let mut errors = replicas(object, &self.status_replicas);
        if let Some(path) = &self.label_selector
            && let Err(problem) = text_at(object, path)
        {
            errors.push(FieldError::invalid(&Path::new(path.as_str()), "", &problem));
        }
        errors
    }
}

fn replicas(object: &Value, path: &str) -> ErrorList {
    let place = Path::new(path);
    let error = match integer_at(object, path) {
        Err(problem) => FieldError::invalid(&place, 0, &problem),
        Ok(Some(number)) if number < 0 => {
            FieldError::invalid(&place, number, "should be a non-negative integer")
        }
        Ok(Some(number)) if number > i64::from(i32::MAX) => {
            let problem = format!("should be less than or equal to {}", i32::MAX);
            FieldError::invalid(&place, number, &problem)
        }
        Ok(_) => return ErrorList::new(),
    };
    vec![error]
}

/// The whole number at a path such as `.spec.replicas`; none if nothing is there.
///
/// # Errors
/// Upstream's message, if there is something else.
pub fn integer_at(object: &Value, path: &str) -> Result<Option<i64>, String> {
    let Some(value) = value_at(object, path)? else {
        return Ok(None);
    };
    match value.as_i64() {
        Some(number) => Ok(Some(number)),
        None => Err(accessor_error(path, value, "int64")),
    }
}

/// The text at a path such as `.status.selector`; none if nothing is there.
///
/// # Errors
/// Upstream's message, if there is something else.
pub fn text_at<'a>(object: &'a Value, path: &str) -> Result<Option<&'a str>, String> {
    let Some(value) = value_at(object, path)? else {
        return Ok(None);
    };
    match value.as_str() {
        Some(text) => Ok(Some(text)),
        None => Err(accessor_error(path, value, "string")),
    }
}

fn value_at<'a>(object: &'a Value, path: &str) -> Result<Option<&'a Value>, String> {
    let mut value = object;
    let mut so_far = String::new();
    for name in steps(path) {
        so_far = format!("{so_far}.{name}");
        match value {
            // Upstream takes null on the way for nothing, and at the end for a value of the wrong type.
            Value::Null => return Ok(None),
            Value::Object(fields) => match fields.get(name) {
                Some(below) => value = below,
                None => return Ok(None),
            },
            other => return Err(accessor_error(&so_far, other, "map[string]interface{}")),
        }
    }
    Ok(Some(value))
}

/// The names of the fields on the way.
pub fn steps(path: &str) -> impl Iterator<Item = &str> {
    path.strip_prefix('.').unwrap_or(path).split('.')
}

fn accessor_error(path: &str, found: &Value, wanted: &str) -> String {
    let path = path.strip_prefix('.').unwrap_or(path);
    let (shown, go_type) = match found {
        Value::Null => ("<nil>".to_owned(), "<nil>"),
        Value::Bool(bool) => (bool.to_string(), "bool"),
        Value::Number(number) if number.is_f64() => (
            super::numbers::go_text(number.as_f64().unwrap_or_default()),
            "float64",
        ),
        Value::Number(number) => (number.to_string(), "int64"),
        Value::String(text) => (text.clone(), "string"),
        Value::Array(_) => (go_value(found), "[]interface {}"),
        Value::Object(_) => (go_value(found), "map[string]interface {}"),
    };
    format!(".{path} accessor error: {shown} is of the type {go_type}, expected {wanted}")
}

/// A value as Go prints it (`%v`).
pub fn go_value(value: &Value) -> String {
    match value {
        Value::Null => "<nil>".to_owned(),
        Value::String(text) => text.clone(),
        Value::Number(number) if number.is_f64() => {
            super::numbers::go_text(number.as_f64().unwrap_or_default())
        }
        Value::Bool(_) | Value::Number(_) => value.to_string(),
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(go_value).collect();
            format!("[{}]", items.join(" "))
        }
        Value::Object(fields) => {
            let fields: Vec<String> = fields
                .iter()
                .map(|(name, value)| format!("{name}:{}", go_value(value)))
                .collect();
            format!("map[{}]", fields.join(" "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(object: &Value, expected: &[&str]) {
        let paths = ScalePaths {
            spec_replicas: ".spec.replicas".to_owned(),
            status_replicas: ".status.replicas".to_owned(),
            label_selector: Some(".status.selector".to_owned()),
        };
        let errors: Vec<String> = (paths.validate_spec(object).iter())
            .chain(&paths.validate_status(object))
            .map(ToString::to_string)
            .collect();
        assert_eq!(errors, expected);
    }

    #[test]
    fn numbers_are_found_where_the_paths_say() {
        check(
            &json!({"spec": {"replicas": 3}, "status": {"selector": "a=b"}}),
            &[],
        );
        check(&json!({}), &[]);
        check(
            &json!({"spec": {"replicas": -1}}),
            &[".spec.replicas: Invalid value: -1: should be a non-negative integer"],
        );
        check(
            &json!({"spec": {"replicas": 2_147_483_648_i64}}),
            &[".spec.replicas: Invalid value: 2147483648: should be less than or equal to 2147483647"],
        );
    }

    #[test]
    fn other_values_are_told_in_gos_words() {
        check(
            &json!({"spec": {"replicas": "2"}, "status": {"replicas": 3.0, "selector": 1}}),
            &[
                ".spec.replicas: Invalid value: 0: .spec.replicas accessor error: 2 is of the type string, expected int64",
                ".status.replicas: Invalid value: 0: .status.replicas accessor error: 3 is of the type float64, expected int64",
                r#".status.selector: Invalid value: "": .status.selector accessor error: 1 is of the type int64, expected string"#,
            ],
        );
        check(
            &json!({"spec": "text"}),
            &[
                ".spec.replicas: Invalid value: 0: .spec.replicas accessor error: text is of the type string, expected map[string]interface{}",
            ],
        );
    }
}
