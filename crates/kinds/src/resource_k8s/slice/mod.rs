//! Resource slices.

mod attributes;
mod capacity;
mod counters;
mod device;

use meta::ErrorList;
use resource::{Column, MetadataChecks, Row, Strategy};
use serde_json::Value;

use super::names;
use crate::core::pod::validation::affinity::node_selector;
use crate::room::room;
use crate::toolkit::columns::{AGE, NAME, created, list, name, text};
use crate::toolkit::defaults::items_mut;
use crate::toolkit::{Field, Report, same_field};

room! {
    /// Devices that a driver offers, a part of them.
    ResourceSlice
}

const MOST_DEVICES: usize = 128;
/// If something is said of a device beyond the plain attributes.
const MOST_ELABORATE_DEVICES: usize = 64;

impl Strategy for ResourceSlice {
    fn default(&self, object: &mut Value) {
        if let Some(spec) = object.get_mut("spec") {
            items_mut(spec, "devices").for_each(device::defaults);
        }
    }

    fn prepare_for_create(&self, object: &mut Value) {
        device::drop_disabled(object, &Value::Null);
    }

    fn validate(&self, object: &Value) -> ErrorList {
        Report::of(self.0.schema, object, |slice| rules(slice, &Value::Null))
    }

    fn prepare_for_update(&self, new: &mut Value, old: &Value) {
        device::drop_disabled(new, old);
    }

    fn validate_update(&self, new: &Value, old: &Value) -> ErrorList {
        Report::of(self.0.schema, new, |slice| rules(slice, old))
    }

    fn metadata_checks(&self, _subresource: &str) -> MetadataChecks {
        MetadataChecks::AS_CHANGE
    }

    fn warnings(&self, new: &Value, _old: Option<&Value>) -> Vec<String> {
        let driver = text(new, &["spec", "driver"]);
        if driver.to_lowercase() == driver {
            return Vec::new();
        }
        vec![format!(
            "spec.driver: driver names should be lowercase; {driver:?} contains uppercase characters"
        )]
    }

    fn generation_image<'a>(&self, object: &'a Value) -> Option<Vec<&'a Value>> {
        resource::strategy::spec_only(object)
    }

    fn counts_what_is_dropped(&self) -> bool {
        true
    }

    fn returns_deleted_object(&self) -> bool {
        true
    }

    fn selects_namespaces(&self) -> bool {
        false
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

    fn unknown_field_label(&self, label: &str) -> String {
        format!("field label not supported for resource.k8s.io/v1, Kind=ResourceSlice: {label}")
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

/// The rules for a slice that was `old` before; null if it is new.
fn rules(slice: &Field, old: &Value) {
    let spec = slice.child("spec");
    let (driver, pool) = (spec.child("driver"), spec.child("pool"));
    names::driver(&driver);
    self::pool(&pool);
    if !old.is_null() {
        let old = &old["spec"];
        pool.child("name").immutable(old["pool"].get("name"));
        driver.immutable(old.get("driver"));
        spec.child("nodeName").immutable(old.get("nodeName"));
    }
    places(&spec);
    let (devices, counters) = (spec.child("devices"), spec.child("sharedCounters"));
    if counters.is_set() && devices.is_set() {
        spec.invalid_as("", "only one of `sharedCounters` or `devices` is allowed");
    }
    self::devices(&devices, &spec, old);
    counters::shared(&counters);
}

fn pool(pool: &Field) {
    names::pool(&pool.child("name"));
    let (count, generation) = (pool.child("resourceSliceCount"), pool.child("generation"));
    if count.number() <= 0 {
        count.invalid_as(count.number(), "must be greater than zero");
    }
    if generation.number() < 0 {
        generation.invalid("must be greater than or equal to zero");
    }
}

/// Where the devices are: on one node, on some, on all, or each says so itself.
fn places(spec: &Field) {
    const ONE: &str =
        "exactly one of `nodeName`, `nodeSelector`, `allNodes`, `perDeviceNodeSelection` is required";
    let mut given = Vec::new();
    let node = spec.child("nodeName");
    if node.is_set() && node.is_empty() {
        node.invalid("must be either unset or set to a non-empty string");
    } else if node.is_set() {
        given.push("`nodeName`");
        node.dns_subdomain();
    }
    let nodes = spec.child("nodeSelector");
    if nodes.is_set() {
        given.push("`nodeSelector`");
        node_selector(&nodes);
        let terms = nodes.child("nodeSelectorTerms");
        if terms.len() != 1 {
            terms.invalid("must have exactly one node selector term");
        }
    }
    for (name, quoted) in [
        ("allNodes", "`allNodes`"),
        ("perDeviceNodeSelection", "`perDeviceNodeSelection`"),
    ] {
        let flag = spec.child(name);
        match flag.bool() {
            Some(true) => given.push(quoted),
            Some(false) => flag.invalid("must be either unset or set to true"),
            None => {}
        }
    }
    match given.len() {
        0 => spec.required(ONE),
        1 => {}
        _ => spec.invalid_as(
            format!("{{{}}}", given.join(", ")),
            &format!("{ONE}, but multiple fields are set"),
        ),
    }
}

fn devices(devices: &Field, spec: &Field, old: &Value) {
    let most = if devices.items().any(|device| device::is_elaborate(&device)) {
        MOST_ELABORATE_DEVICES
    } else {
        MOST_DEVICES
    };
    if devices.len() > most {
        return devices.too_many(most);
    }
    let places_each = spec.child("perDeviceNodeSelection").is_true();
    for device in devices.items() {
        let named = |other: &&Value| text(other, &["name"]) == device.text_of("name");
        let before = list(old, &["spec", "devices"]).iter().find(named);
        let keeps_taints = before.is_some_and(|before| {
            device
                .value()
                .is_some_and(|new| same_field(new, before, "taints"))
        });
        device::rules(&device, places_each, keeps_taints);
    }
    devices.each_once_by("name");
}

#[cfg(test)]
mod tests {
    use crate::testing::{create_errors, update_errors};
    use serde_json::{Value, json};

    const GROUP: &str = "resource.k8s.io";

    fn slice(driver: &str) -> Value {
        json!({"spec": {"driver": driver, "nodeName": "n", "pool": {"name": "p", "generation": 1, "resourceSliceCount": 1}}})
    }

    fn told(field: &str, value: Value) -> Vec<String> {
        let mut slice = slice("a.b");
        slice["spec"][field] = value;
        create_errors(GROUP, "resourceslices", slice)
    }

    #[test]
    fn slices_are_complete_and_stay_the_drivers() {
        assert!(create_errors(GROUP, "resourceslices", slice("a.b")).is_empty());
        assert_eq!(
            update_errors(GROUP, "resourceslices", &slice("c.d"), &slice("a.b")),
            [r#"spec.driver: Invalid value: "c.d": field is immutable"#,]
        );
    }

    #[test]
    fn devices_are_in_one_place() {
        const ONE: &str =
            "exactly one of `nodeName`, `nodeSelector`, `allNodes`, `perDeviceNodeSelection` is required";
        assert_eq!(
            told("allNodes", json!(true)),
            [format!(
                "spec: Invalid value: \"{{`nodeName`, `allNodes`}}\": {ONE}, but multiple fields are set"
            )]
        );
        assert_eq!(
            told("nodeName", json!("")),
            [
                "spec.nodeName: Invalid value: \"\": must be either unset or set to a non-empty string"
                    .to_owned(),
                format!("spec: Required value: {ONE}"),
            ]
        );
    }

    #[test]
    fn devices_share_counters_or_are_some() {
        let mut slice = slice("a.b");
        slice["spec"]["devices"] = json!([{"name": "d"}]);
        slice["spec"]["sharedCounters"] = json!([{"name": "c"}]);
        assert_eq!(
            create_errors(GROUP, "resourceslices", slice),
            [
                "spec: Invalid value: \"\": only one of `sharedCounters` or `devices` is allowed",
                "spec.sharedCounters[0].counters: Required value",
            ]
        );
    }
}
