//! What a conversion webhook is asked, and what is made of its answer. Decided without I/O.

use serde_json::{Map, Value, json};

/// The `ConversionReview` that asks for objects in another version.
pub(crate) fn request(uid: &str, review_version: &str, objects: &[Value], api_version: &str) -> Value {
    json!({
        "kind": "ConversionReview",
        "apiVersion": format!("apiextensions.k8s.io/{review_version}"),
        "request": { "uid": uid, "desiredAPIVersion": api_version, "objects": objects },
    })
}

/// The converted objects in an answer, metadata put right: only labels and annotations may be converted.
///
/// # Errors
/// What is wrong with the answer, in upstream's words for what the webhook has done: `failed: why`.
pub(crate) fn converted(
    answer: &Value,
    uid: &str,
    review_version: &str,
    originals: &[Value],
    api_version: &str,
) -> Result<Vec<Value>, String> {
    let text = |pointer: &str| answer.pointer(pointer).and_then(Value::as_str).unwrap_or("");
    let wanted = format!("apiextensions.k8s.io/{review_version}");
    if text("/kind") != "ConversionReview" || text("/apiVersion") != wanted {
        return Err(format!(
            "failed: expected webhook response of {wanted}, Kind=ConversionReview, got {}, Kind={}",
            text("/apiVersion"),
            text("/kind")
        ));
    }
    if answer["response"].is_null() {
        return Err(String::from("failed: no response provided"));
    }
    if text("/response/uid") != uid {
        let found = meta::quote(text("/response/uid"));
        return Err(format!(
            "failed: expected response.uid={}, got {found}",
            meta::quote(uid)
        ));
    }
    if text("/response/result/status") != "Success" {
        return Err(format!("failed: {}", text("/response/result/message")));
    }
    let none = Vec::new();
    let converted = answer["response"]["convertedObjects"].as_array().unwrap_or(&none);
    if converted.len() != originals.len() {
        let (found, wanted) = (converted.len(), originals.len());
        return Err(format!("returned {found} objects, expected {wanted}"));
    }
    let pairs = originals.iter().zip(converted).enumerate();
    pairs
        .map(|(at, (original, converted))| {
            restore(original, converted.clone(), api_version)
                .map_err(|why| format!("returned invalid converted object at index {at}: {why}"))
        })
        .collect()
}

/// A converted object with the metadata of the original.
fn restore(original: &Value, mut converted: Value, api_version: &str) -> Result<Value, String> {
    let text = |object: &Value, field: &str| object[field].as_str().unwrap_or("").to_owned();
    if text(&converted, "apiVersion") != api_version {
        let found = text(&converted, "apiVersion");
        return Err(format!(
            "invalid groupVersion (expected {api_version}, received {found})"
        ));
    }
    if text(&converted, "kind") != text(original, "kind") {
        let (wanted, found) = (text(original, "kind"), text(&converted, "kind"));
        return Err(format!("invalid kind (expected {wanted}, received {found})"));
    }
    let none = Map::new();
    let was = original["metadata"].as_object().unwrap_or(&none);
    let Some(is) = converted["metadata"].as_object() else {
        return Err(String::from("missing metadata in converted object"));
    };
    for field in ["name", "namespace", "uid"] {
        if was.get(field) != is.get(field) {
            let shown = |metadata: &Map<String, Value>| {
                metadata
                    .get(field)
                    .and_then(Value::as_str)
                    .unwrap_or("")
                    .to_owned()
            };
            return Err(format!(
                "invalid metadata.{field} (expected {}, received {})",
                shown(was),
                shown(is)
            ));
        }
    }
    let mut metadata = was.clone();
    for field in ["labels", "annotations"] {
        match is.get(field) {
            Some(value) => metadata.insert(field.to_owned(), value.clone()),
            None => metadata.remove(field),
        };
    }
    converted["metadata"] = Value::Object(metadata);
    Ok(converted)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(version: &str, metadata: Value) -> Value {
        json!({"apiVersion": format!("example.com/{version}"), "kind": "Widget", "metadata": metadata})
    }

    fn answer(objects: Value) -> Value {
        json!({
            "apiVersion": "apiextensions.k8s.io/v1", "kind": "ConversionReview",
            "response": {"uid": "u", "result": {"status": "Success"}, "convertedObjects": objects},
        })
    }

    fn read(answer: &Value) -> Result<Vec<Value>, String> {
        let original = object(
            "v1",
            json!({"name": "a", "finalizers": ["f"], "labels": {"x": "1"}}),
        );
        converted(answer, "u", "v1", &[original], "example.com/v2")
    }

    #[test]
    fn only_labels_and_annotations_are_converted() {
        let forged = object(
            "v2",
            json!({"name": "a", "annotations": {"y": "2"}, "generation": 7}),
        );
        let expected = object(
            "v2",
            json!({"name": "a", "finalizers": ["f"], "annotations": {"y": "2"}}),
        );
        assert_eq!(read(&answer(json!([forged]))), Ok(vec![expected]));
    }

    #[test]
    fn wrong_answers_are_refused() {
        for (answer, expected) in [
            (answer(json!([])), "returned 0 objects, expected 1"),
            (
                answer(json!([object("v1", json!({"name": "a"}))])),
                "returned invalid converted object at index 0: invalid groupVersion (expected example.com/v2, received example.com/v1)",
            ),
            (
                answer(json!([object("v2", json!({"name": "b"}))])),
                "returned invalid converted object at index 0: invalid metadata.name (expected a, received b)",
            ),
            (
                json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "ConversionReview", "response": {
                    "uid": "u", "result": {"status": "Failure", "message": "no way"},
                }}),
                "failed: no way",
            ),
            (
                json!({}),
                "failed: expected webhook response of apiextensions.k8s.io/v1, Kind=ConversionReview, got , Kind=",
            ),
        ] {
            assert_eq!(read(&answer), Err(expected.to_owned()));
        }
    }
}
