//! Devices that resource claims ask for, by their class.

use std::collections::BTreeMap;

use meta::quantity::Format;
use meta::{GroupResource, Quantity};
use serde_json::Value;

use super::{Amounts, list, text};

/// Claims of devices.
pub(super) const CLAIMS: GroupResource = GroupResource::new("resource.k8s.io", "resourceclaims");

const BY_CLASS: &str = ".deviceclass.resource.k8s.io/devices";

/// A claim is given no more devices than this.
const MOST: i64 = 32;

/// Whether a quota's name is about devices of a class.
pub fn is_of_devices(name: &str) -> bool {
    name.ends_with(BY_CLASS)
}

/// For each class the most devices that the claim may be given. Of alternatives the one with most of a class counts.
pub(super) fn add_usage(claim: &Value, usage: &mut Amounts) {
    let mut sums: BTreeMap<&str, i64> = BTreeMap::new();
    for request in list(claim, "/spec/devices/requests") {
        let mut most: BTreeMap<&str, i64> = BTreeMap::new();
        let alternatives = list(request, "/firstAvailable")
            .iter()
            .chain(request.get("exactly"));
        for asked in alternatives {
            let devices = most.entry(text(asked, "/deviceClassName")).or_default();
            *devices = number(asked).max(*devices);
        }
        for (class, devices) in most {
            let sum = sums.entry(class).or_default();
            *sum = sum.saturating_add(devices);
        }
    }
    for (class, devices) in sums {
        let devices = Quantity::new(devices, Format::DecimalSi);
        usage.insert(format!("{class}{BY_CLASS}"), devices);
    }
}

fn number(asked: &Value) -> i64 {
    match text(asked, "/allocationMode") {
        "ExactCount" => asked["count"].as_i64().unwrap_or(0),
        "All" => MOST,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(requests: Value, expected: &[(&str, &str)]) {
        let mut usage = Amounts::new();
        add_usage(&json!({"spec": {"devices": {"requests": requests}}}), &mut usage);
        let found: Vec<(String, String)> = usage
            .into_iter()
            .map(|(name, amount)| (name, amount.to_string()))
            .collect();
        let expected = expected
            .iter()
            .map(|(class, amount)| (format!("{class}{BY_CLASS}"), (*amount).to_owned()));
        assert_eq!(found, expected.collect::<Vec<_>>());
    }

    #[test]
    fn claims_count_for_devices_by_class() {
        let exactly = |class: &str, count: i64| json!({"deviceClassName": class, "allocationMode": "ExactCount", "count": count});
        let all = json!({"deviceClassName": "silver", "allocationMode": "All"});
        check(
            json!([{"exactly": exactly("gold", 2)}, {"exactly": exactly("gold", 1)}]),
            &[("gold", "3")],
        );
        check(json!([{"exactly": all}]), &[("silver", "32")]);
        let either = json!([exactly("gold", 1), exactly("gold", 4), exactly("silver", 1)]);
        check(
            json!([{"firstAvailable": either}, {"exactly": exactly("gold", 1)}]),
            &[("gold", "5"), ("silver", "1")],
        );
        check(Value::Null, &[]);
    }
}
