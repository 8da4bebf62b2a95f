//! Who owns what of an object, seen as another kind that shows one field of it.

use serde_json::{Map, Value, json};

use super::entry::{Identity, Operation, Owner};
use super::list::{Owners, entries, put, take};
use crate::fields::{Element, FieldSet};

/// Gives `face` the owners of the field at `place` of `object`, as owners of the field at `shown` in the version of the face.
pub fn show_owners(object: &Value, place: &[&str], face: &mut Value, shown: &[&str]) {
    let version = face.get("apiVersion").cloned().unwrap_or_default();
    let all = entries(object).unwrap_or_default();
    // Of two entries with one identity the last counts.
    let twins = Owners::twins(all);
    let owners = all.iter().enumerate();
    let owners = owners.filter_map(|(at, entry)| (!twins.contains(&at)).then_some(entry));
    let seen = owners.filter(|entry| owns(entry, place)).filter_map(|entry| {
        let mut entry = entry.as_object()?.clone();
        entry.insert("apiVersion".to_owned(), version.clone());
        entry.insert("fieldsV1".to_owned(), set_of(shown));
        Some(Value::Object(entry))
    });
    put(face, seen.collect());
}

/// Gives an object the owners that `face` names after a write, as owners of the field at `place` in the object's version. As
/// upstream has it, only who applies is found again; the others are noted anew and without a time, besides what else they own.
pub fn return_owners(object: &mut Value, place: &[&str], face: &Value, shown: &[&str], api_version: &str) {
    let path = path_of(place);
    let mut field = FieldSet::new();
    field.insert_path(&path);
    let mut faces = Owners::of(face);
    let mut owners = Owners::default();
    for mut owner in Owners::of(object).0 {
        if owner.fields.contains(&path) && faces.take(&owner.identity).is_none() {
            owner.lose(&field);
        }
        if !owner.owns_nothing() {
            owners.0.push(owner);
        }
    }
    let shown = path_of(shown);
    let faces = faces.0.into_iter().filter(|face| face.fields.contains(&shown));
    owners.0.extend(faces.map(|face| {
        let api_version_of_identity = match face.identity.operation {
            Operation::Apply => "",
            Operation::Update => api_version,
        };
        let identity = Identity {
            api_version: api_version_of_identity.to_owned(),
            ..face.identity
        };
        Owner::new(identity, api_version, None, field.clone())
    }));
    take(object);
    owners.write(object);
}

fn path_of(place: &[&str]) -> Vec<Element> {
    place.iter().map(|name| Element::field(name)).collect()
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

    #[test]
    fn owners_come_back_from_a_face() {
        let owner = |manager: &str, version: &str, time: Value, fields: Value| json!({"manager": manager, "operation": "Update", "apiVersion": version, "time": time, "fieldsType": "FieldsV1", "fieldsV1": fields});
        let applier = |manager: &str, version: &str, fields: Value| json!({"manager": manager, "operation": "Apply", "apiVersion": version, "subresource": "scale", "fieldsType": "FieldsV1", "fieldsV1": fields});
        const TIME: &str = "2026-01-01T00:00:00Z";
        let size = json!({"f:spec": {"f:size": {}}});
        let replicas = json!({"f:spec": {"f:replicas": {}}});
        let both = json!({"f:spec": {"f:size": {}, "f:color": {}}});
        let color = json!({"f:spec": {"f:color": {}}});
        let without_time = |manager: &str| {
            let mut entry = owner(manager, "example.com/v1", Value::Null, size.clone());
            entry.as_object_mut().expect("an object").remove("time");
            entry
        };
        let check = |before: Value, face: Value, after: Value| {
            let mut object = json!({"metadata": {"managedFields": before}});
            let face = json!({"metadata": {"managedFields": face}});
            return_owners(
                &mut object,
                &["spec", "size"],
                &face,
                &["spec", "replicas"],
                "example.com/v1",
            );
            assert_eq!(
                object["metadata"]
                    .get("managedFields")
                    .cloned()
                    .unwrap_or_default(),
                after
            );
        };
        let a = owner("a", "example.com/v1", TIME.into(), both);
        let face = |manager: &str| owner(manager, "autoscaling/v1", TIME.into(), replicas.clone());
        let rest = owner("a", "example.com/v1", TIME.into(), color);
        check(
            json!([a.clone()]),
            json!([face("a")]),
            json!([without_time("a"), rest.clone()]),
        );
        check(
            json!([a.clone()]),
            json!([face("z")]),
            json!([without_time("z"), rest.clone()]),
        );
        check(json!([a.clone()]), json!([]), json!([rest.clone()]));
        // Of twins the last counts: the other is lost with the next write.
        check(json!([without_time("a"), rest.clone()]), json!([]), json!([rest]));
        let known = applier("b", "example.com/v1", size.clone());
        check(
            json!([known.clone()]),
            json!([applier("b", "autoscaling/v1", replicas.clone())]),
            json!([known]),
        );
    }
}
