//! The words that operations are named with.

/// A group in an operation's name: `rbac.authorization.k8s.io` is `RbacAuthorization`, the core group `Core`.
pub(super) fn group(group: &str) -> String {
    let group = if group.is_empty() { "core" } else { group };
    let words = group.strip_suffix(".k8s.io").unwrap_or(group);
    words.split('.').map(capitalised).collect()
}

/// The tag of a group: `rbacAuthorization`.
pub(super) fn tag(name: &str) -> String {
    let name = group(name);
    let mut letters = name.chars();
    letters
        .next()
        .map(|first| first.to_ascii_lowercase())
        .into_iter()
        .chain(letters)
        .collect()
}

/// `status` as `Status`.
pub(super) fn capitalised(word: &str) -> String {
    let mut letters = word.chars();
    letters
        .next()
        .map(|first| first.to_ascii_uppercase())
        .into_iter()
        .chain(letters)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_become_words() {
        for (name, words, tag_words) in [
            ("", "Core", "core"),
            ("apps", "Apps", "apps"),
            (
                "rbac.authorization.k8s.io",
                "RbacAuthorization",
                "rbacAuthorization",
            ),
            (
                "flowcontrol.apiserver.k8s.io",
                "FlowcontrolApiserver",
                "flowcontrolApiserver",
            ),
        ] {
            assert_eq!(group(name), words);
            assert_eq!(tag(name), tag_words);
        }
    }
}
