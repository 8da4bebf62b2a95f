//! A device of a slice.

use serde_json::{Value, json};

use super::{attributes, capacity, counters};
use crate::core::pod::validation::affinity::node_selector;
use crate::resource_k8s::{bindings, taints};
use crate::toolkit::Field;
use crate::toolkit::columns::list;
use crate::toolkit::defaults::items_mut;

const MOST_FACTS: usize = 32;
const MOST_TAINTS: usize = 16;
/// Values that are lists: their feature is off.
const LISTS: [&str; 4] = ["bools", "ints", "strings", "versions"];
const MAPPINGS: &str = "nodeAllocatableResourceMappings";

/// What is said of resources of the node counts once, unless something else is said.
pub fn defaults(device: &mut Value) {
    let mappings = device.get_mut(MAPPINGS).and_then(Value::as_object_mut);
    for (_, mapping) in mappings.into_iter().flatten() {
        if mapping["allocationMultiplier"].is_null() {
            mapping["allocationMultiplier"] = json!("1");
        }
    }
}

/// Takes away what belongs to features that are off, unless the slice had some of it before.
pub fn drop_disabled(new: &mut Value, old: &Value) {
    let before = list(old, &["spec", "devices"]);
    let has_mappings = before
        .iter()
        .any(|device| device[MAPPINGS].as_object().is_some_and(|m| !m.is_empty()));
    let attributes = |device: &Value| {
        device["attributes"]
            .as_object()
            .into_iter()
            .flatten()
            .any(has_list)
    };
    let has_lists = before.iter().any(attributes);
    let Some(spec) = new.get_mut("spec") else { return };
    for device in items_mut(spec, "devices") {
        if !has_mappings && let Some(device) = device.as_object_mut() {
            device.remove(MAPPINGS);
        }
        let attributes = device.get_mut("attributes").and_then(Value::as_object_mut);
        for (_, attribute) in attributes.into_iter().flatten() {
            if !has_lists && let Some(attribute) = attribute.as_object_mut() {
                LISTS.iter().for_each(|list| drop(attribute.remove(*list)));
            }
        }
    }
}

fn has_list((_, attribute): (&String, &Value)) -> bool {
    LISTS.iter().any(|list| attribute[*list].is_array())
}

/// Whether more is said of it than plain attributes.
pub fn is_elaborate(device: &Field) -> bool {
    !device.child("taints").is_empty() || !device.child("consumesCounters").is_empty()
}

/// The rules for a device.
pub fn rules(device: &Field, places_each: bool, keeps_taints: bool) {
    device.child("name").dns_label();
    let (attributes, capacities) = (device.child("attributes"), device.child("capacity"));
    let facts = attributes.len() + capacities.len();
    if facts > MOST_FACTS {
        device.invalid_as(
            facts,
            &format!("the total number of attributes and capacities must not exceed {MOST_FACTS}"),
        );
    }
    attributes::rules(&attributes);
    capacity::rules(&capacities, device.child("allowMultipleAllocations").is_true());
    if !keeps_taints {
        taints(&device.child("taints"));
    }
    counters::consumed(&device.child("consumesCounters"));
    if places_each {
        place(device);
    } else if ["nodeName", "nodeSelector", "allNodes"]
        .iter()
        .any(|name| device.child(name).is_set())
    {
        device.invalid_printed(
            "null",
            "`nodeName`, `nodeSelector` and `allNodes` can only be set if `perDeviceNodeSelection` is set to true in the ResourceSlice spec",
        );
    }
    bindings::rules(device);
}

fn taints(taints: &Field) {
    if taints.len() > MOST_TAINTS {
        return taints.too_many(MOST_TAINTS);
    }
    for taint in taints.items() {
        taints::taint(&taint);
    }
}

/// Where the device is: on one node, on some, or on all.
fn place(device: &Field) {
    const ONE: &str = "exactly one of `nodeName`, `nodeSelector`, or `allNodes` is required when `perDeviceNodeSelection` is set to true in the ResourceSlice spec";
    let mut given = Vec::new();
    let node = device.child("nodeName");
    if node.is_set() && node.is_empty() {
        node.invalid("must not be empty");
    } else if node.is_set() {
        given.push("`nodeName`");
        node.dns_subdomain();
    }
    let nodes = device.child("nodeSelector");
    if nodes.is_set() {
        given.push("`nodeSelector`");
        node_selector(&nodes);
    }
    let all = device.child("allNodes");
    match all.bool() {
        Some(true) => given.push("`allNodes`"),
        Some(false) => all.invalid("must be either unset or set to true"),
        None => {}
    }
    match given.len() {
        0 => device.required(ONE),
        1 => {}
        _ => device.invalid_as(format!("{{{}}}", given.join(", ")), ONE),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::toolkit::Report;

    fn told(device: Value, places_each: bool) -> Vec<String> {
        let object = json!({"d": device});
        let errors = Report::of_any(&object, |root| rules(&root.child("d"), places_each, false));
        errors.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn devices_say_where_they_are_if_they_must() {
        assert_eq!(told(json!({"name": "a"}), false), [""; 0]);
        assert_eq!(
            told(json!({"name": "a", "nodeName": "n"}), false),
            [
                "d: Invalid value: null: `nodeName`, `nodeSelector` and `allNodes` can only be set if `perDeviceNodeSelection` is set to true in the ResourceSlice spec"
            ]
        );
        assert_eq!(
            told(json!({"name": "a", "nodeName": "n", "allNodes": true}), true),
            [
                "d: Invalid value: \"{`nodeName`, `allNodes`}\": exactly one of `nodeName`, `nodeSelector`, or `allNodes` is required when `perDeviceNodeSelection` is set to true in the ResourceSlice spec"
            ]
        );
    }

    #[test]
    fn conditions_of_binding_come_in_pairs() {
        assert_eq!(
            told(json!({"name": "a", "bindingConditions": ["x"]}), false),
            [
                "d.bindingFailureConditions: Invalid value: null: bindingFailureConditions are required to use bindingConditions"
            ]
        );
        assert_eq!(
            told(
                json!({"name": "a", "bindingConditions": ["x"], "bindingFailureConditions": ["x"]}),
                false
            ),
            [
                "d.bindingFailureConditions[0]: Invalid value: \"x\": bindingFailureConditions must not overlap with bindingConditions"
            ]
        );
    }

    #[test]
    fn features_that_are_off_leave_nothing() {
        let mut slice = json!({"spec": {"devices": [{"name": "a", "attributes": {"x": {"ints": [1]}}, MAPPINGS: {"cpu": {}}}]}});
        let old = slice.clone();
        drop_disabled(&mut slice, &old);
        assert_eq!(slice, old);
        drop_disabled(&mut slice, &Value::Null);
        assert_eq!(
            slice,
            json!({"spec": {"devices": [{"name": "a", "attributes": {"x": {}}}]}})
        );
    }
}
