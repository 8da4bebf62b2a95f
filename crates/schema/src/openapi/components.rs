//! The schemas of a document: those its operations refer to, and those these refer to.

use std::collections::BTreeMap;
use std::io;

use serde_json::{Value, json};

use super::Dialect;
use super::component::Component;
use super::describe::{Describe, describe};
use super::path_item::PathItem;
use super::writer::ObjectWriter;
use crate::generated::KINDS;
use crate::generated::meta_v1::{DELETE_OPTIONS, WATCH_EVENT};
use crate::kinds::{META, UNVERSIONED};
use crate::served::known_group_versions;

/// The group version of what has none.
const CORE: (&str, &str) = ("", "v1");

/// The schemas a document needs.
pub(super) struct Components {
    needed: BTreeMap<String, Component<'static>>,
    /// The kinds each schema is of, as the extension has them.
    kinds: BTreeMap<String, Vec<Value>>,
}

impl Components {
    /// Of a document that is about one group version, or none.
    pub fn of_group_version(group_version: Option<(&str, &str)>) -> Self {
        Self::new(|known| known == CORE || Some(known) == group_version)
    }

    /// Of a document that is about everything.
    pub fn of_all_group_versions() -> Self {
        Self::new(|_| true)
    }

    /// Of a document of custom resources, with the group versions that upstream knows where it writes such.
    pub fn of_custom() -> Self {
        const ELSEWHERE: [&str; 4] = [
            "admission.k8s.io",
            "apiextensions.k8s.io",
            "apiregistration.k8s.io",
            "imagepolicy.k8s.io",
        ];
        Self::new(|(group, _)| !ELSEWHERE.contains(&group))
    }

    fn new(is_about: impl Fn((&str, &str)) -> bool) -> Self {
        let mut kinds: BTreeMap<String, Vec<Value>> = BTreeMap::new();
        let mut add = |name: String, (group, version): (&str, &str), kind: &str| {
            let kind = json!({ "group": group, "kind": kind, "version": version });
            kinds.entry(name).or_default().push(kind);
        };
        for (group, version, kind, of) in KINDS {
            if (*group, *version) != META {
                add(of.openapi_name(), (group, version), kind);
            } else if UNVERSIONED.contains(kind) {
                add(of.openapi_name(), CORE, kind);
            }
        }
        for known in known_group_versions().iter().filter(|known| is_about(**known)) {
            add(DELETE_OPTIONS.openapi_name(), *known, DELETE_OPTIONS.name);
            add(WATCH_EVENT.openapi_name(), *known, WATCH_EVENT.name);
        }
        Self {
            needed: BTreeMap::new(),
            kinds,
        }
    }

    /// Adds what `items` refer to, and what that refers to.
    pub fn add(&mut self, items: &[PathItem<'_>]) {
        let components = items.iter().flat_map(PathItem::components);
        self.add_components(components.filter_map(Component::built_in));
    }

    /// Adds components, and what they refer to.
    pub fn add_components(&mut self, components: impl Iterator<Item = Component<'static>>) {
        let mut open: Vec<Component<'static>> = components.collect();
        while let Some(component) = open.pop() {
            if self.needed.insert(component.name(), component).is_none() {
                open.extend(component.refers_to());
            }
        }
    }

    pub fn is_empty(&self) -> bool {
        self.needed.is_empty()
    }

    /// Writes them as fields of an object.
    pub fn write<W: io::Write>(
        &self,
        dialect: Dialect,
        descriptions: &dyn Describe,
        schemas: &mut ObjectWriter<'_, W>,
    ) -> io::Result<()> {
        self.needed.iter().try_for_each(|(name, component)| {
            let mut schema = component.schema(dialect);
            describe(&mut schema, name, descriptions, dialect);
            if let Some(kinds) = self.kinds.get(name) {
                schema.insert("x-kubernetes-group-version-kind".to_owned(), json!(kinds));
            }
            schemas.value(name, &Value::Object(schema))
        })
    }
}
