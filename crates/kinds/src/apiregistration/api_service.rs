//! API services: who serves which group and version.

use meta::ErrorList;
use resource::{Column, Row, Strategy};
use serde_json::{Value, json};

use crate::room::{room, status_apart};
use crate::toolkit::columns::{AGE, NAME, created, list, name, text};
use crate::toolkit::defaults::{object_at, object_in, when_missing};
use crate::toolkit::{Field, Report};

room! {
    /// Who serves a group and version of the API.
    APIService
}

impl Strategy for APIService {
    fn default(&self, object: &mut Value) {
        if let Some(service) = object_at(object, &["spec"]).and_then(|spec| object_in(spec, "service")) {
            when_missing(service, "port", 443);
        }
    }

    fn prepare_for_create(&self, object: &mut Value) {
        object["status"] = json!({});
        // What is served here is always available.
        if object["spec"]["service"].is_null() {
            let now = text(object, &["metadata", "creationTimestamp"]).to_owned();
            object["status"]["conditions"] = json!([{
                "type": "Available",
                "status": "True",
                "reason": "Local",
                "message": "Local APIServices are always available",
                "lastTransitionTime": now,
            }]);
        }
    }

    fn validate(&self, object: &Value) -> ErrorList {
        Report::of(self.0.schema, object, rules)
    }

    fn validate_part_update(&self, _subresource: &str, new: &Value, _old: &Value) -> ErrorList {
        Report::of(self.0.schema, new, |service| {
            let status = service.child("status");
            for condition in status.child("conditions").items() {
                condition.child("status").any_of(&["True", "False", "Unknown"]);
            }
        })
    }

    fn validate_name(&self, name: &str, prefix: bool) -> Vec<String> {
        if prefix {
            meta::name::path_segment_prefix(name)
        } else {
            meta::name::path_segment(name)
        }
    }

    fn reset_fields(&self, subresource: &str) -> &'static [&'static str] {
        status_apart(subresource)
    }

    fn allows_unconditional_update(&self) -> bool {
        false
    }

    fn allows_any_finalizer(&self) -> bool {
        true
    }

    fn part_has_rows(&self, _subresource: &str) -> bool {
        false
    }

    fn columns(&self) -> Vec<Column> {
        vec![
            NAME,
            Column::string(
                "Service",
                "The reference to the service that hosts this API endpoint.",
            ),
            Column::string("Available", "Whether this service is available."),
            AGE,
        ]
    }

    fn row(&self, object: &Value, now: i64) -> Row {
        let service = match &object["spec"]["service"] {
            Value::Object(_) => format!(
                "{}/{}",
                text(object, &["spec", "service", "namespace"]),
                text(object, &["spec", "service", "name"])
            ),
            _ => "Local".to_owned(),
        };
        let mut conditions = list(object, &["status", "conditions"]).iter();
        let available = match conditions.find(|condition| condition["type"] == "Available") {
            Some(condition) if condition["status"] == "True" => "True".to_owned(),
            Some(condition) => format!(
                "{} ({})",
                text(condition, &["status"]),
                text(condition, &["reason"])
            ),
            None => "Unknown".to_owned(),
        };
        Row {
            cells: vec![
                name(object),
                service.into(),
                available.into(),
                created(object, now),
            ],
            ..Row::default()
        }
    }
}

fn rules(object: &Field) {
    let spec = object.child("spec");
    let (group, version, service) = (spec.child("group"), spec.child("version"), spec.child("service"));
    let metadata = object.child("metadata");
    let name = metadata.child("name");
    let wanted = format!("{}.{}", version.text(), group.text());
    if meta::name::path_segment(name.text()).is_empty() && name.text() != wanted {
        name.invalid_as(
            name.text(),
            &format!(
                "must be `spec.version+\".\"+spec.group`: {}",
                meta::quote(&wanted)
            ),
        );
    }
    if !group.is_empty() {
        group.dns_subdomain();
    } else if version.text() != "v1" {
        group.required("only v1 may have an empty group and it better be legacy kube");
    }
    version.complain(meta::name::dns1035_label(version.text()));
    for (field, most) in [("groupPriorityMinimum", 20_000), ("versionPriority", 1000)] {
        let priority = spec.child(field);
        if !(1..=most).contains(&priority.number()) {
            priority.invalid_as(
                priority.number(),
                &format!("must be positive and less than {most}"),
            );
        }
    }
    let (bundle, insecure) = (spec.child("caBundle"), spec.child("insecureSkipTLSVerify"));
    if !service.is_set() {
        if !bundle.is_empty() {
            let bytes = crate::core::config_map::decoded_len(bundle.text());
            bundle.invalid_as(
                format!("{bytes} bytes"),
                "local APIServices may not have a caBundle",
            );
        }
        if insecure.is_true() {
            insecure.invalid("local APIServices may not have insecureSkipTLSVerify");
        }
        return;
    }
    service.child("namespace").needed();
    service.child("name").needed();
    let port = service.child("port");
    if !(1..=65535).contains(&port.number()) {
        port.invalid_as(
            port.number(),
            "port is not valid: must be between 1 and 65535, inclusive",
        );
    }
    if insecure.is_true() && !bundle.is_empty() {
        insecure.invalid("may not be true if caBundle is present");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{cells, create_errors};

    const GROUP: &str = "apiregistration.k8s.io";

    fn service(spec: Value) -> Value {
        json!({"metadata": {"name": "v1.a.b"}, "spec": spec})
    }

    #[test]
    fn names_follow_from_what_is_served() {
        let good = json!({"group": "a.b", "version": "v1", "groupPriorityMinimum": 1, "versionPriority": 1});
        assert!(create_errors(GROUP, "apiservices", service(good)).is_empty());
        assert_eq!(
            create_errors(
                GROUP,
                "apiservices",
                service(json!({"group": "c.d", "version": "v1"}))
            ),
            [
                r#"metadata.name: Invalid value: "v1.a.b": must be `spec.version+"."+spec.group`: "v1.c.d""#,
                "spec.groupPriorityMinimum: Invalid value: 0: must be positive and less than 20000",
                "spec.versionPriority: Invalid value: 0: must be positive and less than 1000",
            ]
        );
    }

    #[test]
    fn a_row_shows_where_it_is_served() {
        let condition = json!({"type": "Available", "status": "False", "reason": "MissingEndpoints"});
        let mut object = service(json!({"service": {"namespace": "n", "name": "s"}}));
        object["status"] = json!({"conditions": [condition]});
        assert_eq!(
            cells(GROUP, "apiservices", &object)[1..3],
            ["n/s", "False (MissingEndpoints)"]
        );
    }
}
