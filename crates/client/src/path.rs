//! Where resources live in the URL space.

use std::fmt::Write;

use k8s_openapi::Resource;

/// Which namespaces a call is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scope<'a> {
    /// The whole cluster: cluster-scoped objects, or all namespaces.
    Cluster,
    /// One namespace.
    Namespace(&'a str),
}

impl<'a> From<&'a str> for Scope<'a> {
    /// Empty text is the cluster.
    fn from(namespace: &'a str) -> Self {
        if namespace.is_empty() {
            Self::Cluster
        } else {
            Self::Namespace(namespace)
        }
    }
}

/// The path of a collection: `/api/v1/namespaces/default/pods`.
pub fn collection<K: Resource>(scope: Scope<'_>) -> String {
    let mut path = if K::GROUP.is_empty() {
        format!("/api/{}", K::VERSION)
    } else {
        format!("/apis/{}/{}", K::GROUP, K::VERSION)
    };
    if let Scope::Namespace(namespace) = scope {
        path.push_str("/namespaces/");
        path.push_str(namespace);
    }
    path.push('/');
    path.push_str(K::URL_PATH_SEGMENT);
    path
}

/// The path of an object.
pub fn object<K: Resource>(scope: Scope<'_>, name: &str) -> String {
    let mut path = collection::<K>(scope);
    path.push('/');
    path.push_str(name);
    path
}

/// The path of an object's subresource.
pub fn subresource<K: Resource>(scope: Scope<'_>, name: &str, subresource: &str) -> String {
    let mut path = object::<K>(scope, name);
    path.push('/');
    path.push_str(subresource);
    path
}

/// Adds `key=value` pairs to a path as its query; pairs with an empty value are left out.
pub fn with_query(mut path: String, pairs: &[(&str, &str)]) -> String {
    let mut separator = '?';
    for (key, value) in pairs.iter().filter(|(_, value)| !value.is_empty()) {
        path.push(separator);
        path.push_str(key);
        path.push('=');
        percent_encode(value, &mut path);
        separator = '&';
    }
    path
}

fn percent_encode(value: &str, out: &mut String) {
    for byte in value.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(byte as char),
            _ => {
                // Writing to a String cannot fail.
                let _ = write!(out, "%{byte:02X}");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::{apps::v1::Deployment, core::v1::Node, core::v1::Pod};

    use super::*;

    #[test]
    fn paths_follow_group_scope_and_name() {
        assert_eq!(collection::<Pod>(Scope::Cluster), "/api/v1/pods");
        assert_eq!(
            object::<Pod>(Scope::Namespace("a"), "b"),
            "/api/v1/namespaces/a/pods/b"
        );
        assert_eq!(
            subresource::<Node>(Scope::Cluster, "n", "status"),
            "/api/v1/nodes/n/status"
        );
        assert_eq!(
            object::<Deployment>("a".into(), "b"),
            "/apis/apps/v1/namespaces/a/deployments/b"
        );
    }

    #[test]
    fn queries_are_encoded() {
        let path = with_query(
            "/p".into(),
            &[("labelSelector", "a in (b,c)"), ("limit", ""), ("x", "1")],
        );
        assert_eq!(path, "/p?labelSelector=a%20in%20%28b%2Cc%29&x=1");
    }
}
