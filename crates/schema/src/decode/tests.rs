//! Decoding, by table.

use meta::GroupVersionKind;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{DecodeError, FieldValidation, StrictReport, decode_json, decode_tree};
use crate::builtin;
use crate::reference::SchemaRef;

fn schema_of(api_version: &str, kind: &str) -> SchemaRef<'static> {
    let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
    let kind = GroupVersionKind {
        group: group.to_owned().into(),
        version: version.to_owned().into(),
        kind: kind.to_owned().into(),
    };
    builtin(&kind).expect("a built-in kind")
}

fn decode(
    (api_version, kind): (&str, &str),
    json: &str,
    validation: FieldValidation,
) -> Result<(Value, StrictReport), DecodeError> {
    decode_json(json.as_bytes(), schema_of(api_version, kind), validation)
}

const POD: (&str, &str) = ("v1", "Pod");
const CONFIG_MAP: (&str, &str) = ("v1", "ConfigMap");
const DEFINITION: (&str, &str) = ("apiextensions.k8s.io/v1", "CustomResourceDefinition");
const DEPLOYMENT: (&str, &str) = ("apps/v1", "Deployment");

#[test]
fn a_tree_is_what_go_would_hold() {
    for (kind, given, expected) in [
        (CONFIG_MAP, "{}", r#"{"metadata":{}}"#),
        (CONFIG_MAP, "null", r#"{"metadata":{}}"#),
        (
            CONFIG_MAP,
            r#"{"binaryData":{"a":null},"data":{"b":null}}"#,
            r#"{"binaryData":{"a":""},"data":{"b":""},"metadata":{}}"#,
        ),
        (
            CONFIG_MAP,
            r#"{"metadata":{"finalizers":[]},"data":{},"immutable":false,"x":{"y":[1]}}"#,
            r#"{"metadata":{"finalizers":[]},"data":{},"immutable":false}"#,
        ),
        (
            CONFIG_MAP,
            r#"{"data":{"a":null,"b":""},"binaryData":{"c":"YQ\n=="}}"#,
            r#"{"metadata":{},"data":{"a":"","b":""},"binaryData":{"c":"YQ=="}}"#,
        ),
        (
            POD,
            r#"{"spec":{"containers":[{"name":"c"},null],"hostNetwork":false,"nodeName":"","terminationGracePeriodSeconds":0}}"#,
            r#"{"metadata":{},"spec":{"containers":[{"name":"c","resources":{}},{"name":"","resources":{}}],"terminationGracePeriodSeconds":0},"status":{}}"#,
        ),
        (
            POD,
            r#"{"metadata":{"creationTimestamp":null,"deletionTimestamp":null},"status":{"conditions":[{"type":"Ready","status":"True"}]}}"#,
            r#"{"metadata":{},"spec":{"containers":null},"status":{"conditions":[{"type":"Ready","status":"True","lastProbeTime":null,"lastTransitionTime":null}]}}"#,
        ),
        (
            POD,
            r#"{"metadata":{"creationTimestamp":"2020-01-01T01:00:00.5+01:00"},"spec":{"containers":[{"name":"c","resources":{"limits":{"cpu":0.5,"memory":"1.5Gi","ephemeral-storage":1000,"x/y":"0.1m"}}}]}}"#,
            r#"{"metadata":{"creationTimestamp":"2020-01-01T00:00:00Z"},"spec":{"containers":[{"name":"c","resources":{"limits":{"cpu":"500m","memory":"1536Mi","ephemeral-storage":"1k","x/y":"1m"}}}]},"status":{}}"#,
        ),
        (
            DEPLOYMENT,
            "{}",
            r#"{"metadata":{},"spec":{"selector":null,"template":{"metadata":{},"spec":{"containers":null}},"strategy":{}},"status":{}}"#,
        ),
        (
            ("v1", "Service"),
            r#"{"metadata":null,"spec":{"ports":[{"port":80}]}}"#,
            r#"{"metadata":{},"spec":{"ports":[{"port":80,"targetPort":0}]},"status":{"loadBalancer":{}}}"#,
        ),
        (
            ("rbac.authorization.k8s.io/v1", "ClusterRole"),
            r#"{"rules":[]}"#,
            r#"{"metadata":{},"rules":[]}"#,
        ),
        (
            ("rbac.authorization.k8s.io/v1", "ClusterRole"),
            "{}",
            r#"{"metadata":{},"rules":null}"#,
        ),
        (
            ("apps/v1", "ControllerRevision"),
            r#"{"data":{"any":[1.5,{"thing":null}]},"revision":1}"#,
            r#"{"metadata":{},"data":{"any":[1.5,{"thing":null}]},"revision":1}"#,
        ),
        (
            ("authentication.k8s.io/v1", "TokenReview"),
            r#"{"status":{"user":{"extra":{"a":["b"],"c":null}}}}"#,
            r#"{"metadata":{},"spec":{},"status":{"user":{"extra":{"a":["b"],"c":null}}}}"#,
        ),
        (
            ("apiextensions.k8s.io/v1", "CustomResourceDefinition"),
            r#"{"spec":{"versions":[{"name":"v1","schema":{"openAPIV3Schema":{"additionalProperties":{"type":"string","x":1},"items":[{"maximum":2.0}],"dependencies":{"a":["b"]},"default":{"free":true}}}}]}}"#,
            r#"{"metadata":{},"spec":{"group":"","names":{"plural":"","kind":""},"scope":"","versions":[{"name":"v1","served":false,"storage":false,"schema":{"openAPIV3Schema":{"additionalProperties":{"type":"string"},"items":[{"maximum":2}],"dependencies":{"a":["b"]},"default":{"free":true}}}}]},"status":{"conditions":null,"acceptedNames":{"plural":"","kind":""},"storedVersions":null}}"#,
        ),
    ] {
        let decoded = decode(kind, given, FieldValidation::Ignore);
        let expected: Value = serde_json::from_str(expected).expect("a case's own JSON");
        assert_eq!(decoded, Ok((expected, StrictReport::default())), "{given}");
    }
}

#[test]
fn what_is_decoded_decodes_to_itself() {
    let given = r#"{"metadata":{"name":"a","annotations":{"x":"y"}},"spec":{"containers":[{"name":"c","image":"i","ports":[{"containerPort":1}],"livenessProbe":{"httpGet":{"port":"p"}}}],"volumes":[{"name":"v","emptyDir":{"sizeLimit":"0.5Gi"}}]},"status":{"startTime":"2020-01-01T00:00:00.1Z"}}"#;
    let (once, _) = decode(POD, given, FieldValidation::Strict).expect("decodes");
    let (twice, _) = decode(POD, &once.to_string(), FieldValidation::Strict).expect("decodes");
    assert_eq!(once, twice);
}

#[test]
fn unknown_and_duplicate_fields_are_reported() {
    for (kind, given, found) in [
        (CONFIG_MAP, r#"{"data":{"k":"v"}}"#, &[][..]),
        (CONFIG_MAP, r#"{"unknown":null}"#, &[r#"unknown field "unknown""#]),
        (CONFIG_MAP, r#"{"Data":{}}"#, &[r#"unknown field "Data""#]),
        (
            CONFIG_MAP,
            r#"{"zzz":1,"zzz":2,"data":{"k":"1","k":"2","k":"3"}}"#,
            &[r#"unknown field "zzz""#, r#"duplicate field "data.k""#],
        ),
        (
            CONFIG_MAP,
            r#"{"metadata":{"name":"a"},"metadata":{"name":"b"}}"#,
            &[r#"duplicate field "metadata""#],
        ),
        (
            CONFIG_MAP,
            r#"{"metadata":{"labels":{"a":"1"}},"metadata":{"labels":{"a":"2","x":"1","x":"2"}}}"#,
            &[
                r#"duplicate field "metadata""#,
                r#"duplicate field "metadata.labels.x""#,
            ],
        ),
        (
            DEPLOYMENT,
            r#"{"spec":{"template":{"spec":{"containers":[{},{"env":[{},{"vlaue":{"a":1}}]}]}}}}"#,
            &[r#"unknown field "spec.template.spec.containers[1].env[1].vlaue""#],
        ),
        (
            DEPLOYMENT,
            r#"{"metadata":{"managedFields":[{"oops":1,"fieldsV1":{"f:any":{}}}]},"a\"b":1}"#,
            &[
                r#"unknown field "metadata.managedFields[0].oops""#,
                r#"unknown field "a\"b""#,
            ],
        ),
        (
            ("apiextensions.k8s.io/v1", "CustomResourceDefinition"),
            r#"{"spec":{"versions":[{"schema":{"openAPIV3Schema":{"properties":{"a":{"patern":"x","items":{"tpye":"x"}}}}}}]}}"#,
            &[r#"unknown field "spec.versions[0].schema.openAPIV3Schema.properties.a.patern""#],
        ),
    ] {
        let (_, report) = decode(kind, given, FieldValidation::Warn).expect("decodes");
        assert_eq!(report.warnings().collect::<Vec<_>>(), found, "{given}");

        let strict = decode(kind, given, FieldValidation::Strict).map_err(|error| error.to_string());
        match found {
            [] => assert!(strict.is_ok(), "{given}"),
            _ => assert_eq!(
                strict,
                Err(format!("strict decoding error: {}", found.join(", ")))
            ),
        }
        let (_, report) = decode(kind, given, FieldValidation::Ignore).expect("decodes");
        assert!(report.is_empty(), "{given}");
    }
}

#[test]
fn a_duplicate_is_read_on_into_the_first() {
    for (given, expected) in [
        (
            r#"{"metadata":{"name":"a","namespace":"n"},"metadata":{"namespace":"","labels":{"x":"y"}}}"#,
            json!({"metadata": {"name": "a", "labels": {"x": "y"}}}),
        ),
        (
            r#"{"data":{"a":"1","b":"1"},"data":{"b":"2"}}"#,
            json!({"metadata": {}, "data": {"a": "1", "b": "2"}}),
        ),
        (r#"{"data":{"a":"1"},"data":null}"#, json!({"metadata": {}})),
        (
            r#"{"metadata":{"name":"a"},"metadata":null}"#,
            json!({"metadata": {"name": "a"}}),
        ),
    ] {
        let decoded = decode(CONFIG_MAP, given, FieldValidation::Ignore);
        assert_eq!(decoded.map(|(value, _)| value), Ok(expected), "{given}");
    }
}

#[test]
fn a_duplicate_null_takes_away_only_what_can_be_absent() {
    let spec = |given: &str| {
        let given = format!(r#"{{"spec":{{"nodeName":"n","hostNetwork":true,{given}}}}}"#);
        let (pod, _) = decode(POD, &given, FieldValidation::Ignore).expect("decodes");
        pod["spec"].clone()
    };
    let base = |more: Value| {
        let mut spec = json!({"containers": null, "nodeName": "n", "hostNetwork": true});
        let fields = spec.as_object_mut().expect("an object");
        fields.extend(more.as_object().expect("an object").clone());
        spec
    };
    for (given, expected) in [
        (r#""nodeName":null,"hostNetwork":null"#, json!({})),
        (r#""priority":3,"priority":null"#, json!({})),
        (
            r#""securityContext":{"runAsUser":3},"securityContext":null"#,
            json!({}),
        ),
        (
            r#""securityContext":{"runAsUser":3},"securityContext":{"runAsGroup":4}"#,
            json!({"securityContext": {"runAsUser": 3, "runAsGroup": 4}}),
        ),
        (r#""nodeSelector":{"a":"b"},"nodeSelector":null"#, json!({})),
        (r#""tolerations":[{"key":"a"}],"tolerations":null"#, json!({})),
    ] {
        assert_eq!(spec(given), base(expected), "{given}");
    }
}

#[test]
fn a_duplicate_list_is_read_into_the_first_item_by_item() {
    for (given, expected) in [
        (
            r#"[{"key":"a","value":"x"},{"key":"b"}],"tolerations":[{"key":"c"}]"#,
            json!([{"key": "c", "value": "x"}]),
        ),
        (
            r#"[{"key":"a"}],"tolerations":[null,{"key":"c"}]"#,
            json!([{"key": "a"}, {"key": "c"}]),
        ),
        (r#"[{"key":"a"}],"tolerations":[]"#, json!([])),
    ] {
        let given = format!(r#"{{"spec":{{"tolerations":{given}}}}}"#);
        let (pod, _) = decode(POD, &given, FieldValidation::Ignore).expect("decodes");
        assert_eq!(pod["spec"]["tolerations"], expected, "{given}");
    }
}

#[test]
fn wrong_values_are_refused_in_gos_words() {
    for (kind, given, message) in [
        (
            CONFIG_MAP,
            r#"{"data":{"a":1}}"#,
            "json: cannot unmarshal number into Go struct field ConfigMap.data of type string",
        ),
        (
            CONFIG_MAP,
            r#"{"data":["a"]}"#,
            "json: cannot unmarshal array into Go struct field ConfigMap.data of type map[string]string",
        ),
        (
            CONFIG_MAP,
            "[]",
            "json: cannot unmarshal array into Go value of type v1.ConfigMap",
        ),
        (
            CONFIG_MAP,
            r#"{"binaryData":{"a":"!!!"}}"#,
            "illegal base64 data at input byte 0",
        ),
        (
            CONFIG_MAP,
            r#"{"metadata":{"creationTimestamp":"yesterday"}}"#,
            r#"parsing time "yesterday" as "2006-01-02T15:04:05Z07:00": cannot parse "yesterday" as "2006""#,
        ),
        (
            CONFIG_MAP,
            r#"{"metadata":{"creationTimestamp":5}}"#,
            "json: cannot unmarshal number into Go struct field ObjectMeta.metadata.creationTimestamp of type string",
        ),
        (
            ("scheduling.k8s.io/v1", "PriorityClass"),
            r#"{"value":9999999999}"#,
            "json: cannot unmarshal number 9999999999 into Go struct field PriorityClass.value of type int32",
        ),
        (
            DEPLOYMENT,
            r#"{"spec":{"replicas":"3"}}"#,
            "json: cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32",
        ),
        (
            DEPLOYMENT,
            r#"{"spec":{"replicas":1.5}}"#,
            "json: cannot unmarshal number 1.5 into Go struct field DeploymentSpec.spec.replicas of type int32",
        ),
        (
            DEPLOYMENT,
            r#"{"spec":{"template":{"spec":{"containers":{}}}}}"#,
            "json: cannot unmarshal object into Go struct field PodSpec.spec.template.spec.containers of type []v1.Container",
        ),
        (
            POD,
            r#"{"spec":{"containers":[{"env":[{"name":true}]}]}}"#,
            "json: cannot unmarshal bool into Go struct field EnvVar.spec.containers.env.name of type string",
        ),
        // What decodes by itself has the struct around it named.
        (
            DEFINITION,
            r#"{"spec":{"versions":[{"schema":{"openAPIV3Schema":{"items":{"x-kubernetes-validations":[{"rule":1}]}}}}]}}"#,
            "json: cannot unmarshal number into Go struct field JSONSchemaProps.spec.versions.schema.openAPIV3Schema.items.x-kubernetes-validations.rule of type string",
        ),
        (
            POD,
            r#"{"spec":{"containers":["c"]}}"#,
            "json: cannot unmarshal string into Go struct field PodSpec.spec.containers of type v1.Container",
        ),
        (
            POD,
            r#"{"spec":{"dnsPolicy":1,"restartPolicy":2}}"#,
            "json: cannot unmarshal number into Go struct field PodSpec.spec.dnsPolicy of type v1.DNSPolicy",
        ),
        (
            POD,
            r#"{"spec":{"volumes":[{"emptyDir":[]}]}}"#,
            "json: cannot unmarshal array into Go struct field Volume.spec.volumes.VolumeSource.emptyDir of type v1.EmptyDirVolumeSource",
        ),
        (
            ("admissionregistration.k8s.io/v1", "ValidatingAdmissionPolicy"),
            r#"{"spec":{"matchConstraints":{"resourceRules":[{"apiGroups":[1]}]}}}"#,
            "json: cannot unmarshal number into Go struct field NamedRuleWithOperations.spec.matchConstraints.resourceRules.RuleWithOperations.Rule.apiGroups of type string",
        ),
        (
            ("apps/v1", "StatefulSet"),
            r#"{"spec":{"replicas":3e0,"volumeClaimTemplates":[{"kind":1}]}}"#,
            "json: cannot unmarshal number 3e0 into Go struct field StatefulSetSpec.spec.replicas of type int32",
        ),
        (
            ("apps/v1", "StatefulSet"),
            r#"{"spec":{"volumeClaimTemplates":[{"kind":1}]}}"#,
            "json: cannot unmarshal number into Go struct field PersistentVolumeClaim.spec.volumeClaimTemplates.TypeMeta.kind of type string",
        ),
        (
            ("v1", "PersistentVolumeClaim"),
            r#"{"spec":{"accessModes":[1]}}"#,
            "json: cannot unmarshal number into Go struct field PersistentVolumeClaimSpec.spec.accessModes of type v1.PersistentVolumeAccessMode",
        ),
        (
            POD,
            r#"{"spec":{"nodeName":1,"containers":[{"resources":{"limits":{"cpu":"banana"}}}]}}"#,
            "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'",
        ),
        (
            ("v1", "Service"),
            r#"{"spec":{"ports":[{"targetPort":99999999999}]}}"#,
            "json: cannot unmarshal number 99999999999 into Go struct field ServicePort.spec.ports.targetPort of type int32",
        ),
        (
            ("v1", "Service"),
            r#"{"spec":{"ports":[{"targetPort":true}]}}"#,
            "json: cannot unmarshal bool into Go struct field ServicePort.spec.ports.targetPort of type int32",
        ),
        (
            ("apiextensions.k8s.io/v1", "CustomResourceDefinition"),
            r#"{"spec":{"versions":[{"schema":{"openAPIV3Schema":{"additionalProperties":"x"}}}]}}"#,
            "boolean or JSON schema expected",
        ),
    ] {
        let refused = decode(kind, given, FieldValidation::Warn);
        assert_eq!(refused, Err(DecodeError::Value(message.to_owned())), "{given}");
    }
}

#[test]
fn bad_syntax_comes_before_bad_values() {
    for (given, message) in [
        ("", "unexpected end of JSON input"),
        (r#"{"data":5"#, "unexpected end of JSON input"),
        (r#"{"data":5}}"#, "invalid character '}' after top-level value"),
        (
            "{'a':1}",
            r"invalid character '\'' looking for beginning of object key string",
        ),
    ] {
        let refused = decode(CONFIG_MAP, given, FieldValidation::Warn);
        assert_eq!(refused, Err(DecodeError::Syntax(message.to_owned())), "{given}");
    }
}

#[test]
fn numbers_are_read_as_they_are_written() {
    const QUOTA: (&str, &str) = ("v1", "ResourceQuota");
    for (number, expected) in [
        ("1e3", "1e3"),
        ("1E3", "1E3"),
        ("1.5e3", "1500"),
        ("0.5e-2", "5e-3"),
        ("1e400", "10e399"),
        ("-0", "0"),
        ("1.5", "1500m"),
        ("1000000", "1M"),
        ("99999999999999999999999", "99999999999999999999999"),
    ] {
        let given = format!(r#"{{"spec":{{"hard":{{"cpu":{number}}}}}}}"#);
        let (quota, _) = decode(QUOTA, &given, FieldValidation::Strict).unwrap();
        assert_eq!(quota["spec"]["hard"]["cpu"], expected, "{number}");
    }
    let replicas = |number: &str| {
        let given = format!(r#"{{"spec":{{"replicas":{number}}}}}"#);
        decode(("apps/v1", "Deployment"), &given, FieldValidation::Strict)
    };
    assert_eq!(replicas("-0").unwrap().0["spec"]["replicas"], 0);
    for number in ["-0.0", "1e400", "1e0"] {
        let error = replicas(number).unwrap_err().to_string();
        let expected = format!(
            "json: cannot unmarshal number {number} into Go struct field DeploymentSpec.spec.replicas"
        );
        assert!(error.starts_with(&expected), "{error}");
    }
}

#[test]
fn nesting_is_bounded() {
    let nested = |depth: usize| format!(r#"{{"data":{}{}}}"#, "[".repeat(depth), "]".repeat(depth));
    let revision = ("apps/v1", "ControllerRevision");
    assert!(decode(revision, &nested(100), FieldValidation::Strict).is_ok());
    let refused = decode(revision, &nested(100_000), FieldValidation::Strict);
    assert_eq!(refused, Err(DecodeError::Syntax("exceeded max depth".to_owned())));
}

#[test]
fn objects_are_bounded() {
    let many = |item: &str, count: usize| {
        format!(r#"{{"spec":{{"containers":[{}]}}}}"#, vec![item; count].join(","))
    };
    assert!(decode(POD, &many("{}", 10_000), FieldValidation::Strict).is_ok());
    for item in ["{}", "null"] {
        let refused = decode(POD, &many(item, 300_000), FieldValidation::Strict);
        let message = "more than 250000 objects in one".to_owned();
        assert_eq!(refused, Err(DecodeError::Syntax(message)));
    }
}

proptest! {
    #[test]
    fn whatever_decodes_decodes_to_itself(json in any_json()) {
        for kind in [POD, DEPLOYMENT, ("apiextensions.k8s.io/v1", "CustomResourceDefinition")] {
            if let Ok((once, _)) = decode(kind, &json.to_string(), FieldValidation::Warn) {
                let (twice, report) = decode(kind, &once.to_string(), FieldValidation::Strict).expect("decodes again");
                prop_assert_eq!(once, twice);
                prop_assert!(report.is_empty());
            }
        }
    }
}

/// Trees with names that the tested kinds have, in places where they may or may not belong.
fn any_json() -> impl Strategy<Value = Value> {
    let name = prop::sample::select(vec![
        "metadata",
        "spec",
        "status",
        "labels",
        "containers",
        "template",
        "resources",
        "limits",
        "name",
        "items",
        "versions",
        "schema",
        "openAPIV3Schema",
        "properties",
        "additionalProperties",
        "creationTimestamp",
        "replicas",
    ]);
    let leaf = prop_oneof![
        Just(json!(null)),
        Just(json!("")),
        Just(json!("2020-01-01T00:00:00+01:00")),
        Just(json!("1.5Gi")),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 64, 4, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::btree_map(name.clone(), inner, 0..4).prop_map(|fields| {
                fields
                    .into_iter()
                    .map(|(name, field)| (name.to_owned(), field))
                    .collect()
            }),
        ]
    })
}

#[test]
fn go_reads_what_is_no_unicode() {
    let decoded = decode_json(
        b"{\"data\":{\"a\":\"\xff\",\"b\":\"\\ud800\"}}",
        schema_of("v1", "ConfigMap"),
        FieldValidation::Strict,
    );
    let expected = json!({"metadata": {}, "data": {"a": "\u{fffd}", "b": "\u{fffd}"}});
    assert_eq!(decoded.map(|(value, _)| value), Ok(expected));
}

#[test]
fn trees_have_messages_of_their_own() {
    for (spec, message) in [
        (json!({"containers": "none"}), "cannot restore slice from string"),
        (
            json!({"securityContext": []}),
            "cannot restore struct from: slice",
        ),
        (json!({"nodeSelector": 5}), "cannot restore map from int64"),
        (json!({"nodeName": 5}), "cannot convert int64 to string"),
        (json!({"priority": "x"}), "unrecognized type: int32"),
        (
            json!({"hostNetwork": 1.5, "nodeName": true}),
            "unrecognized type: string",
        ),
        (json!({"affinity": 1.5}), "cannot restore struct from: float64"),
        (
            json!({"activeDeadlineSeconds": "x", "restartPolicy": 5}),
            "cannot convert int64 to v1.RestartPolicy",
        ),
        (json!({"priority": 1.5}), "cannot convert float64 to int32"),
        (
            json!({"volumes": [{"emptyDir": {"sizeLimit": "1ZiB"}}]}),
            "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'",
        ),
    ] {
        let pod = json!({"spec": spec});
        let decoded = decode_tree(pod.clone(), schema_of("v1", "Pod"), FieldValidation::Warn);
        assert_eq!(
            decoded.map_err(|error| error.to_string()),
            Err(message.to_owned()),
            "{pod}"
        );
    }
}
