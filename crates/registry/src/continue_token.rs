//! The token that asks for the next page of a list, in upstream's format: a version, a revision and a key.

use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, URL_SAFE_NO_PAD};
use base64::{DecodeError, Engine, alphabet};
use meta::Status;
use schema::decode::misfit;
use serde::{Deserialize, Serialize};
use serde_json::Value;

const VERSION: &str = "meta.k8s.io/v1";

/// Where the next page begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ContinueToken {
    /// The revision of the first page; none to go on with what is there now.
    pub(crate) revision: Option<u64>,
    /// The first key of the page, below the storage prefix (and namespace).
    pub(crate) start: String,
}

#[derive(Debug, Deserialize, Serialize)]
struct Encoded {
    #[serde(default)]
    v: String,
    #[serde(default)]
    rv: i64,
    #[serde(default)]
    start: String,
}

impl ContinueToken {
    /// The text a client gives back.
    pub(crate) fn encode(&self) -> String {
        let encoded = Encoded {
            v: VERSION.to_owned(),
            rv: self.revision.and_then(|r| i64::try_from(r).ok()).unwrap_or(-1),
            start: self.start.clone(),
        };
        let json = serde_json::to_vec(&encoded).expect("texts and a number are always JSON");
        URL_SAFE_NO_PAD.encode(json)
    }

    /// Reads what a client gave back; a 400 in upstream's words if it is none of ours.
    pub(crate) fn decode(token: &str) -> Result<Self, Status> {
        Self::read(token).map_err(|problem| Status::bad_request(format!("invalid continue token: {problem}")))
    }

    fn read(token: &str) -> Result<Self, String> {
        let invalid = |error: &dyn std::fmt::Display| format!("continue key is not valid: {error}");
        let json = LENIENT
            .decode(token)
            .map_err(|error| invalid(&no_base64(token, &error)))?;
        let encoded: Encoded =
            serde_json::from_slice(&json).map_err(|error| invalid(&no_json(&json, &error)))?;
        if encoded.v != VERSION {
            let problem = format!("server does not recognize this encoded version {}", encoded.v);
            return Err(invalid(&problem));
        }
        if encoded.rv == 0 {
            let problem = format!("incorrect encoded start resourceVersion (version {VERSION})");
            return Err(invalid(&problem));
        }
        if encoded.start.is_empty() {
            return Err(invalid(&format!("encoded start key empty (version {VERSION})")));
        }
        let path = encoded.start.strip_prefix('/').unwrap_or(&encoded.start);
        if path.split('/').any(|part| matches!(part, "" | "." | "..")) {
            return Err(invalid(&encoded.start));
        }
        Ok(Self {
            revision: u64::try_from(encoded.rv).ok(),
            start: encoded.start,
        })
    }
}

/// Takes what upstream takes: bits behind the last byte do not matter.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::URL_SAFE,
    GeneralPurposeConfig::new()
        .with_encode_padding(false)
        .with_decode_padding_mode(DecodePaddingMode::RequireNone)
        .with_decode_allow_trailing_bits(true),
);

/// What Go says of a text that is not base64.
fn no_base64(token: &str, error: &DecodeError) -> String {
    match error {
        DecodeError::InvalidByte(at, _) | DecodeError::InvalidLastSymbol(at, _) => {
            format!("illegal base64 data at input byte {at}")
        }
        // One character too many: the group that it begins.
        DecodeError::InvalidLength(length) => {
            format!("illegal base64 data at input byte {}", length.saturating_sub(1))
        }
        // Padding is as strange to these tokens as any other character.
        DecodeError::InvalidPadding => {
            let at = token.find('=').unwrap_or(token.len());
            format!("illegal base64 data at input byte {at}")
        }
    }
}

/// What Go says of bytes that are no such JSON.
fn no_json(bytes: &[u8], error: &serde_json::Error) -> String {
    if let Some(fault) = schema::syntax::fault(bytes) {
        return fault;
    }
    let is_wrong =
        |value: &Value, wanted: &str| !value.is_null() && value.is_string() != (wanted == "string");
    let misfitting = match serde_json::from_slice::<Value>(bytes) {
        Ok(Value::Object(members)) => [("v", "string"), ("rv", "int64"), ("start", "string")]
            .into_iter()
            .find_map(|(name, wanted)| {
                let value = members.get(name).filter(|value| is_wrong(value, wanted))?;
                let field = format!("struct field continueToken.{name} of type {wanted}");
                Some(misfit(value, &field))
            }),
        Ok(other) => Some(misfit(&other, "value of type storage.continueToken")),
        Err(_) => None,
    };
    misfitting.unwrap_or_else(|| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_come_back_as_they_went() {
        for revision in [Some(1), Some(12_345), None] {
            let token = ContinueToken {
                revision,
                start: String::from("default/a\0"),
            };
            assert_eq!(ContinueToken::decode(&token.encode()), Ok(token));
        }
    }

    #[test]
    fn foreign_tokens_are_refused_in_upstreams_words() {
        let cases = [
            (
                r#"{"v":"meta.k8s.io/v2","rv":1,"start":"a"}"#,
                "server does not recognize this encoded version meta.k8s.io/v2",
            ),
            ("{}", "server does not recognize this encoded version "),
            (
                r#"{"v":"meta.k8s.io/v1","rv":"1"}"#,
                "json: cannot unmarshal string into Go struct field continueToken.rv of type int64",
            ),
            (
                "[1]",
                "json: cannot unmarshal array into Go value of type storage.continueToken",
            ),
            (
                r#"{"v":"meta.k8s.io/v1","rv":0,"start":"a"}"#,
                "incorrect encoded start resourceVersion (version meta.k8s.io/v1)",
            ),
            (
                r#"{"v":"meta.k8s.io/v1","rv":1}"#,
                "encoded start key empty (version meta.k8s.io/v1)",
            ),
            (
                r#"{"v":"meta.k8s.io/v1","rv":1,"start":"../secrets/a"}"#,
                "../secrets/a",
            ),
            (r#"{"v":"meta.k8s.io/v1","rv":1,"start":"a//b"}"#, "a//b"),
        ];
        for (json, problem) in cases {
            let status = ContinueToken::decode(&URL_SAFE_NO_PAD.encode(json)).expect_err("refused");
            assert_eq!(status.code, 400);
            assert_eq!(
                status.message,
                format!("invalid continue token: continue key is not valid: {problem}")
            );
        }
        for (token, problem) in [
            ("%%", "illegal base64 data at input byte 0"),
            ("YWJj*", "illegal base64 data at input byte 4"),
            ("eyJ2IjoieCJ9eA==", "illegal base64 data at input byte 14"),
            ("YWJjZ", "illegal base64 data at input byte 4"),
            ("eyJ2Ijo", "unexpected end of JSON input"),
            ("YWJj", "invalid character 'a' looking for beginning of value"),
        ] {
            let status = ContinueToken::decode(token).expect_err("refused");
            assert_eq!(
                status.message,
                format!("invalid continue token: continue key is not valid: {problem}"),
                "{token}"
            );
        }
    }
}
