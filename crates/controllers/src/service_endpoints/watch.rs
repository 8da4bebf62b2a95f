//! Which Services a change concerns.

use client::k8s_openapi::api::core::v1::Service;
use client::lean::Pod;
use client::{Informer, WorkQueue};

use crate::key::Key;

/// Queues each Service that changes, and the Services of each pod that does.
pub(super) fn queue_services(services: &Informer<Service>, pods: &Informer<Pod>, queue: &WorkQueue<Key>) {
    let to = queue.clone();
    services.on_change(move |change| {
        if let Some(service) = change.object() {
            to.add(Key::of(&service.metadata));
        }
    });
    let (to, services) = (queue.clone(), services.clone());
    pods.on_change(move |change| {
        for pod in change.states() {
            let namespace = pod.metadata.namespace.as_deref().unwrap_or("");
            for service in services.store().in_namespace(namespace) {
                if selects(&service, pod) {
                    to.add(Key::of(&service.metadata));
                }
            }
        }
    });
}

/// Whether a pod stands behind a Service. One without a selector has its endpoints from elsewhere.
pub(super) fn selects(service: &Service, pod: &Pod) -> bool {
    let Some(selector) = selector(service) else {
        return false;
    };
    selector
        .iter()
        .all(|(key, value)| crate::pod::label(pod, key) == Some(value.as_str()))
}

/// The selector of a Service that has one.
pub(super) fn selector(service: &Service) -> Option<&std::collections::BTreeMap<String, String>> {
    let spec = service.spec.as_ref()?;
    let is_name_only = spec.type_.as_deref() == Some("ExternalName");
    spec.selector
        .as_ref()
        .filter(|selector| !selector.is_empty() && !is_name_only)
}
