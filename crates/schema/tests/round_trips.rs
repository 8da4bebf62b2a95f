//! Random objects come back the same from every encoding.

use meta::{GroupVersion, GroupVersionKind};
use proptest::prelude::*;
use schema::{
    FieldValidation, SchemaRef, Shape, YamlDocument, builtin, decode_json, decode_protobuf, encode_protobuf,
    to_yaml,
};
use serde_json::{Map, Value, json};

const KINDS: &[(&str, &str)] = &[
    ("apps/v1", "Deployment"),
    ("apps/v1", "StatefulSet"),
    ("autoscaling/v2", "HorizontalPodAutoscaler"),
    ("batch/v1", "CronJob"),
    ("certificates.k8s.io/v1", "CertificateSigningRequest"),
    ("coordination.k8s.io/v1", "Lease"),
    ("discovery.k8s.io/v1", "EndpointSlice"),
    ("events.k8s.io/v1", "Event"),
    ("flowcontrol.apiserver.k8s.io/v1", "FlowSchema"),
    ("networking.k8s.io/v1", "Ingress"),
    ("networking.k8s.io/v1", "NetworkPolicy"),
    ("policy/v1", "PodDisruptionBudget"),
    ("rbac.authorization.k8s.io/v1", "ClusterRole"),
    ("resource.k8s.io/v1", "ResourceClaim"),
    ("storage.k8s.io/v1", "StorageClass"),
    ("v1", "ConfigMap"),
    ("v1", "Node"),
    ("v1", "PersistentVolume"),
    ("v1", "Pod"),
    ("v1", "ResourceQuota"),
    ("v1", "Secret"),
    ("v1", "Service"),
];

/// Texts that are easily taken for something else in YAML.
const TEXTS: &[&str] = &[
    "",
    "a",
    "yes",
    "no",
    "null",
    "~",
    "true",
    "1",
    "0x1f",
    "1e3",
    ".5",
    "-",
    "- a",
    "a: b",
    "a #b",
    "#",
    "'",
    "\"",
    "\\",
    " a",
    "a ",
    "a\nb",
    "\n",
    "\ta",
    "é",
    "☃",
    "\u{1f600}",
    "{",
    "[",
    "*a",
    "&a",
    "!a",
    "|",
    ">",
    "%",
    "@",
    "`",
    "2026-01-02",
    "=",
    "<<",
    "? a",
    "\u{7f}",
    "\u{85}",
    "\u{2028}",
    "\r\n",
    "a\n\n",
];

/// A small source of choices, the same for the same seed.
struct Choices(u64);

impl Choices {
    fn next(&mut self, below: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap_or(0) % below
    }

    fn of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.next(all.len())]
    }

    /// Any value that may stand there. Nothing is there but empty: not every encoding keeps that.
    fn value(&mut self, schema: SchemaRef<'_>, depth: usize) -> Option<Value> {
        Some(match schema.shape() {
            Shape::Bool => self.of(&[true, false]).into(),
            Shape::Int32 => self
                .of(&[0, 1, -1, i64::from(i32::MAX), i64::from(i32::MIN)])
                .into(),
            Shape::Int64 => self.of(&[0, 1, -1, i64::MAX, i64::MIN]).into(),
            Shape::Float64 => self.of(&[0.5, -2.25, 1e21]).into(),
            Shape::String => self.of(TEXTS).into(),
            Shape::Bytes => self.of(&["AA==", "/+8=", "YWJj"]).into(),
            Shape::Quantity => self
                .of(&["0", "1", "100m", "1Gi", "1500Mi", "2k", "-3", "12e6"])
                .into(),
            Shape::IntOrString => [json!(0), json!(80), json!("http"), json!("25%")][self.next(4)].clone(),
            Shape::Time => "2026-01-02T03:04:05Z".into(),
            Shape::MicroTime => self
                .of(&["2026-01-02T03:04:05.000006Z", "2026-01-02T03:04:05.000000Z"])
                .into(),
            Shape::Duration => self.of(&["0s", "1m0s", "1h0m0.5s"]).into(),
            Shape::Raw => [json!({"f:a": {}}), json!({"a": [1, "b", null]})][self.next(2)].clone(),
            Shape::Object => self.object(schema, depth),
            Shape::List if depth > 0 => {
                let items = (0..=self.next(2)).map(|_| self.value(schema.element()?, depth - 1));
                items.collect::<Option<Vec<_>>>()?.into()
            }
            Shape::Map if depth > 0 => {
                let entries = (0..=self.next(2)).map(|number| {
                    let value = self.value(schema.element()?, depth - 1)?;
                    Some((format!("k{number}/é"), value))
                });
                entries.collect::<Option<Map<_, _>>>()?.into()
            }
            // No built-in type has such.
            Shape::Free => return None,
            Shape::List | Shape::Map => return None,
        })
    }

    fn object(&mut self, schema: SchemaRef<'_>, depth: usize) -> Value {
        let mut object = Map::new();
        let is_whole_object = schema.field("metadata").is_some();
        for (name, field) in schema.fields() {
            // What an object within another is called does not go into protobuf.
            if is_whole_object && matches!(name, "apiVersion" | "kind") {
                continue;
            }
            let is_there = depth > 0 && self.next(3) == 0;
            if let Some(value) = is_there.then(|| self.value(field, depth - 1)).flatten() {
                object.insert(name.to_owned(), value);
            }
        }
        object.into()
    }
}

/// An object of the kind, as it is in the server.
fn object(seed: u64) -> (Value, SchemaRef<'static>) {
    const DEPTH: usize = 9;
    let mut choices = Choices(seed);
    let (api_version, kind) = choices.of(KINDS);
    let gvk: GroupVersionKind = GroupVersion::parse(api_version).expect("a version").kind(kind);
    let schema = builtin(&gvk).expect("a built-in kind");
    let mut object = choices.object(schema, DEPTH);
    object["apiVersion"] = api_version.into();
    object["kind"] = kind.into();
    (decoded(object.to_string().as_bytes(), schema), schema)
}

fn decoded(json: &[u8], schema: SchemaRef<'_>) -> Value {
    let decoded = decode_json(json, schema, FieldValidation::Strict);
    let (object, report) =
        decoded.unwrap_or_else(|error| panic!("{error:?}: {}", String::from_utf8_lossy(json)));
    assert!(report.is_empty(), "{report:?}");
    object
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn objects_come_back_from_json(seed: u64) {
        let (object, schema) = object(seed);
        prop_assert_eq!(decoded(object.to_string().as_bytes(), schema), object);
    }

    #[test]
    fn objects_come_back_from_yaml(seed: u64) {
        let (object, _) = object(seed);
        let yaml = to_yaml(&object);
        let read = YamlDocument::parse(yaml.as_bytes()).map(YamlDocument::into_value);
        prop_assert_eq!(read, Ok(object), "{}", yaml);
    }

    #[test]
    fn objects_come_back_from_protobuf(seed: u64) {
        let (object, schema) = object(seed);
        let bytes = encode_protobuf(&object, schema).expect("every object of a kind has that form");
        prop_assert_eq!(decode_protobuf(&bytes, schema), Ok(object.clone()));
        let again = decode_protobuf(&bytes, schema).expect("as before");
        prop_assert_eq!(encode_protobuf(&again, schema), Ok(bytes));
    }
}
