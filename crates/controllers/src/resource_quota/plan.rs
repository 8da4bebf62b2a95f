//! Adding up.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use client::k8s_openapi::api::core::v1::{ResourceQuota, ResourceQuotaStatus};
use client::k8s_openapi::apimachinery::pkg::api::resource::Quantity as Text;
use client::lean::Pod;
use jiff::Timestamp;
use kinds::quota::{self, Amounts};
use meta::quantity::Format;
use meta::{GroupResource, Quantity};
use serde_json::Value;

use crate::pod;

fn hard(quota: &ResourceQuota) -> BTreeMap<String, Text> {
    let hard = quota.spec.as_ref().and_then(|spec| spec.hard.clone());
    hard.unwrap_or_default()
}

/// Whether the status tells of other limits than there are. Neither admission nor this controller writes such a one.
pub(super) fn has_other_limits(quota: &ResourceQuota) -> bool {
    let told = quota.status.as_ref().and_then(|status| status.hard.as_ref());
    told.is_some_and(|told| *told != hard(quota))
}

/// The resources whose objects a quota counts.
pub(super) fn resources(quota: &ResourceQuota) -> BTreeSet<GroupResource> {
    hard(quota).keys().map(|name| quota::counted(name)).collect()
}

/// Whether the quota limits devices, and the resource is their claims.
pub(super) fn counts_devices(quota: &ResourceQuota, resource: &GroupResource) -> bool {
    let hard = hard(quota);
    let mut names = hard.keys().filter(|name| quota::is_of_devices(name));
    names.any(|name| quota::counted(name) == *resource)
}

/// When a change of a pod may make it count for less; none if it does not. A pod that is deleted counts until its grace is
/// over.
pub(super) fn may_give_back(old: &Pod, new: &Pod, now: Timestamp) -> Option<Duration> {
    if pod::is_finished(old) != pod::is_finished(new) || old.spec != new.spec {
        return Some(Duration::ZERO);
    }
    let end = new.metadata.deletion_timestamp.as_ref()?.0;
    let is_new = old.metadata.deletion_timestamp != new.metadata.deletion_timestamp;
    is_new.then(|| pod::elapsed(now, end) + Duration::from_secs(1))
}

/// What is used of what a quota limits.
pub(super) struct Used<'a> {
    quota: &'a ResourceQuota,
    /// The quota in the form that tells what it covers.
    tree: Value,
    used: Amounts,
}

impl<'a> Used<'a> {
    pub(super) fn none(quota: &'a ResourceQuota) -> Self {
        let names = hard(quota).into_keys();
        Self {
            quota,
            tree: serde_json::to_value(quota).unwrap_or_default(),
            used: names.map(|name| (name, Quantity::ZERO)).collect(),
        }
    }

    pub(super) fn add_object(&mut self, resource: &GroupResource, object: &Value, now: i64) {
        if quota::covers(&self.tree, resource, object) {
            self.add(quota::usage(resource, object, now));
        }
    }

    /// Adds so many objects of which nothing but their number matters.
    pub(super) fn add_count(&mut self, resource: &GroupResource, count: usize) {
        if !quota::covers(&self.tree, resource, &Value::Null) {
            return;
        }
        let count = Quantity::new(i64::try_from(count).unwrap_or(i64::MAX), Format::DecimalSi);
        let usage = quota::usage(resource, &Value::Null, 0);
        self.add(usage.into_keys().map(|name| (name, count)).collect());
    }

    fn add(&mut self, usage: Amounts) {
        for (name, amount) in usage {
            if let Some(sum) = self.used.get_mut(&name) {
                *sum += amount;
            }
        }
    }

    /// The status; none if it says so already.
    pub(super) fn status(self) -> Option<ResourceQuotaStatus> {
        let hard = hard(self.quota);
        let old = self.quota.status.clone().unwrap_or_default();
        let same_hard = old.hard.as_ref().unwrap_or(&BTreeMap::new()) == &hard;
        let old_used: Amounts = old
            .used
            .iter()
            .flatten()
            .filter_map(|(name, text)| Some((name.clone(), text.0.parse().ok()?)))
            .collect();
        if same_hard && old_used == self.used && old.used.is_some() {
            return None;
        }
        let used = self.used.into_iter();
        Some(ResourceQuotaStatus {
            hard: Some(hard),
            used: Some(
                used.map(|(name, amount)| (name, Text(amount.to_string())))
                    .collect(),
            ),
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn quota(hard: Value, scopes: Value, status: Value) -> ResourceQuota {
        serde_json::from_value(json!({ "spec": { "hard": hard, "scopes": scopes }, "status": status }))
            .unwrap()
    }

    fn resource(name: &'static str) -> GroupResource {
        GroupResource::new("", name)
    }

    fn used(status: Option<ResourceQuotaStatus>) -> Value {
        serde_json::to_value(status.unwrap().used).unwrap()
    }

    #[test]
    fn objects_and_numbers_are_added_up() {
        let quota = quota(
            json!({ "pods": "5", "requests.memory": "1Gi", "configmaps": "3" }),
            json!([]),
            Value::Null,
        );
        let names: Vec<_> = resources(&quota).iter().map(ToString::to_string).collect();
        assert_eq!(names, ["configmaps", "pods"]);
        let mut sum = Used::none(&quota);
        let container = json!({ "resources": { "requests": { "memory": "128Mi" } } });
        let pod = json!({ "spec": { "containers": [container] } });
        sum.add_object(&resource("pods"), &pod, 0);
        sum.add_object(&resource("pods"), &pod, 0);
        sum.add_count(&resource("configmaps"), 2);
        let expected = json!({ "pods": "2", "requests.memory": "256Mi", "configmaps": "2" });
        assert_eq!(used(sum.status()), expected);
    }

    #[test]
    fn devices_are_counted_where_a_quota_limits_them() {
        let claims = GroupResource::new("resource.k8s.io", "resourceclaims");
        let check = |name: &str, expected: bool| {
            let quota = quota(json!({ name: "1" }), json!([]), Value::Null);
            assert_eq!(counts_devices(&quota, &claims), expected, "{name}");
        };
        check("gold.deviceclass.resource.k8s.io/devices", true);
        check("count/resourceclaims.resource.k8s.io", false);
        check("pods", false);
    }

    #[test]
    fn what_is_out_of_scope_does_not_count() {
        let quota = quota(json!({ "pods": "5" }), json!(["Terminating"]), Value::Null);
        let mut sum = Used::none(&quota);
        sum.add_object(&resource("pods"), &json!({ "spec": { "containers": [] } }), 0);
        assert_eq!(used(sum.status()), json!({ "pods": "0" }));
    }

    #[test]
    fn pods_give_back_when_they_end_or_their_grace_is_over() {
        use crate::pod::testing::{deleting, on, pod, ready};
        let running = || pod("a", "Running");
        let check = |new: Pod, expected: Option<u64>| {
            let delay = may_give_back(&running(), &new, Timestamp::UNIX_EPOCH);
            assert_eq!(delay, expected.map(Duration::from_secs), "{new:?}");
        };
        check(ready(running()), None);
        check(pod("a", "Succeeded"), Some(0));
        check(on(running(), "m"), Some(0));
        check(deleting(running()), Some(1));
    }

    #[test]
    fn limits_that_others_put_into_the_status_are_noticed() {
        let check = |status: Value, expected: bool| {
            let quota = quota(json!({ "cpu": "1" }), json!([]), status.clone());
            assert_eq!(has_other_limits(&quota), expected, "{status}");
        };
        check(Value::Null, false);
        check(json!({ "hard": { "cpu": "1" }, "used": { "cpu": "3" } }), false);
        check(json!({ "hard": { "cpu": "2" } }), true);
        check(json!({ "hard": {} }), true);
    }

    #[test]
    fn a_status_that_says_so_already_is_not_written_again() {
        let status = json!({ "hard": { "cpu": "1" }, "used": { "cpu": "0" } });
        let quota = quota(json!({ "cpu": "1" }), json!([]), status);
        assert_eq!(Used::none(&quota).status(), None);
    }
}
