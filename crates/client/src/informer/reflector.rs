//! The task behind an informer: list, then watch; list again only when the server has forgotten where we were.

use std::sync::Arc;

use futures::StreamExt;
use tokio_util::sync::CancellationToken;

use super::Shared;
use super::shared_objects::{self, Held};
use crate::api::{Client, Kind};
use crate::controller::Chain;
use crate::decode::{self, Unreadable};
use crate::error::Error;
use crate::metadata::ObjectMetadata;
use crate::options::ListOptions;
use crate::path::Scope;
use crate::retry::Retry;
use crate::watch::WatchEvent;

/// An object as it was read.
type Read<K> = Result<Held<K>, Unreadable>;

pub(super) async fn run<K: Kind>(
    client: Client,
    namespace: String,
    options: ListOptions,
    shared: Arc<Shared<K>>,
    shutdown: CancellationToken,
) {
    let mut reflector = Reflector {
        retry: Retry::of(&client),
        client,
        namespace,
        options,
        shared,
        version: None,
    };
    let follow = async {
        loop {
            let ended = reflector.list_and_watch().await;
            if let Err(error) = &ended {
                tracing::debug!(kind = K::KIND, error = %Chain(error), "watch broke off");
                if error.is_expired() {
                    reflector.version = None;
                }
            }
            reflector.retry.pause(ended.is_err()).await;
        }
    };
    tokio::select! {
        () = shutdown.cancelled() => {}
        () = follow => {}
    }
}

struct Reflector<K> {
    client: Client,
    namespace: String,
    options: ListOptions,
    shared: Arc<Shared<K>>,
    /// The version everything up to which is in the store; none before the first list.
    version: Option<String>,
    retry: Retry,
}

impl<K: Kind> Reflector<K> {
    fn scope(&self) -> Scope<'_> {
        Scope::from(self.namespace.as_str())
    }

    /// One watch, from where the last one ended.
    async fn list_and_watch(&mut self) -> Result<(), Error> {
        let version = match self.version.take() {
            Some(version) => version,
            None => self.list().await?,
        };
        self.version = Some(version.clone());
        let mut events = self
            .client
            .watch_into::<K, Read<K>>(self.scope(), &self.options, &version, |json| {
                decode::object(json, Held::decode)
            })
            .await?;
        self.retry.works();
        while let Some(event) = events.next().await {
            self.version = Some(self.take(event?));
        }
        Ok(())
    }

    async fn list(&self) -> Result<String, Error> {
        let mut objects: Vec<Arc<K>> = Vec::new();
        let take = |item| match item {
            Ok(object) => objects.push(shared_objects::share(object)),
            // What was known of it, if it was, is nearer to the truth than that it is gone.
            Err(unreadable) => objects.extend(self.known(&unreadable)),
        };
        let version = self.client.list_each(self.scope(), &self.options, take).await?;
        self.shared.replace(objects);
        self.shared.synced.send_replace(true);
        Ok(version)
    }

    /// Takes an event in; gives the version it brings the store to.
    fn take(&self, event: WatchEvent<Read<K>>) -> String {
        match event {
            WatchEvent::Bookmark(version) => version,
            WatchEvent::Added(Ok(Held(object))) | WatchEvent::Modified(Ok(Held(object))) => {
                let version = version(&*object);
                self.shared.apply(object);
                version
            }
            WatchEvent::Deleted(Ok(Held(object))) => {
                let version = version(&*object);
                let metadata = object.metadata();
                self.shared.remove(metadata.namespace(), metadata.name());
                shared_objects::release(object);
                version
            }
            WatchEvent::Added(Err(unreadable)) | WatchEvent::Modified(Err(unreadable)) => {
                self.known(&unreadable);
                unreadable.who.resource_version
            }
            WatchEvent::Deleted(Err(Unreadable { who, .. })) => {
                self.shared.remove(&who.namespace, &who.name);
                who.resource_version
            }
        }
    }

    /// Says that an object cannot be read; gives what was known of it.
    fn known(&self, Unreadable { who, why }: &Unreadable) -> Option<Arc<K>> {
        let (kind, namespace, name) = (K::KIND, &who.namespace, &who.name);
        tracing::warn!(kind, namespace, name, error = %why, "an object cannot be read and is left as it was known");
        self.shared.store.get(namespace, name)
    }
}

fn version<K: Kind>(object: &K) -> String {
    object.metadata().resource_version().to_owned()
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::Service;
    use serde_json::{Value, json};
    use tokio_util::sync::CancellationToken;

    use crate::Informer;
    use crate::options::ListOptions;
    use crate::testing::FakeApi;

    fn service(name: &str, spec: Value) -> Value {
        json!({
            "kind": "Service", "apiVersion": "v1", "metadata": { "namespace": "a", "name": name }, "spec": spec,
        })
    }

    /// Each Service and its address.
    async fn until(informer: &Informer<Service>, expected: &[(&str, &str)]) {
        let known = || -> Vec<(String, String)> {
            let known = informer.store().in_namespace("a");
            let one = |service: &Service| {
                let address = service.spec.as_ref()?.cluster_ip.clone()?;
                Some((service.metadata.name.clone()?, address))
            };
            known.iter().filter_map(|service| one(service)).collect()
        };
        let expected: Vec<_> = expected
            .iter()
            .map(|(name, address)| ((*name).to_owned(), (*address).to_owned()))
            .collect();
        let (changed, mut changes) = tokio::sync::watch::channel(());
        informer.on_change(move |_| {
            changed.send_replace(());
        });
        let met = async {
            while known() != expected {
                changes.changed().await.unwrap();
            }
        };
        let met = tokio::time::timeout(std::time::Duration::from_secs(30), met).await;
        assert!(met.is_ok(), "{:?} is not {expected:?}", known());
    }

    #[tokio::test]
    async fn what_cannot_be_read_keeps_nothing_else_from_being_known() {
        let api = FakeApi::new();
        let (good, bad) = (
            |ip: &str| json!({ "clusterIP": ip }),
            || json!({ "clusterIP": 5 }),
        );
        api.set("services", service("first", good("10.0.0.1")));
        api.set("services", service("listed", bad()));
        let shutdown = CancellationToken::new();
        let _end = shutdown.clone().drop_guard();
        let informer = Informer::<Service>::start(api.client(), "", ListOptions::default(), shutdown);
        until(&informer, &[("first", "10.0.0.1")]).await;
        api.set("services", service("first", bad()));
        api.set("services", service("watched", bad()));
        api.set("services", service("second", good("10.0.0.2")));
        until(&informer, &[("first", "10.0.0.1"), ("second", "10.0.0.2")]).await;
        api.set("services", service("listed", good("10.0.0.3")));
        assert!(api.remove("services", "a", "first"));
        until(&informer, &[("listed", "10.0.0.3"), ("second", "10.0.0.2")]).await;
    }
}
