//! Rules for file paths that a client gives.

use super::field::Field;

impl Field<'_, '_> {
    /// This path must lead down from where it is mounted.
    pub fn local_descending_path(&self) {
        self.descending(self.text());
    }

    /// The same for a path that stands elsewhere.
    pub fn descending(&self, path: &str) {
        if path.starts_with('/') {
            self.invalid_as(path, "must be a relative path");
        }
        if has_backsteps(path) {
            self.invalid_as(path, NO_BACKSTEPS);
        }
    }

    /// This path must be relative, lead down, and not start with two dots (such names are the kubelet's own).
    pub fn local_path(&self) {
        self.local(self.text());
    }

    /// The same for a path that stands elsewhere.
    pub fn local(&self, path: &str) {
        self.descending(path);
        if path.starts_with("..") && !path.starts_with("../") {
            self.invalid_as(path, "must not start with '..'");
        }
    }

    /// This path must not go up.
    pub fn no_backsteps(&self) {
        if has_backsteps(self.text()) {
            self.invalid(NO_BACKSTEPS);
        }
    }
}

const NO_BACKSTEPS: &str = "must not contain '..'";

/// Whether one of the path's parts goes up.
pub fn has_backsteps(path: &str) -> bool {
    path.split('/').any(|part| part == "..")
}

#[cfg(test)]
mod tests {
    use crate::toolkit::Report;
    use serde_json::json;

    #[test]
    fn paths_stay_below() {
        for (path, expected) in [
            ("a/b", vec![]),
            ("/a", vec!["must be a relative path"]),
            ("a/../b", vec!["must not contain '..'"]),
            ("..", vec!["must not contain '..'", "must not start with '..'"]),
            ("..a", vec!["must not start with '..'"]),
        ] {
            let object = json!({"p": path});
            let errors = Report::of_any(&object, |root| root.child("p").local_path());
            let details: Vec<_> = errors
                .iter()
                .map(|e| e.message.rsplit(": ").next().unwrap_or(""))
                .collect();
            assert_eq!(details, expected, "{path}");
        }
    }
}
