//! Secrets.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use meta::ErrorList;
use resource::{Column, Row, Strategy};
use schema::decode::misfit;
use serde_json::{Value, json};

use super::config_map::{MAX_BYTES, decoded_len, key, unchanged_if_final};
use crate::certificates::pem::blocks;
use crate::room::room;
use crate::toolkit::columns::{AGE, NAME, created, name, text};
use crate::toolkit::defaults::when_empty;
use crate::toolkit::{Field, Report};

room! {
    /// Configuration that not everybody may read.
    Secret
}

const SERVICE_ACCOUNT_NAME: &str = "kubernetes.io/service-account.name";
const TLS: &str = "kubernetes.io/tls";
const REDACTED: &str = "<secret contents redacted>";

impl Strategy for Secret {
    fn default(&self, object: &mut Value) {
        encode_texts(object);
        if let Some(fields) = object.as_object_mut() {
            when_empty(fields, "type", "Opaque");
        }
    }

    fn validate(&self, object: &Value) -> ErrorList {
        Report::of(self.0.schema, object, rules)
    }

    fn validate_update(&self, new: &Value, old: &Value) -> ErrorList {
        Report::of(self.0.schema, new, |secret| {
            secret.child("type").immutable(old.get("type"));
            unchanged_if_final(secret, old, &["data"]);
            rules(secret);
        })
    }

    fn warnings(&self, new: &Value, _old: Option<&Value>) -> Vec<String> {
        key_pair(new).and_then(Result::err).into_iter().collect()
    }

    fn selectable_field_names(&self) -> &'static [&'static str] {
        &["type"]
    }

    fn selectable_fields(&self, object: &Value) -> Vec<(&'static str, String)> {
        vec![("type", text(object, &["type"]).to_owned())]
    }

    fn columns(&self) -> Vec<Column> {
        vec![
            NAME,
            Column::string("Type", "What the secret is for.").shows("core.v1.Secret.type"),
            Column::string("Data", "How many entries there are.").shows("core.v1.Secret.data"),
            AGE,
        ]
    }

    fn row(&self, object: &Value, now: i64) -> Row {
        let entries = object["data"].as_object().map_or(0, |map| map.len());
        Row {
            cells: vec![
                name(object),
                text(object, &["type"]).into(),
                entries.into(),
                created(object, now),
            ],
            ..Row::default()
        }
    }
}

/// `stringData` is for writing only: it becomes part of `data`.
fn encode_texts(object: &mut Value) {
    let Some(texts) = object
        .as_object_mut()
        .and_then(|fields| fields.remove("stringData"))
    else {
        return;
    };
    let Some(texts) = texts.as_object().filter(|texts| !texts.is_empty()) else {
        return;
    };
    if !object["data"].is_object() {
        object["data"] = json!({});
    }
    for (key, text) in texts {
        object["data"][key] = STANDARD.encode(text.as_str().unwrap_or("")).into();
    }
}

fn rules(secret: &Field) {
    let data = secret.child("data");
    let mut size = 0;
    for (key_text, entry) in data.entries() {
        key(&entry, key_text);
        size += decoded_len(entry.text());
    }
    if size > MAX_BYTES {
        data.too_long(MAX_BYTES);
    }
    let needed = |key| {
        let entry = data.key(key);
        if !entry.is_set() {
            entry.required("");
        }
    };
    match secret.text_of("type") {
        "kubernetes.io/service-account-token" => {
            let metadata = secret.child("metadata");
            let annotations = metadata.child("annotations");
            annotations.key(SERVICE_ACCOUNT_NAME).needed();
        }
        "kubernetes.io/dockercfg" => docker_config(&data.key(".dockercfg")),
        "kubernetes.io/dockerconfigjson" => docker_config(&data.key(".dockerconfigjson")),
        "kubernetes.io/basic-auth" if !data.key("username").is_set() && !data.key("password").is_set() => {
            needed("username");
            needed("password");
        }
        "kubernetes.io/ssh-auth" => data.key("ssh-privatekey").needed(),
        TLS => {
            needed("tls.crt");
            needed("tls.key");
        }
        _ => {}
    }
}

/// A certificate and its key, both in DER.
#[derive(Debug, PartialEq, Eq)]
pub struct KeyPair {
    /// The certificate.
    pub certificate: Vec<u8>,
    /// The private key, in any of its forms.
    pub key: Vec<u8>,
}

/// Certificate and key of a secret of type `kubernetes.io/tls`; none if it is of another type, or the kind warns of their form
/// already. Whether they belong together is for others to say.
pub fn tls_key_pair(secret: &Value) -> Option<KeyPair> {
    key_pair(secret)?.ok()
}

/// The same, or what the kind warns of.
fn key_pair(secret: &Value) -> Option<Result<KeyPair, String>> {
    if text(secret, &["type"]) != TLS {
        return None;
    }
    let decoded = |key: &str| STANDARD.decode(text(secret, &["data", key])).unwrap_or_default();
    let (certificate, key) = (decoded("tls.crt"), decoded("tls.key"));
    let (certificate, key) = (
        String::from_utf8_lossy(&certificate),
        String::from_utf8_lossy(&key),
    );
    let pair = first_certificate(&certificate).and_then(|certificate| {
        let key = first_key(&key)?;
        Ok(KeyPair { certificate, key })
    });
    Some(pair)
}

const CERTIFICATE: &str = "CERTIFICATE";

/// The first certificate in a text, or what Go says of a text without one.
fn first_certificate(text: &str) -> Result<Vec<u8>, String> {
    first_block(text, |kind| kind == CERTIFICATE).map_err(|kinds| match kinds[..] {
        [] => String::from("tls: failed to find any PEM data in certificate input"),
        [one] if one.ends_with("PRIVATE KEY") => String::from(
            "tls: failed to find certificate PEM data in certificate input, but did find a private key; PEM inputs may have been \
             switched",
        ),
        _ => format!(
            "tls: failed to find \"CERTIFICATE\" PEM block in certificate input {}",
            skipped(&kinds)
        ),
    })
}

/// The first private key in a text, or what Go says of a text without one.
fn first_key(text: &str) -> Result<Vec<u8>, String> {
    let is_key = |kind: &str| kind == "PRIVATE KEY" || kind.ends_with(" PRIVATE KEY");
    first_block(text, is_key).map_err(|kinds| match kinds[..] {
        [] => String::from("tls: failed to find any PEM data in key input"),
        [CERTIFICATE] => {
            String::from("tls: found a certificate rather than a key in the PEM for the private key")
        }
        _ => format!(
            "tls: failed to find PEM block with type ending in \"PRIVATE KEY\" in key input {}",
            skipped(&kinds)
        ),
    })
}

/// What the first block of a wanted kind holds, or of which kinds the blocks are.
fn first_block(text: &str, wanted: impl Fn(&str) -> bool) -> Result<Vec<u8>, Vec<&str>> {
    let mut kinds = Vec::new();
    for block in blocks(text) {
        if wanted(block.kind) {
            return Ok(block.bytes);
        }
        kinds.push(block.kind);
    }
    Err(kinds)
}

fn skipped(kinds: &[&str]) -> String {
    format!(
        "after skipping PEM blocks of the following types: [{}]",
        kinds.join(" ")
    )
}

fn docker_config(entry: &Field) {
    if !entry.is_set() {
        return entry.required("");
    }
    let bytes = STANDARD.decode(entry.text()).unwrap_or_default();
    if let Some(complaint) = complaint(&bytes) {
        entry.invalid_as(REDACTED, &complaint);
    }
}

/// What Go says of a text that is not a JSON object; `null` is one without anything.
fn complaint(bytes: &[u8]) -> Option<String> {
    if let Some(fault) = schema::syntax::fault(bytes) {
        return Some(fault);
    }
    match serde_json::from_slice(bytes) {
        Ok(Value::Object(_) | Value::Null) => None,
        Ok(value) => Some(misfit(&value, "value of type map[string]interface {}")),
        // Nested deeper than is read.
        Err(why) => Some(why.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{create_errors, defaulted, update_errors};

    #[test]
    fn key_pairs_look_like_one() {
        let block = |kind: &str| format!("-----BEGIN {kind}-----\nYQ==\n-----END {kind}-----\n");
        let (certificate, key, strange) = (block("CERTIFICATE"), block("EC PRIVATE KEY"), block("X"));
        let both = format!("{certificate}{key}");
        let pair = |certificate: &str, key: &str| {
            let data = json!({"tls.crt": STANDARD.encode(certificate), "tls.key": STANDARD.encode(key)});
            key_pair(&json!({"type": TLS, "data": data})).expect("of that type")
        };
        let found = KeyPair {
            certificate: b"a".to_vec(),
            key: b"a".to_vec(),
        };
        assert_eq!(pair(&both, &both), Ok(found));
        for (certificate, key, expected) in [
            ("a", "b", "tls: failed to find any PEM data in certificate input"),
            (&certificate, "b", "tls: failed to find any PEM data in key input"),
            (
                &certificate,
                &certificate,
                "tls: found a certificate rather than a key in the PEM for the private key",
            ),
            (
                &strange,
                &key,
                "tls: failed to find \"CERTIFICATE\" PEM block in certificate input after skipping PEM blocks of the following types: [X]",
            ),
        ] {
            assert_eq!(pair(certificate, key), Err(expected.to_owned()));
        }
        assert_eq!(key_pair(&json!({"type": "Opaque"})), None);
    }

    #[test]
    fn texts_become_data() {
        assert_eq!(
            defaulted(
                "",
                "secrets",
                json!({"stringData": {"a": "b"}, "data": {"a": "eA==", "c": "eQ=="}})
            ),
            json!({"type": "Opaque", "data": {"a": "Yg==", "c": "eQ=="}})
        );
    }

    #[test]
    fn types_ask_for_entries() {
        let errors =
            |kind: &str, data: Value| create_errors("", "secrets", json!({"type": kind, "data": data}));
        assert_eq!(
            errors("kubernetes.io/tls", json!({"tls.crt": ""})),
            ["data[tls.key]: Required value"]
        );
        assert_eq!(
            errors("kubernetes.io/basic-auth", json!({})),
            ["data[username]: Required value", "data[password]: Required value"]
        );
        assert!(errors("kubernetes.io/basic-auth", json!({"username": "eA=="})).is_empty());
        assert_eq!(
            errors("kubernetes.io/ssh-auth", json!({})),
            ["data[ssh-privatekey]: Required value"]
        );
        assert_eq!(
            errors("kubernetes.io/service-account-token", json!({})),
            ["metadata.annotations[kubernetes.io/service-account.name]: Required value"]
        );
        assert!(
            errors(
                "kubernetes.io/dockerconfigjson",
                json!({".dockerconfigjson": "e30="})
            )
            .is_empty()
        );
        assert_eq!(
            errors("kubernetes.io/dockercfg", json!({".dockercfg": ""})),
            [
                r#"data[.dockercfg]: Invalid value: "<secret contents redacted>": unexpected end of JSON input"#
            ]
        );
        assert!(errors("example.com/any", json!({})).is_empty());
    }

    #[test]
    fn a_docker_configuration_is_a_json_object() {
        for (text, expected) in [
            ("{}", None),
            ("null", None),
            (" ", Some("unexpected end of JSON input")),
            (
                "{\"a\":[1,]}",
                Some("invalid character ']' looking for beginning of value"),
            ),
            (
                "[]",
                Some("json: cannot unmarshal array into Go value of type map[string]interface {}"),
            ),
        ] {
            assert_eq!(complaint(text.as_bytes()).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn the_type_stays() {
        let of = |kind: &str| json!({"type": kind});
        assert_eq!(
            update_errors("", "secrets", &of("Opaque"), &of("x/y")),
            [r#"type: Invalid value: "Opaque": field is immutable"#]
        );
    }
}
