//! The documents as they have always been: one for each group and version.

use resource::{Descriptor, Kind, Subresource, Verb};
use serde_json::{Map, Value, json};

use crate::discovery::catalog::{Catalog, Group, Version};

/// `/api`.
pub fn core_versions(catalog: &Catalog, server_address: &str) -> Value {
    let versions: Vec<&str> = catalog
        .group("")
        .into_iter()
        .flat_map(|g| &g.versions)
        .map(|v| v.name.as_str())
        .collect();
    json!({
        "kind": "APIVersions",
        "versions": versions,
        "serverAddressByClientCIDRs": [{ "clientCIDR": "0.0.0.0/0", "serverAddress": server_address }],
    })
}

/// `/apis`.
pub fn group_list(catalog: &Catalog) -> Value {
    let groups: Vec<Value> = catalog
        .groups()
        .iter()
        .filter(|g| !g.name.is_empty())
        .map(|g| Value::Object(group_members(g)))
        .collect();
    json!({ "kind": "APIGroupList", "apiVersion": "v1", "groups": groups })
}

/// `/apis/GROUP`.
pub fn group(group: &Group) -> Value {
    let mut members = group_members(group);
    members.insert("kind".into(), "APIGroup".into());
    members.insert("apiVersion".into(), "v1".into());
    Value::Object(members)
}

fn group_members(group: &Group) -> Map<String, Value> {
    let versions: Vec<Value> = group
        .versions
        .iter()
        .map(|v| json!({ "groupVersion": group.group_version(v), "version": v.name }))
        .collect();
    let mut members = Map::new();
    members.insert("name".into(), group.name.as_str().into());
    members.insert(
        "preferredVersion".into(),
        versions.first().cloned().unwrap_or_default(),
    );
    members.insert("versions".into(), versions.into());
    members
}

/// `/api/VERSION` or `/apis/GROUP/VERSION`.
pub fn resource_list(group: &Group, version: &Version) -> Value {
    let mut resources = Vec::new();
    for resource in &version.resources {
        let descriptor = resource.kind().descriptor();
        resources.push(resource_entry(&**resource.kind()));
        resources.extend(
            descriptor
                .subresources
                .iter()
                .map(|s| subresource_entry(descriptor, s)),
        );
    }
    let mut list = json!({
        "kind": "APIResourceList",
        "groupVersion": group.group_version(version),
        "resources": resources,
    });
    // The core group's document is older than its own apiVersion.
    if let (false, Some(members)) = (group.name.is_empty(), list.as_object_mut()) {
        members.insert("apiVersion".into(), "v1".into());
    }
    list
}

fn resource_entry(kind: &dyn Kind) -> Value {
    let descriptor = kind.descriptor();
    let mut entry = json!({
        "name": descriptor.plural,
        "singularName": descriptor.singular,
        "namespaced": descriptor.is_namespaced(),
        "kind": descriptor.kind.kind,
        "verbs": verbs_of(kind),
    });
    if let Some(members) = entry.as_object_mut() {
        if !descriptor.short_names.is_empty() {
            members.insert("shortNames".into(), descriptor.short_names.clone().into());
        }
        if !descriptor.categories.is_empty() {
            members.insert("categories".into(), descriptor.categories.clone().into());
        }
        if !descriptor.storage_version_hash.is_empty() {
            members.insert(
                "storageVersionHash".into(),
                descriptor.storage_version_hash.clone().into(),
            );
        }
    }
    entry
}

fn subresource_entry(descriptor: &Descriptor, subresource: &Subresource) -> Value {
    let mut entry = json!({
        "name": format!("{}/{}", descriptor.plural, subresource.name),
        "singularName": "",
        "namespaced": descriptor.is_namespaced(),
        "kind": subresource.kind.kind,
        "verbs": verbs(&subresource.verbs),
    });
    let foreign = subresource.kind.group_version() != descriptor.kind.group_version();
    if let (true, Some(members)) = (foreign, entry.as_object_mut()) {
        if !subresource.kind.group.is_empty() {
            members.insert("group".into(), subresource.kind.group.as_ref().into());
        }
        members.insert("version".into(), subresource.kind.version.as_ref().into());
    }
    entry
}

/// The verbs of objects of a kind. Where no more are made, those that change some are not told of either.
pub(super) fn verbs_of(kind: &dyn Kind) -> Vec<&'static str> {
    let is_closed = kind.refuses_creation().is_some();
    let is_told = |verb: &Verb| !is_closed || !matches!(verb, Verb::Create | Verb::Update | Verb::Patch);
    let told = kind.descriptor().verbs.iter().copied().filter(is_told);
    verbs(&told.collect::<Vec<_>>())
}

/// Verbs as documents spell them.
pub(super) fn verbs(verbs: &[Verb]) -> Vec<&'static str> {
    verbs.iter().map(|verb| verb.as_str()).collect()
}
