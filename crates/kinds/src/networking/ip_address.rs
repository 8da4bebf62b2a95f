//! IP addresses that are in use.

use meta::ErrorList;
use resource::{Column, Row, Strategy};
use serde_json::Value;

use crate::room::room;
use crate::toolkit::columns::{NAME, created, name, text};
use crate::toolkit::{Field, Report};

room! {
    /// An address that something in the cluster has.
    IPAddress
}

impl Strategy for IPAddress {
    fn validate(&self, object: &Value) -> ErrorList {
        Report::of(self.0.schema, object, rules)
    }

    fn validate_update(&self, new: &Value, old: &Value) -> ErrorList {
        Report::of(self.0.schema, new, |address| {
            rules(address);
            let spec = address.child("spec");
            spec.child("parentRef").immutable(old["spec"].get("parentRef"));
        })
    }

    fn generates_names(&self) -> bool {
        false
    }

    fn validate_name(&self, name: &str, _prefix: bool) -> Vec<String> {
        meta::name::canonical_ip(name)
    }

    fn columns(&self) -> Vec<Column> {
        vec![
            NAME,
            Column::string("ParentRef", "What has it.").shows("networking.v1.IPAddressSpec.parentRef"),
        ]
    }

    /// Upstream has a cell more than columns: the age.
    fn row(&self, object: &Value, now: i64) -> Row {
        let parent = |field: &str| text(object, &["spec", "parentRef", field]);
        let mut reference = match parent("group") {
            "" => parent("resource").to_owned(),
            group => format!("{}.{group}", parent("resource")),
        };
        for part in ["namespace", "name"] {
            if !parent(part).is_empty() {
                reference = format!("{reference}/{}", parent(part));
            }
        }
        Row {
            cells: vec![
                name(object),
                reference.to_lowercase().into(),
                created(object, now),
            ],
            ..Row::default()
        }
    }
}

fn rules(address: &Field) {
    let spec = address.child("spec");
    let parent = spec.child("parentRef");
    if !parent.is_set() {
        return parent.required("");
    }
    let group = parent.child("group");
    if !group.is_empty() {
        group.dns_subdomain();
    }
    for (field, is_needed) in [("resource", true), ("name", true), ("namespace", false)] {
        let field = parent.child(field);
        if !field.is_empty() {
            field.complain(meta::name::path_segment(field.text()));
        } else if is_needed {
            field.required("");
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{create_errors, room};
    use serde_json::json;

    #[test]
    fn names_are_addresses() {
        let complaints = |name: &str| {
            room("networking.k8s.io", "ipaddresses")
                .validate_name(name, false)
                .len()
        };
        assert_eq!(
            ["10.0.0.1", "2001:db8::1", "2001:db8:0::1", "abc"].map(complaints),
            [0, 0, 1, 1]
        );
    }

    #[test]
    fn an_address_belongs_to_something() {
        assert_eq!(
            create_errors(
                "networking.k8s.io",
                "ipaddresses",
                json!({"spec": {"parentRef": {}}})
            ),
            [
                "spec.parentRef.resource: Required value",
                "spec.parentRef.name: Required value",
            ]
        );
    }
}
