//! The task behind an informer: list, then watch; list again only when the server has forgotten where we were.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::Shared;
use super::shared_objects::{self, Held};
use crate::api::{Client, Kind};
use crate::controller::Chain;
use crate::error::Error;
use crate::metadata::ObjectMetadata;
use crate::options::ListOptions;
use crate::path::Scope;
use crate::watch::WatchEvent;

/// The first wait after a failure; it doubles with each further one.
const FIRST_RETRY: Duration = Duration::from_millis(100);
/// The longest wait after a failure.
const LONGEST_RETRY: Duration = Duration::from_secs(30);
/// A watch that lasted so long did its work.
const WORTH_WHILE: Duration = Duration::from_secs(1);

pub(super) async fn run<K: Kind>(
    client: Client,
    namespace: String,
    options: ListOptions,
    shared: Arc<Shared<K>>,
    shutdown: CancellationToken,
) {
    let mut reflector = Reflector {
        client,
        namespace,
        options,
        shared,
        version: None,
    };
    let mut retry = FIRST_RETRY;
    let follow = async {
        loop {
            let began = Instant::now();
            let ended = reflector.list_and_watch().await;
            if let Err(error) = &ended {
                tracing::debug!(kind = K::KIND, error = %Chain(error), "watch broke off");
                if error.is_expired() {
                    reflector.version = None;
                }
            }
            // A watch that ends at once, as those of a server that goes down do, must not be begun anew at once.
            if ended.is_ok() && began.elapsed() >= WORTH_WHILE {
                retry = FIRST_RETRY;
                continue;
            }
            tokio::time::sleep(jittered(retry)).await;
            retry = (retry * 2).min(LONGEST_RETRY);
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
            .watch_into::<K, Held<K>>(self.scope(), &self.options, &version, Held::decode)
            .await?;
        while let Some(event) = events.next().await {
            self.version = Some(self.take(event?));
        }
        Ok(())
    }

    async fn list(&self) -> Result<String, Error> {
        let mut objects: Vec<Arc<K>> = Vec::new();
        let take = |object| objects.push(shared_objects::share(object));
        let version = self.client.list_each(self.scope(), &self.options, take).await?;
        self.shared.replace(objects);
        self.shared.synced.send_replace(true);
        Ok(version)
    }

    /// Takes an event in; gives the version it brings the store to.
    fn take(&self, event: WatchEvent<Held<K>>) -> String {
        match event {
            WatchEvent::Bookmark(version) => version,
            WatchEvent::Added(Held(object)) | WatchEvent::Modified(Held(object)) => {
                let version = version(&*object);
                self.shared.apply(object);
                version
            }
            WatchEvent::Deleted(Held(object)) => {
                let version = version(&*object);
                self.shared.remove(&object);
                shared_objects::release(object);
                version
            }
        }
    }
}

fn version<K: Kind>(object: &K) -> String {
    object.metadata().resource_version().to_owned()
}

/// Up to twice the wait, so that many clients do not come back at one moment.
fn jittered(wait: Duration) -> Duration {
    use std::hash::{BuildHasher, Hasher};
    let random = std::hash::RandomState::new().build_hasher().finish();
    wait + wait.mul_f64((random % 1024) as f64 / 1024.0)
}
