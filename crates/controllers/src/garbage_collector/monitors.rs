//! One monitor for each resource whose objects can be followed and deleted. The set follows what the server serves: it is
//! gone through again when a definition of resources has changed.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use client::controller::Chain;
use tokio::sync::watch;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::Collector;
use crate::discovery::{ApiResource, Discovery, discover};
use crate::metadata_monitor::Monitor;

/// The first lists are waited for as long as this; what is not known then is read live.
const FIRST_LISTS: Duration = Duration::from_secs(30);
/// A definition comes into effect shortly after its object has changed: discovery is read at once and at these times after.
const LOOK_AGAIN: [Duration; 3] = [
    Duration::from_millis(250),
    Duration::from_secs(2),
    Duration::from_secs(10),
];
const RETRY: Duration = Duration::from_secs(1);
/// Events are owned by nobody, and come by the thousands.
const IGNORED: [(&str, &str); 2] = [("", "events"), ("events.k8s.io", "events")];

/// The monitors that run.
pub(super) struct Monitors {
    collector: Arc<Collector>,
    shutdown: CancellationToken,
    running: HashMap<(String, String), Running>,
}

struct Running {
    resource: Arc<ApiResource>,
    synced: watch::Receiver<bool>,
    _stop: DropGuard,
}

impl Monitors {
    pub(super) fn new(collector: Arc<Collector>, shutdown: CancellationToken) -> Self {
        Self {
            collector,
            shutdown,
            running: HashMap::new(),
        }
    }

    /// Runs until shutdown.
    pub(super) async fn run(mut self) {
        let shutdown = self.shutdown.clone();
        shutdown.run_until_cancelled(self.follow()).await;
    }

    async fn follow(&mut self) {
        self.refresh().await;
        // The definitions' own monitors say at once that there are some; that is no change yet.
        let _ = tokio::time::timeout(FIRST_LISTS, self.first_lists()).await;
        self.collector.change(|graph| graph.complete());
        loop {
            self.collector.resources_changed.notified().await;
            self.refresh().await;
            for delay in LOOK_AGAIN {
                let changed = self.collector.resources_changed.notified();
                // A further change starts over.
                if tokio::time::timeout(delay, changed).await.is_ok() {
                    self.collector.resources_changed.notify_one();
                    break;
                }
                self.refresh().await;
            }
        }
    }

    async fn first_lists(&mut self) {
        for monitor in self.running.values_mut() {
            // An error means that the monitor has ended.
            let _ = monitor.synced.wait_for(|&synced| synced).await;
        }
    }

    /// Reads what is served, until that succeeds; starts and stops monitors accordingly.
    async fn refresh(&mut self) {
        let discovery = loop {
            match discover(&self.collector.client).await {
                Ok(discovery) => break discovery,
                Err(error) => {
                    tracing::debug!(error = %Chain(&error), "cannot read what the server serves");
                    tokio::time::sleep(RETRY).await;
                }
            }
        };
        let wanted: HashMap<_, _> = discovery
            .preferred()
            .into_iter()
            .filter(|resource| is_followed(resource))
            .map(|resource| ((resource.group.clone(), resource.plural.clone()), resource))
            .collect();
        self.stop_others(&wanted, &discovery);
        self.collector.take_discovery(discovery);
        for (key, resource) in wanted {
            if !self.running.contains_key(&key) {
                let running = self.start(resource);
                self.running.insert(key, running);
            }
        }
    }

    /// Stops the monitors of resources that are no longer served, or in another version now. While nothing is told of a group
    /// version, its resources are followed as before.
    fn stop_others(&mut self, wanted: &HashMap<(String, String), Arc<ApiResource>>, discovery: &Discovery) {
        let collector = self.collector.clone();
        self.running.retain(|key, running| {
            let now = wanted.get(key);
            if now.is_none() && discovery.may_have(&running.resource) {
                return true;
            }
            if now.is_none() {
                collector.change(|graph| graph.drop_resource(&running.resource));
            }
            now == Some(&running.resource)
        });
    }

    fn start(&self, resource: Arc<ApiResource>) -> Running {
        let (sender, synced) = watch::channel(false);
        let stop = self.shutdown.child_token();
        let monitor = Monitor::new(self.collector.clone(), resource.clone(), sender);
        tokio::spawn(stop.clone().run_until_cancelled_owned(monitor.run()));
        Running {
            resource,
            synced,
            _stop: stop.drop_guard(),
        }
    }
}

fn is_followed(resource: &ApiResource) -> bool {
    let name = (resource.group.as_str(), resource.plural.as_str());
    !IGNORED.contains(&name) && ["list", "watch", "delete"].iter().all(|verb| resource.can(verb))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::discovery::testing::resource;

    #[test]
    fn what_can_be_watched_and_deleted_is_followed() {
        assert!(is_followed(&resource("v1", "Pod", "pods", true)));
        assert!(!is_followed(&resource("v1", "Event", "events", true)));
        let mut review = Arc::into_inner(resource("authorization.k8s.io/v1", "X", "xs", false)).unwrap();
        review.verbs.retain(|verb| verb != "watch");
        assert!(!is_followed(&review));
    }
}
