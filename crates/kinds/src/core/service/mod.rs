//! Services.

pub mod columns;
pub mod needs;
pub mod update;
pub mod validation;
mod warnings;

use meta::ErrorList;
use resource::{Column, MetadataChecks, Row, Strategy};
use serde_json::{Value, json};

use crate::room::{room, status_apart};
use crate::toolkit::Report;
use crate::toolkit::columns::text;
use crate::toolkit::defaults::{
    Object, object_at, object_or_new, objects, restore, text as text_of, when_empty, when_missing,
};

room! {
    /// A name and an address for a set of pods.
    Service
}

/// Three hours, in seconds.
const STICKY_SECONDS: i64 = 10_800;

impl Strategy for Service {
    fn metadata_checks(&self, _subresource: &str) -> MetadataChecks {
        MetadataChecks::AS_CHANGE
    }

    fn allows_create_on_update(&self) -> bool {
        true
    }

    fn default(&self, object: &mut Value) {
        if let Some(spec) = object_at(object, &["spec"]) {
            defaults(spec);
        }
        if text(object, &["spec", "type"]) == "LoadBalancer"
            && let Some(balancer) = object
                .pointer_mut("/status/loadBalancer")
                .and_then(Value::as_object_mut)
        {
            for ingress in objects(balancer, "ingress") {
                if !text_of(ingress, "ip").is_empty() {
                    when_missing(ingress, "ipMode", "VIP");
                }
            }
        }
    }

    fn prepare_for_create(&self, object: &mut Value) {
        object["status"] = json!({"loadBalancer": {}});
        update::one_address(object);
    }

    fn validate(&self, object: &Value) -> ErrorList {
        Report::of(self.0.schema, object, validation::rules)
    }

    fn validate_wishes(&self, new: &Value) -> ErrorList {
        Report::of(self.0.schema, new, |service| {
            let spec = service.child("spec");
            if spec.text_of("type") != "ExternalName" {
                validation::cluster_ips(&spec);
            }
        })
    }

    fn prepare_for_update(&self, new: &mut Value, old: &Value) {
        update::prepare(new, old);
    }

    fn validate_update(&self, new: &Value, old: &Value) -> ErrorList {
        Report::of(self.0.schema, new, |service| update::rules(service, old))
    }

    fn prepare_part_for_update(&self, _subresource: &str, new: &mut Value, old: &Value) {
        restore(new, old, "spec");
    }

    fn validate_part_update(&self, _subresource: &str, new: &Value, _old: &Value) -> ErrorList {
        Report::of(self.0.schema, new, validation::status)
    }

    fn validate_name(&self, name: &str, prefix: bool) -> Vec<String> {
        if prefix {
            meta::name::dns1123_label_prefix(name)
        } else {
            meta::name::dns1123_label(name)
        }
    }

    fn warnings(&self, new: &Value, _old: Option<&Value>) -> Vec<String> {
        warnings::of(new)
    }

    fn returns_deleted_object(&self) -> bool {
        true
    }

    fn reset_fields(&self, subresource: &str) -> &'static [&'static str] {
        status_apart(subresource)
    }

    fn selectable_field_names(&self) -> &'static [&'static str] {
        &["spec.clusterIP", "spec.type"]
    }

    fn selectable_fields(&self, object: &Value) -> Vec<(&'static str, String)> {
        vec![
            ("spec.clusterIP", text(object, &["spec", "clusterIP"]).to_owned()),
            ("spec.type", text(object, &["spec", "type"]).to_owned()),
        ]
    }

    fn columns(&self) -> Vec<Column> {
        columns::columns()
    }

    fn row(&self, object: &Value, now: i64) -> Row {
        columns::row(object, now)
    }
}

fn defaults(spec: &mut Object) {
    when_empty(spec, "sessionAffinity", "None");
    when_empty(spec, "type", "ClusterIP");
    match text_of(spec, "sessionAffinity") {
        "None" => {
            spec.remove("sessionAffinityConfig");
        }
        "ClientIP" => {
            let config = object_or_new(spec, "sessionAffinityConfig");
            if let Some(client) = config.and_then(|config| object_or_new(config, "clientIP")) {
                when_missing(client, "timeoutSeconds", STICKY_SECONDS);
            }
        }
        _ => {}
    }
    for port in objects(spec, "ports") {
        when_empty(port, "protocol", "TCP");
        let number = port.get("port").cloned().unwrap_or_else(|| 0.into());
        when_empty(port, "targetPort", number);
    }
    let kind = text_of(spec, "type").to_owned();
    if needs::is_reachable_from_outside(&Value::Object(spec.clone())) {
        when_empty(spec, "externalTrafficPolicy", "Cluster");
    }
    if matches!(kind.as_str(), "ClusterIP" | "NodePort" | "LoadBalancer") {
        when_missing(spec, "internalTrafficPolicy", "Cluster");
    }
    if kind == "LoadBalancer" {
        when_missing(spec, "allocateLoadBalancerNodePorts", true);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{defaulted, room};

    fn check(spec: Value, expected: Value) {
        assert_eq!(defaulted("", "services", json!({"spec": spec}))["spec"], expected);
    }

    #[test]
    fn services_have_their_defaults() {
        check(
            json!({"ports": [{"port": 80}]}),
            json!({
                "ports": [{"port": 80, "protocol": "TCP", "targetPort": 80}], "sessionAffinity": "None",
                "type": "ClusterIP", "internalTrafficPolicy": "Cluster",
            }),
        );
        check(
            json!({"type": "LoadBalancer", "sessionAffinity": "ClientIP"}),
            json!({
                "type": "LoadBalancer", "sessionAffinity": "ClientIP",
                "sessionAffinityConfig": {"clientIP": {"timeoutSeconds": 10800}},
                "allocateLoadBalancerNodePorts": true, "externalTrafficPolicy": "Cluster", "internalTrafficPolicy": "Cluster",
            }),
        );
        check(
            json!({"type": "ExternalName", "sessionAffinityConfig": {}}),
            json!({"type": "ExternalName", "sessionAffinity": "None"}),
        );
    }

    #[test]
    fn old_habits_are_remarked() {
        let service =
            json!({"spec": {"type": "ClusterIP", "externalName": "a", "trafficDistribution": "PreferClose"}});
        assert_eq!(room("", "services").warnings(&service, None).len(), 2);
    }
}
