//! Limits of a container in the kernel's terms.

use crate::cri::message::{HugepageLimit, LinuxContainerResources};
use crate::pod::qos::oom_score_adjustment;
use crate::pod::resources::{Claims, ResourceList, amount};
use crate::pod::{Member, PodToRun};

use super::settings::NodeSettings;

/// The period in which processor time is counted, in microseconds.
pub const CPU_PERIOD: i64 = 100_000;
/// The kernel's least quota, in microseconds.
const MIN_CPU_QUOTA: i64 = 1000;
/// The kernel's bounds of shares.
const MIN_CPU_SHARES: i64 = 2;
const MAX_CPU_SHARES: i64 = 262_144;
/// The prefix of resources that are huge pages of one size.
pub const HUGEPAGES: &str = "hugepages-";

/// Shares for a request of milli-cores: 1024 for a core.
pub fn cpu_shares(milli: i64) -> i64 {
    (milli.saturating_mul(1024) / 1000).clamp(MIN_CPU_SHARES, MAX_CPU_SHARES)
}

/// Quota per [`CPU_PERIOD`] for a limit of milli-cores.
pub fn cpu_quota(milli: i64) -> i64 {
    (milli.saturating_mul(CPU_PERIOD) / 1000).max(MIN_CPU_QUOTA)
}

/// The weight of the unified hierarchy that means the same as these shares: both ranges mapped onto each other.
pub fn cpu_weight(shares: i64) -> i64 {
    1 + (shares.clamp(MIN_CPU_SHARES, MAX_CPU_SHARES) - MIN_CPU_SHARES) * 9999
        / (MAX_CPU_SHARES - MIN_CPU_SHARES)
}

/// What a container may use. `unified`: whether the node has the unified cgroup hierarchy.
pub fn container_resources(
    pod: &PodToRun,
    member: &Member,
    node: &NodeSettings,
    unified: bool,
) -> LinuxContainerResources {
    let own = Claims::of(member.container.resources.as_ref());
    let of_pod = Claims::of(pod.spec().resources.as_ref());
    let cpu_limit = own.limits.cpu_milli.or(of_pod.limits.cpu_milli).unwrap_or(0);
    let memory_limit = own
        .limits
        .memory_bytes
        .or(of_pod.limits.memory_bytes)
        .unwrap_or(0);
    let cpu_request = own.requests.cpu_milli.unwrap_or(0);
    let oom_score_adj = oom_score_adjustment(
        pod.spec(),
        member.role,
        own.requests.memory_bytes.unwrap_or(0),
        node.memory_capacity,
    );
    let mut resources = LinuxContainerResources {
        cpu_shares: cpu_shares(cpu_request),
        memory_limit_in_bytes: memory_limit,
        oom_score_adj,
        hugepage_limits: hugepage_limits(member),
        ..LinuxContainerResources::default()
    };
    if cpu_limit > 0 {
        resources.cpu_period = CPU_PERIOD;
        resources.cpu_quota = cpu_quota(cpu_limit);
    }
    if unified {
        // All processes of a container end together when its memory runs out.
        resources
            .unified
            .insert("memory.oom.group".to_owned(), "1".to_owned());
        if memory_limit > 0 {
            // As much with swap as without: none.
            resources.memory_swap_limit_in_bytes = memory_limit;
        }
    }
    resources
}

fn hugepage_limits(member: &Member) -> Vec<HugepageLimit> {
    let limits = member
        .container
        .resources
        .as_ref()
        .and_then(|r| r.limits.as_ref());
    let sizes = limits
        .into_iter()
        .flat_map(ResourceList::keys)
        .filter_map(|name| name.strip_prefix(HUGEPAGES).map(|size| (name, size)));
    sizes
        .filter_map(|(name, size)| {
            let limit = amount(limits, name)?.value();
            Some(HugepageLimit {
                page_size: page_size(size)?,
                limit: u64::try_from(limit).unwrap_or(0),
            })
        })
        .collect()
}

/// `2Mi` as the kernel's files have it: `2MB`.
fn page_size(quantity: &str) -> Option<String> {
    let bytes = meta::Quantity::parse(quantity).ok()?.value();
    let units = [(1 << 30, "GB"), (1 << 20, "MB"), (1 << 10, "KB")];
    let (unit, name) = units.into_iter().find(|(unit, _)| bytes >= *unit)?;
    Some(format!("{}{name}", bytes / unit))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::{Value, json};

    use super::*;

    fn resources(spec: Value) -> LinuxContainerResources {
        let object = serde_json::from_value(json!({ "metadata": {}, "spec": spec })).unwrap();
        let pod = PodToRun::new(Arc::new(object));
        let node = NodeSettings {
            memory_capacity: 10 << 30,
            ..NodeSettings::default()
        };
        container_resources(&pod, &pod.members()[0], &node, false)
    }

    fn check(spec: Value, shares: i64, quota: i64, memory: i64, oom: i64) {
        let found = resources(spec.clone());
        assert_eq!(
            (
                found.cpu_shares,
                found.cpu_quota,
                found.memory_limit_in_bytes,
                found.oom_score_adj
            ),
            (shares, quota, memory, oom),
            "{spec}"
        );
    }

    #[test]
    fn limits_and_requests() {
        let one = |resources: Value| json!({ "containers": [{ "name": "c", "resources": resources }] });
        check(one(json!({})), 2, 0, 0, 1000);
        check(
            one(json!({ "requests": { "cpu": "250m", "memory": "1Gi" }, "limits": { "memory": "2Gi" } })),
            256,
            0,
            2 << 30,
            900,
        );
        check(
            one(json!({ "limits": { "cpu": "500m", "memory": "64Mi" } })),
            512,
            50_000,
            64 << 20,
            -997,
        );
        check(one(json!({ "limits": { "cpu": "1m" } })), 2, 1000, 0, 999);
        let mut with_pod = one(json!({}));
        with_pod["resources"] = json!({ "limits": { "cpu": "2", "memory": "1Gi" } });
        check(with_pod, 2, 200_000, 1 << 30, -997);
    }

    #[test]
    fn the_unified_hierarchy_has_its_own_scale() {
        assert_eq!([2, 1024, 262_144].map(cpu_weight), [1, 39, 10_000]);
    }

    #[test]
    fn huge_pages_are_named_as_the_kernel_names_them() {
        assert_eq!(page_size("2Mi").as_deref(), Some("2MB"));
        assert_eq!(page_size("1Gi").as_deref(), Some("1GB"));
        let spec =
            json!({ "containers": [{ "name": "c", "resources": { "limits": { "hugepages-2Mi": "4Mi" } } }] });
        let limits = resources(spec).hugepage_limits;
        assert_eq!((limits[0].page_size.as_str(), limits[0].limit), ("2MB", 4 << 20));
    }
}
