//! Volume attributes classes.

use meta::ErrorList;
use resource::{Column, Row, Strategy};
use serde_json::Value;

use super::class::parameters;
use crate::room::room;
use crate::toolkit::columns::{AGE, NAME, created, name, text};
use crate::toolkit::{Report, same_field};

room! {
    /// Attributes of volumes that can be changed while they are in use.
    VolumeAttributesClass
}

impl Strategy for VolumeAttributesClass {
    fn validate(&self, object: &Value) -> ErrorList {
        Report::of(self.0.schema, object, |class| {
            let driver = class.child("driverName");
            if driver.is_empty() {
                driver.required("");
            } else {
                driver.complain(meta::name::qualified_name(&driver.text().to_lowercase()));
            }
            let parameters = class.child("parameters");
            if parameters.is_empty() {
                parameters.required("must contain at least one key/value pair");
            }
            self::parameters(&parameters);
        })
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
        })
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
