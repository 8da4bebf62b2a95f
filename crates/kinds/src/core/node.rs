//! Nodes.

use meta::{ErrorList, FieldError};
use resource::{Column, Row, Strategy};
use serde_json::Value;

use super::pod::validation::scheduling::TAINT_EFFECTS;
use super::resources;
use crate::room::{room, status_apart};
use crate::toolkit::addresses::cidr_warnings;
use crate::toolkit::columns::{AGE, NAME, created, list, name, or_none, text};
use crate::toolkit::defaults::{is_zero, object_at, remove, restore};
use crate::toolkit::{Field, Report, Seen};

room! {
    /// Machines that run pods.
    Node
}

/// The older field is the first of the newer ones; where they differ, the older one counts.
fn default_pod_cidrs(object: &mut Value) {
    let Some(spec) = object.get_mut("spec").and_then(Value::as_object_mut) else {
        return;
    };
    let first = spec.get("podCIDRs").and_then(|all| all.get(0)).cloned();
    match spec
        .get("podCIDR")
        .filter(|one| one.as_str().is_some_and(|text| !text.is_empty()))
    {
        Some(one) if first.as_ref() != Some(one) => {
            let all = Value::from(vec![one.clone()]);
            spec.insert("podCIDRs".to_owned(), all);
        }
        Some(_) => {}
        None => {
            if let Some(first) = first {
                spec.insert("podCIDR".to_owned(), first);
            }
        }
    }
}

impl Strategy for Node {
    fn default(&self, object: &mut Value) {
        default_pod_cidrs(object);
        // What there is can be used, until a kubelet says otherwise.
        let Some(capacity) = object
            .pointer("/status/capacity")
            .filter(|v| !v.is_null())
            .cloned()
        else {
            return;
        };
        if let Some(status) = object_at(object, &["status"])
            && status.get("allocatable").is_none_or(is_zero)
        {
            status.insert("allocatable".to_owned(), capacity);
        }
    }

    fn keeps_status_on_create(&self) -> bool {
        true
    }

    fn prepare_for_create(&self, object: &mut Value) {
        remove(object, &["spec", "configSource"]);
        remove(object, &["status", "config"]);
    }

    fn validate(&self, object: &Value) -> ErrorList {
        Report::of(self.0.schema, object, rules)
    }

    fn prepare_for_update(&self, new: &mut Value, _old: &Value) {
        remove(new, &["spec", "configSource"]);
    }

    fn validate_update(&self, new: &Value, old: &Value) -> ErrorList {
        Report::of(self.0.schema, new, |node| {
            rules(node);
            changes(node, old);
        })
    }

    fn prepare_part_for_update(&self, _subresource: &str, new: &mut Value, old: &Value) {
        restore(new, old, "spec");
        if old["status"]["config"].is_null() {
            remove(new, &["status", "config"]);
        }
    }

    fn validate_part_update(&self, _subresource: &str, new: &Value, old: &Value) -> ErrorList {
        Report::of(self.0.schema, new, |node| changes(node, old))
    }

    fn warnings(&self, new: &Value, _old: Option<&Value>) -> Vec<String> {
        let spec = &new["spec"];
        let mut warnings = Vec::new();
        if !text(spec, &["externalID"]).is_empty() {
            warnings
                .push("spec.externalID: this field is deprecated, and is unused by Kubernetes".to_owned());
        }
        for (index, range) in list(spec, &["podCIDRs"]).iter().enumerate() {
            let path = format!("spec.podCIDRs[{index}]");
            warnings.extend(cidr_warnings(&path, range.as_str().unwrap_or("")));
        }
        warnings
    }

    fn reset_fields(&self, subresource: &str) -> &'static [&'static str] {
        status_apart(subresource)
    }

    fn selects_namespaces(&self) -> bool {
        false
    }

    fn selectable_field_names(&self) -> &'static [&'static str] {
        &["spec.unschedulable"]
    }

    fn selectable_fields(&self, object: &Value) -> Vec<(&'static str, String)> {
        let unschedulable = object["spec"]["unschedulable"] == Value::Bool(true);
        vec![("spec.unschedulable", unschedulable.to_string())]
    }

    fn columns(&self) -> Vec<Column> {
        vec![
            NAME,
            Column::string("Status", "The status of the node"),
            Column::string("Roles", "The roles of the node"),
            AGE,
            Column::string("Version", "Version of its kubelet.")
                .shows("core.v1.NodeSystemInfo.kubeletVersion"),
            Column::string("Internal-IP", "Its address within the cluster.")
                .shows("core.v1.NodeStatus.addresses")
                .wide(),
            Column::string("External-IP", "Its address for others.")
                .shows("core.v1.NodeStatus.addresses")
                .wide(),
            Column::string("OS-Image", "Its operating system.")
                .shows("core.v1.NodeSystemInfo.osImage")
                .wide(),
            Column::string("Kernel-Version", "Its kernel.")
                .shows("core.v1.NodeSystemInfo.kernelVersion")
                .wide(),
            Column::string("Container-Runtime", "What runs its containers.")
                .shows("core.v1.NodeSystemInfo.containerRuntimeVersion")
                .wide(),
        ]
    }

    fn row(&self, object: &Value, now: i64) -> Row {
        let info = |field: &str| match text(object, &["status", "nodeInfo", field]) {
            "" => "<unknown>",
            known => known,
        };
        let kernel = match text(object, &["status", "nodeInfo", "architecture"]) {
            "" => info("kernelVersion").to_owned(),
            architecture => format!("{} ({architecture})", info("kernelVersion")),
        };
        Row {
            cells: vec![
                name(object),
                status(object).into(),
                or_none(&roles(object)),
                created(object, now),
                text(object, &["status", "nodeInfo", "kubeletVersion"]).into(),
                or_none(address(object, "InternalIP")),
                or_none(address(object, "ExternalIP")),
                info("osImage").into(),
                kernel.into(),
                info("containerRuntimeVersion").into(),
            ],
            ..Row::default()
        }
    }
}

fn status(node: &Value) -> String {
    let mut conditions = list(node, &["status", "conditions"]).iter();
    let ready = match conditions.find(|condition| condition["type"] == "Ready") {
        Some(condition) if condition["status"] == "True" => "Ready",
        Some(_) => "NotReady",
        None => "Unknown",
    };
    if node["spec"]["unschedulable"] == Value::Bool(true) {
        format!("{ready},SchedulingDisabled")
    } else {
        ready.to_owned()
    }
}

fn roles(node: &Value) -> String {
    let labels = node["metadata"]["labels"].as_object().into_iter().flatten();
    let mut roles: Vec<&str> = labels
        .filter_map(
            |(key, value)| match key.strip_prefix("node-role.kubernetes.io/") {
                Some(role) => Some(role).filter(|role| !role.is_empty()),
                None if key == "kubernetes.io/role" => value.as_str().filter(|role| !role.is_empty()),
                None => None,
            },
        )
        .collect();
    roles.sort_unstable();
    roles.dedup();
    roles.join(",")
}

fn address<'a>(node: &'a Value, kind: &str) -> &'a str {
    list(node, &["status", "addresses"])
        .iter()
        .find(|address| address["type"] == kind)
        .map_or("", |address| text(address, &["address"]))
}

fn rules(node: &Field) {
    let (metadata, spec) = (node.child("metadata"), node.child("spec"));
    taints(
        &metadata.standing_for("taints", spec.child("taints").value()),
        &spec,
    );
    let status = node.child("status");
    amounts(&status);
    let info = status.child("nodeInfo");
    let swap = info.child("swap");
    // Upstream names the metadata here.
    let named = metadata.child("nodeSwapStatus");
    let capacity = swap.child("capacity");
    if capacity.is_set() && capacity.number() <= 0 {
        named
            .standing_for("capacity", capacity.value())
            .invalid("must be greater than zero");
    }
    declared_features(&status.child("declaredFeatures"));
    pod_cidrs(&spec.child("podCIDRs"));
}

fn amounts(status: &Field) {
    for kind in ["capacity", "allocatable"] {
        let amounts = status.child(kind);
        for (resource, amount) in amounts.entries() {
            resources::amount(&amounts.standing_for(resource, amount.value()), resource);
        }
    }
}

const FEATURE: &str = "must start with an UpperCamelCase segment, with subsequent segments separated by '/' \
(e.g., MyFeature or MyFeature/mySubFeature), and contain only alphanumeric characters and slashes";
const MAX_FEATURE: usize = 253;

/// Names of what a kubelet can do: `Feature/part`, each once and in order.
fn declared_features(features: &Field) {
    let mut before = None;
    for feature in features.items() {
        let name = feature.text();
        match before {
            // What is wrong with the one before has been said, upstream says what follows with it.
            Some(before) if before == name => feature.duplicate(),
            Some(before) if before > name => feature.invalid_as(name, "list must be sorted alphabetically"),
            _ => {}
        }
        if name.len() > MAX_FEATURE {
            feature.invalid_as(
                name,
                &format!("invalid feature name {name:?}: must be no more than {MAX_FEATURE} characters"),
            );
        } else if !is_feature(name) {
            feature.invalid_as(name, &format!("invalid feature name {name:?}: {FEATURE}"));
        }
        before = Some(name);
    }
}

fn is_feature(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_uppercase())
        && name.split('/').all(|part| {
            part.starts_with(|first: char| first.is_ascii_alphabetic())
                && part.bytes().all(|b| b.is_ascii_alphanumeric())
        })
}

/// Upstream's path names the metadata, where taints once were.
fn taints(taints: &Field, spec: &Field) {
    let mut seen = Seen::new();
    let typed = spec.child("taints");
    for (index, taint) in taints.items().enumerate() {
        let (key, effect) = (taint.child("key"), taint.child("effect"));
        key.qualified_name();
        let value = taint.child("value");
        let complaints = meta::name::label_value(value.text());
        if !complaints.is_empty() {
            value.invalid_as(value.text(), &complaints.join(";"));
        }
        effect.one_of(TAINT_EFFECTS);
        if seen.again((key.text(), effect.text())) {
            taint.duplicate_printed(
                &typed.item(index).printed(),
                "taints must be unique by key and effect pair",
            );
        }
    }
}

fn pod_cidrs(cidrs: &Field) {
    let mut families = [0, 0];
    let mut unreadable = None;
    for (index, cidr) in cidrs.items().enumerate() {
        cidr.cidr();
        match meta::name::parse_cidr(cidr.text()) {
            Some((address, _)) => families[usize::from(address.is_ipv6())] += 1,
            None => unreadable = unreadable.or(Some((index, cidr.text()))),
        }
    }
    if cidrs.len() < 2 {
        return;
    }
    if let Some((index, text)) = unreadable {
        cidrs.report().push(FieldError::internal(
            &cidrs.path(),
            &format!(
                "invalid PodCIDRs. failed to check with dual stack with error:invalid CIDR[{index}]: <nil> (invalid CIDR address: {text})"
            ),
        ));
    }
    if families != [1, 1] || cidrs.len() > 2 {
        cidrs.invalid("may specify no more than one CIDR for each IP family");
    }
}

fn changes(node: &Field, old: &Value) {
    let (metadata, spec, status) = (node.child("metadata"), node.child("spec"), node.child("status"));
    amounts(&status);
    declared_features(&status.child("declaredFeatures"));
    let mut addresses = Seen::new();
    for address in status.child("addresses").items() {
        if addresses.again((address.text_of("type"), address.text_of("address"))) {
            address.duplicate();
        }
    }
    let old_spec = &old["spec"];
    pod_cidrs_stay(&spec.child("podCIDRs"), list(old_spec, &["podCIDRs"]));
    let old_provider = text(old_spec, &["providerID"]);
    if !old_provider.is_empty() && spec.text_of("providerID") != old_provider {
        spec.child("providerID")
            .forbidden("node updates may not change providerID except from \"\" to valid");
    }
    taints(
        &metadata.standing_for("taints", spec.child("taints").value()),
        &spec,
    );
    if spec.text_of("externalID") != text(old_spec, &["externalID"]) {
        spec.child("externalID").forbidden("may not be updated");
    }
}

/// Every range that is another now is named.
fn pod_cidrs_stay(cidrs: &Field, old: &[Value]) {
    const STAYS: &str = "node updates may not change podCIDR except from \"\" to valid";
    if old.is_empty() {
        return;
    }
    if old.len() != cidrs.len() {
        return cidrs.forbidden(STAYS);
    }
    for (new, old) in cidrs.items().zip(old) {
        if new.value() != Some(old) {
            cidrs.forbidden(STAYS);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{cells, create_errors, defaulted, part_errors, update_errors};
    use serde_json::{Value, json};

    #[test]
    fn what_there_is_can_be_used() {
        let node = defaulted("", "nodes", json!({"status": {"capacity": {"cpu": "4"}}}));
        assert_eq!(node["status"]["allocatable"], json!({"cpu": "4"}));
    }

    #[test]
    fn taints_are_unique() {
        let taint = json!({"key": "a", "effect": "NoSchedule"});
        assert_eq!(
            create_errors("", "nodes", json!({"spec": {"taints": [taint, taint]}})),
            [
                r#"metadata.taints[1]: Duplicate value: {"Key":"a","Value":"","Effect":"NoSchedule","TimeAdded":null}: taints must be unique by key and effect pair"#,
            ]
        );
        assert_eq!(
            create_errors("", "nodes", json!({"spec": {"taints": [{"key": "a"}]}})),
            ["metadata.taints[0].effect: Required value",]
        );
    }

    #[test]
    fn features_have_names_in_order() {
        let errors =
            |features: Value| create_errors("", "nodes", json!({"status": {"declaredFeatures": features}}));
        assert!(errors(json!(["A", "B/c"])).is_empty());
        assert_eq!(
            errors(json!(["B", "B", "A"])),
            [
                r#"status.declaredFeatures[1]: Duplicate value: "B""#,
                r#"status.declaredFeatures[2]: Invalid value: "A": list must be sorted alphabetically"#,
            ]
        );
        assert_eq!(errors(json!(["a"])).len(), 1);
    }

    #[test]
    fn a_change_names_wrong_taints_twice() {
        let wrong = json!({"spec": {"taints": [{"key": "a"}]}});
        assert_eq!(update_errors("", "nodes", &wrong, &json!({})).len(), 2);
        assert_eq!(part_errors("", "nodes", "status", &wrong, &wrong).len(), 1);
    }

    #[test]
    fn the_pod_range_is_given_once() {
        let with = |cidrs: Value| json!({"spec": {"podCIDRs": cidrs}});
        let (none, some) = (with(json!([])), with(json!(["10.0.0.0/24"])));
        assert!(update_errors("", "nodes", &some, &none).is_empty());
        assert_eq!(
            update_errors("", "nodes", &none, &some),
            ["spec.podCIDRs: Forbidden: node updates may not change podCIDR except from \"\" to valid",]
        );
        assert_eq!(
            create_errors("", "nodes", with(json!(["10.0.0.0/24", "10.0.1.0/24"]))),
            [
                r#"spec.podCIDRs: Invalid value: ["10.0.0.0/24","10.0.1.0/24"]: may specify no more than one CIDR for each IP family"#,
            ]
        );
        let errors = create_errors("", "nodes", with(json!(["10.0.0.0/24", "x"])));
        assert_eq!(
            errors[1..],
            [
                "spec.podCIDRs: Internal error: invalid PodCIDRs. failed to check with dual stack with error:invalid CIDR[1]: <nil> (invalid CIDR address: x)",
                r#"spec.podCIDRs: Invalid value: ["10.0.0.0/24","x"]: may specify no more than one CIDR for each IP family"#,
            ]
        );
    }

    #[test]
    fn a_row_shows_how_the_node_is() {
        let node = json!({
            "metadata": {"name": "n", "labels": {"node-role.kubernetes.io/worker": "", "node-role.kubernetes.io/control-plane": ""}},
            "spec": {"unschedulable": true},
            "status": {"conditions": [{"type": "Ready", "status": "Unknown"}], "addresses": [{"type": "InternalIP", "address": "1.2.3.4"}]},
        });
        let cells = cells("", "nodes", &node);
        assert_eq!(cells[1], "NotReady,SchedulingDisabled");
        assert_eq!(cells[2], "control-plane,worker");
        assert_eq!(cells[5..7], ["1.2.3.4", "<none>"]);
    }
}
