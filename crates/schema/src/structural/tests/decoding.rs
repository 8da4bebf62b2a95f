//! Reading custom resources by the same door as built-in kinds.

use super::*;
use crate::decode::{DecodeError, FieldValidation, decode_json, decode_value};

fn decode(json: &str) -> (Value, Vec<String>) {
    let widget = widget();
    let (object, report) =
        decode_json(json.as_bytes(), widget.position(), FieldValidation::Warn).expect("it can be read");
    (object, report.warnings().map(str::to_owned).collect())
}

#[test]
fn unknown_and_duplicate_fields_are_told() {
    let (object, warnings) = decode(
        r#"{"apiVersion":"example.com/v1","kind":"Widget","metadata":{"name":"a","whoops":1},
            "spec":{"size":1,"size":2,"odd":1,"list":[],"template":{"apiVersion":"v1","kind":"Pod","metadata":{"bogus":1}}},"top":1}"#,
    );
    assert_eq!(
        warnings,
        [
            r#"duplicate field "spec.size""#,
            r#"unknown field "metadata.whoops""#,
            r#"unknown field "spec.odd""#,
            r#"unknown field "top""#,
            r#"unknown field "spec.template.metadata.bogus""#,
        ]
    );
    assert_eq!(object["spec"]["size"], 2);
    assert_eq!(object["metadata"]["name"], "a");
    assert!(object["metadata"].get("whoops").is_none());
}

#[test]
fn strictness_makes_them_an_error() {
    let json = br#"{"apiVersion":"example.com/v1","kind":"Widget","spec":{"whoops":1},"top":2}"#;
    let widget = widget();
    let error = decode_json(json, widget.position(), FieldValidation::Strict)
        .map(|_| ())
        .map_err(|error| error.to_string());
    assert_eq!(
        error,
        Err(r#"strict decoding error: unknown field "spec.whoops", unknown field "top""#.to_owned())
    );
    let (object, report) =
        decode_json(json, widget.position(), FieldValidation::Ignore).expect("it can be read");
    assert!(report.is_empty());
    assert_eq!(object["spec"], json!({}));
}

#[test]
fn metadata_is_read_as_that_of_other_kinds() {
    let widget = widget();
    let read = |metadata: Value| {
        let object = json!({"apiVersion": "example.com/v1", "kind": "Widget", "metadata": metadata});
        decode_value(object, widget.position(), FieldValidation::Warn)
            .map(|(object, _)| object["metadata"].clone())
    };
    assert_eq!(
        read(json!({"name": "a", "labels": {}, "finalizers": [], "managedFields": []})),
        Ok(json!({"name": "a"}))
    );
    assert_eq!(
        read(json!({"labels": {"a": 5}})),
        Err(DecodeError::Value(
            "json: cannot unmarshal number into Go struct field ObjectMeta.labels of type string".to_owned()
        ))
    );
    assert_eq!(
        read(json!({"name": "a", "labels": null, "creationTimestamp": null})),
        Ok(json!({"name": "a"}))
    );
}

#[test]
fn objects_of_other_versions_keep_nothing() {
    let (object, warnings) = decode(r#"{"apiVersion":"example.com/v9","kind":"Widget","spec":{"size":1}}"#);
    assert_eq!(warnings, [r#"unknown field "spec""#]);
    assert_eq!(object, json!({"apiVersion": "example.com/v9", "kind": "Widget"}));
    let (object, warnings) = decode(r#"{"apiVersion":"apps/v1","kind":"Widget","spec":{"size":1}}"#);
    assert!(warnings.is_empty());
    assert_eq!(object["spec"]["size"], 1);
}

#[test]
fn nulls_go_and_wrong_types_stay() {
    let (object, _) = decode(
        r#"{"apiVersion":"example.com/v1","kind":"Widget","spec":{"color":null,"size":"big","note":null,"replicas":3.0,"free":{"n":null}}}"#,
    );
    assert_eq!(
        object["spec"].to_string(),
        r#"{"free":{"n":null},"note":null,"replicas":3.0,"size":"big"}"#
    );
}

#[test]
fn nulls_stay_in_what_was_applied() {
    let object = json!({"apiVersion":"example.com/v1","kind":"Widget","spec":{"color":null,"whoops":1,"free":{"n":null}}});
    let read = super::super::decode_applied(object, &widget());
    assert_eq!(
        read.map(|object| object["spec"].clone()),
        Ok(json!({"color": null, "free": {"n": null}}))
    );
}

#[test]
fn syntax_errors_are_gos() {
    let widget = widget();
    let error = decode_json(b"{", widget.position(), FieldValidation::Warn).map(|_| ());
    assert_eq!(
        error,
        Err(DecodeError::Syntax("unexpected end of JSON input".to_owned()))
    );
}

#[test]
fn what_keeps_all_knows_its_metadata() {
    let given = json!({"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": "a", "odd": 1},
        "spec": {"size": null, "whoops": [{"b": null}]}, "top": 2});
    let mut expected = given.clone();
    expected["metadata"] = json!({"name": "a"});
    let widget = widget().keeping_all();
    let (object, report) =
        decode_value(given, widget.position(), FieldValidation::Warn).expect("it can be read");
    assert_eq!(object, expected);
    assert_eq!(
        report.warnings().collect::<Vec<_>>(),
        [r#"unknown field "metadata.odd""#]
    );
    assert_eq!(
        texts(&widget.validate(&object, &Path::root())),
        [r#"spec.size: Invalid value: "null": spec.size in body must be of type integer: "null""#]
    );
}
