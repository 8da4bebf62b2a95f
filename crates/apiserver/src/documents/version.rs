//! `/version`.

use http::StatusCode;
use serde::Serialize;

use crate::call::{Call, Response};
use crate::documents::root::json_only;

/// What the server says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct VersionInfo {
    /// `1`.
    pub major: String,
    /// `36`.
    pub minor: String,
    /// The version whose behaviour it has.
    pub emulation_major: String,
    /// See `emulation_major`.
    pub emulation_minor: String,
    /// The oldest version it gets along with.
    pub min_compatibility_major: String,
    /// See `min_compatibility_major`.
    pub min_compatibility_minor: String,
    /// `v1.36.2+pintle1`.
    pub git_version: String,
    /// The commit it was built from.
    pub git_commit: String,
    /// `clean` or `dirty`.
    pub git_tree_state: String,
    /// When it was built.
    pub build_date: String,
    /// Named after Go's, which clients print; ours is Rust's version.
    pub go_version: String,
    /// `rustc`.
    pub compiler: String,
    /// `linux/amd64`.
    pub platform: String,
}

impl VersionInfo {
    /// Answers `/version`.
    pub fn answer(&self, call: &Call) -> Response {
        let value = serde_json::to_value(self).unwrap_or_default();
        json_only(call, StatusCode::OK, "application/json", &value)
    }
}
