//! Which version this is, and of which Kubernetes it behaves.

use apiserver::VersionInfo;

/// The minor version of Kubernetes whose API this is.
const KUBERNETES_MINOR: &str = "36";
/// The oldest minor version it gets along with.
const OLDEST_MINOR: &str = "35";

/// As Kubernetes' components write it, with ours behind.
pub fn git_version() -> String {
    format!("v1.{KUBERNETES_MINOR}.2+pintle{}", env!("CARGO_PKG_VERSION"))
}

/// As documents about the API write it: they change with the minor version only.
pub fn api_version() -> String {
    format!("1.{KUBERNETES_MINOR}")
}

/// What the server answers at `/version`.
pub fn info() -> VersionInfo {
    VersionInfo {
        major: String::from("1"),
        minor: KUBERNETES_MINOR.to_owned(),
        emulation_major: String::from("1"),
        emulation_minor: KUBERNETES_MINOR.to_owned(),
        min_compatibility_major: String::from("1"),
        min_compatibility_minor: OLDEST_MINOR.to_owned(),
        git_version: git_version(),
        git_commit: String::from("unknown"),
        git_tree_state: String::from("clean"),
        build_date: String::from("1970-01-01T00:00:00Z"),
        go_version: String::from("none"),
        compiler: String::from("rustc"),
        platform: format!("linux/{}", architecture()),
    }
}

/// This machine's architecture, by the names Kubernetes uses.
pub fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}
