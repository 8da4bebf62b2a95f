//! Objects cut down to their metadata, without decoding them.

use bytes::{Bytes, BytesMut};
use meta::{Reason, Status};
use registry::Object;
use serde_json::{Map, Value};

use crate::negotiate::ViewVersion;
use crate::resources::Route;

/// 406 where the metadata of an object is asked for and the answer is a list, or the reverse.
pub fn no_such_view(route: &Route, wanted: &str, is_list: bool) -> Status {
    let descriptor = route.descriptor();
    let projected = route.subresource().filter(|_| !route.has_own_kind());
    let found = match (route.is_custom(), is_list) {
        _ if let Some(subresource) = projected => {
            let package = match route.is_custom() {
                true => &subresource.kind.version,
                false => go_package(&subresource.kind.group),
            };
            format!("{package}.{}", subresource.kind.kind)
        }
        (true, true) => "unstructured.UnstructuredList".to_owned(),
        (true, false) => "unstructured.Unstructured".to_owned(),
        (false, true) => format!("{}.{}", go_package(&descriptor.kind.group), descriptor.list_kind),
        (false, false) => format!("{}.{}", go_package(&descriptor.kind.group), descriptor.kind.kind),
    };
    let is = if is_list { "is" } else { "is not" };
    let message = format!("you requested {wanted}, but the requested object {is} a list (*{found})");
    Status::failure(406, Reason::NOT_ACCEPTABLE, message)
}

/// The package of a group's types inside upstream's server, as messages name it.
pub fn go_package(group: &str) -> &str {
    match group {
        "" | "events.k8s.io" => "core",
        group => group.split('.').next().unwrap_or_default(),
    }
}

/// The `metadata` of an object in JSON, without an annotation if one is not to be shown: mostly a part of the same bytes.
pub fn metadata_of(hidden: Option<&str>, object: &Object) -> Bytes {
    let metadata = object.metadata_json();
    match hidden {
        Some(annotation) => without(metadata, annotation),
        None => metadata,
    }
}

/// Metadata without an annotation.
fn without(json: Bytes, annotation: &str) -> Bytes {
    let Ok(mut metadata) = serde_json::from_slice::<Map<String, Value>>(&json) else {
        return json;
    };
    if let Some(Value::Object(annotations)) = metadata.get_mut("annotations") {
        annotations.remove(annotation);
        if annotations.is_empty() {
            metadata.remove("annotations");
        }
    }
    Value::Object(metadata).to_string().into()
}

/// What stands before the metadata of a partial object.
pub fn partial_prefix(version: ViewVersion) -> &'static [u8] {
    match version {
        ViewVersion::V1 => br#"{"kind":"PartialObjectMetadata","apiVersion":"meta.k8s.io/v1","metadata":"#,
        ViewVersion::V1beta1 => {
            br#"{"kind":"PartialObjectMetadata","apiVersion":"meta.k8s.io/v1beta1","metadata":"#
        }
    }
}

/// An object as a partial object, in JSON.
pub fn partial(hidden: Option<&str>, object: &Object, version: ViewVersion) -> Bytes {
    let (prefix, metadata) = (partial_prefix(version), metadata_of(hidden, object));
    let mut partial = BytesMut::with_capacity(prefix.len() + metadata.len() + 1);
    partial.extend_from_slice(prefix);
    partial.extend_from_slice(&metadata);
    partial.extend_from_slice(b"}");
    partial.freeze()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn metadata_is_cut_out() {
        for (object, expected) in [
            (
                json!({"kind": "X", "spec": {"metadata": 1}, "metadata": {"name": "a", "resourceVersion": "5"}}),
                r#"{"resourceVersion":"5","name":"a"}"#,
            ),
            (json!({"kind": "X", "metadata": {}, "spec": {}}), "{}"),
            (json!({"kind": "X", "spec": {}}), "{}"),
        ] {
            let shown = partial(None, &Object::unstored(object), ViewVersion::V1);
            let prefix = r#"{"kind":"PartialObjectMetadata","apiVersion":"meta.k8s.io/v1","metadata":"#;
            assert_eq!(shown, format!("{prefix}{expected}}}"));
        }
    }

    #[test]
    fn what_stands_for_a_field_is_no_metadata() {
        const ANNOTATION: &str = "example.com/generation";
        for (annotations, expected) in [
            (
                json!({ANNOTATION: "1", "a": "b"}),
                json!({"annotations": {"a": "b"}}),
            ),
            (json!({ANNOTATION: "1"}), json!({})),
        ] {
            let object = Object::unstored(json!({"metadata": {"annotations": annotations}}));
            let shown = metadata_of(Some(ANNOTATION), &object);
            assert_eq!(shown, expected.to_string());
        }
    }
}
