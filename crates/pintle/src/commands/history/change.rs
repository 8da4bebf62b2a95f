//! What lies between two revisions of an object: when, who and what.

use std::collections::BTreeSet;
use std::fmt::Write;

use serde_json::Value;

use super::difference::{Line, differences};

/// What made a revision.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Change {
    what: What,
    /// In RFC 3339; empty if nothing tells.
    time: String,
    managers: Vec<String>,
}

#[derive(Debug, PartialEq, Eq)]
enum What {
    /// Nothing before it is held.
    First,
    Created,
    Changed(Vec<Line>),
    Deleted,
}

impl Change {
    /// From one revision to the next. `is_known` says whether what came before is known at all.
    pub(super) fn between(before: Option<&Value>, after: Option<&Value>, is_known: bool) -> Self {
        let Some(after) = after else {
            return Self {
                what: What::Deleted,
                time: String::new(),
                managers: Vec::new(),
            };
        };
        let what = match before {
            Some(before) => What::Changed(differences(before, after)),
            None if is_known => What::Created,
            None => What::First,
        };
        let entries = managed(Some(after));
        let old = managed(before);
        let is_old = |entry: &&Value| old.iter().any(|old| is_same_write(old, entry));
        let (unchanged, written): (Vec<&Value>, Vec<&Value>) = entries.iter().partition(is_old);
        let mut managers: BTreeSet<String> = written.iter().map(|entry| field(entry, "manager")).collect();
        if let What::Changed(lines) = &what
            && managers.is_empty()
        {
            // Who writes the same fields again leaves the time as it was.
            let owners = unchanged
                .iter()
                .filter(|entry| lines.iter().any(|line| owns(entry, line.fields())));
            managers.extend(owners.map(|entry| field(entry, "manager")));
        }
        let times = written.iter().map(|entry| field(entry, "time"));
        let made = field(&after["metadata"], "creationTimestamp");
        let time = times.max().unwrap_or_default();
        Self {
            time: match &what {
                What::Created if time.is_empty() => made,
                _ => time,
            },
            managers: managers
                .into_iter()
                .filter(|manager| !manager.is_empty())
                .collect(),
            what,
        }
    }

    /// In words, a line and one for each difference.
    pub(super) fn describe(&self, revision: u64) -> String {
        let mut parts = vec![format!("revision {revision}")];
        if !self.time.is_empty() && self.what != What::First {
            parts.push(self.time.clone());
        }
        let managers = self.managers.join(", ");
        match &self.what {
            What::First => parts.push(String::from("as it was when history begins")),
            What::Created if managers.is_empty() => parts.push(String::from("created")),
            What::Created => parts.push(format!("created by {managers}")),
            What::Deleted => parts.push(String::from("deleted")),
            What::Changed(_) if managers.is_empty() => parts.push(String::from("(nobody said who)")),
            What::Changed(_) => parts.push(managers),
        }
        let mut text = parts.join("   ") + "\n";
        if let What::Changed(lines) = &self.what {
            for line in lines {
                // Writing to a String cannot fail.
                let _ = writeln!(text, "    {line}");
            }
        }
        text
    }
}

fn field(entry: &Value, name: &str) -> String {
    entry[name].as_str().unwrap_or_default().to_owned()
}

/// Whether two entries of managed fields tell of one write. A later write by another may have taken fields from it.
fn is_same_write(one: &Value, other: &Value) -> bool {
    ["manager", "operation", "subresource", "time"]
        .iter()
        .all(|name| one[name] == other[name])
}

/// Whether a manager has a field.
fn owns(entry: &Value, fields: &[String]) -> bool {
    let mut owned = &entry["fieldsV1"];
    fields.iter().all(|field| {
        owned = &owned[format!("f:{field}")];
        !owned.is_null()
    })
}

fn managed(object: Option<&Value>) -> Vec<Value> {
    let entries = object.and_then(|object| object["metadata"]["managedFields"].as_array());
    entries.cloned().unwrap_or_default()
}

/// Takes the values of Secrets away. Equal values stay equal, so that a change can still be seen.
pub(super) fn redact<'a>(objects: impl Iterator<Item = &'a mut Value>) {
    let mut known: Vec<String> = Vec::new();
    for object in objects {
        for field in ["data", "stringData"] {
            let values = object.get_mut(field).and_then(Value::as_object_mut);
            for (_, value) in values.into_iter().flatten() {
                let text = value.to_string();
                let number = known.iter().position(|other| *other == text).unwrap_or_else(|| {
                    known.push(text);
                    known.len() - 1
                });
                *value = Value::String(format!("<redacted {}>", number + 1));
            }
        }
        // What was applied is there a second time.
        let annotations = object.pointer_mut("/metadata/annotations");
        if let Some(annotations) = annotations.and_then(Value::as_object_mut) {
            let applied = annotations.get_mut("kubectl.kubernetes.io/last-applied-configuration");
            applied
                .into_iter()
                .for_each(|value| *value = Value::String(String::from("<redacted>")));
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn secrets_can_be_compared_and_not_read() {
        let mut objects = [
            json!({"data": {"a": "c2VjcmV0", "b": "Yg=="}}),
            json!({"data": {"a": "c2VjcmV0", "b": "Yw=="}, "metadata": {"annotations": {
                "kubectl.kubernetes.io/last-applied-configuration": "c2VjcmV0"}}}),
        ];
        redact(objects.iter_mut());
        let text = json!(objects).to_string();
        assert!(!text.contains("c2VjcmV0") && !text.contains("Yw=="), "{text}");
        assert_eq!(objects[0]["data"]["a"], objects[1]["data"]["a"]);
        assert_ne!(objects[0]["data"]["b"], objects[1]["data"]["b"]);
    }

    #[test]
    fn who_writes_its_fields_again_is_known_by_them() {
        let object = |replicas: u64, time: &str| {
            let entry = |manager: &str, field: &str| {
                json!({
                    "manager": manager, "time": time, "fieldsV1": {"f:status": {field: {}}},
                })
            };
            json!({"status": {"replicas": replicas}, "metadata": {"managedFields": [
                entry("a", "f:replicas"), entry("b", "f:other"),
            ]}})
        };
        let change = Change::between(Some(&object(1, "1")), Some(&object(2, "1")), true);
        assert_eq!(
            (change.time.as_str(), change.managers),
            ("", vec![String::from("a")])
        );
    }

    #[test]
    fn several_may_change_an_object_at_once() {
        let entry = |manager: &str, time: &str| json!({"manager": manager, "time": time});
        let object = |entries: Vec<Value>| json!({"metadata": {"managedFields": entries}});
        let before = object(vec![entry("a", "1"), entry("b", "1")]);
        let after = object(vec![entry("a", "1"), entry("c", "2"), entry("b", "3")]);
        let change = Change::between(Some(&before), Some(&after), true);
        assert_eq!(
            (change.time.as_str(), change.managers.as_slice()),
            ("3", &["b", "c"].map(str::to_owned)[..])
        );
    }
}
