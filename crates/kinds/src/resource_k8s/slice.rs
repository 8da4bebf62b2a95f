//! Resource slices.

use meta::ErrorList;
use resource::{Column, MetadataChecks, Row, Strategy};
use serde_json::Value;

use crate::room::room;
use crate::toolkit::columns::{AGE, NAME, created, name, text};
use crate::toolkit::{Field, Report, Seen};

room! {
    /// Devices that a driver offers, a part of them.
    ResourceSlice
}

const MAX_DEVICES: usize = 128;

impl Strategy for ResourceSlice {
    fn metadata_checks(&self, _subresource: &str) -> MetadataChecks {
        MetadataChecks::AS_CHANGE
    }

    fn validate(&self, object: &Value) -> ErrorList {
        Report::of(self.0.schema, object, rules)
    }

    fn validate_update(&self, new: &Value, old: &Value) -> ErrorList {
        Report::of(self.0.schema, new, |slice| {
            rules(slice);
            let spec = slice.child("spec");
            let pool = spec.child("pool");
            pool.child("name").immutable(old["spec"]["pool"].get("name"));
            for field in ["driver", "nodeName"] {
                spec.child(field).immutable(old["spec"].get(field));
            }
        })
    }

    fn generation_image<'a>(&self, object: &'a Value) -> Option<Vec<&'a Value>> {
        resource::strategy::spec_only(object)
    }

    fn returns_deleted_object(&self) -> bool {
        true
    }

    fn selectable_field_names(&self) -> &'static [&'static str] {
        &["spec.nodeName", "spec.driver"]
    }

    fn selectable_fields(&self, object: &Value) -> Vec<(&'static str, String)> {
        let value = |field: &str| text(object, &["spec", field]).to_owned();
        vec![
            ("spec.nodeName", value("nodeName")),
            ("spec.driver", value("driver")),
        ]
    }

    fn columns(&self) -> Vec<Column> {
        vec![
            NAME,
            Column::string("Node", "Where the devices are.").shows("resource.v1.ResourceSliceSpec.nodeName"),
            Column::string("Driver", "Who offers them.").shows("resource.v1.ResourceSliceSpec.driver"),
            Column::string("Pool", "To which pool they belong.").shows("resource.v1.ResourcePool.name"),
            AGE,
        ]
    }

    fn row(&self, object: &Value, now: i64) -> Row {
        let node = match text(object, &["spec", "nodeName"]) {
            "" => "<unset>",
            node => node,
        };
        Row {
            cells: vec![
                name(object),
                node.into(),
                text(object, &["spec", "driver"]).into(),
                text(object, &["spec", "pool", "name"]).into(),
                created(object, now),
            ],
            ..Row::default()
        }
    }
}

fn rules(slice: &Field) {
    let spec = slice.child("spec");
    let driver = spec.child("driver");
    if driver.is_empty() {
        driver.required("");
    } else {
        driver.dns_subdomain();
    }
    let pool = spec.child("pool");
    let name = pool.child("name");
    if name.is_empty() {
        name.required("");
    } else {
        for part in name.text().split('/') {
            for complaint in meta::name::dns1123_subdomain(part) {
                name.invalid_as(part, &complaint);
            }
        }
    }
    let count = pool.child("resourceSliceCount");
    if count.number() <= 0 {
        count.invalid_as(count.number(), "must be greater than zero");
    }
    pool.child("generation").non_negative();
    places(&spec);
    let devices = spec.child("devices");
    if devices.len() > MAX_DEVICES {
        devices.too_many(MAX_DEVICES);
    }
    let mut names = Seen::new();
    for device in devices.items() {
        let name = device.child("name");
        if name.is_empty() {
            name.required("");
            continue;
        }
        name.dns_label();
        if names.again(name.text()) {
            name.duplicate();
        }
        attributes(&device.child("attributes"));
    }
}

/// Where the devices are: on one node, on some, on all, or each says so itself.
fn places(spec: &Field) {
    let given = [
        !spec.child("nodeName").is_empty(),
        spec.child("nodeSelector").is_set(),
        spec.child("allNodes").is_true(),
        spec.child("perDeviceNodeSelection").is_true(),
    ];
    match given.iter().filter(|given| **given).count() {
        0 => spec.required("exactly one of `nodeName`, `nodeSelector`, `allNodes`, `perDeviceNodeSelection` is required"),
        1 => {}
        _ => spec.invalid_printed("{}", "exactly one of `nodeName`, `nodeSelector`, `allNodes`, `perDeviceNodeSelection` is required, but multiple fields are set"),
    }
    let node = spec.child("nodeName");
    if !node.is_empty() {
        node.dns_subdomain();
    }
}

fn attributes(attributes: &Field) {
    for (_, attribute) in attributes.entries() {
        let given = ["bool", "int", "string", "version"]
            .iter()
            .filter(|kind| attribute.child(kind).is_set())
            .count();
        if given != 1 {
            attribute.required("exactly one value must be specified");
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{create_errors, update_errors};
    use serde_json::{Value, json};

    const GROUP: &str = "resource.k8s.io";

    fn slice(driver: &str) -> Value {
        json!({"spec": {"driver": driver, "nodeName": "n", "pool": {"name": "p", "generation": 1, "resourceSliceCount": 1}}})
    }

    #[test]
    fn slices_are_complete_and_stay_the_drivers() {
        assert!(create_errors(GROUP, "resourceslices", slice("a.b")).is_empty());
        assert_eq!(
            update_errors(GROUP, "resourceslices", &slice("c.d"), &slice("a.b")),
            [r#"spec.driver: Invalid value: "c.d": field is immutable"#,]
        );
    }
}
