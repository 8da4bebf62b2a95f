//! Protobuf, by table. The bytes of the cases are put together by hand from the wire format.

use meta::{GroupVersion, GroupVersionKind};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::{FieldValidation, builtin, decode_value};

fn schema_of(api_version: &str, kind: &str) -> SchemaRef<'static> {
    GroupVersion::parse(api_version)
        .and_then(|group_version| builtin(&group_version.kind(kind.to_owned())))
        .expect("a built-in kind")
}

/// A field of bytes: tag, length, bytes. For messages below 128 bytes, numbers below 16.
fn field(number: u8, bytes: impl AsRef<[u8]>) -> Vec<u8> {
    let bytes = bytes.as_ref();
    let length = u8::try_from(bytes.len()).expect("a short field");
    [&[number << 3 | 2, length], bytes].concat()
}

/// A field of a number below 128.
fn number(number: u8, value: u8) -> Vec<u8> {
    vec![number << 3, value]
}

/// The metadata of which only the name is given.
fn named(name: &str) -> Vec<u8> {
    let empty: Vec<u8> = (2..=6).flat_map(|number| field(number, "")).collect();
    let generation_and_creation = [number(7, 0), field(8, "")].concat();
    field(1, [field(1, name), empty, generation_and_creation].concat())
}

#[test]
fn messages_are_gos() {
    for (api_version, kind, value, message) in [
        (
            "v1",
            "ConfigMap",
            json!({"metadata": {"name": "n"}, "data": {"b": "2", "a": ""}, "binaryData": {"c": "aGk="}, "immutable": false}),
            [
                named("n"),
                field(2, [field(1, "a"), field(2, "")].concat()),
                field(2, [field(1, "b"), field(2, "2")].concat()),
                field(3, [field(1, "c"), field(2, "hi")].concat()),
                number(4, 0),
            ]
            .concat(),
        ),
        (
            "coordination.k8s.io/v1",
            "Lease",
            json!({"metadata": {"name": "n"}, "spec": {"holderIdentity": "h", "renewTime": "1970-01-01T00:00:05.000000Z"}}),
            [
                named("n"),
                field(
                    2,
                    [field(1, "h"), field(4, [number(1, 5), number(2, 0)].concat())].concat(),
                ),
            ]
            .concat(),
        ),
        (
            "v1",
            "Binding",
            json!({"metadata": {"name": "n"}, "target": {"kind": "Node", "name": "m"}}),
            [
                named("n"),
                field(
                    2,
                    [
                        field(1, "Node"),
                        field(2, ""),
                        field(3, "m"),
                        field(4, ""),
                        field(5, ""),
                        field(6, ""),
                        field(7, ""),
                    ]
                    .concat(),
                ),
            ]
            .concat(),
        ),
        (
            "apps/v1",
            "ControllerRevision",
            json!({"metadata": {"name": "n"}, "data": {"any": [1]}, "revision": 3}),
            [named("n"), field(2, field(1, r#"{"any":[1]}"#)), number(3, 3)].concat(),
        ),
        (
            "apps/v1",
            "ControllerRevision",
            json!({"metadata": {"name": "n"}, "data": null, "revision": -1}),
            [named("n"), field(2, ""), vec![3 << 3], vec![0xff; 9], vec![1]].concat(),
        ),
        (
            "networking.k8s.io/v1",
            "IngressClass",
            json!({"metadata": {"name": "n"}, "spec": {"controller": "c"}}),
            [named("n"), field(2, field(1, "c"))].concat(),
        ),
    ] {
        let schema = schema_of(api_version, kind);
        assert_eq!(encode_message(&value, schema), Ok(message.clone()), "{value}");
        assert_eq!(decode_message(&message, schema), Ok(value));
    }
}

/// Objects with values of every kind.
fn samples() -> Vec<Value> {
    let container = json!({
        "name": "c", "image": "i", "command": ["a", "b"],
        "ports": [{"containerPort": 80, "protocol": "TCP"}],
        "env": [{"name": "A", "value": "b"}, {"name": "C", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k", "optional": false}}}],
        "resources": {"limits": {"cpu": "500m", "memory": "1Gi"}, "requests": {"cpu": "0"}},
        "livenessProbe": {"httpGet": {"port": "http"}, "periodSeconds": 3},
        "readinessProbe": {"tcpSocket": {"port": 80}},
        "securityContext": {"runAsUser": 0, "capabilities": {"drop": ["ALL"]}},
    });
    let schema = json!({
        "type": "object", "x-kubernetes-preserve-unknown-fields": true, "maximum": 1.5, "minimum": 2.0,
        "properties": {"a": {"type": "array", "items": {"type": "string"}, "default": ["x"], "enum": [1, null, "y"]}},
        "additionalProperties": false, "dependencies": {"a": ["b"], "c": {"type": "string"}},
        "not": {"items": [{"type": "string"}], "additionalItems": {"nullable": true}}, "$ref": "r",
    });
    vec![
        json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {
                "name": "p", "labels": {"a": "b"}, "creationTimestamp": "2020-01-02T03:04:05Z", "generation": 300,
                "managedFields": [{"manager": "m", "fieldsType": "FieldsV1", "fieldsV1": {"f:spec": {}}}],
            },
            "spec": {
                "containers": [container],
                "ephemeralContainers": [{"name": "e", "targetContainerName": "c"}],
                "volumes": [
                    {"name": "v", "emptyDir": {"sizeLimit": "1Mi"}},
                    {"name": "w", "projected": {"sources": [{"serviceAccountToken": {"path": "t"}}]}},
                ],
                "tolerations": [{"operator": "Exists", "tolerationSeconds": 0}],
            },
            "status": {"conditions": [{"type": "Ready", "status": "True"}], "startTime": "1960-01-01T00:00:00Z"},
        }),
        json!({
            "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicy",
            "spec": {"matchConstraints": {"resourceRules": [
                {"resourceNames": ["n"], "operations": ["*"], "apiGroups": [""], "resources": ["pods"]},
            ]}},
        }),
        json!({
            "apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview",
            "status": {"user": {"username": "u", "extra": {"a": ["b", "c"], "d": []}}},
        }),
        json!({
            "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
            "spec": {"versions": [{"name": "v1", "schema": {"openAPIV3Schema": schema}}]},
        }),
        json!({
            "apiVersion": "batch/v1", "kind": "Job",
            "spec": {"podFailurePolicy": {"rules": [{"action": "Ignore", "onExitCodes": {"operator": "In", "values": [1, 300]}}]}},
        }),
        json!({"apiVersion": "v1", "kind": "Secret", "data": {"a": "AP8=", "b": ""}}),
    ]
}

#[test]
fn every_kind_of_value_comes_back() {
    for given in samples() {
        let type_meta = TypeMeta::of(&given);
        let schema = schema_of(&type_meta.api_version, &type_meta.kind);
        let (object, _) = decode_value(given, schema, FieldValidation::Strict).expect("a sound sample");
        let bytes = encode_protobuf(&object, schema).expect("has a protobuf form");
        assert_eq!(
            Envelope::parse(&bytes).map(|envelope| envelope.type_meta),
            Ok(type_meta)
        );
        assert_eq!(decode_protobuf(&bytes, schema), Ok(object));
    }
}

#[test]
fn a_list_is_its_items_strung_together() {
    let pods: Vec<Value> = ["a", "b"]
        .map(|name| json!({"metadata": {"name": name}}))
        .to_vec();
    let metadata = json!({"resourceVersion": "7"});
    let list = json!({"apiVersion": "v1", "kind": "PodList", "metadata": metadata, "items": pods});
    let whole = encode_protobuf(&list, schema_of("v1", "PodList")).expect("encodes");

    let messages: Vec<Vec<u8>> = pods
        .iter()
        .map(|pod| encode_message(pod, schema_of("v1", "Pod")).expect("encodes"))
        .collect();
    let frame = ListFrame::new(&metadata).expect("a list's metadata");
    let mut strung = frame.head(&TypeMeta::of(&list), messages.iter().map(Vec::len));
    for message in &messages {
        strung.extend(ListFrame::item_head(message.len()));
        strung.extend(message);
    }
    strung.extend(envelope_tail());
    assert_eq!(strung, whole);
}

#[test]
fn a_watch_event_frames_an_object() {
    let object = b"k8s\0object";
    let event = [watch_event_head("ADDED", object.len()), object.to_vec()].concat();
    let message = [field(1, "ADDED"), field(2, field(1, object))].concat();
    assert_eq!(event, [vec![0, 0, 0, 21], message].concat());
}

#[test]
fn what_has_no_protobuf_form_says_so() {
    let table = schema_of("meta.k8s.io/v1", "Table");
    assert_eq!(encode_protobuf(&json!({}), table), Err(EncodeError::Unsupported));
    assert_eq!(decode_message(&[], table), Err(ProtobufError::Unsupported));
}

#[test]
fn what_was_not_decoded_cannot_be_encoded() {
    let object = json!({"spec": {"containers": [{"ports": [{"containerPort": "x"}]}]}});
    let error = EncodeError::Value {
        path: "spec.containers.ports.containerPort".to_owned(),
        kind: "int32".to_owned(),
    };
    assert_eq!(encode_message(&object, schema_of("v1", "Pod")), Err(error));
}

#[test]
fn broken_messages_are_refused() {
    let config_map = schema_of("v1", "ConfigMap");
    for (message, error) in [
        (&b"\x0a"[..], ProtobufError::End),
        (b"\x0a\x05a", ProtobufError::End),
        (
            b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
            ProtobufError::Overflow,
        ),
        (b"\x00\x00", ProtobufError::Tag(0)),
        (b"\x0b", ProtobufError::Tag(11)),
        (
            b"\x08\x01",
            ProtobufError::WireType {
                field: "metadata",
                found: 0,
            },
        ),
    ] {
        assert_eq!(decode_message(message, config_map), Err(error), "{message:?}");
    }
    assert_eq!(decode_protobuf(b"{}", config_map), Err(ProtobufError::Magic));
    let unknown = [field(9, "?"), number(10, 1)].concat();
    assert_eq!(decode_message(&unknown, config_map), Ok(json!({"metadata": {}})));
}

#[test]
fn nesting_is_bounded() {
    // A schema within a schema, by `not`, and an object within an object, by a review's old object.
    let mut schema = Vec::new();
    let mut review = Vec::new();
    let type_meta = TypeMeta {
        api_version: "admission.k8s.io/v1".to_owned(),
        kind: "AdmissionReview".to_owned(),
    };
    for _ in 0..200 {
        let mut writer = wire::Writer::default();
        writer.length_delimited(28, &schema);
        schema = writer.finish();

        let object = [&envelope_head(&type_meta, review.len()), review.as_slice()].concat();
        let mut writer = wire::Writer::default();
        let before = writer.len();
        writer.length_delimited(1, &object);
        writer.head(9, before);
        writer.head(1, before);
        review = writer.finish();
    }
    let props = SchemaRef::of_type(&crate::generated::apiextensions_v1::JSON_SCHEMA_PROPS);
    assert_eq!(decode_message(&schema, props), Err(ProtobufError::Depth));
    let reviews = schema_of("admission.k8s.io/v1", "AdmissionReview");
    assert_eq!(decode_message(&review, reviews), Err(ProtobufError::Depth));
}

#[test]
fn objects_are_bounded() {
    let containers = |count: usize| {
        let spec = [2 << 3 | 2, 0].repeat(count);
        let mut writer = wire::Writer::default();
        writer.length_delimited(2, &spec);
        writer.finish()
    };
    let pod = schema_of("v1", "Pod");
    assert!(decode_message(&containers(10_000), pod).is_ok());
    assert_eq!(
        decode_message(&containers(300_000), pod),
        Err(ProtobufError::Objects)
    );
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(cuts in any::<[prop::sample::Index; 2]>(), byte in any::<u8>()) {
        for given in samples() {
            let type_meta = TypeMeta::of(&given);
            let schema = schema_of(&type_meta.api_version, &type_meta.kind);
            let bytes = encode_protobuf(&given, schema).expect("has a protobuf form");
            let [at, end] = cuts;
            let mut broken = bytes.clone();
            broken[at.index(bytes.len())] = byte;
            broken.truncate(end.index(bytes.len()) + 1);
            let _ = decode_protobuf(&broken, schema);
        }
    }
}

#[test]
fn options_have_a_protobuf_form() {
    let options = builtin(&GroupVersionKind::new("", "v1", "DeleteOptions")).expect("built in");
    let value =
        json!({"apiVersion": "v1", "kind": "DeleteOptions", "gracePeriodSeconds": 0, "dryRun": ["All"]});
    let bytes = encode_protobuf(&value, options).expect("encodes");
    assert_eq!(decode_protobuf(&bytes, options), Ok(value));
}
