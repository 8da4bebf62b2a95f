//! Storage drivers.

use meta::ErrorList;
use resource::{Column, MetadataChecks, Row, Strategy};
use serde_json::{Value, json};

use crate::core::pod::validation::volumes::csi_driver_name;
use crate::room::{image, room};
use crate::toolkit::columns::{AGE, NAME, created, list, name};
use crate::toolkit::defaults::{object_at, when_empty, when_missing};
use crate::toolkit::{Field, Report, Seen};

room! {
    /// A storage driver, and what it can do.
    CSIDriver
}

const TEN_MINUTES: i64 = 600;

impl Strategy for CSIDriver {
    fn metadata_checks(&self, _subresource: &str) -> MetadataChecks {
        MetadataChecks::AS_CHANGE
    }

    fn default(&self, object: &mut Value) {
        let Some(spec) = object_at(object, &["spec"]) else {
            return;
        };
        when_missing(spec, "attachRequired", true);
        when_missing(spec, "podInfoOnMount", false);
        when_missing(spec, "storageCapacity", false);
        when_missing(spec, "requiresRepublish", false);
        when_missing(spec, "seLinuxMount", false);
        when_missing(spec, "fsGroupPolicy", "ReadWriteOnceWithFSType");
        when_empty(spec, "volumeLifecycleModes", json!(["Persistent"]));
    }

    fn validate(&self, object: &Value) -> ErrorList {
        Report::of(self.0.schema, object, rules)
    }

    fn validate_update(&self, new: &Value, old: &Value) -> ErrorList {
        Report::of(self.0.schema, new, |driver| {
            rules(driver);
            let spec = driver.child("spec");
            for field in ["attachRequired", "volumeLifecycleModes"] {
                spec.child(field).immutable(old["spec"].get(field));
            }
        })
    }

    fn generation_image<'a>(&self, object: &'a Value) -> Option<Vec<&'a Value>> {
        Some(image(
            object,
            &[
                "/spec/tokenRequests",
                "/spec/requiresRepublish",
                "/spec/seLinuxMount",
            ],
        ))
    }

    fn allows_unconditional_update(&self) -> bool {
        false
    }

    fn columns(&self) -> Vec<Column> {
        vec![
            NAME,
            Column::string("AttachRequired", "Whether volumes are attached to nodes.")
                .shows("storage.v1.CSIDriverSpec.attachRequired"),
            Column::string("PodInfoOnMount", "Whether it is told of pods.")
                .shows("storage.v1.CSIDriverSpec.podInfoOnMount"),
            Column::string("StorageCapacity", "Whether it says how much there is.")
                .shows("storage.v1.CSIDriverSpec.storageCapacity"),
            Column::string("TokenRequests", "Tokens it gets.")
                .shows("storage.v1.CSIDriverSpec.tokenRequests"),
            Column::string("RequiresRepublish", "Whether it is asked again and again.")
                .shows("storage.v1.CSIDriverSpec.requiresRepublish"),
            Column::string("Modes", "How volumes live.")
                .shows("storage.v1.CSIDriverSpec.volumeLifecycleModes"),
            AGE,
        ]
    }

    fn row(&self, object: &Value, now: i64) -> Row {
        let spec = &object["spec"];
        let flag = |field: &str, by_default: bool| Value::from(spec[field].as_bool().unwrap_or(by_default));
        let joined = |texts: Vec<&str>, none: &str| {
            if texts.is_empty() {
                Value::from(none)
            } else {
                texts.join(",").into()
            }
        };
        let audiences = list(spec, &["tokenRequests"])
            .iter()
            .filter_map(|request| request["audience"].as_str());
        let modes = list(spec, &["volumeLifecycleModes"])
            .iter()
            .filter_map(Value::as_str);
        Row {
            cells: vec![
                name(object),
                flag("attachRequired", true),
                flag("podInfoOnMount", false),
                flag("storageCapacity", false),
                joined(audiences.collect(), "<unset>"),
                flag("requiresRepublish", false),
                joined(modes.collect(), "<none>"),
                created(object, now),
            ],
            ..Row::default()
        }
    }
}

fn rules(driver: &Field) {
    let metadata = driver.child("metadata");
    let name = metadata.child("name");
    // What is wrong with any name has been said.
    if name.text().len() > 63 {
        csi_driver_name(&name);
    }
    let spec = driver.child("spec");
    for field in ["attachRequired", "podInfoOnMount", "storageCapacity"] {
        let field = spec.child(field);
        if !field.is_set() {
            field.required("");
        }
    }
    spec.child("fsGroupPolicy")
        .any_of_if_set(&["File", "None", "ReadWriteOnceWithFSType"]);
    let modes = spec.child("volumeLifecycleModes");
    for mode in modes.texts() {
        let supported = ["Persistent", "Ephemeral"];
        if !supported.contains(&mode) {
            modes.not_supported_as(mode, &supported);
        }
    }
    let mut audiences = Seen::new();
    for request in spec.child("tokenRequests").items() {
        let (audience, expiration) = (request.child("audience"), request.child("expirationSeconds"));
        if audiences.again(audience.text()) {
            audience.duplicate();
        }
        if let Some(seconds) = expiration.int() {
            if seconds < TEN_MINUTES {
                expiration.invalid("may not specify a duration less than 10 minutes");
            }
            if seconds > 1 << 32 {
                expiration.invalid("may not specify a duration larger than 2^32 seconds");
            }
        }
    }
    let period = spec.child("nodeAllocatableUpdatePeriodSeconds");
    if period.is_set() && period.number() < 10 {
        period.invalid("must be greater than or equal to 10 seconds");
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{cells, create_errors, defaulted};
    use serde_json::json;

    #[test]
    fn drivers_have_their_defaults() {
        let driver = defaulted("storage.k8s.io", "csidrivers", json!({"metadata": {"name": "d"}}));
        assert_eq!(driver["spec"]["attachRequired"], true);
        assert!(create_errors("storage.k8s.io", "csidrivers", driver.clone()).is_empty());
        assert_eq!(
            cells("storage.k8s.io", "csidrivers", &driver)[4..7],
            [json!("<unset>"), json!(false), json!("Persistent")]
        );
    }

    #[test]
    fn tokens_last_a_while() {
        let driver = json!({"spec": {"tokenRequests": [{"audience": "a", "expirationSeconds": 1}, {"audience": "a"}]}});
        assert_eq!(
            create_errors("storage.k8s.io", "csidrivers", driver),
            [
                "spec.tokenRequests[0].expirationSeconds: Invalid value: 1: may not specify a duration less than 10 minutes",
                r#"spec.tokenRequests[1].audience: Duplicate value: "a""#,
            ]
        );
    }
}
