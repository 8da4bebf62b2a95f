//! What a service-account token says (KEP-1205, KEP-4193).

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Deserializer, Serialize};

/// The claims of a service-account token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceAccountClaims {
    /// For whom the token is.
    #[serde(rename = "aud", default, deserialize_with = "one_or_many")]
    pub audiences: Vec<String>,
    /// Until when it holds, seconds since the epoch.
    #[serde(rename = "exp")]
    pub expires_at: i64,
    /// When it was made.
    #[serde(rename = "iat", default)]
    pub issued_at: i64,
    /// Who made it.
    #[serde(rename = "iss")]
    pub issuer: String,
    /// Which token it is.
    #[serde(rename = "jti", default, skip_serializing_if = "String::is_empty")]
    pub id: String,
    /// To what it is bound.
    #[serde(rename = "kubernetes.io")]
    pub bound_to: Binding,
    /// From when on it holds.
    #[serde(rename = "nbf", default)]
    pub not_before: i64,
    /// `system:serviceaccount:NAMESPACE:NAME`.
    #[serde(rename = "sub")]
    pub subject: String,
}

/// To what a token is bound: it dies with any of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Binding {
    /// Namespace of the service account.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub namespace: String,
    /// The node the token is for, or on which its pod runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<Reference>,
    /// The pod the token is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pod: Option<Reference>,
    /// The secret the token is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<Reference>,
    /// The service account.
    #[serde(default)]
    pub serviceaccount: Reference,
    /// When its owner should have got a new one, seconds since the epoch.
    #[serde(rename = "warnafter", default, skip_serializing_if = "Option::is_none")]
    pub warn_after: Option<i64>,
}

/// An object, by name and UID.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reference {
    /// Name.
    #[serde(default)]
    pub name: String,
    /// UID.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub uid: String,
}

impl Reference {
    /// A reference.
    pub fn new(name: impl Into<String>, uid: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            uid: uid.into(),
        }
    }
}

impl ServiceAccountClaims {
    /// Claims for a new token, valid from now on.
    pub fn new(
        issuer: &str,
        audiences: Vec<String>,
        bound_to: Binding,
        now: Timestamp,
        lifetime: SignedDuration,
    ) -> Self {
        let issued_at = now.as_second();
        Self {
            audiences,
            expires_at: issued_at.saturating_add(lifetime.as_secs()),
            issued_at,
            issuer: issuer.to_owned(),
            id: uuid::Uuid::new_v4().to_string(),
            not_before: issued_at,
            subject: format!(
                "system:serviceaccount:{}:{}",
                bound_to.namespace, bound_to.serviceaccount.name
            ),
            bound_to,
        }
    }
}

/// RFC 7519, 4.1.3: one audience may stand without a list around it.
fn one_or_many<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum OneOrMany {
        One(String),
        Many(Vec<String>),
    }
    Ok(match OneOrMany::deserialize(deserializer)? {
        OneOrMany::One(one) => vec![one],
        OneOrMany::Many(many) => many,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn claims_have_upstreams_shape() {
        let bound_to = Binding {
            namespace: String::from("d"),
            pod: Some(Reference::new("p", "u2")),
            node: Some(Reference::new("n", "")),
            serviceaccount: Reference::new("sa", "u1"),
            warn_after: Some(7),
            ..Binding::default()
        };
        let now: Timestamp = "2026-01-01T00:00:00.9Z".parse().expect("a time");
        let claims = ServiceAccountClaims::new(
            "https://kubernetes.default.svc",
            vec![String::from("a")],
            bound_to,
            now,
            SignedDuration::from_secs(3600),
        );
        let json = serde_json::to_value(&claims).expect("JSON");
        assert_eq!(
            json,
            json!({
                "aud": ["a"],
                "exp": 1_767_229_200,
                "iat": 1_767_225_600,
                "nbf": 1_767_225_600,
                "iss": "https://kubernetes.default.svc",
                "jti": claims.id,
                "sub": "system:serviceaccount:d:sa",
                "kubernetes.io": {
                    "namespace": "d",
                    "node": {"name": "n"},
                    "pod": {"name": "p", "uid": "u2"},
                    "serviceaccount": {"name": "sa", "uid": "u1"},
                    "warnafter": 7,
                },
            })
        );
        let mut single = json.clone();
        single["aud"] = "a".into();
        for value in [json, single] {
            assert_eq!(
                serde_json::from_value::<ServiceAccountClaims>(value).expect("read"),
                claims
            );
        }
    }
}
