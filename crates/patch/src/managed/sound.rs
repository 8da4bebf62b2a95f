//! Owners that somebody else has changed, and whether the server can go on with them.

use serde_json::Value;

use super::entry::Owner;
use super::list::{entries, put, take};

/// Puts the owners of `before` back into `object` if those that it names make no sense. What is wrong with them, in upstream's
/// words, if so.
pub fn restore_owners(object: &mut Value, before: Option<&Value>) -> Option<String> {
    let problem = problem(entries(object)?)?;
    take(object);
    if let Some(owners) = before.and_then(entries) {
        put(object, owners.to_vec());
    }
    Some(problem)
}

/// The first entry that makes no sense, and why.
fn problem(entries: &[Value]) -> Option<String> {
    let of_entry = |(at, entry): (usize, &Value)| {
        let text = |field: &str| entry.get(field).and_then(Value::as_str).unwrap_or_default();
        match (text("operation"), text("apiVersion"), text("fieldsType")) {
            ("Apply" | "Update", "", _) => Some("apiVersion must not be empty".to_owned()),
            ("Apply" | "Update", _, "") => Some(format!("missing fieldsType in managed fields entry {at}")),
            ("Apply" | "Update", _, "FieldsV1") => Owner::read(entry).err().map(|error| error.to_string()),
            ("Apply" | "Update", _, other) => Some(format!(
                "invalid fieldsType {} in managed fields entry {at}",
                meta::quote(other)
            )),
            _ => Some("operation must be `Apply` or `Update`".to_owned()),
        }
    };
    entries.iter().enumerate().find_map(of_entry)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn owners_that_make_no_sense_are_those_of_before() {
        let entry = |field: &str, value: &str| {
            let mut entry = json!({
                "manager": "m", "operation": "Update", "apiVersion": "v1", "fieldsType": "FieldsV1", "fieldsV1": {},
            });
            entry[field] = value.into();
            json!({"metadata": {"managedFields": [entry]}})
        };
        let before = entry("manager", "before");
        for (changed, expected) in [
            (entry("manager", "other"), None),
            (
                entry("operation", "Delete"),
                Some("operation must be `Apply` or `Update`"),
            ),
            (entry("apiVersion", ""), Some("apiVersion must not be empty")),
            (
                entry("fieldsType", ""),
                Some("missing fieldsType in managed fields entry 0"),
            ),
            (
                entry("fieldsType", "x"),
                Some("invalid fieldsType \"x\" in managed fields entry 0"),
            ),
        ] {
            let mut object = changed.clone();
            let problem = restore_owners(&mut object, Some(&before));
            assert_eq!(problem.as_deref(), expected);
            let kept = if expected.is_some() { &before } else { &changed };
            assert_eq!(&object, kept);
        }
    }
}
