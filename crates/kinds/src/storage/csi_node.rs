//! Storage drivers of a node.

use meta::ErrorList;
use resource::{Column, MetadataChecks, Row, Strategy};
use serde_json::Value;

use crate::core::pod::validation::volumes::csi_driver_name;
use crate::room::room;
use crate::toolkit::checks::IMMUTABLE;
use crate::toolkit::columns::{AGE, NAME, created, integer, list, name};
use crate::toolkit::defaults::remove;
use crate::toolkit::{Field, Report, Seen, go, same};

room! {
    /// The storage drivers that run on a node.
    CSINode
}

const MAX_NODE_ID: usize = 256;

impl Strategy for CSINode {
    fn metadata_checks(&self, _subresource: &str) -> MetadataChecks {
        MetadataChecks::AS_NEW
    }

    fn validate(&self, object: &Value) -> ErrorList {
        Report::of(self.0.schema, object, rules)
    }

    fn validate_update(&self, new: &Value, old: &Value) -> ErrorList {
        Report::of(self.0.schema, new, |node| {
            rules(node);
            let spec = node.child("spec");
            let drivers = spec.child("drivers");
            for old in list(old, &["spec", "drivers"]) {
                for driver in drivers
                    .items()
                    .filter(|driver| driver.text_of("name") == old["name"])
                {
                    stays(&drivers, &driver, old);
                }
            }
        })
    }

    fn allows_unconditional_update(&self) -> bool {
        false
    }

    fn returns_deleted_object(&self) -> bool {
        true
    }

    fn columns(&self) -> Vec<Column> {
        vec![
            NAME,
            integer(
                "Drivers",
                "Drivers indicates the number of CSI drivers registered on the node",
            ),
            AGE,
        ]
    }

    fn row(&self, object: &Value, now: i64) -> Row {
        let drivers = list(object, &["spec", "drivers"]).len();
        Row {
            cells: vec![name(object), drivers.into(), created(object, now)],
            ..Row::default()
        }
    }
}

/// Only how many volumes a driver takes may change; upstream names the list here, and prints the driver without that.
fn stays(drivers: &Field, driver: &Field, old: &Value) {
    let (mut new, mut old) = (driver.value().cloned().unwrap_or_default(), old.clone());
    remove(&mut new, &["allocatable"]);
    remove(&mut old, &["allocatable"]);
    if !same(Some(&new), Some(&old)) {
        drivers.invalid_printed(&go::printed(Some(&new), driver.schema()), IMMUTABLE);
    }
}

fn rules(node: &Field) {
    let spec = node.child("spec");
    let mut names = Seen::new();
    for driver in spec.child("drivers").items() {
        let (name, id) = (driver.child("name"), driver.child("nodeID"));
        csi_driver_name(&name);
        if id.is_empty() {
            id.required("");
        } else if id.text().len() > MAX_NODE_ID {
            id.invalid(&format!("must be {MAX_NODE_ID} characters or less"));
        }
        let allocatable = driver.child("allocatable");
        allocatable.child("count").non_negative();
        if names.again(name.text()) {
            name.duplicate();
        }
        // Upstream names the driver here, not its keys.
        let mut keys = Seen::new();
        for key in driver.child("topologyKeys").texts() {
            if key.is_empty() {
                driver.required("");
            }
            if keys.again(key) {
                driver.duplicate_as(key);
            }
            for complaint in meta::name::qualified_name(key) {
                driver.invalid_as(key, &complaint);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::create_errors;
    use serde_json::{Value, json};

    fn check(driver: Value, expected: &[&str]) {
        assert_eq!(
            create_errors(
                "storage.k8s.io",
                "csinodes",
                json!({"spec": {"drivers": [driver]}})
            ),
            expected
        );
    }

    #[test]
    fn drivers_know_their_node() {
        check(json!({"name": "d", "nodeID": "n"}), &[]);
        check(
            json!({"name": "d", "nodeID": ""}),
            &["spec.drivers[0].nodeID: Required value"],
        );
        check(
            json!({"name": "d", "nodeID": "n", "allocatable": {"count": -1}}),
            &["spec.drivers[0].allocatable.count: Invalid value: -1: must be greater than or equal to 0"],
        );
    }
}
