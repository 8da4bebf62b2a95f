//! Which resource is meant, and what a stored value says.

use std::sync::Arc;

use bytes::Bytes;
use meta::GroupVersion;
use registry::Resource;
use schema::protobuf::Envelope;
use serde_json::Value;

/// The resource that a user names as kubectl's users do: `deploy`, `deployments`, `deployment`, `deployments.apps`,
/// `deployments.v1.apps`. The first counts that objects are stored of.
pub(super) fn resource<'a>(resources: &'a [Arc<Resource>], text: &str) -> Option<&'a Arc<Resource>> {
    let text = text.to_ascii_lowercase();
    let (name, rest) = text.split_once('.').unwrap_or((&text, ""));
    let stored = resources
        .iter()
        .filter(|resource| !resource.kind().descriptor().storage_prefix.is_empty());
    stored
        .filter(|resource| {
            let descriptor = resource.kind().descriptor();
            let named = descriptor.plural == name
                || descriptor.singular == name
                || descriptor.short_names.iter().any(|short| short == name);
            let group = &resource.name().group;
            let versioned = format!("{}.{group}", resource.name().version);
            named && (rest.is_empty() || rest == *group || rest == versioned)
        })
        // A converting kind shows what another one stores.
        .min_by_key(|resource| resource.kind().converts())
}

/// A stored value: JSON, or protobuf as upstream's servers write it.
pub(super) fn decode(resource: &Resource, value: &Bytes) -> Value {
    let served = resource.kind().descriptor().schema;
    let Ok(envelope) = Envelope::parse(value) else {
        return serde_json::from_slice(value).unwrap_or_default();
    };
    // It may be stored in another version than it is served in.
    let stated = envelope.type_meta;
    let kind = GroupVersion::parse(&stated.api_version).map(|version| version.kind(stated.kind));
    let schema = kind.and_then(|kind| schema::builtin(&kind)).unwrap_or(served);
    schema::decode_protobuf(value, schema).unwrap_or_default()
}
