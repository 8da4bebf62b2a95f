//! From a definition to the kinds that the registry serves.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use meta::{GroupVersion, GroupVersionKind};
use resource::{Descriptor, Kind, Scope, StoredForm, Subresource, SubresourceKind, Verb};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::columns::Columns;
use crate::definition::{Definition, Names, Version};
use crate::kind::CustomKind;
use crate::scale::Scale;
use crate::selectable::Selectable;
use crate::shape::{Shape, untyped};
use crate::structure;

/// In discovery's order, which for custom resources is not that of the alphabet.
const VERBS: [Verb; 8] = [
    Verb::Delete,
    Verb::DeleteCollection,
    Verb::Get,
    Verb::List,
    Verb::Patch,
    Verb::Create,
    Verb::Update,
    Verb::Watch,
];
const OF_PART: [Verb; 3] = [Verb::Get, Verb::Patch, Verb::Update];
const SCALE: GroupVersionKind = GroupVersionKind::new("autoscaling", "v1", "Scale");

/// Why a definition is not served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unservable {
    /// No version is the one to store.
    NoStorage,
    /// The process keeps no more names of selectable fields.
    TooManySelectableFields,
}

/// The kinds of all versions, those without verbs not served, under the names that were accepted.
pub(crate) fn kinds(
    definition: &Definition,
    names: &Names,
    is_going: &Arc<AtomicBool>,
) -> Result<Vec<Arc<dyn Kind>>, Unservable> {
    let stored = definition.storage_version().ok_or(Unservable::NoStorage)?;
    let keeps_all = definition.spec.preserve_unknown_fields;
    let shape = |version: &Version| {
        let kind = group_version(definition, &version.name).kind(names.kind.clone());
        Arc::new(Shape::new(&kind, version, keeps_all))
    };
    let stored_shape = shape(stored);
    let stored = group_version(definition, &stored.name);
    let versions = definition.spec.versions.iter();
    versions
        .map(|version| {
            let selectable = Selectable::new(&version.selectable_fields);
            let descriptor = descriptor(definition, names, version, &stored);
            let kind = CustomKind {
                shape: match version.name == *stored.version {
                    true => Arc::clone(&stored_shape),
                    false => shape(version),
                },
                stored_shape: Arc::clone(&stored_shape),
                descriptor,
                open_api: described(version).into(),
                columns: Columns::new(&version.additional_printer_columns),
                selectable: selectable.ok_or(Unservable::TooManySelectableFields)?,
                stored: stored.clone(),
                has_status: version.subresources.status.is_some(),
                deprecation: deprecation(definition, version),
                is_going: Arc::clone(is_going),
            };
            Ok(Arc::new(kind) as Arc<dyn Kind>)
        })
        .collect()
}

/// The schema as it is published: nothing is said of objects whose schema is not structural.
fn described(version: &Version) -> String {
    let schema = &version.schema.open_api_v3_schema;
    match structure::is_structural(schema) {
        true => schema.to_string(),
        false => Value::Null.to_string(),
    }
}

fn group_version(definition: &Definition, version: &str) -> GroupVersion {
    GroupVersion {
        group: definition.spec.group.clone().into(),
        version: version.to_owned().into(),
    }
}

fn descriptor(
    definition: &Definition,
    names: &Names,
    version: &Version,
    stored: &GroupVersion,
) -> Descriptor {
    let group = &definition.spec.group;
    let kind = group_version(definition, &version.name).kind(names.kind.clone());
    Descriptor {
        list_kind: names.list_kind.clone(),
        plural: names.plural.clone(),
        singular: names.singular.clone(),
        scope: match definition.spec.scope.as_str() {
            "Namespaced" => Scope::Namespaced,
            _ => Scope::Cluster,
        },
        verbs: if version.served {
            VERBS.to_vec()
        } else {
            Vec::new()
        },
        short_names: names.short_names.clone(),
        categories: names.categories.clone(),
        subresources: subresources(version, &kind),
        storage_prefix: format!("/registry/{group}/{}/", names.plural),
        stored_form: StoredForm {
            api_version: stored.to_string(),
            protobuf: false,
        },
        storage_version_hash: storage_version_hash(stored, &names.kind),
        schema: untyped(),
        kind,
    }
}

fn subresources(version: &Version, kind: &GroupVersionKind) -> Vec<Subresource> {
    let subresource = |name: &str, kind: GroupVersionKind, works_as| Subresource {
        name: name.to_owned(),
        kind,
        verbs: OF_PART.to_vec(),
        works_as,
    };
    let status = version.subresources.status.as_ref();
    let status = status.map(|_| subresource("status", kind.clone(), SubresourceKind::Part));
    let scale = version.subresources.scale.clone();
    let scale = scale.map(|places| {
        subresource(
            "scale",
            SCALE,
            SubresourceKind::Projection(Arc::new(Scale::new(places))),
        )
    });
    status.into_iter().chain(scale).collect()
}

/// Discovery's fingerprint of the stored version.
fn storage_version_hash(stored: &GroupVersion, kind: &str) -> String {
    let digest = Sha256::digest(format!("{}/{}/{kind}", stored.group, stored.version));
    STANDARD.encode(&digest[..8])
}

/// What clients of a deprecated version are told.
fn deprecation(definition: &Definition, version: &Version) -> Option<String> {
    if !version.deprecated {
        return None;
    }
    if let Some(warning) = &version.deprecation_warning {
        return Some(warning.clone());
    }
    let (group, kind) = (&definition.spec.group, &definition.spec.names.kind);
    let age = |version: &Version| meta::version_age(&version.name);
    let better = definition.spec.versions.iter();
    let better = better.filter(|other| other.served && !other.deprecated && age(other) > age(version));
    let instead = better
        .max_by_key(|other| age(other))
        .map_or_else(String::new, |other| {
            format!("; use {group}/{} {kind}", other.name)
        });
    Some(format!("{group}/{} {kind} is deprecated{instead}", version.name))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn deprecated_versions_name_a_better_one() {
        let version =
            |name: &str, deprecated: bool| json!({"name": name, "served": true, "deprecated": deprecated});
        let object = json!({"spec": {"group": "example.com", "names": {"kind": "Widget"}, "versions": [
            version("v1alpha1", true), version("v1", false), version("v1beta1", false),
        ]}});
        let definition = Definition::read(&object).expect("a definition");
        let told = |at: usize| deprecation(&definition, &definition.spec.versions[at]);
        let expected = "example.com/v1alpha1 Widget is deprecated; use example.com/v1 Widget";
        assert_eq!(told(0).as_deref(), Some(expected));
        assert_eq!(told(1), None);
    }

    #[test]
    fn defaults_are_those_of_the_version_that_is_stored() {
        let version = |name: &str, field: &str| {
            let fields = json!({"all": {"type": "string"}, field: {"type": "string", "default": "d"}});
            let spec = json!({"type": "object", "properties": fields});
            json!({"name": name, "served": true, "storage": name == "v1",
                "schema": {"openAPIV3Schema": {"type": "object", "properties": {"spec": spec}}}})
        };
        let versions = [version("v1", "a"), version("v2", "b")];
        let object =
            json!({"spec": {"group": "example.com", "names": {"kind": "Widget"}, "versions": versions}});
        let definition = Definition::read(&object).expect("a definition");
        let names = definition.spec.names.clone();
        let kinds = kinds(&definition, &names, &Arc::default()).expect("it can be served");
        let mut widget =
            json!({"apiVersion": "example.com/v2", "kind": "Widget", "spec": {"all": "x", "b": "y"}});
        kinds[1].convert_to_stored(&mut widget);
        assert_eq!(
            (&widget["apiVersion"], &widget["spec"]),
            (&json!("example.com/v1"), &json!({"all": "x", "a": "d"}))
        );
        kinds[1].convert_from_stored(&mut widget);
        assert_eq!(
            (&widget["apiVersion"], &widget["spec"]),
            (&json!("example.com/v2"), &json!({"all": "x"}))
        );
    }

    #[test]
    fn only_what_has_a_namespace_is_selected_by_it() {
        for (scope, expected) in [("Namespaced", true), ("Cluster", false)] {
            let version = json!({"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": {"type": "object"}}});
            let object = json!({"spec": {"group": "example.com", "scope": scope, "names": {"kind": "Widget"}, "versions": [version]}});
            let definition = Definition::read(&object).expect("a definition");
            let names = definition.spec.names.clone();
            let kinds = kinds(&definition, &names, &Arc::default()).expect("it can be served");
            assert_eq!(kinds[0].selects_namespaces(), expected, "{scope}");
        }
    }

    #[test]
    fn the_fingerprint_is_upstreams() {
        let core = GroupVersion::new("", "v1");
        assert_eq!(storage_version_hash(&core, "Pod"), "xPOwRZ+Yhw8=");
    }
}
