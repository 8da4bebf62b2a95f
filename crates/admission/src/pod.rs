//! A pod's containers, whatever list they stand in.

use serde_json::Value;

use crate::request::items;

/// Why nothing can be asked for by that name, if it can be no name at all.
pub(crate) fn unreadable_name(name: &str) -> Option<String> {
    if name.is_empty() {
        return Some("resource name may not be empty".to_owned());
    }
    let complaints = meta::name::path_segment(name);
    (!complaints.is_empty()).then(|| format!("invalid resource name {name:?}: [{}]", complaints.join(" ")))
}

/// The annotation that a kubelet puts on the mirror of a static pod.
pub(crate) const MIRROR_ANNOTATION: &str = "kubernetes.io/config.mirror";

/// Containers and what messages call them, in the order in which upstream looks at them.
pub(crate) fn containers(pod: &Value) -> impl Iterator<Item = (&'static str, &Value)> {
    const LISTS: [(&str, &str); 3] = [
        ("init container", "/spec/initContainers"),
        ("container", "/spec/containers"),
        ("ephemeral container", "/spec/ephemeralContainers"),
    ];
    LISTS
        .into_iter()
        .flat_map(|(called, list)| items(pod, list).iter().map(move |container| (called, container)))
}

/// The containers that run for as long as they are there, or before the others, and what messages call them: not the
/// ephemeral ones.
pub(crate) fn lasting_containers_mut(pod: &mut Value) -> impl Iterator<Item = (&'static str, &mut Value)> {
    let spec = pod.get_mut("spec").and_then(Value::as_object_mut);
    let lists = spec.into_iter().flatten().filter_map(|(name, list)| {
        let called = match name.as_str() {
            "containers" => "container",
            "initContainers" => "init container",
            _ => return None,
        };
        Some((called, list.as_array_mut()?))
    });
    lists.flat_map(|(called, list)| list.iter_mut().map(move |container| (called, container)))
}

/// Appends to a list of the pod's spec, which is made if it is missing.
pub(crate) fn append(pod: &mut Value, list: &str, item: Value) {
    let list = &mut pod["spec"][list];
    match list.as_array_mut() {
        Some(items) => items.push(item),
        None => *list = Value::Array(vec![item]),
    }
}
