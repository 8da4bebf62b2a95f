//! The `Status` that answers a failed request, with upstream's codes, reasons and messages.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::aggregate::aggregate;
use crate::field::FieldError;
use crate::group::{GroupResource, GroupVersionKind};
use crate::quote::quote;

/// Why a request failed, machine-readable.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Reason(pub Cow<'static, str>);

macro_rules! reasons {
    ($($(#[$doc:meta])* $name:ident = $text:literal;)*) => {
        impl Reason { $($(#[$doc])* pub const $name: Reason = Reason(Cow::Borrowed($text));)* }
    };
}

reasons! {
    /// No reason is known.
    UNKNOWN = "";
    /// 401.
    UNAUTHORIZED = "Unauthorized";
    /// 403.
    FORBIDDEN = "Forbidden";
    /// 404.
    NOT_FOUND = "NotFound";
    /// 409 for a create of what exists.
    ALREADY_EXISTS = "AlreadyExists";
    /// 409.
    CONFLICT = "Conflict";
    /// 410: the list or watch cannot go on from there.
    GONE = "Gone";
    /// 410: a resource version no longer held.
    EXPIRED = "Expired";
    /// 422.
    INVALID = "Invalid";
    /// 504 for an operation that should be tried again elsewhere.
    SERVER_TIMEOUT = "ServerTimeout";
    /// 504.
    TIMEOUT = "Timeout";
    /// 429.
    TOO_MANY_REQUESTS = "TooManyRequests";
    /// 400.
    BAD_REQUEST = "BadRequest";
    /// 405.
    METHOD_NOT_ALLOWED = "MethodNotAllowed";
    /// 406.
    NOT_ACCEPTABLE = "NotAcceptable";
    /// 413.
    REQUEST_ENTITY_TOO_LARGE = "RequestEntityTooLarge";
    /// 415.
    UNSUPPORTED_MEDIA_TYPE = "UnsupportedMediaType";
    /// 500.
    INTERNAL_ERROR = "InternalError";
    /// 503.
    SERVICE_UNAVAILABLE = "ServiceUnavailable";
}

/// One cause among the details of a Status.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cause {
    /// Machine-readable, such as `FieldValueRequired`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// For people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// The field it is about.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub field: String,
}

/// What the failure is about.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Details {
    /// Name of the object.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Its group.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub group: String,
    /// Its kind; often the resource's plural name.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub kind: String,
    /// Its UID.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub uid: String,
    /// Further causes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub causes: Vec<Cause>,
    /// When to try again, seconds.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub retry_after_seconds: u32,
}

fn is_zero(seconds: &u32) -> bool {
    *seconds == 0
}

/// The answer to a request that failed (or a delete that has nothing else to return). Made once, at the edge where the
/// failure is understood, and passed up unchanged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// `Success` or `Failure`.
    #[serde(default)]
    pub status: Cow<'static, str>,
    /// For people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// Machine-readable.
    #[serde(default = "unknown", skip_serializing_if = "is_unknown")]
    pub reason: Reason,
    /// What it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub details: Option<Box<Details>>,
    /// The HTTP status code.
    #[serde(default, skip_serializing_if = "is_no_code")]
    pub code: u16,
    /// Where a list whose version is gone can go on (`metadata.continue`).
    #[serde(skip)]
    pub continue_token: String,
}

fn is_no_code(code: &u16) -> bool {
    *code == 0
}

fn unknown() -> Reason {
    Reason::UNKNOWN
}

fn is_unknown(reason: &Reason) -> bool {
    reason.0.is_empty()
}

impl std::error::Error for Status {}

impl std::fmt::Display for Status {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl Status {
    /// A failure from its parts.
    pub fn failure(code: u16, reason: Reason, message: impl Into<String>) -> Self {
        Self {
            status: Cow::Borrowed("Failure"),
            message: message.into(),
            reason,
            details: None,
            code,
            continue_token: String::new(),
        }
    }

    /// Says that something was done, to `name` of `resource`.
    pub fn success(resource: &GroupResource, name: &str, uid: &str) -> Self {
        let mut status = Self::failure(0, Reason::UNKNOWN, "").about(resource, name);
        status.status = Cow::Borrowed("Success");
        if let Some(details) = &mut status.details {
            details.uid = uid.to_owned();
        }
        status
    }

    /// The same with details.
    #[must_use]
    pub fn with_details(mut self, details: Details) -> Self {
        self.details = Some(Box::new(details));
        self
    }

    fn about(self, resource: &GroupResource, name: &str) -> Self {
        self.with_details(Details {
            name: name.to_owned(),
            group: resource.group.clone().into_owned(),
            kind: resource.resource.clone().into_owned(),
            ..Details::default()
        })
    }

    /// The full object, `apiVersion` and `kind` included.
    pub fn to_json(&self) -> serde_json::Value {
        let mut object = serde_json::to_value(self).unwrap_or_default();
        if let Some(map) = object.as_object_mut() {
            map.insert("kind".into(), "Status".into());
            map.insert("apiVersion".into(), "v1".into());
            let metadata = match self.continue_token.as_str() {
                "" => serde_json::json!({}),
                token => serde_json::json!({ "continue": token }),
            };
            map.insert("metadata".into(), metadata);
        }
        object
    }

    /// 404: `pods "a" not found`.
    pub fn not_found(resource: &GroupResource, name: &str) -> Self {
        Self::failure(
            404,
            Reason::NOT_FOUND,
            format!("{resource} {} not found", quote(name)),
        )
        .about(resource, name)
    }

    /// 409: `pods "a" already exists`.
    pub fn already_exists(resource: &GroupResource, name: &str) -> Self {
        Self::failure(
            409,
            Reason::ALREADY_EXISTS,
            format!("{resource} {} already exists", quote(name)),
        )
        .about(resource, name)
    }

    /// 409: `Operation cannot be fulfilled on pods "a": why`.
    pub fn conflict(resource: &GroupResource, name: &str, why: &str) -> Self {
        let message = format!(
            "Operation cannot be fulfilled on {resource} {}: {why}",
            quote(name)
        );
        Self::failure(409, Reason::CONFLICT, message).about(resource, name)
    }

    /// 403: `pods "a" is forbidden: why`, or `pods is forbidden: why` without a name.
    pub fn forbidden(resource: &GroupResource, name: &str, why: &str) -> Self {
        let subject = match (resource.resource.is_empty(), name.is_empty()) {
            (true, _) => String::from("forbidden"),
            (false, true) => format!("{resource} is forbidden"),
            (false, false) => format!("{resource} {} is forbidden", quote(name)),
        };
        Self::failure(403, Reason::FORBIDDEN, format!("{subject}: {why}")).about(resource, name)
    }

    /// 422 with a cause for each error: `Pod "a" is invalid: ERRORS`.
    pub fn invalid(kind: &GroupVersionKind, name: &str, errors: &[FieldError]) -> Self {
        let subject = if kind.group.is_empty() {
            kind.kind.to_string()
        } else {
            format!("{}.{}", kind.kind, kind.group)
        };
        let list = aggregate(errors).unwrap_or_else(|| String::from("<nil>"));
        let causes = errors
            .iter()
            .map(|e| Cause {
                reason: e.kind.reason().to_owned(),
                message: e.message.clone(),
                field: e.path.as_str().to_owned(),
            })
            .collect();
        Self::failure(
            422,
            Reason::INVALID,
            format!("{subject} {} is invalid: {list}", quote(name)),
        )
        .with_details(Details {
            name: name.to_owned(),
            group: kind.group.clone().into_owned(),
            kind: kind.kind.clone().into_owned(),
            causes,
            ..Details::default()
        })
    }

    /// 400.
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::failure(400, Reason::BAD_REQUEST, message)
    }

    /// 401.
    pub fn unauthorized() -> Self {
        Self::failure(401, Reason::UNAUTHORIZED, "Unauthorized")
    }

    /// 410 for a resource version that is no longer held.
    pub fn expired(message: impl Into<String>) -> Self {
        Self::failure(410, Reason::EXPIRED, message)
    }

    /// 405: the resource does not serve the verb.
    pub fn method_not_supported(resource: &GroupResource, verb: &str) -> Self {
        let message = format!("{verb} is not supported on resources of kind \"{resource}\"");
        Self::failure(405, Reason::METHOD_NOT_ALLOWED, message).with_details(Details {
            group: resource.group.clone().into_owned(),
            kind: resource.resource.clone().into_owned(),
            ..Details::default()
        })
    }

    /// 500: `Internal error occurred: what`.
    pub fn internal(what: impl std::fmt::Display) -> Self {
        let details = Details {
            causes: vec![Cause {
                message: what.to_string(),
                ..Cause::default()
            }],
            ..Details::default()
        };
        Self::failure(
            500,
            Reason::INTERNAL_ERROR,
            format!("Internal error occurred: {what}"),
        )
        .with_details(details)
    }

    /// 503.
    pub fn service_unavailable(message: impl Into<String>) -> Self {
        Self::failure(503, Reason::SERVICE_UNAVAILABLE, message)
    }

    /// 429 with the time to wait.
    pub fn too_many_requests(message: impl Into<String>, retry_after_seconds: u32) -> Self {
        Self::failure(429, Reason::TOO_MANY_REQUESTS, message).with_details(Details {
            retry_after_seconds,
            ..Details::default()
        })
    }

    /// Whether the object asked for is not there.
    pub fn is_not_found(&self) -> bool {
        self.reason == Reason::NOT_FOUND
    }

    /// Whether the object was written by someone else in between.
    pub fn is_conflict(&self) -> bool {
        self.reason == Reason::CONFLICT
    }

    /// Whether a create met an object of the same name.
    pub fn is_already_exists(&self) -> bool {
        self.reason == Reason::ALREADY_EXISTS
    }

    /// Whether a list or watch must start over.
    pub fn is_expired(&self) -> bool {
        self.reason == Reason::EXPIRED || self.reason == Reason::GONE
    }
}
