//! Schemas of custom resources, and objects of them: a line of schema, then the object.

use meta::Path;
use schema::{FieldValidation, StructuralSchema, decode_json};
use serde_json::Value;

use super::Target;

/// Reading, pruning, defaulting, checking. Each is done at most once: doing it again changes nothing.
pub const OBJECTS: Target = Target {
    name: "structural-objects",
    run: |data| {
        let Some(end) = data.iter().position(|byte| *byte == b'\n') else {
            return;
        };
        let Ok(given) = serde_json::from_slice::<Value>(&data[..end]) else {
            return;
        };
        let _ = schema::structural::violations(&given, &Path::root());
        let Ok(schema) = StructuralSchema::read(&given) else {
            return;
        };
        let _ = schema.validate_defaults(&Path::root(), false);
        let Ok((mut object, _)) = decode_json(&data[end..], schema.position(), FieldValidation::Warn) else {
            return;
        };
        let pruned = object.clone();
        assert!(schema.prune(&mut object).is_empty(), "pruning is idempotent");
        assert_eq!(object, pruned, "pruning is idempotent");
        schema.default(&mut object);
        let defaulted = object.clone();
        let _ = schema.validate(&object, &Path::root());
        let _ = schema.validate_update(&object, &pruned, &Path::root());
        let _ = schema.validate_embedded(&object);
        let _ = schema.validate_lists(&object, Some(&pruned));
        let _ = patch::fields::FieldSet::of(&object, schema.position());
        assert_eq!(object, defaulted);
    },
    seeds: || SEEDS.iter().map(|seed| seed.as_bytes().to_vec()).collect(),
};

/// Patterns: what is one matches in linear time.
pub const PATTERNS: Target = Target {
    name: "patterns",
    run: |data| {
        let Ok(text) = std::str::from_utf8(data) else {
            return;
        };
        let (pattern, subject) = text.split_once('\n').unwrap_or((text, ""));
        if let Ok(pattern) = meta::Pattern::new(pattern) {
            pattern.matches(subject).expect("it was read");
        }
    },
    seeds: || {
        let patterns = ["^[a-z]([-a-z0-9]*[a-z0-9])?$\nabc", r"(?i)\d+\.\w{2,3}[[:alpha:]\]]*", r"(?P<x>a|b)\Q.\E\x{41}\pL"];
        patterns.iter().map(|seed| seed.as_bytes().to_vec()).collect()
    },
};

const SEEDS: [&str; 4] = [
    r#"{"type":"object","required":["spec"],"properties":{"spec":{"type":"object","properties":{"n":{"type":"integer","minimum":1,"default":3},"s":{"type":"string","pattern":"^a+$","format":"date-time","enum":["a"]}}}}}
{"apiVersion":"a/v1","kind":"K","metadata":{"name":"x","labels":{"a":"b"}},"spec":{"n":0,"s":"b","z":[1]}}"#,
    r#"{"type":"object","properties":{"l":{"type":"array","x-kubernetes-list-type":"map","x-kubernetes-list-map-keys":["k"],"items":{"type":"object","properties":{"k":{"type":"string","default":"d"}}}},"t":{"type":"object","x-kubernetes-embedded-resource":true,"x-kubernetes-preserve-unknown-fields":true}}}
{"l":[{"k":"a"},{"k":"a"},{}],"t":{"apiVersion":"v1","kind":"Pod","metadata":{"x":1}}}"#,
    r#"{"type":"object","x-kubernetes-preserve-unknown-fields":true,"anyOf":[{"required":["a"]},{"required":["b"]}],"not":{"required":["c"]},"properties":{"a":{"x-kubernetes-int-or-string":true}}}
{"a":1,"b":null,"c":[{}]}"#,
    r#"{"type":"object","properties":{"m":{"type":"object","additionalProperties":{"type":"number","multipleOf":0.5,"maximum":1e300},"maxProperties":1}}}
{"m":{"x":1.25,"y":"z"}}"#,
];
