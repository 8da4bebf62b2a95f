//! The order of versions: stable before beta before alpha, the higher before the lower.

/// What orders versions as Kubernetes does: `v2`, `v1`, `v2beta1`, `v1alpha1`, then anything else.
pub fn version_age(name: &str) -> (u8, u32, u32) {
    parse_version(name).unwrap_or_default()
}

fn parse_version(name: &str) -> Option<(u8, u32, u32)> {
    let rest = name.strip_prefix('v')?;
    let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    let major = rest[..digits].parse().ok()?;
    let stage = &rest[digits..];
    if stage.is_empty() {
        return Some((3, major, 0));
    }
    let minor_of = |stage: &str| stage.parse().ok();
    if let Some(minor) = stage.strip_prefix("beta") {
        return Some((2, major, minor_of(minor)?));
    }
    Some((1, major, minor_of(stage.strip_prefix("alpha")?)?))
}

#[cfg(test)]
mod tests {
    use std::cmp::Reverse;

    use super::*;

    #[test]
    fn versions_are_ordered_by_age() {
        let mut names = ["v1alpha1", "v1", "v2beta1", "foo", "v10", "v2", "v1beta2"];
        names.sort_by_key(|name| Reverse(version_age(name)));
        assert_eq!(
            names,
            ["v10", "v2", "v1", "v2beta1", "v1beta2", "v1alpha1", "foo"]
        );
    }
}
