//! Everything in one document (KEP-3352), prepared in JSON with its tag.

use bytes::Bytes;
use meta::GroupVersionKind;
use resource::{Kind, Scope};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha512};

use crate::codec;
use crate::discovery::catalog::Group;
use crate::discovery::plain::{verbs, verbs_of};
use crate::negotiate::{Accept, Encoding};

/// The document, prepared.
#[derive(Debug, Default)]
pub struct Aggregated {
    /// The bytes, in JSON.
    pub json: Bytes,
    /// The `ETag`, quotes included.
    pub tag: String,
}

impl Aggregated {
    /// A document of groups.
    pub fn of(groups: &[&Group]) -> Self {
        let items: Vec<Value> = groups.iter().map(|group| group_item(group)).collect();
        let document = json!({
            "kind": "APIGroupDiscoveryList",
            "apiVersion": "apidiscovery.k8s.io/v2",
            "metadata": {},
            "items": items,
        });
        let json = codec::to_json(&document);
        let digest: String = Sha512::digest(&json)
            .iter()
            .map(|byte| format!("{byte:02X}"))
            .collect();
        Self {
            json: json.into(),
            tag: format!("\"{digest}\""),
        }
    }
}

/// The form in which a client wants the document, if it wants it at all: wherever it stands in its order of preference, as upstream
/// looks for it before it looks at the others.
pub fn wanted(accept: &Accept<'_>) -> Option<Encoding> {
    accept.ranges().iter().find_map(|range| {
        let of = |name| {
            let named = range.parameters.iter().find(|(n, _)| *n == name);
            named.map(|(_, value)| *value)
        };
        let aggregate = (of("as"), of("g"), of("v"))
            == (
                Some("APIGroupDiscoveryList"),
                Some("apidiscovery.k8s.io"),
                Some("v2"),
            );
        let mut encodings = Encoding::ALL.into_iter();
        encodings.find(|encoding| aggregate && range.covers(encoding.media_type()))
    })
}

fn group_item(group: &Group) -> Value {
    let versions: Vec<Value> = group
        .versions
        .iter()
        .map(|version| {
            if let Some(entry) = &version.elsewhere {
                return entry.clone();
            }
            let resources: Vec<Value> = version
                .resources
                .iter()
                .map(|r| resource_item(&**r.kind(), group.is_custom()))
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

/// What is said of a resource. Where a kind is of the group and version that it stands in, built-in ones do not say so.
fn resource_item(of: &dyn Kind, custom: bool) -> Value {
    let descriptor = of.descriptor();
    let named = |kind: &GroupVersionKind| {
        if !custom && kind.group_version() == descriptor.kind.group_version() {
            json!({ "group": "", "version": "", "kind": kind.kind })
        } else {
            json!({ "group": kind.group, "version": kind.version, "kind": kind.kind })
        }
    };
    let mut item = json!({
        "resource": descriptor.plural,
        "responseKind": named(&descriptor.kind),
        "scope": match descriptor.scope { Scope::Cluster => "Cluster", Scope::Namespaced => "Namespaced" },
        "singularResource": descriptor.singular,
        "verbs": verbs_of(of),
    });
    if let Some(members) = item.as_object_mut() {
        if !descriptor.short_names.is_empty() {
            members.insert("shortNames".into(), descriptor.short_names.clone().into());
        }
        if !descriptor.categories.is_empty() {
            members.insert("categories".into(), descriptor.categories.clone().into());
        }
        if !descriptor.subresources.is_empty() {
            let subresources = descriptor.subresources.iter().map(|subresource| {
                json!({
                    "subresource": subresource.name,
                    "responseKind": named(&subresource.kind),
                    "verbs": verbs(&subresource.verbs),
                })
            });
            members.insert("subresources".into(), subresources.collect());
        }
    }
    item
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_is_wanted_wherever_it_is_named() {
        const JSON: &str = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";
        for (header, expected) in [
            (JSON.to_owned(), Some(Encoding::Json)),
            (format!("application/json,{JSON};q=0.3"), Some(Encoding::Json)),
            (JSON.replace("json", "yaml"), Some(Encoding::Yaml)),
            (
                JSON.replace("json", "vnd.kubernetes.protobuf"),
                Some(Encoding::Protobuf),
            ),
            (JSON.replace("application/json", "*/*"), Some(Encoding::Json)),
            (JSON.replace("v2", "v2beta1"), None),
            ("application/json".to_owned(), None),
            ("*/*".to_owned(), None),
        ] {
            assert_eq!(wanted(&Accept::parse(&header)), expected, "{header}");
        }
    }
}
