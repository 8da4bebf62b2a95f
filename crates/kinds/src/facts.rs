//! Descriptors of the served resources, from the type table.

use meta::GroupVersionKind;
use resource::{Descriptor, Scope, StoredForm, Subresource, SubresourceKind, Verb};
use schema::SchemaRef;
use schema::served::{GroupVersionFacts, ResourceFacts, Storage, SubresourceFacts};
use schema::table::Type;

use crate::core::connect;
use crate::scale;

/// The descriptor of a served resource.
pub fn descriptor(version: &GroupVersionFacts, resource: &ResourceFacts) -> Descriptor {
    let kind = GroupVersionKind::new(version.group, version.version, resource.kind);
    let storage = resource.storage.as_ref();
    Descriptor {
        list_kind: format!("{}List", resource.kind),
        plural: resource.plural.to_owned(),
        singular: resource.singular.to_owned(),
        scope: if resource.namespaced {
            Scope::Namespaced
        } else {
            Scope::Cluster
        },
        verbs: verbs(resource.verbs),
        short_names: owned(resource.short_names),
        categories: owned(resource.categories),
        subresources: resource
            .subresources
            .iter()
            .filter_map(|facts| subresource(resource.plural, facts))
            .collect(),
        storage_prefix: storage.map_or_else(String::new, |storage| storage.prefix.to_owned()),
        stored_form: storage.map_or_else(StoredForm::default, stored_form),
        storage_version_hash: resource.storage_version_hash.to_owned(),
        schema: schema::builtin(&kind).unwrap_or_else(|| SchemaRef::of_type(&UNKNOWN)),
        kind,
    }
}

/// Stands for a kind that is served but missing from the type table, which a test excludes.
static UNKNOWN: Type = Type {
    package: &schema::table::Package {
        go_name: "",
        openapi_name: "",
    },
    name: "",
    fields: &[],
    by_name: &[],
    by_number: &[],
    embedded: &[],
    message: false,
    atomic: false,
    union: None,
};

fn stored_form(storage: &Storage) -> StoredForm {
    StoredForm {
        api_version: storage.api_version.to_owned(),
        protobuf: !storage.json,
    }
}

fn owned(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|&text| text.to_owned()).collect()
}

fn verbs(names: &[&str]) -> Vec<Verb> {
    names.iter().filter_map(|name| verb(name)).collect()
}

fn verb(name: &str) -> Option<Verb> {
    Some(match name {
        "create" => Verb::Create,
        "delete" => Verb::Delete,
        "deletecollection" => Verb::DeleteCollection,
        "get" => Verb::Get,
        "list" => Verb::List,
        "patch" => Verb::Patch,
        "update" => Verb::Update,
        "watch" => Verb::Watch,
        _ => return None,
    })
}

fn subresource(plural: &str, facts: &SubresourceFacts) -> Option<Subresource> {
    Some(Subresource {
        name: facts.name.to_owned(),
        kind: GroupVersionKind::new(facts.group, facts.version, facts.kind),
        verbs: verbs(facts.verbs),
        works_as: works_as(plural, facts.name)?,
    })
}

fn works_as(plural: &str, name: &str) -> Option<SubresourceKind> {
    let target = match (plural, name) {
        (_, "status" | "ephemeralcontainers" | "resize" | "approval" | "finalize") => {
            return Some(SubresourceKind::Part);
        }
        (_, "binding" | "eviction" | "token") => return Some(SubresourceKind::Action),
        ("replicationcontrollers", "scale") => return Some(scale::of_plain_selector()),
        (_, "scale") => return Some(scale::of_label_selector()),
        ("pods", "log") => connect::log,
        ("pods", "exec") => connect::exec,
        ("pods", "attach") => connect::attach,
        ("pods", "portforward") => connect::port_forward,
        ("pods", "proxy") => connect::pod_proxy,
        ("services", "proxy") => connect::service_proxy,
        ("nodes", "proxy") => connect::node_proxy,
        _ => return None,
    };
    Some(SubresourceKind::Connect { target })
}

#[cfg(test)]
mod tests {
    use super::*;
    use schema::Shape;

    #[test]
    fn every_served_resource_is_described_whole() {
        for (version, resource) in schema::resources() {
            let descriptor = descriptor(version, resource);
            let name = descriptor.group_resource().to_string();
            assert_eq!(descriptor.verbs.len(), resource.verbs.len(), "verbs of {name}");
            assert_eq!(
                descriptor.subresources.len(),
                resource.subresources.len(),
                "subresources of {name}"
            );
            assert_eq!(descriptor.schema.shape(), Shape::Object, "type of {name}");
            assert!(
                descriptor.schema.field("metadata").is_some() || resource.verbs == ["create"],
                "{name}"
            );
        }
    }
}
