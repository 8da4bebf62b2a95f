//! Priority classes.

use meta::{ErrorList, Status};
use resource::{Column, MetadataChecks, Row, Strategy};
use serde_json::Value;

use crate::room::room;
use crate::toolkit::columns::{AGE, NAME, created, integer, name, number, text};
use crate::toolkit::defaults::when_missing;
use crate::toolkit::{Field, Report};

room! {
    /// How important pods are.
    PriorityClass
}

/// The highest value that is not for the system.
const HIGHEST: i64 = 1_000_000_000;
const SYSTEM: &str = "system-";
/// The system's classes, with their values.
const KNOWN: [(&str, i64); 2] = [
    ("system-node-critical", 2 * HIGHEST + 1000),
    ("system-cluster-critical", 2 * HIGHEST),
];

impl Strategy for PriorityClass {
    fn metadata_checks(&self, _subresource: &str) -> MetadataChecks {
        MetadataChecks::AS_CHANGE
    }

    fn default(&self, object: &mut Value) {
        if let Some(class) = object.as_object_mut() {
            when_missing(class, "preemptionPolicy", "PreemptLowerPriority");
        }
    }

    fn validate(&self, object: &Value) -> ErrorList {
        Report::of(self.0.schema, object, |class| {
            let metadata = class.child("metadata");
            let name = metadata.child("name");
            let value = class.child("value");
            if name.text().starts_with(SYSTEM) {
                if let Err(why) = known(class, name.text()) {
                    name.forbidden(&format!(
                        "priority class names with '{SYSTEM}' prefix are reserved for system use only. error: {why}"
                    ));
                }
            } else if value.number() > HIGHEST {
                value.forbidden(&format!(
                    "maximum allowed value of a user defined priority is {HIGHEST}"
                ));
            }
            let policy = class.child("preemptionPolicy");
            if policy.is_set() {
                policy.one_of(&["PreemptLowerPriority", "Never"]);
            }
        })
    }

    fn validate_update(&self, new: &Value, old: &Value) -> ErrorList {
        Report::of(self.0.schema, new, |class| {
            let value = class.child("value");
            if value.number() != number(old, &["value"]) {
                value.forbidden("may not be changed in an update.");
            }
            class
                .child("preemptionPolicy")
                .immutable(old.get("preemptionPolicy"));
        })
    }

    fn validate_delete(&self, object: &Value) -> Result<(), Status> {
        let name = meta::object::name(object);
        if KNOWN.iter().any(|(known, _)| *known == name) {
            let why = "this is a system priority class and cannot be deleted";
            return Err(Status::forbidden(&self.0.group_resource(), name, why));
        }
        Ok(())
    }

    /// Nothing that counts ever changes.
    fn generation_image<'a>(&self, _object: &'a Value) -> Option<Vec<&'a Value>> {
        Some(Vec::new())
    }

    fn columns(&self) -> Vec<Column> {
        vec![
            NAME,
            integer("Value", "The higher, the more important.").shows("scheduling.v1.PriorityClass.value"),
            Column {
                kind: "boolean".into(),
                ..Column::string("Global-Default", "Whether pods without a class have this one.")
                    .shows("scheduling.v1.PriorityClass.globalDefault")
            },
            AGE,
            Column::string(
                "PreemptionPolicy",
                "Whether less important pods are evicted for it.",
            )
            .shows("scheduling.v1.PriorityClass.preemptionPolicy"),
        ]
    }

    fn row(&self, object: &Value, now: i64) -> Row {
        Row {
            cells: vec![
                name(object),
                number(object, &["value"]).into(),
                (object["globalDefault"] == Value::Bool(true)).into(),
                created(object, now),
                text(object, &["preemptionPolicy"]).into(),
            ],
            ..Row::default()
        }
    }
}

fn known(class: &Field, name: &str) -> Result<(), String> {
    let Some((_, value)) = KNOWN.iter().find(|(known, _)| *known == name) else {
        return Err(format!("{name} is not a known system priority class"));
    };
    if class.child("value").number() != *value {
        return Err(format!("value of {name} PriorityClass must be {value}"));
    }
    if class.child("globalDefault").is_true() {
        return Err(format!("globalDefault of {name} PriorityClass must be false"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::testing::{create_errors, update_errors};
    use serde_json::{Value, json};

    const GROUP: &str = "scheduling.k8s.io";

    fn check(name: &str, value: i64, expected: &[&str]) {
        let class = json!({"metadata": {"name": name}, "value": value});
        assert_eq!(create_errors(GROUP, "priorityclasses", class), expected);
    }

    #[test]
    fn the_systems_classes_stay() {
        let delete = |name: &str| {
            let class = json!({"metadata": {"name": name}});
            crate::testing::room(GROUP, "priorityclasses")
                .validate_delete(&class)
                .map_err(|status| (status.code, status.message))
        };
        let refused = "priorityclasses.scheduling.k8s.io \"system-node-critical\" is forbidden: \
                       this is a system priority class and cannot be deleted";
        assert_eq!(delete("system-node-critical"), Err((403, refused.to_owned())));
        assert_eq!(delete("mine"), Ok(()));
    }

    #[test]
    fn the_highest_values_are_the_systems() {
        check("a", 1_000_000_000, &[]);
        check(
            "a",
            1_000_000_001,
            &["value: Forbidden: maximum allowed value of a user defined priority is 1000000000"],
        );
        check("system-cluster-critical", 2_000_000_000, &[]);
        check(
            "system-x",
            1,
            &[
                "metadata.name: Forbidden: priority class names with 'system-' prefix are reserved for system use only. \
             error: system-x is not a known system priority class",
            ],
        );
    }

    #[test]
    fn values_stay() {
        let of = |value: Value| json!({"value": value});
        assert_eq!(
            update_errors(GROUP, "priorityclasses", &of(json!(2)), &of(json!(1))),
            ["value: Forbidden: may not be changed in an update.",]
        );
    }
}
