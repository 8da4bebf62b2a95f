//! From a group, version and kind to its place in the type table.

use meta::GroupVersionKind;

use crate::generated::KINDS;
use crate::reference::SchemaRef;
use crate::served::known_group_versions;
use crate::table::Type;

/// The group version of what belongs to no group: `Status`, the options of requests, `Table`.
pub(crate) const META: (&str, &str) = ("meta.k8s.io", "v1");

/// Kinds that every group version has.
const IN_EVERY_GROUP_VERSION: [&str; 7] = [
    "CreateOptions",
    "DeleteOptions",
    "GetOptions",
    "ListOptions",
    "PatchOptions",
    "UpdateOptions",
    "WatchEvent",
];

/// Kinds that the core group version has besides its own.
pub(crate) const UNVERSIONED: [&str; 5] = [
    "APIGroup",
    "APIGroupList",
    "APIResourceList",
    "APIVersions",
    "Status",
];

/// The schema of a built-in kind, lists of it and objects of requests and answers included. None for what is not built
/// in. Versions that are not served are known too.
pub fn builtin(kind: &GroupVersionKind) -> Option<SchemaRef<'static>> {
    let (group, version, name) = (&*kind.group, &*kind.version, &*kind.kind);
    let of = find(group, version, name).or_else(|| {
        let everywhere = IN_EVERY_GROUP_VERSION.contains(&name) && is_known(group, version);
        let unversioned = UNVERSIONED.contains(&name) && (group, version) == ("", "v1");
        if everywhere || unversioned {
            find(META.0, META.1, name)
        } else {
            None
        }
    })?;
    Some(SchemaRef::of_type(of))
}

/// What annotations of autoscalers hold as text: types that stand in no kind.
pub mod autoscaling_v1 {
    use crate::generated::autoscaling_v1 as types;
    use crate::reference::SchemaRef;

    /// `MetricSpec`
    pub const METRIC_SPEC: SchemaRef<'static> = SchemaRef::of_type(&types::METRIC_SPEC);
    /// `MetricStatus`
    pub const METRIC_STATUS: SchemaRef<'static> = SchemaRef::of_type(&types::METRIC_STATUS);
    /// `HorizontalPodAutoscalerCondition`
    pub const CONDITION: SchemaRef<'static> = SchemaRef::of_type(&types::HORIZONTAL_POD_AUTOSCALER_CONDITION);
}

/// The type of a kind, where it is listed.
pub(crate) fn find(group: &str, version: &str, kind: &str) -> Option<&'static Type> {
    let position = KINDS
        .binary_search_by(|(g, v, k, _)| (*g, *v, *k).cmp(&(group, version, kind)))
        .ok()?;
    Some(KINDS[position].3)
}

fn is_known(group: &str, version: &str) -> bool {
    known_group_versions().binary_search(&(group, version)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_of_all_sorts_are_found() {
        for (group, version, kind, name) in [
            ("", "v1", "Pod", "io.k8s.api.core.v1.Pod"),
            (
                "apps",
                "v1",
                "DeploymentList",
                "io.k8s.api.apps.v1.DeploymentList",
            ),
            ("", "v1", "Status", "io.k8s.apimachinery.pkg.apis.meta.v1.Status"),
            (
                "apps",
                "v1",
                "DeleteOptions",
                "io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions",
            ),
            (
                "meta.k8s.io",
                "v1",
                "Table",
                "io.k8s.apimachinery.pkg.apis.meta.v1.Table",
            ),
            ("autoscaling", "v1", "Scale", "io.k8s.api.autoscaling.v1.Scale"),
            ("policy", "v1", "Eviction", "io.k8s.api.policy.v1.Eviction"),
            ("", "v1", "List", "io.k8s.apimachinery.pkg.apis.meta.v1.List"),
            (
                "authentication.k8s.io",
                "v1",
                "TokenRequest",
                "io.k8s.api.authentication.v1.TokenRequest",
            ),
        ] {
            let found = builtin(&GroupVersionKind::new(group, version, kind));
            assert_eq!(
                found.and_then(SchemaRef::openapi_name).as_deref(),
                Some(name),
                "{kind}"
            );
        }
    }

    #[test]
    fn what_is_not_built_in_is_not_found() {
        for (group, version, kind) in [
            ("", "v1", "Widget"),
            ("apps", "v7", "Deployment"),
            ("example.com", "v1", "DeleteOptions"),
            ("apps", "v1", "Status"),
        ] {
            assert!(
                builtin(&GroupVersionKind::new(group, version, kind)).is_none(),
                "{kind}"
            );
        }
    }
}
