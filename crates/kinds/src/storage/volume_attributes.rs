//! Volume attributes classes.

use meta::ErrorList;
use resource::{Column, Row, Strategy};
use serde_json::Value;

use super::class::{parameters, provisioner};
use crate::room::room;
use crate::toolkit::columns::{AGE, NAME, created, name, text};
use crate::toolkit::{Field, Report, same_field};

room! {
    /// Attributes of volumes that can be changed while they are in use.
    VolumeAttributesClass
}

impl Strategy for VolumeAttributesClass {
    fn validate(&self, object: &Value) -> ErrorList {
        Report::of(self.0.schema, object, rules)
    }

    fn validate_update(&self, new: &Value, old: &Value) -> ErrorList {
        Report::of(self.0.schema, new, |class| {
            if !same_field(new, old, "driverName") {
                class
                    .child("driverName")
                    .forbidden("updates to driverName are forbidden.");
            }
            if !same_field(new, old, "parameters") {
                class
                    .child("parameters")
                    .forbidden("updates to parameters are forbidden.");
            }
            rules(class);
        })
    }

    fn returns_deleted_object(&self) -> bool {
        true
    }

    fn columns(&self) -> Vec<Column> {
        vec![
            NAME,
            Column::string("DriverName", "The driver that knows them.")
                .shows("storage.v1.VolumeAttributesClass.driverName"),
            AGE,
        ]
    }

    fn row(&self, object: &Value, now: i64) -> Row {
        Row {
            cells: vec![
                name(object),
                text(object, &["driverName"]).into(),
                created(object, now),
            ],
            ..Row::default()
        }
    }
}

fn rules(class: &Field) {
    provisioner(&class.child("driverName"));
    let parameters = class.child("parameters");
    self::parameters(&parameters);
    if parameters.is_empty() {
        parameters.required("must contain at least one key/value pair");
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::create_errors;
    use serde_json::json;

    #[test]
    fn classes_say_something() {
        assert_eq!(
            create_errors("storage.k8s.io", "volumeattributesclasses", json!({})),
            [
                "driverName: Required value",
                "parameters: Required value: must contain at least one key/value pair",
            ]
        );
    }
}
