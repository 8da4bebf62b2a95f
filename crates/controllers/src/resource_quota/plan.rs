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
    if pod::is_finished(old) != pod::is_finished(new) || weight(old) != weight(new) {
        return Some(Duration::ZERO);
    }
    let end = new.metadata.deletion_timestamp.as_ref()?.0;
    let is_new = old.metadata.deletion_timestamp != new.metadata.deletion_timestamp;
    is_new.then(|| pod::elapsed(now, end) + Duration::from_secs(1))
}

/// What a pod counts by, of what can change. Where it runs is nothing of it.
fn weight(pod: &Pod) -> Option<impl PartialEq> {
    let spec = pod.spec.as_ref()?;
    let containers = (&spec.containers, &spec.init_containers);
    Some((containers, &spec.resources, spec.active_deadline_seconds))
}

/// Whether a change of an object, no pod, makes it count for something else.
pub(super) fn counts_otherwise(resource: &GroupResource, old: &Value, new: &Value) -> bool {
    quota::usage(resource, old, 0) != quota::usage(resource, new, 0)
        || old.pointer(CLASS) != new.pointer(CLASS)
}

/// The class of a volume's attributes that a claim names: a scope is about it.
const CLASS: &str = "/spec/volumeAttributesClassName";

fn told(quota: &ResourceQuota) -> Amounts {
    let used = quota.status.iter().flat_map(|status| &status.used).flatten();
    used.filter_map(|(name, text)| Some((name.clone(), text.0.parse().ok()?)))
        .collect()
}

/// Whether more is used of any limit in the second.
fn grows(before: &Amounts, after: &Amounts) -> bool {
    after
        .iter()
        .any(|(name, amount)| before.get(name).is_some_and(|before| amount > before))
}

/// Whether a change of a quota is that something was let in.
pub(super) fn lets_in(old: &ResourceQuota, new: &ResourceQuota) -> bool {
    grows(&told(old), &told(new))
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

    /// Whether less is used than the status tells.
    pub(super) fn gives_back(&self) -> bool {
        grows(&self.used, &told(self.quota))
    }

    /// The status; none if it says so already.
    pub(super) fn status(self) -> Option<ResourceQuotaStatus> {
        let hard = hard(self.quota);
        let old = self.quota.status.clone().unwrap_or_default();
        let same_hard = old.hard.as_ref().unwrap_or(&BTreeMap::new()) == &hard;
        if same_hard && told(self.quota) == self.used && old.used.is_some() {
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
        check(on(running(), "m"), None);
        let mut limited = running();
        let template = client::lean::PodTemplate {
            active_deadline_seconds: Some(5),
            ..client::lean::PodTemplate::default()
        };
        limited.spec = Some(template.into());
        check(limited, Some(0));
        check(deleting(running()), Some(1));
    }

    #[test]
    fn what_is_let_in_and_given_back_is_told_apart() {
        let used = |pods: &str| {
            let status = json!({ "hard": { "pods": "5" }, "used": { "pods": pods } });
            quota(json!({ "pods": "5" }), json!([]), status)
        };
        assert!(lets_in(&used("1"), &used("2")));
        assert!(!lets_in(&used("2"), &used("1")));
        assert!(!lets_in(&used("2"), &used("2")));
        assert!(Used::none(&used("1")).gives_back());
        assert!(!Used::none(&used("0")).gives_back());
    }

    #[test]
    fn what_is_bound_counts_as_before() {
        let check = |name: &'static str, new: Value, expected: bool| {
            let old = json!({ "spec": { "type": "ClusterIP", "ports": [{}] } });
            assert_eq!(counts_otherwise(&resource(name), &old, &new), expected, "{new}");
        };
        let claims = "persistentvolumeclaims";
        let bound = json!({ "spec": { "volumeName": "v" }, "status": { "phase": "Bound" } });
        check(claims, bound, false);
        let larger = json!({ "spec": { "resources": { "requests": { "storage": "2Gi" } } } });
        check(claims, larger, true);
        check(
            claims,
            json!({ "spec": { "volumeAttributesClassName": "gold" } }),
            true,
        );
        let labelled =
            json!({ "metadata": { "labels": { "a": "b" } }, "spec": { "type": "ClusterIP", "ports": [{}] } });
        check("services", labelled, false);
        let opened = json!({ "spec": { "type": "NodePort", "ports": [{}] } });
        check("services", opened, true);
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
