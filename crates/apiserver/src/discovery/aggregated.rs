//! Everything in one document (KEP-3352), prepared in JSON with its tag.

use bytes::Bytes;
use resource::{Descriptor, Scope, Subresource};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha512};

use crate::codec;
use crate::discovery::catalog::Group;
use crate::discovery::plain::verbs;

/// A version of the document's own format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AggregatedVersion {
    /// `apidiscovery.k8s.io/v2`.
    V2,
    /// `apidiscovery.k8s.io/v2beta1`.
    V2beta1,
}

impl AggregatedVersion {
    /// The version of that name.
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "v2" => Some(Self::V2),
            "v2beta1" => Some(Self::V2beta1),
            _ => None,
        }
    }

    /// The `Content-Type`.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::V2 => "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList",
            Self::V2beta1 => "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList",
        }
    }

    fn api_version(self) -> &'static str {
        match self {
            Self::V2 => "apidiscovery.k8s.io/v2",
            Self::V2beta1 => "apidiscovery.k8s.io/v2beta1",
        }
    }
}

/// The document in both versions.
#[derive(Debug, Default)]
pub struct Aggregated {
    v2: PreparedJson,
    v2beta1: PreparedJson,
}

/// JSON and its tag.
#[derive(Debug, Default)]
pub struct PreparedJson {
    /// The bytes.
    pub json: Bytes,
    /// The `ETag`, quotes included.
    pub tag: String,
}

impl Aggregated {
    /// A document of groups.
    pub fn of(groups: &[&Group]) -> Self {
        let items: Vec<Value> = groups.iter().map(|group| group_item(group)).collect();
        let prepare = |version: AggregatedVersion| {
            let document = json!({
                "kind": "APIGroupDiscoveryList",
                "apiVersion": version.api_version(),
                "metadata": {},
                "items": items,
            });
            let json = codec::to_json(&document);
            let digest: String = Sha512::digest(&json)
                .iter()
                .map(|byte| format!("{byte:02X}"))
                .collect();
            PreparedJson {
                json: json.into(),
                tag: format!("\"{digest}\""),
            }
        };
        Self {
            v2: prepare(AggregatedVersion::V2),
            v2beta1: prepare(AggregatedVersion::V2beta1),
        }
    }

    /// The document in a version.
    pub fn prepared(&self, version: AggregatedVersion) -> &PreparedJson {
        match version {
            AggregatedVersion::V2 => &self.v2,
            AggregatedVersion::V2beta1 => &self.v2beta1,
        }
    }
}

fn group_item(group: &Group) -> Value {
    let versions: Vec<Value> = group
        .versions
        .iter()
        .map(|version| {
            let resources: Vec<Value> = version
                .resources
                .iter()
                .map(|r| resource_item(r.kind().descriptor()))
                .collect();
            json!({ "version": version.name, "resources": resources, "freshness": "Current" })
        })
        .collect();
    let mut metadata = Map::new();
    if !group.name.is_empty() {
        metadata.insert("name".into(), group.name.as_str().into());
    }
    json!({ "metadata": metadata, "versions": versions })
}

fn resource_item(descriptor: &Descriptor) -> Value {
    let kind = &descriptor.kind;
    let mut item = json!({
        "resource": descriptor.plural,
        "responseKind": { "group": kind.group, "version": kind.version, "kind": kind.kind },
        "scope": match descriptor.scope { Scope::Cluster => "Cluster", Scope::Namespaced => "Namespaced" },
        "singularResource": descriptor.singular,
        "verbs": verbs(&descriptor.verbs),
    });
    if let Some(members) = item.as_object_mut() {
        if !descriptor.short_names.is_empty() {
            members.insert("shortNames".into(), descriptor.short_names.clone().into());
        }
        if !descriptor.categories.is_empty() {
            members.insert("categories".into(), descriptor.categories.clone().into());
        }
        if !descriptor.subresources.is_empty() {
            let subresources: Vec<Value> = descriptor.subresources.iter().map(subresource_item).collect();
            members.insert("subresources".into(), subresources.into());
        }
    }
    item
}

fn subresource_item(subresource: &Subresource) -> Value {
    let kind = &subresource.kind;
    json!({
        "subresource": subresource.name,
        "responseKind": { "group": kind.group, "version": kind.version, "kind": kind.kind },
        "verbs": verbs(&subresource.verbs),
    })
}
