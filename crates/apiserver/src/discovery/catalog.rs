//! The served resources, sorted into groups and versions.

use std::cmp::Reverse;
use std::sync::Arc;

use registry::Resource;

use crate::discovery::aggregated::Aggregated;

/// Everything that is served.
#[derive(Default)]
pub struct Catalog {
    resources: Vec<Arc<Resource>>,
    groups: Vec<Group>,
    core: Aggregated,
    named: Aggregated,
}

/// A group, with its versions, preferred first.
pub struct Group {
    /// Empty for the core group.
    pub name: String,
    /// Its versions.
    pub versions: Vec<Version>,
}

/// A version of a group, with its resources by name.
pub struct Version {
    /// `v1`.
    pub name: String,
    /// Its resources.
    pub resources: Vec<Arc<Resource>>,
}

impl Catalog {
    /// Sorts resources: groups in the order they come, versions by age, resources by name.
    pub fn new(resources: Vec<Arc<Resource>>) -> Self {
        let mut groups: Vec<Group> = Vec::new();
        for resource in &resources {
            let kind = &resource.kind().descriptor().kind;
            let group = find_or_push(
                &mut groups,
                |g| g.name == kind.group,
                || Group {
                    name: kind.group.to_string(),
                    versions: Vec::new(),
                },
            );
            let version = find_or_push(
                &mut group.versions,
                |v| v.name == kind.version,
                || Version {
                    name: kind.version.to_string(),
                    resources: Vec::new(),
                },
            );
            version.resources.push(Arc::clone(resource));
        }
        for group in &mut groups {
            group.versions.sort_by_key(|v| Reverse(version_age(&v.name)));
            for version in &mut group.versions {
                version.resources.sort_by(|a, b| plural(a).cmp(plural(b)));
            }
        }
        let (core, named): (Vec<&Group>, Vec<&Group>) = groups.iter().partition(|g| g.name.is_empty());
        Self {
            core: Aggregated::of(&core),
            named: Aggregated::of(&named),
            resources,
            groups,
        }
    }

    /// Whether this is made of just these resources.
    pub fn is_of(&self, resources: &[Arc<Resource>]) -> bool {
        self.resources.len() == resources.len()
            && self
                .resources
                .iter()
                .zip(resources)
                .all(|(a, b)| Arc::ptr_eq(a, b))
    }

    /// All groups, the core group among them.
    pub fn groups(&self) -> &[Group] {
        &self.groups
    }

    /// The group of that name.
    pub fn group(&self, name: &str) -> Option<&Group> {
        self.groups.iter().find(|group| group.name == name)
    }

    /// The core group in one document.
    pub(super) fn core(&self) -> &Aggregated {
        &self.core
    }

    /// All other groups in one document.
    pub(super) fn named(&self) -> &Aggregated {
        &self.named
    }
}

impl Group {
    /// The version of that name.
    pub fn version(&self, name: &str) -> Option<&Version> {
        self.versions.iter().find(|version| version.name == name)
    }

    /// Whether it is made of custom resources.
    pub fn is_custom(&self) -> bool {
        self.versions
            .iter()
            .flat_map(|v| &v.resources)
            .all(|r| r.kind().is_custom())
    }

    /// `apps/v1`, or `v1` in the core group.
    pub fn group_version(&self, version: &Version) -> String {
        if self.name.is_empty() {
            version.name.clone()
        } else {
            format!("{}/{}", self.name, version.name)
        }
    }
}

fn plural(resource: &Arc<Resource>) -> &str {
    &resource.kind().descriptor().plural
}

fn find_or_push<T>(items: &mut Vec<T>, is_it: impl Fn(&T) -> bool, make: impl FnOnce() -> T) -> &mut T {
    let at = items.iter().position(is_it).unwrap_or_else(|| {
        items.push(make());
        items.len() - 1
    });
    &mut items[at]
}

/// Orders versions as Kubernetes does: `v2`, `v1`, `v2beta1`, `v1alpha1`, then anything else.
fn version_age(name: &str) -> (u8, u32, u32) {
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
