//! What is written about a request at a stage of it.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use jiff::Timestamp;
use meta::status::Details;
use meta::{MicroTime, Status, User};
use serde::Serialize;

use crate::policy::{Level, Stage};

/// What an event begins with where it stands by itself.
const HEAD: &str = r#"{"kind":"Event","apiVersion":"audit.k8s.io/v1","#;

/// What is known of a request when it comes.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    /// Its identity.
    pub id: String,
    /// Path and query as they came.
    pub uri: String,
    /// `get`, `list`, ...; the lower-case method for a path that is no resource.
    pub verb: String,
    /// Who asks; none if nobody was authenticated.
    pub user: Option<Arc<User>>,
    /// Where it comes from: proxies and the client, the nearest last.
    pub source_ips: Vec<String>,
    /// What the client says to be.
    pub user_agent: String,
    /// What it is about; none for a path that is no resource.
    pub object: Option<ObjectReference>,
    /// When it came.
    pub received: Timestamp,
}

/// What a request is about. What is empty is not known.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ObjectReference {
    /// Plural name.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub resource: String,
    /// Namespace.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub namespace: String,
    /// Name.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// UID.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub uid: String,
    /// Group; empty for the core group.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub api_group: String,
    /// Version of the API.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub api_version: String,
    /// Version of the object.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub resource_version: String,
    /// What stands below the object.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub subresource: String,
}

/// An event.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    pub(crate) level: Level,
    pub(crate) stage: Stage,
    pub(crate) asked: Asked,
    /// Who the user acts as.
    pub(crate) impersonated: Option<Arc<User>>,
    /// By which narrow right.
    pub(crate) constraint: Option<String>,
    pub(crate) status: Option<ResponseStatus>,
    /// JSON on one line.
    pub(crate) request: Option<Bytes>,
    /// The same of the answer.
    pub(crate) response: Option<Bytes>,
    pub(crate) at: Timestamp,
    pub(crate) annotations: BTreeMap<String, String>,
}

/// How a request was answered.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct ResponseStatus {
    pub(crate) metadata: Empty,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(crate) status: String,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(crate) message: String,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(crate) reason: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) details: Option<Details>,
    #[serde(skip_serializing_if = "is_zero")]
    pub(crate) code: u16,
}

fn is_zero(code: &u16) -> bool {
    *code == 0
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Empty {}

impl From<&Status> for ResponseStatus {
    fn from(status: &Status) -> Self {
        Self {
            metadata: Empty {},
            status: status.status.clone().into_owned(),
            message: status.message.clone(),
            reason: status.reason.0.clone().into_owned(),
            details: status.details.as_deref().cloned(),
            code: status.code,
        }
    }
}

/// An event's fields before the objects.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Before<'a> {
    level: &'a str,
    #[serde(rename = "auditID")]
    id: &'a str,
    stage: &'a str,
    #[serde(rename = "requestURI")]
    uri: &'a str,
    verb: &'a str,
    user: UserInfo<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    impersonated_user: Option<UserInfo<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    authentication_metadata: Option<AuthenticationMetadata<'a>>,
    #[serde(rename = "sourceIPs", skip_serializing_if = "<[_]>::is_empty")]
    source_ips: &'a [String],
    #[serde(skip_serializing_if = "str::is_empty")]
    user_agent: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    object_ref: Option<&'a ObjectReference>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_status: Option<&'a ResponseStatus>,
}

/// Its fields behind them.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct After<'a> {
    request_received_timestamp: String,
    stage_timestamp: String,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    annotations: &'a BTreeMap<String, String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AuthenticationMetadata<'a> {
    impersonation_constraint: &'a str,
}

#[derive(Default, Serialize)]
struct UserInfo<'a> {
    #[serde(skip_serializing_if = "str::is_empty")]
    username: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    uid: &'a str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    groups: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    extra: Option<&'a BTreeMap<String, Vec<String>>>,
}

impl<'a> UserInfo<'a> {
    fn of(user: &'a User) -> Self {
        Self {
            username: &user.name,
            uid: &user.uid,
            groups: &user.groups,
            extra: Some(&user.extra).filter(|extra| !extra.is_empty()),
        }
    }
}

impl Event {
    /// As an item of a list: without kind and version.
    pub(crate) fn to_json(&self) -> Vec<u8> {
        let asked = &self.asked;
        let user = asked.user.as_deref().map(UserInfo::of).unwrap_or_default();
        let constraint = self.constraint.as_deref();
        let before = Before {
            level: self.level.as_str(),
            id: &asked.id,
            stage: self.stage.as_str(),
            uri: &asked.uri,
            verb: &asked.verb,
            user,
            impersonated_user: self.impersonated.as_deref().map(UserInfo::of),
            authentication_metadata: constraint.map(|impersonation_constraint| AuthenticationMetadata {
                impersonation_constraint,
            }),
            source_ips: &asked.source_ips,
            user_agent: &asked.user_agent,
            object_ref: asked.object.as_ref(),
            response_status: self.status.as_ref(),
        };
        let after = After {
            request_received_timestamp: micros(asked.received),
            stage_timestamp: micros(self.at),
            annotations: &self.annotations,
        };
        self.join(&encode(&before), &encode(&after))
    }

    /// The fields with the objects between them, whose JSON is taken as it is.
    fn join(&self, before: &[u8], after: &[u8]) -> Vec<u8> {
        let objects = [
            ("requestObject", &self.request),
            ("responseObject", &self.response),
        ];
        let bytes = objects
            .iter()
            .filter_map(|(_, object)| object.as_ref())
            .map(Bytes::len)
            .sum::<usize>();
        let mut json = Vec::with_capacity(before.len() + after.len() + bytes + 64);
        json.extend_from_slice(&before[..before.len() - 1]);
        for (name, object) in objects {
            if let Some(object) = object {
                json.extend_from_slice(format!(",\"{name}\":").as_bytes());
                json.extend_from_slice(object);
            }
        }
        json.push(b',');
        json.extend_from_slice(&after[1..]);
        json
    }

    /// The same on one line, without what is too large for it.
    pub(crate) fn without_objects(mut self) -> Self {
        self.request = None;
        self.response = None;
        self.annotations
            .insert("audit.k8s.io/truncated".into(), "true".into());
        self
    }

    /// In the older form, a line of text.
    pub(crate) fn to_line(&self) -> String {
        let asked = &self.asked;
        let user = asked.user.as_deref().filter(|user| !user.name.is_empty());
        let acting = self.impersonated.as_deref();
        let or = |text: Option<&str>, other: &str| text.unwrap_or(other).to_owned();
        let groups = |user: Option<&User>, other: &str| match user {
            Some(user) if !user.groups.is_empty() => quoted(&user.groups),
            _ => other.to_owned(),
        };
        let namespace = asked.object.as_ref().map(|object| object.namespace.as_str());
        let words = [
            ("id", asked.id.clone()),
            ("stage", self.stage.as_str().to_owned()),
            (
                "ip",
                or(asked.source_ips.first().map(String::as_str), "<unknown>"),
            ),
            ("method", asked.verb.clone()),
            ("user", or(user.map(|user| user.name.as_str()), "<none>")),
            ("groups", groups(user, "<none>")),
            ("as", or(acting.map(|user| user.name.as_str()), "<self>")),
            ("asgroups", groups(acting, "<lookup>")),
            ("user-agent", asked.user_agent.clone()),
            (
                "namespace",
                or(namespace.filter(|name| !name.is_empty()), "<none>"),
            ),
            ("uri", asked.uri.clone()),
        ];
        let words: Vec<String> = words
            .iter()
            .map(|(name, text)| format!("{name}={}", meta::quote(text)))
            .collect();
        let answered = self.status.as_ref().map(|status| status.code.to_string());
        let answered = answered.unwrap_or_else(|| "<deferred>".to_owned());
        format!(
            "{} AUDIT: {} response=\"{answered}\"",
            asked.received,
            words.join(" ")
        )
    }
}

/// An event by itself, from what it is in a list.
pub(crate) fn standing_alone(item: &[u8]) -> Vec<u8> {
    [HEAD.as_bytes(), &item[1..]].concat()
}

/// JSON on one line, as an event holds it. What is no JSON is held as a text.
pub(crate) fn compact(json: &[u8]) -> Bytes {
    if serde_json::from_slice::<serde::de::IgnoredAny>(json).is_err() {
        return encode(&String::from_utf8_lossy(json)).into();
    }
    let (mut in_text, mut escaped) = (false, false);
    let kept = json.iter().copied().filter(|byte| {
        let keeps = in_text || !byte.is_ascii_whitespace();
        in_text = match byte {
            b'"' if !escaped => !in_text,
            _ => in_text,
        };
        escaped = in_text && *byte == b'\\' && !escaped;
        keeps
    });
    kept.collect::<Vec<u8>>().into()
}

fn quoted(texts: &[String]) -> String {
    texts
        .iter()
        .map(|text| meta::quote(text))
        .collect::<Vec<_>>()
        .join(",")
}

fn micros(time: Timestamp) -> String {
    MicroTime::from_micros(time.as_microsecond()).to_string()
}

fn encode(value: &(impl Serialize + ?Sized)) -> Vec<u8> {
    serde_json::to_vec(value).expect("texts and numbers are written into memory without errors")
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn event() -> Event {
        let received = Timestamp::from_microsecond(1_700_000_000_123_456).expect("a time");
        Event {
            level: Level::RequestResponse,
            stage: Stage::ResponseComplete,
            asked: Asked {
                id: "i".into(),
                uri: "/api/v1/pods?x=1".into(),
                verb: "list".into(),
                user: Some(Arc::new(User::new("joe", &["a", "b"]))),
                source_ips: vec!["1.2.3.4".into()],
                user_agent: "curl".into(),
                object: Some(ObjectReference {
                    resource: "pods".into(),
                    api_version: "v1".into(),
                    ..ObjectReference::default()
                }),
                received,
            },
            impersonated: None,
            constraint: None,
            status: Some(ResponseStatus {
                code: 200,
                ..ResponseStatus::default()
            }),
            request: None,
            response: None,
            at: received,
            annotations: BTreeMap::new(),
        }
    }

    #[test]
    fn events_are_written_in_upstreams_order() {
        let mut event = event();
        event.request = Some(compact(b"{\"b\": 1,\n\"a\": \"x y\\\" z\"}"));
        event.annotations.insert("k".into(), "v".into());
        let text = String::from_utf8(standing_alone(&event.to_json())).expect("text");
        assert_eq!(
            text,
            r#"{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"RequestResponse","auditID":"i","stage":"ResponseComplete","requestURI":"/api/v1/pods?x=1","verb":"list","user":{"username":"joe","groups":["a","b"]},"sourceIPs":["1.2.3.4"],"userAgent":"curl","objectRef":{"resource":"pods","apiVersion":"v1"},"responseStatus":{"metadata":{},"code":200},"requestObject":{"b":1,"a":"x y\" z"},"requestReceivedTimestamp":"2023-11-14T22:13:20.123456Z","stageTimestamp":"2023-11-14T22:13:20.123456Z","annotations":{"k":"v"}}"#
        );
    }

    #[test]
    fn little_is_written_of_nobody() {
        let mut event = event();
        event.asked = Asked::default();
        event.status = None;
        let tree: Value = serde_json::from_slice(&event.to_json()).expect("JSON");
        assert_eq!(tree["user"], json!({}));
        for absent in [
            "sourceIPs",
            "userAgent",
            "objectRef",
            "responseStatus",
            "annotations",
            "impersonatedUser",
        ] {
            assert_eq!(tree.get(absent), None, "{absent}");
        }
    }

    #[test]
    fn objects_are_brought_onto_one_line() {
        for (given, expected) in [
            ("{ \"a\" : [ 1 , 2 ] }\n", r#"{"a":[1,2]}"#),
            (r#"{"a": "\\", "b": " "}"#, r#"{"a":"\\","b":" "}"#),
            ("a: b\nc: d", r#""a: b\nc: d""#),
            ("{\"data\": ", r#""{\"data\": ""#),
        ] {
            assert_eq!(compact(given.as_bytes()), expected.as_bytes(), "{given}");
        }
    }

    #[test]
    fn the_older_form_is_a_line_of_text() {
        let mut event = event();
        event.impersonated = Some(Arc::new(User::new("jim", &[])));
        assert_eq!(
            event.to_line(),
            r#"2023-11-14T22:13:20.123456Z AUDIT: id="i" stage="ResponseComplete" ip="1.2.3.4" method="list" user="joe" groups="\"a\",\"b\"" as="jim" asgroups="<lookup>" user-agent="curl" namespace="<none>" uri="/api/v1/pods?x=1" response="200""#
        );
        event.status = None;
        assert!(event.to_line().ends_with(r#"response="<deferred>""#));
    }
}
