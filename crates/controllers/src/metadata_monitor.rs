//! Follows the metadata of all objects of one resource.

use std::sync::Arc;

use client::controller::Chain;
use client::path::with_query;
use client::{Client, Error, Retry, WatchEvent};
use futures::StreamExt;
use serde::Deserialize;
use tokio::sync::watch;

use crate::discovery::ApiResource;
use crate::metadata::{Metadata, Partial};

const LIST: &str = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1";
const WATCH: &str = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1";
const PAGE_SIZE: &str = "500";

/// Who is told.
pub(crate) trait Sink: Send + Sync + 'static {
    /// The client to follow with.
    fn client(&self) -> &Client;
    /// All there are: what is not among them is gone.
    fn replaced(&self, resource: &Arc<ApiResource>, objects: &[Metadata]);
    /// One came or changed.
    fn observed(&self, resource: &Arc<ApiResource>, object: &Metadata);
    /// One went.
    fn gone(&self, resource: &Arc<ApiResource>, object: &Metadata);
}

#[derive(Deserialize)]
struct PartialList {
    metadata: ListMetadata,
    /// Null where there are none.
    items: Option<Vec<Partial>>,
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
pub(crate) struct Monitor<S> {
    sink: Arc<S>,
    resource: Arc<ApiResource>,
    synced: watch::Sender<bool>,
    /// Everything up to this version has been told; none before the first list.
    version: Option<String>,
    retry: Retry,
}

impl<S: Sink> Monitor<S> {
    pub(crate) fn new(sink: Arc<S>, resource: Arc<ApiResource>, synced: watch::Sender<bool>) -> Self {
        Self {
            retry: Retry::of(sink.client()),
            sink,
            resource,
            synced,
            version: None,
        }
    }

    /// Runs until it is dropped.
    pub(crate) async fn run(mut self) {
        loop {
            let result = self.list_and_watch().await;
            if let Err(error) = &result {
                tracing::debug!(resource = %self.resource.collection(), error = %Chain(error), "watch broke off");
                if error.is_expired() {
                    self.version = None;
                }
            }
            self.retry.pause(result.is_err()).await;
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
        let mut events = self.sink.client().watch_as::<Partial>(&path, WATCH).await?;
        self.retry.works();
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
            let page: PartialList = self.sink.client().get_as(&path, LIST).await?;
            objects.extend(page.items.into_iter().flatten().map(|item| item.metadata));
            next = page.metadata.next;
            if next.is_empty() {
                self.sink.replaced(&self.resource, &objects);
                self.synced.send_replace(true);
                return Ok(page.metadata.resource_version);
            }
        }
    }

    /// Takes an event in; gives the version it comes with.
    fn take(&self, event: WatchEvent<Partial>) -> String {
        match event {
            WatchEvent::Bookmark(version) => version,
            WatchEvent::Added(Partial { metadata }) | WatchEvent::Modified(Partial { metadata }) => {
                self.sink.observed(&self.resource, &metadata);
                metadata.resource_version
            }
            WatchEvent::Deleted(Partial { metadata }) => {
                self.sink.gone(&self.resource, &metadata);
                metadata.resource_version
            }
        }
    }
}
