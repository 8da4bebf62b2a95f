//! What containers get that do not say what they need.

use meta::object::metadata_mut;
use serde_json::{Value, json};

use crate::pod::lasting_containers_mut;
use crate::request::{items, text};

/// A resource and a quantity.
type Entry = (String, Value);

const ANNOTATION: &str = "kubernetes.io/limit-ranger";

/// Fills in the defaults of a limit range, and notes on the pod what was filled in.
pub(super) fn fill_in(pod: &mut Value, range: &Value) {
    let of_containers = |limit: &&Value| text(limit, "/type") == "Container";
    let defaults = |field: &str| {
        let limits = items(range, "/spec/limits").iter().filter(of_containers);
        let defaults = limits.filter_map(|limit| limit[field].as_object());
        defaults
            .flatten()
            .map(|(name, quantity)| (name.clone(), quantity.clone()))
            .collect()
    };
    let defaults: [(&str, &str, Vec<Entry>); 2] = [
        ("requests", "request", defaults("defaultRequest")),
        ("limits", "limit", defaults("default")),
    ];
    let mut notes = Vec::new();
    for (kind, container) in lasting_containers_mut(pod) {
        for (field, called, defaults) in &defaults {
            let set = set_missing(&mut container["resources"], field, defaults);
            if !set.is_empty() {
                notes.push(format!(
                    "{} {called} for {kind} {}",
                    set.join(", "),
                    text(container, "/name")
                ));
            }
        }
    }
    if !notes.is_empty()
        && let Some(metadata) = metadata_mut(pod)
    {
        let annotations = metadata.entry("annotations").or_insert_with(|| json!({}));
        annotations[ANNOTATION] = format!("LimitRanger plugin set: {}", notes.join("; ")).into();
    }
}

/// The names of what was missing, in order.
fn set_missing(resources: &mut Value, field: &str, defaults: &[Entry]) -> Vec<String> {
    let mut set = Vec::new();
    for (name, quantity) in defaults {
        if resources[field][name].is_null() {
            resources[field][name] = quantity.clone();
            set.push(name.clone());
        }
    }
    set.sort();
    set
}
