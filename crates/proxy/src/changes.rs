//! Which Services must be planned anew, and the slices of each.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use client::lean::{EndpointSlice, Service, ServiceKey};
use client::{Change, Informer, ObjectMetadata};
use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::object::{key_of_service, key_of_slice};

/// Which Services must be planned anew, and the slices of each.
#[derive(Default)]
pub(crate) struct Changes {
    state: Mutex<State>,
    arrived: Notify,
}

#[derive(Default)]
struct State {
    changed: BTreeSet<ServiceKey>,
    /// By Service, then by the slice's name.
    slices: HashMap<ServiceKey, BTreeMap<String, Arc<EndpointSlice>>>,
}

impl Changes {
    /// Notes every change of the objects these informers follow.
    pub(crate) fn follow(services: &Informer<Service>, slices: &Informer<EndpointSlice>) -> Arc<Self> {
        let changes = Arc::new(Self::default());
        let to = changes.clone();
        services.on_change(move |change| to.service(change));
        let to = changes.clone();
        slices.on_change(move |change| to.slice(change));
        changes
    }

    pub(crate) fn service(&self, change: &Change<Service>) {
        if let Some(key) = change.object().and_then(|service| key_of_service(service)) {
            self.add([key]);
        }
    }

    pub(crate) fn slice(&self, change: &Change<EndpointSlice>) {
        let key_of =
            |slice: &Arc<EndpointSlice>| Some((key_of_slice(slice)?, slice.metadata.name().to_owned()));
        let mut touched = Vec::new();
        let mut state = self.state.lock();
        if let Some((key, name)) = change.old.as_ref().and_then(key_of) {
            if let Some(slices) = state.slices.get_mut(&key) {
                slices.remove(&name);
                if slices.is_empty() {
                    state.slices.remove(&key);
                }
            }
            touched.push(key);
        }
        if let Some(new) = &change.new
            && let Some((key, name)) = key_of(new)
        {
            state
                .slices
                .entry(key.clone())
                .or_default()
                .insert(name, new.clone());
            touched.push(key);
        }
        drop(state);
        self.add(touched);
    }

    /// These must be planned anew.
    pub(crate) fn add(&self, keys: impl IntoIterator<Item = ServiceKey>) {
        let mut state = self.state.lock();
        state.changed.extend(keys);
        if !state.changed.is_empty() {
            self.arrived.notify_one();
        }
    }

    /// Waits until there are some.
    pub(crate) async fn arrived(&self) {
        self.arrived.notified().await;
    }

    /// Those that must be planned anew; they count as planned from now on.
    pub(crate) fn take(&self) -> BTreeSet<ServiceKey> {
        std::mem::take(&mut self.state.lock().changed)
    }

    /// The slices of a Service.
    pub(crate) fn slices(&self, key: &ServiceKey) -> Vec<Arc<EndpointSlice>> {
        let state = self.state.lock();
        let slices = state.slices.get(key);
        slices
            .map(|slices| slices.values().cloned().collect())
            .unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn slice(name: &str, of: &str) -> Arc<EndpointSlice> {
        let value = json!({"metadata": {"name": name, "namespace": "a", "labels": {EndpointSlice::SERVICE_NAME: of}}});
        Arc::new(serde_json::from_value(value).unwrap())
    }

    fn key(name: &str) -> ServiceKey {
        ServiceKey {
            namespace: "a".into(),
            name: name.into(),
        }
    }

    #[test]
    fn a_slice_that_changes_its_service_touches_both() {
        let changes = Changes::default();
        let first = slice("s", "x");
        changes.slice(&Change {
            old: None,
            new: Some(first.clone()),
        });
        assert_eq!(changes.take(), [key("x")].into());
        assert_eq!(changes.slices(&key("x")).len(), 1);
        let second = slice("s", "y");
        changes.slice(&Change {
            old: Some(first),
            new: Some(second.clone()),
        });
        assert_eq!(changes.take(), [key("x"), key("y")].into());
        assert!(changes.slices(&key("x")).is_empty());
        changes.slice(&Change {
            old: Some(second),
            new: None,
        });
        assert_eq!(changes.take(), [key("y")].into());
        assert!(changes.state.lock().slices.is_empty());
    }
}
