//! Objects cut down to their metadata, without decoding them.

use bytes::{Bytes, BytesMut};
use meta::{Reason, Status};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::negotiate::ViewVersion;
use crate::resources::Route;

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    metadata: &'a RawValue,
}

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
pub fn metadata_of(hidden: Option<&str>, json: &Bytes) -> Bytes {
    match serde_json::from_slice::<Envelope<'_>>(json) {
        Ok(envelope) => match hidden {
            Some(annotation) => without(envelope.metadata, annotation),
            None => json.slice_ref(envelope.metadata.get().as_bytes()),
        },
        Err(_) => Bytes::from_static(b"{}"),
    }
}

/// Metadata without an annotation.
fn without(metadata: &RawValue, annotation: &str) -> Bytes {
    let Ok(mut metadata) = serde_json::from_str::<Map<String, Value>>(metadata.get()) else {
        return Bytes::copy_from_slice(metadata.get().as_bytes());
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
pub fn partial(hidden: Option<&str>, json: &Bytes, version: ViewVersion) -> Bytes {
    let (prefix, metadata) = (partial_prefix(version), metadata_of(hidden, json));
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
        let json = Bytes::from_static(br#"{"kind":"X","spec":{"metadata":1},"metadata":{"name":"a"}}"#);
        let expected =
            r#"{"kind":"PartialObjectMetadata","apiVersion":"meta.k8s.io/v1","metadata":{"name":"a"}}"#;
        assert_eq!(partial(None, &json, ViewVersion::V1), expected);
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
            let json = json!({"metadata": {"annotations": annotations}})
                .to_string()
                .into();
            let shown = metadata_of(Some(ANNOTATION), &json);
            assert_eq!(shown, expected.to_string());
        }
    }
}
