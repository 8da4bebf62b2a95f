//! Who owns what of an object, seen as another kind that shows one field of it.

use serde_json::{Map, Value, json};

use super::list::{entries, put};

/// Gives `face` the owners of the field at `place` of `object`, as owners of the field at `shown` in the version of the face.
pub fn show_owners(object: &Value, place: &[&str], face: &mut Value, shown: &[&str]) {
    let version = face.get("apiVersion").cloned().unwrap_or_default();
    let owners = entries(object).unwrap_or_default().iter();
    let seen = owners.filter(|entry| owns(entry, place)).filter_map(|entry| {
        let mut entry = entry.as_object()?.clone();
        entry.insert("apiVersion".to_owned(), version.clone());
        entry.insert("fieldsV1".to_owned(), set_of(shown));
        Some(Value::Object(entry))
    });
    put(face, seen.collect());
}

fn owns(entry: &Value, place: &[&str]) -> bool {
    let fields = entry.get("fieldsV1");
    place
        .iter()
        .try_fold(fields, |fields, name| Some(fields?.get(format!("f:{name}"))))
        .flatten()
        .is_some()
}

fn set_of(place: &[&str]) -> Value {
    place.iter().rev().fold(json!({}), |below, name| {
        let mut set = Map::new();
        set.insert(format!("f:{name}"), below);
        set.into()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_face_has_the_owners_of_its_field() {
        let owner = |manager: &str, version: &str, fields: Value| json!({"manager": manager, "operation": "Update", "apiVersion": version, "fieldsType": "FieldsV1", "fieldsV1": fields});
        let object = json!({"metadata": {"managedFields": [
            owner("a", "example.com/v1", json!({"f:spec": {"f:size": {}, "f:color": {}}})),
            owner("b", "example.com/v1", json!({"f:spec": {"f:color": {}}})),
        ]}});
        let mut face = json!({"apiVersion": "autoscaling/v1", "metadata": {"name": "n"}});
        show_owners(&object, &["spec", "size"], &mut face, &["spec", "replicas"]);
        assert_eq!(
            face["metadata"]["managedFields"],
            json!([owner(
                "a",
                "autoscaling/v1",
                json!({"f:spec": {"f:replicas": {}}})
            )])
        );
    }
}
