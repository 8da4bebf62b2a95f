//! Device classes.

use meta::ErrorList;
use resource::{Column, Row, Strategy};
use serde_json::Value;

use super::devices;
use crate::room::room;
use crate::toolkit::Report;
use crate::toolkit::columns::{AGE, NAME, created, name};

room! {
    /// A sort of devices.
    DeviceClass
}

impl Strategy for DeviceClass {
    fn validate(&self, object: &Value) -> ErrorList {
        Report::of(self.0.schema, object, |class| {
            let spec = class.child("spec");
            devices::selectors(&spec.child("selectors"));
            for config in spec.child("config").items() {
                devices::opaque(&config);
            }
        })
    }

    fn generation_image<'a>(&self, object: &'a Value) -> Option<Vec<&'a Value>> {
        resource::strategy::spec_only(object)
    }

    fn returns_deleted_object(&self) -> bool {
        true
    }

    fn columns(&self) -> Vec<Column> {
        vec![NAME, AGE]
    }

    fn row(&self, object: &Value, now: i64) -> Row {
        Row {
            cells: vec![name(object), created(object, now)],
            ..Row::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::create_errors;
    use serde_json::json;

    #[test]
    fn configuration_is_for_a_driver() {
        let class = json!({"spec": {"config": [{"opaque": {"parameters": {}}}]}});
        assert_eq!(
            create_errors("resource.k8s.io", "deviceclasses", class),
            ["spec.config[0].opaque.driver: Required value",]
        );
    }
}
