//! Options of calls.

use serde::Serialize;

/// Which objects a list or watch is about.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct ListOptions {
    /// `app=web,tier!=db`; empty for all.
    pub label_selector: String,
    /// `spec.nodeName=a`; empty for all.
    pub field_selector: String,
}

impl ListOptions {
    /// Objects whose fields match.
    pub fn fields(selector: impl Into<String>) -> Self {
        Self {
            field_selector: selector.into(),
            ..Self::default()
        }
    }

    /// Objects whose labels match.
    pub fn labels(selector: impl Into<String>) -> Self {
        Self {
            label_selector: selector.into(),
            ..Self::default()
        }
    }
}

/// The body of a patch.
#[derive(Clone, Debug)]
pub enum Patch<'a> {
    /// A JSON patch (RFC 6902).
    Json(&'a serde_json::Value),
    /// A merge patch (RFC 7396).
    Merge(&'a serde_json::Value),
    /// A strategic merge patch.
    Strategic(&'a serde_json::Value),
    /// Server-side apply.
    Apply(&'a serde_json::Value),
}

impl Patch<'_> {
    pub(crate) fn content_type(&self) -> &'static str {
        match self {
            Self::Json(_) => "application/json-patch+json",
            Self::Merge(_) => "application/merge-patch+json",
            Self::Strategic(_) => "application/strategic-merge-patch+json",
            Self::Apply(_) => "application/apply-patch+yaml",
        }
    }

    pub(crate) fn body(&self) -> &serde_json::Value {
        match self {
            Self::Json(body) | Self::Merge(body) | Self::Strategic(body) | Self::Apply(body) => body,
        }
    }
}

/// Options of a patch.
#[derive(Clone, Debug, Default)]
pub struct PatchOptions {
    /// Who owns the fields; required for apply.
    pub field_manager: String,
    /// Whether apply takes fields from others.
    pub force: bool,
    /// `status`, or empty for the object itself.
    pub subresource: String,
}

/// Options of a delete; the body of the request.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DeleteOptions {
    /// Seconds the object is given; none for its own wish.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grace_period_seconds: Option<i64>,
    /// Only this very object.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub preconditions: Option<Preconditions>,
    /// `Foreground`, `Background`, `Orphan`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub propagation_policy: Option<&'static str>,
}

impl DeleteOptions {
    /// Deletes only the object of that UID.
    pub fn of_uid(uid: impl Into<String>) -> Self {
        let preconditions = Preconditions {
            uid: Some(uid.into()),
            resource_version: None,
        };
        Self {
            preconditions: Some(preconditions),
            ..Self::default()
        }
    }
}

/// What must hold for a delete to happen.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Preconditions {
    /// The object's UID.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uid: Option<String>,
    /// The object's version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource_version: Option<String>,
}
