//! The group of access control.

pub mod binding;
pub mod role;

/// The name of the group.
const GROUP: &str = "rbac.authorization.k8s.io";

/// Names here are anything that can stand in a path.
fn name_complaints(name: &str, prefix: bool) -> Vec<String> {
    if prefix {
        meta::name::path_segment_prefix(name)
    } else {
        meta::name::path_segment(name)
    }
}
