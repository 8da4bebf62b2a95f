//! The served resources, sorted into groups and versions.

use std::sync::Arc;

use meta::version_age;
use registry::Resource;
use serde_json::Value;

use crate::aggregation::Parts;
use crate::discovery::aggregated::Aggregated;
use crate::discovery::order;

/// Everything that is served.
#[derive(Default)]
pub struct Catalog {
    resources: Arc<Vec<Arc<Resource>>>,
    /// Which of them make no more objects.
    closed: Vec<usize>,
    parts: Arc<Parts>,
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
    /// Its entry in the document of all groups, if another server serves it.
    pub elsewhere: Option<Value>,
}

impl Catalog {
    /// Sorts resources, and what other servers serve: groups by priority, else in the order they come; versions by priority, then
    /// by age; resources by name.
    pub fn new(resources: Arc<Vec<Arc<Resource>>>, parts: Arc<Parts>) -> Self {
        let mut groups: Vec<Group> = Vec::new();
        for resource in resources.iter() {
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
                || Version::named(&kind.version),
            );
            version.resources.push(Arc::clone(resource));
        }
        for (part, other) in parts.elsewhere() {
            let group = find_or_push(
                &mut groups,
                |g| g.name == part.group,
                || Group {
                    name: part.group.clone(),
                    versions: Vec::new(),
                },
            );
            let version = find_or_push(
                &mut group.versions,
                |v| v.name == part.version,
                || Version::named(&part.version),
            );
            version.resources.clear();
            version.elsewhere = Some(other.documents.discovery.clone());
        }
        for group in &mut groups {
            group.versions.sort_by(|a, b| {
                let priority = |version: &Version| order::of_version(&parts, &group.name, &version.name);
                let by_priority = priority(b).cmp(&priority(a));
                let by_age = version_age(&b.name).cmp(&version_age(&a.name));
                by_priority.then(by_age).then_with(|| a.name.cmp(&b.name))
            });
            for version in &mut group.versions {
                version.resources.sort_by(|a, b| plural(a).cmp(plural(b)));
            }
        }
        order::sort(&mut groups, &parts);
        let (core, mut named): (Vec<&Group>, Vec<&Group>) = groups.iter().partition(|g| g.name.is_empty());
        order::sort_by_name(&mut named, &parts);
        Self {
            core: Aggregated::of(&core),
            named: Aggregated::of(&named),
            closed: closed(&resources).collect(),
            parts,
            resources,
            groups,
        }
    }

    /// Whether this is made of just these resources, as they are, and of these parts elsewhere.
    pub fn is_of(&self, resources: &Arc<Vec<Arc<Resource>>>, parts: &Arc<Parts>) -> bool {
        Arc::ptr_eq(&self.resources, resources)
            && Arc::ptr_eq(&self.parts, parts)
            && closed(resources).eq(self.closed.iter().copied())
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

impl Version {
    /// One without resources.
    fn named(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            resources: Vec::new(),
            elsewhere: None,
        }
    }
}

/// The places of those that make no more objects.
fn closed(resources: &[Arc<Resource>]) -> impl Iterator<Item = usize> {
    let resources = resources.iter().enumerate();
    resources.filter_map(|(place, resource)| resource.kind().refuses_creation().map(|_| place))
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
