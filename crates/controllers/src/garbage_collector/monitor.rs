//! Follows the metadata of all objects of one resource, and tells the graph.

use std::sync::Arc;
use std::time::Duration;

use client::controller::Chain;
use client::path::with_query;
use client::{Error, WatchEvent};
use futures::StreamExt;
use serde::Deserialize;
use tokio::sync::watch;

use super::Collector;
use super::object::{Metadata, Partial};
use crate::discovery::ApiResource;

const LIST: &str = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1";
const WATCH: &str = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1";
const PAGE_SIZE: &str = "500";
const FIRST_RETRY: Duration = Duration::from_millis(100);
const LONGEST_RETRY: Duration = Duration::from_secs(30);
/// Resources whose objects are resources themselves.
const DEFINITIONS: [(&str, &str); 2] = [
    ("apiextensions.k8s.io", "customresourcedefinitions"),
    ("apiregistration.k8s.io", "apiservices"),
];

#[derive(Deserialize)]
struct PartialList {
    metadata: ListMetadata,
    #[serde(default)]
    items: Vec<Partial>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[derive(Default)]
struct ListMetadata {
    resource_version: String,
    #[serde(rename = "continue")]
    next: String,
}

/// The follower of one resource.
pub(super) struct Monitor {
    collector: Arc<Collector>,
    resource: Arc<ApiResource>,
    synced: watch::Sender<bool>,
    /// Everything up to this version is in the graph; none before the first list.
    version: Option<String>,
    defines_resources: bool,
}

impl Monitor {
    pub(super) fn new(
        collector: Arc<Collector>,
        resource: Arc<ApiResource>,
        synced: watch::Sender<bool>,
    ) -> Self {
        let name = (resource.group.as_str(), resource.plural.as_str());
        Self {
            defines_resources: DEFINITIONS.contains(&name),
            collector,
            resource,
            synced,
            version: None,
        }
    }

    /// Runs until it is dropped.
    pub(super) async fn run(mut self) {
        let mut retry = FIRST_RETRY;
        loop {
            let before = self.version.clone();
            let result = self.list_and_watch().await;
            if let Err(error) = &result {
                tracing::debug!(resource = %self.resource.collection(), error = %Chain(error), "watch broke off");
                if error.is_expired() {
                    self.version = None;
                }
            }
            // A watch that brought nothing is not begun anew at once.
            if result.is_ok() && before != self.version {
                retry = FIRST_RETRY;
            } else {
                tokio::time::sleep(retry).await;
                retry = (retry * 2).min(LONGEST_RETRY);
            }
        }
    }

    async fn list_and_watch(&mut self) -> Result<(), Error> {
        let version = match self.version.take() {
            Some(version) => version,
            None => self.list().await?,
        };
        self.version = Some(version.clone());
        let query = [
            ("watch", "true"),
            ("allowWatchBookmarks", "true"),
            ("resourceVersion", &version),
        ];
        let path = with_query(self.resource.collection(), &query);
        let mut events = self.collector.client.watch_as::<Partial>(&path, WATCH).await?;
        while let Some(event) = events.next().await {
            self.version = Some(self.take(event?));
        }
        Ok(())
    }

    async fn list(&self) -> Result<String, Error> {
        let mut objects: Vec<Metadata> = Vec::new();
        let mut next = String::new();
        loop {
            let query = [("limit", PAGE_SIZE), ("continue", next.as_str())];
            let path = with_query(self.resource.collection(), &query);
            let page: PartialList = self.collector.client.get_as(&path, LIST).await?;
            objects.extend(page.items.into_iter().map(|item| item.metadata));
            next = page.metadata.next;
            if next.is_empty() {
                self.collector
                    .change(|graph| graph.replace(&self.resource, &objects));
                self.synced.send_replace(true);
                self.notice_definitions();
                return Ok(page.metadata.resource_version);
            }
        }
    }

    /// Takes an event in; gives the version it brings the graph to.
    fn take(&self, event: WatchEvent<Partial>) -> String {
        match event {
            WatchEvent::Bookmark(version) => version,
            WatchEvent::Added(Partial { metadata }) | WatchEvent::Modified(Partial { metadata }) => {
                self.collector
                    .change(|graph| graph.observe(&self.resource, &metadata));
                self.notice_definitions();
                metadata.resource_version
            }
            WatchEvent::Deleted(Partial { metadata }) => {
                self.collector.change(|graph| graph.forget(&metadata.uid));
                self.notice_definitions();
                metadata.resource_version
            }
        }
    }

    fn notice_definitions(&self) {
        if self.defines_resources {
            self.collector.resources_changed.notify_one();
        }
    }
}
