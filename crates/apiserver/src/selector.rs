//! As much of field selectors as authorization must know before a kind reads them.

use meta::FieldSelector;

/// The name a field selector demands, if it demands one that could be a name.
pub fn required_name(field_selector: &str) -> Option<String> {
    let selector = FieldSelector::parse(field_selector).ok()?;
    selector
        .required_value("metadata.name")
        .filter(|name| is_path_segment(name))
        .map(str::to_owned)
}

/// Whether a name can stand in a path.
fn is_path_segment(name: &str) -> bool {
    !name.is_empty() && name != "." && name != ".." && !name.contains(['/', '%'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_among_terms() {
        for (selector, expected) in [
            ("metadata.name=a", Some("a")),
            ("spec.x=y,metadata.name==b", Some("b")),
            ("metadata.name!=a", None),
            ("metadata.namespace=a", None),
            ("metadata.name=", None),
            ("metadata.name=a/b", None),
            ("", None),
            ("nonsense", None),
        ] {
            assert_eq!(required_name(selector).as_deref(), expected, "{selector}");
        }
    }
}
