//! How messages name several things.

use std::collections::BTreeSet;

use super::Violation;

/// A violation from its parts.
pub(super) fn violation(reason: &str, detail: impl Into<String>) -> Option<Violation> {
    Some(Violation {
        reason: reason.to_owned(),
        detail: detail.into(),
    })
}

/// The singular for one, else the plural.
pub(super) fn plural<'a>(count: usize, one: &'a str, many: &'a str) -> &'a str {
    if count == 1 { one } else { many }
}

/// `"a", "b"`, with nothing escaped.
pub(super) fn quoted<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let names = names.into_iter().map(|name| format!("\"{name}\""));
    names.collect::<Vec<_>>().join(", ")
}

/// `container "a"`, `containers "a", "b"`.
pub(super) fn containers(names: &[&str]) -> String {
    format!(
        "{} {}",
        plural(names.len(), "container", "containers"),
        quoted(names.iter().copied())
    )
}

/// Who has set something forbidden, and what it was.
#[derive(Default)]
pub(super) struct Setters<'a> {
    pub(super) pod: bool,
    pub(super) containers: Vec<&'a str>,
    pub(super) annotations: usize,
    pub(super) values: BTreeSet<String>,
}

impl Setters<'_> {
    /// Whether nobody has.
    pub(super) fn is_empty(&self) -> bool {
        !self.pod && self.containers.is_empty() && self.annotations == 0
    }

    /// `pod and container "c" and annotation`.
    pub(super) fn named(&self) -> String {
        let mut named = Vec::new();
        if self.pod {
            named.push(String::from("pod"));
        }
        if !self.containers.is_empty() {
            named.push(containers(&self.containers));
        }
        if self.annotations > 0 {
            named.push(plural(self.annotations, "annotation", "annotations").to_owned());
        }
        named.join(" and ")
    }

    /// The values, quoted and in order.
    pub(super) fn quoted_values(&self) -> String {
        quoted(self.values.iter().map(String::as_str))
    }
}
