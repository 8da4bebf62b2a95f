//! Which Services and EndpointSlices the proxy serves.

use client::lean::{EndpointSlice, Service, ServiceKey};
use client::{ListOptions, ObjectMetadata};

/// Services and EndpointSlices with one of these labels are not ours: other proxies serve them, or none does.
const NOT_OURS: [&str; 2] = [
    "service.kubernetes.io/service-proxy-name",
    "service.kubernetes.io/headless",
];

/// Asks the API server for what is ours.
pub(crate) fn ours() -> ListOptions {
    ListOptions::labels(NOT_OURS.map(|label| format!("!{label}")).join(","))
}

/// The key of a Service of ours; none for one that is not, or whose name could not stand in an nft script.
pub(crate) fn key_of_service(service: &Service) -> Option<ServiceKey> {
    is_ours(&service.metadata, ServiceKey::of(service))
}

/// The key of the Service of ours that a slice belongs to.
pub(crate) fn key_of_slice(slice: &EndpointSlice) -> Option<ServiceKey> {
    is_ours(&slice.metadata, slice.service()?)
}

fn is_ours(metadata: &impl ObjectMetadata, key: ServiceKey) -> Option<ServiceKey> {
    let is_ours = !NOT_OURS.iter().any(|label| metadata.label(label).is_some());
    (is_ours && is_plain(&key.namespace) && is_plain(&key.name)).then_some(key)
}

/// Whether a text is a DNS label, as the API server grants for namespaces and Services.
fn is_plain(text: &str) -> bool {
    (1..=63).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn some_services_and_slices_are_not_ours() {
        let is_ours = |name: &str, label: &str| {
            let labels = json!({ label: "x", EndpointSlice::SERVICE_NAME: name });
            let object = json!({ "metadata": { "namespace": "a", "name": name, "labels": labels } });
            let service = key_of_service(&serde_json::from_value(object.clone()).unwrap());
            assert_eq!(service, key_of_slice(&serde_json::from_value(object).unwrap()));
            service.is_some()
        };
        assert!(is_ours("b", "app"));
        assert!(!is_ours("b", "service.kubernetes.io/service-proxy-name"));
        assert!(!is_ours("b", "service.kubernetes.io/headless"));
        assert!(!is_ours("b ; flush ruleset", "app"));
        assert!(!is_ours("", "app"));
    }
}
