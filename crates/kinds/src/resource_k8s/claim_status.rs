//! The status of claims: what was allocated, for whom, and what drivers say of it.

use std::collections::BTreeSet;

use meta::name as names;
use serde_json::Value;

use super::names::RequestNames;
use super::requests::{MOST_REQUESTS, toleration_defaults};
use super::{bindings, configuration};
use crate::core::pod::validation::affinity::node_selector;
use crate::toolkit::Field;
use crate::toolkit::columns::{list, text};
use crate::toolkit::conditions;
use crate::toolkit::defaults::{object_in, objects};

const MOST_CONSUMERS: usize = 256;
const MOST_RESULTS: usize = 32;
/// Of the class and of the claim.
const MOST_CONFIGS: usize = 64;
const MOST_CONDITIONS: usize = 8;
const MOST_ADDRESSES: usize = 16;
const LONGEST_INTERFACE: usize = 256;
const LONGEST_HARDWARE_ADDRESS: usize = 128;

/// A device, or a share of it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct DeviceId<'v> {
    driver: &'v str,
    pool: &'v str,
    device: &'v str,
    share: &'v str,
}

impl<'v> DeviceId<'v> {
    fn of(device: &'v Value) -> Self {
        Self {
            driver: text(device, &["driver"]),
            pool: text(device, &["pool"]),
            device: text(device, &["device"]),
            share: text(device, &["shareID"]),
        }
    }

    /// As messages print it.
    fn printed(&self) -> String {
        format!(
            "{{\"Driver\":{},\"Pool\":{},\"Device\":{},\"ShareID\":{}}}",
            Value::from(self.driver),
            Value::from(self.pool),
            Value::from(self.device),
            Value::from(self.share)
        )
    }
}

fn allocated(claim: &Value) -> BTreeSet<DeviceId<'_>> {
    list(claim, &["status", "allocation", "devices", "results"])
        .iter()
        .map(DeviceId::of)
        .collect()
}

/// Tolerations of what was allocated are defaulted like those of what was asked for.
pub fn defaults(claim: &mut Value) {
    let devices = claim
        .get_mut("status")
        .and_then(|status| status.get_mut("allocation"))
        .and_then(Value::as_object_mut)
        .and_then(|allocation| object_in(allocation, "devices"));
    if let Some(devices) = devices {
        objects(devices, "results").for_each(toleration_defaults);
    }
}

/// Takes away what was said of devices that are no longer allocated.
pub fn forget_freed_devices(new: &mut Value, old: &Value) {
    let kept = allocated(new);
    let freed: BTreeSet<DeviceId> = allocated(old)
        .into_iter()
        .filter(|id| !kept.contains(id))
        .collect();
    let Some(status) = new.get_mut("status").and_then(Value::as_object_mut) else {
        return;
    };
    if let Some(devices) = status.get_mut("devices").and_then(Value::as_array_mut) {
        devices.retain(|device| !freed.contains(&DeviceId::of(device)));
        if devices.is_empty() {
            status.remove("devices");
        }
    }
}

/// The rules for a change of the status.
pub fn rules(claim: &Field, old: &Value) {
    let (status, spec) = (claim.child("status"), claim.child("spec"));
    let (reserved, allocation) = (status.child("reservedFor"), status.child("allocation"));
    consumers(&reserved);
    devices(&status.child("devices"), claim.value());
    if !reserved.is_empty() {
        if !allocation.is_set() {
            reserved.forbidden("may not be specified when `allocated` is not set");
        } else if claim.child("metadata").child("deletionTimestamp").is_set() && reserves_anew(&reserved, old)
        {
            reserved.forbidden(
                "new entries may not be added while `deallocationRequested` or `deletionTimestamp` are set",
            );
        }
    }
    let before = old.pointer("/status/allocation").filter(|value| !value.is_null());
    if before.is_none() && allocation.is_set() {
        self::allocation(&allocation, &RequestNames::of(spec.child("devices").value()));
    } else if allocation.is_set() && !allocation.is_same(before) {
        allocation.invalid("field is immutable");
    }
}

fn reserves_anew(reserved: &Field, old: &Value) -> bool {
    let before = list(old, &["status", "reservedFor"]);
    reserved
        .items()
        .any(|consumer| !before.iter().any(|other| consumer.is_same(Some(other))))
}

fn consumers(reserved: &Field) {
    if reserved.len() > MOST_CONSUMERS {
        return reserved.too_many(MOST_CONSUMERS);
    }
    for consumer in reserved.items() {
        for field in ["resource", "name", "uid"] {
            consumer.child(field).needed();
        }
    }
    reserved.each_once_by("uid");
}

fn devices(devices: &Field, claim: Option<&Value>) {
    let allocated = claim.map(allocated).unwrap_or_default();
    let mut seen = BTreeSet::new();
    let ids: Vec<DeviceId> = devices
        .items()
        .map(|device| DeviceId::of(device.value().unwrap_or(&Value::Null)))
        .collect();
    for (device, id) in devices.items().zip(&ids) {
        self::device(&device, &allocated, id);
    }
    for (device, id) in devices.items().zip(&ids) {
        if !seen.insert(id) {
            device.duplicate_printed(&id.printed(), "");
        }
    }
}

fn device(device: &Field, allocated: &BTreeSet<DeviceId>, id: &DeviceId) {
    super::names::driver(&device.child("driver"));
    super::names::pool(&device.child("pool"));
    device.child("device").dns_label();
    let share = device.child("shareID");
    if share.is_set() {
        super::names::uid(&share);
    }
    if !allocated.contains(id) {
        device.invalid_printed(&id.printed(), "must be an allocated device in the claim");
    }
    let conditions = device.child("conditions");
    if conditions.len() > MOST_CONDITIONS {
        conditions.too_many(MOST_CONDITIONS);
    }
    conditions::rules(&conditions);
    let data = device.child("data");
    if data.is_set() {
        configuration::object(&data);
    }
    network(&device.child("networkData"));
}

fn network(network: &Field) {
    for (name, most) in [
        ("interfaceName", LONGEST_INTERFACE),
        ("hardwareAddress", LONGEST_HARDWARE_ADDRESS),
    ] {
        let field = network.child(name);
        if field.text().len() > most {
            field.too_long(most);
        }
    }
    let addresses = network.child("ips");
    if addresses.len() > MOST_ADDRESSES {
        return addresses.too_many(MOST_ADDRESSES);
    }
    for address in addresses.items() {
        address.complain(names::interface_address(address.text()));
    }
    addresses.each_once();
}

/// What was allocated, as it is written first.
fn allocation(allocation: &Field, known: &RequestNames) {
    let devices = allocation.child("devices");
    let (results, configs) = (devices.child("results"), devices.child("config"));
    if results.len() > MOST_RESULTS {
        results.too_many(MOST_RESULTS);
    } else {
        for result in results.items() {
            self::result(&result, known);
        }
    }
    if configs.len() > MOST_CONFIGS {
        configs.too_many(MOST_CONFIGS);
    } else {
        for config in configs.items() {
            config.child("source").one_of(&["FromClaim", "FromClass"]);
            known.references(&config.child("requests"), MOST_REQUESTS);
            configuration::rules(&config);
        }
    }
    let nodes = allocation.child("nodeSelector");
    if nodes.is_set() {
        node_selector(&nodes);
    }
}

fn result(result: &Field, known: &RequestNames) {
    known.reference(&result.child("request"));
    super::names::driver(&result.child("driver"));
    super::names::pool(&result.child("pool"));
    result.child("device").dns_label();
    bindings::rules(result);
    let share = result.child("shareID");
    if share.is_set() {
        super::names::uid(&share);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::part_errors;
    use serde_json::json;

    fn claim(status: Value) -> Value {
        json!({
            "spec": {"devices": {"requests": [{"name": "r", "exactly": {"deviceClassName": "gpu", "count": 1}}]}},
            "status": status,
        })
    }

    fn result(device: &str) -> Value {
        json!({"request": "r", "driver": "d.e", "pool": "p", "device": device})
    }

    fn told(new: Value, old: Value) -> Vec<String> {
        part_errors(
            "resource.k8s.io",
            "resourceclaims",
            "status",
            &claim(new),
            &claim(old),
        )
    }

    #[test]
    fn drivers_speak_of_allocated_devices() {
        let of = |devices: Value| json!({"allocation": {"devices": {"results": [result("a")]}}, "devices": devices});
        assert_eq!(told(of(json!([result("a")])), json!({})), [""; 0]);
        assert_eq!(
            told(of(json!([result("b"), result("b")])), json!({}))[..],
            [
                r#"status.devices[0]: Invalid value: {"Driver":"d.e","Pool":"p","Device":"b","ShareID":""}: must be an allocated device in the claim"#,
                r#"status.devices[1]: Invalid value: {"Driver":"d.e","Pool":"p","Device":"b","ShareID":""}: must be an allocated device in the claim"#,
                r#"status.devices[1]: Duplicate value: {"Driver":"d.e","Pool":"p","Device":"b","ShareID":""}"#,
            ]
        );
    }

    #[test]
    fn allocations_stay() {
        let of = |device: &str| json!({"allocation": {"devices": {"results": [result(device)]}}});
        assert_eq!(told(of("a"), of("a")), [""; 0]);
        assert!(told(of("b"), of("a"))[0].ends_with("field is immutable"));
        assert_eq!(
            told(
                json!({"reservedFor": [{"resource": "pods", "name": "p"}]}),
                json!({})
            ),
            [
                "status.reservedFor[0].uid: Required value",
                "status.reservedFor: Forbidden: may not be specified when `allocated` is not set",
            ]
        );
    }

    #[test]
    fn what_was_said_of_freed_devices_is_forgotten() {
        let old =
            claim(json!({"allocation": {"devices": {"results": [result("a")]}}, "devices": [result("a")]}));
        let mut new = claim(json!({"devices": [result("a")]}));
        forget_freed_devices(&mut new, &old);
        assert_eq!(new["status"], json!({}));
    }
}
