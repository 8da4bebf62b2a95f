//! Ranges of service addresses.

use std::net::IpAddr;

use meta::ErrorList;
use resource::{Column, MetadataChecks, Row, Strategy};
use serde_json::Value;

use crate::room::{keep_metadata, room, status_and_metadata_apart};
use crate::toolkit::columns::{AGE, NAME, created, list, name};
use crate::toolkit::{Field, Report};

room! {
    /// Addresses from which services get theirs.
    ServiceCIDR
}

impl Strategy for ServiceCIDR {
    fn metadata_checks(&self, _subresource: &str) -> MetadataChecks {
        MetadataChecks::AS_CHANGE
    }

    fn validate(&self, object: &Value) -> ErrorList {
        Report::of(self.0.schema, object, rules)
    }

    fn validate_update(&self, new: &Value, old: &Value) -> ErrorList {
        Report::of(self.0.schema, new, |range| changes(range, old))
    }

    fn prepare_part_for_update(&self, _subresource: &str, new: &mut Value, old: &Value) {
        keep_metadata(new, old);
    }

    fn reset_fields(&self, subresource: &str) -> &'static [&'static str] {
        status_and_metadata_apart(subresource)
    }

    fn columns(&self) -> Vec<Column> {
        vec![
            NAME,
            Column::string("CIDRs", "The ranges.").shows("networking.v1.ServiceCIDRSpec.cidrs"),
            AGE,
        ]
    }

    fn row(&self, object: &Value, now: i64) -> Row {
        let cidrs: Vec<&str> = list(object, &["spec", "cidrs"])
            .iter()
            .filter_map(Value::as_str)
            .collect();
        Row {
            cells: vec![name(object), cidrs.join(",").into(), created(object, now)],
            ..Row::default()
        }
    }
}

fn rules(range: &Field) {
    let spec = range.child("spec");
    let cidrs = spec.child("cidrs");
    if cidrs.is_empty() {
        return cidrs.required("at least one CIDR required");
    }
    if cidrs.len() > 2 {
        // Upstream prints the list's parent here.
        return cidrs.invalid_printed(&spec.printed(), "may only hold up to 2 values");
    }
    let mut families = [0, 0];
    for cidr in cidrs.items() {
        cidr.cidr();
        if let Some((address, _)) = meta::name::parse_cidr(cidr.text()) {
            families[usize::from(matches!(address, IpAddr::V6(_)))] += 1;
        }
    }
    if families.iter().any(|&count| count > 1) {
        cidrs.invalid(
            "may specify no more than one IP for each IP family, i.e 192.168.0.0/24 and 2001:db8::/64",
        );
    }
}

/// A range stays; one of the other family can be added.
fn changes(range: &Field, old: &Value) {
    let spec = range.child("spec");
    let cidrs = spec.child("cidrs");
    let old = list(old, &["spec", "cidrs"]);
    let joins_the_other_family = old.len() == 1 && cidrs.len() == 2;
    if cidrs.len() != old.len() && !joins_the_other_family {
        return cidrs.invalid("field is immutable");
    }
    for (cidr, old) in cidrs.items().zip(old) {
        cidr.immutable(Some(old));
    }
    if cidrs.len() > old.len() {
        rules(range);
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{create_errors, update_errors};
    use serde_json::{Value, json};

    const GROUP: &str = "networking.k8s.io";

    fn range(cidrs: Value) -> Value {
        json!({"spec": {"cidrs": cidrs}})
    }

    #[test]
    fn ranges_are_well_written() {
        let errors = |cidrs: Value| create_errors(GROUP, "servicecidrs", range(cidrs));
        assert!(errors(json!(["10.0.0.0/24", "2001:db8::/64"])).is_empty());
        assert_eq!(
            errors(json!([])),
            ["spec.cidrs: Required value: at least one CIDR required"]
        );
        assert_eq!(
            errors(json!(["10.0.0.1/24"])),
            [
                r#"spec.cidrs[0]: Invalid value: "10.0.0.1/24": must not have bits set beyond the prefix length"#,
            ]
        );
    }

    #[test]
    fn ranges_stay() {
        assert_eq!(
            update_errors(
                GROUP,
                "servicecidrs",
                &range(json!(["10.1.0.0/24"])),
                &range(json!(["10.0.0.0/24"]))
            ),
            [r#"spec.cidrs[0]: Invalid value: "10.1.0.0/24": field is immutable"#,]
        );
    }
}
