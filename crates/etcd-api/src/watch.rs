//! A stream of watches: one task takes the client's requests and tells it what the store tells.
//!
//! A watch is a place in the store's history and queues nothing: if the client does not read, the task waits, and its watches fall
//! behind at no cost.

mod answers;

use std::collections::HashMap;
use std::time::Duration;

use etcd_rpc::message::{
    FilterType, ResponseHeader, WatchCreateRequest, WatchRequest, WatchRequestUnion, WatchResponse,
};
use futures::future::{AbortHandle, Abortable};
use futures::stream::{BoxStream, SelectAll};
use futures::{Stream, StreamExt};
use store::{ProgressRequester, Revision, StoreError, WatchBatch};
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;
use tonic::Status;

use crate::etcd_api::EtcdApi;
use crate::keyspace;
use crate::reading::{Reader, number, revision};
use crate::refusal::Refusal;

/// The ID of answers that are for all watches of a stream, or for none.
const NO_WATCH: i64 = -1;

/// What a stream of watches needs of the API.
pub(crate) struct Backing {
    reader: Reader,
    header: Option<ResponseHeader>,
    progress_interval: Duration,
    shutdown: CancellationToken,
}

impl Backing {
    pub(crate) fn of(api: &EtcdApi) -> Self {
        Self {
            reader: api.reader.clone(),
            header: api.header(),
            progress_interval: api.settings.progress_interval,
            shutdown: api.settings.shutdown.clone(),
        }
    }

    fn header(&self, revision: Revision) -> Option<ResponseHeader> {
        self.header.map(|header| ResponseHeader {
            revision: number(revision),
            ..header
        })
    }
}

/// The client has gone.
struct Gone;

type Batches = Abortable<BoxStream<'static, (i64, Result<WatchBatch, StoreError>)>>;

/// The exchange with one client.
pub(crate) struct Exchange {
    backing: Backing,
    answers: mpsc::Sender<Result<WatchResponse, Status>>,
    watches: HashMap<i64, Watch>,
    batches: SelectAll<Batches>,
    next_id: i64,
    /// The client asked how far all its watches are, when this was the current revision.
    asked: Option<Revision>,
}

struct Watch {
    options: Options,
    end: AbortHandle,
    progress: ProgressRequester,
    /// Everything up to and with it has been told.
    delivered: Revision,
    /// Whether something was told since the last tick.
    is_fresh: bool,
    /// Whether the client shall be told of the next mark.
    owes_mark: bool,
}

/// What the client wants of a watch.
#[derive(Clone, Debug, Default)]
struct Options {
    without_puts: bool,
    without_deletes: bool,
    fragments: bool,
    marks: bool,
}

impl Options {
    fn of(create: &WatchCreateRequest) -> Self {
        let filters: Vec<FilterType> = create.filters().collect();
        Self {
            without_puts: filters.contains(&FilterType::NoPut),
            without_deletes: filters.contains(&FilterType::NoDelete),
            fragments: create.fragment,
            marks: create.progress_notify,
        }
    }
}

impl Exchange {
    pub(crate) fn new(backing: Backing, answers: mpsc::Sender<Result<WatchResponse, Status>>) -> Self {
        Self {
            backing,
            answers,
            watches: HashMap::new(),
            batches: SelectAll::new(),
            next_id: 0,
            asked: None,
        }
    }

    /// Goes on until the client leaves or the server stops.
    pub(crate) async fn run(
        mut self,
        mut requests: impl Stream<Item = Result<WatchRequest, Status>> + Unpin,
    ) {
        let every = self.backing.progress_interval;
        let mut ticks = tokio::time::interval_at(Instant::now() + every, every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let shutdown = self.backing.shutdown.clone();
        loop {
            let step = tokio::select! {
                () = shutdown.cancelled() => {
                    // Whoever is gone need not be told.
                    let _ = self.answers.send(Err(Refusal::Stopped.into())).await;
                    return;
                }
                () = self.answers.closed() => return,
                request = requests.next() => match request {
                    Some(Ok(request)) => self.requested(request).await,
                    Some(Err(_)) | None => return,
                },
                Some((id, batch)) = self.batches.next(), if !self.watches.is_empty() => {
                    self.told(id, batch).await
                }
                _ = ticks.tick() => {
                    self.tick();
                    Ok(())
                }
            };
            if step.is_err() {
                return;
            }
        }
    }

    async fn requested(&mut self, request: WatchRequest) -> Result<(), Gone> {
        match request.request {
            Some(WatchRequestUnion::Create(create)) => self.create(create).await,
            Some(WatchRequestUnion::Cancel(cancel)) => self.cancel(cancel.watch_id).await,
            Some(WatchRequestUnion::Progress(_)) => {
                self.asked = Some(self.backing.reader.store.current_revision());
                self.watches.values().for_each(|watch| watch.progress.request());
                self.answer_progress().await
            }
            None => Ok(()),
        }
    }

    async fn create(&mut self, create: WatchCreateRequest) -> Result<(), Gone> {
        let current = self.backing.reader.store.current_revision();
        let header = self.backing.header(current);
        let created = |watch_id, reason: &str| WatchResponse {
            header,
            watch_id,
            created: true,
            canceled: !reason.is_empty(),
            cancel_reason: reason.to_owned(),
            ..WatchResponse::default()
        };
        let key: &[u8] = if create.key.is_empty() { &[0] } else { &create.key };
        let range = keyspace::requested(key, &create.range_end);
        if range.is_empty() {
            let answer = created(NO_WATCH, "mvcc: watcher range is empty");
            return self.answer(answer).await;
        }
        if create.watch_id != 0 && self.watches.contains_key(&create.watch_id) {
            let answer = created(NO_WATCH, "mvcc: duplicate watch ID provided on the WatchStream");
            return self.answer(answer).await;
        }
        let id = self.choose_id(create.watch_id);
        self.answer(created(id, "")).await?;

        let start = revision(create.start_revision).filter(|start| !start.is_zero());
        let request = store::WatchRequest {
            range,
            start,
            previous: create.prev_kv,
        };
        let delivered = start.map_or(current, |start| Revision::new(start.get() - 1));
        match self.backing.reader.store.watch(request).await {
            Ok(stream) => {
                let progress = stream.progress_requester();
                let (end, registration) = AbortHandle::new_pair();
                let batches = stream.map(move |batch| (id, batch)).boxed();
                self.batches.push(Abortable::new(batches, registration));
                let watch = Watch {
                    options: Options::of(&create),
                    end,
                    progress,
                    delivered,
                    is_fresh: true,
                    owes_mark: false,
                };
                // A mark that was asked for is for the new watch too.
                if self.asked.is_some() {
                    watch.progress.request();
                }
                self.watches.insert(id, watch);
                Ok(())
            }
            Err(error) => self.canceled(id, &error).await,
        }
    }

    fn choose_id(&mut self, wanted: i64) -> i64 {
        if wanted != 0 {
            return wanted;
        }
        while self.watches.contains_key(&self.next_id) {
            self.next_id += 1;
        }
        self.next_id += 1;
        self.next_id - 1
    }

    async fn cancel(&mut self, id: i64) -> Result<(), Gone> {
        let Some(watch) = self.watches.remove(&id) else {
            return Ok(());
        };
        watch.end.abort();
        let answer = WatchResponse {
            header: self.backing.header(self.backing.reader.store.current_revision()),
            watch_id: id,
            canceled: true,
            ..WatchResponse::default()
        };
        self.answer(answer).await?;
        self.answer_progress().await
    }

    /// A watch has ended by itself.
    async fn canceled(&mut self, id: i64, error: &StoreError) -> Result<(), Gone> {
        let compacted = match error {
            StoreError::Compacted { compacted, .. } => number(*compacted),
            _ => 0,
        };
        let reason = match error {
            StoreError::Compacted { .. } => {
                String::from("etcdserver: mvcc: required revision has been compacted")
            }
            other => format!("etcdserver: {other}"),
        };
        let answer = WatchResponse {
            header: self.backing.header(self.backing.reader.store.current_revision()),
            watch_id: id,
            canceled: true,
            compact_revision: compacted,
            cancel_reason: reason,
            ..WatchResponse::default()
        };
        self.answer(answer).await?;
        self.answer_progress().await
    }

    /// The store told a watch something.
    async fn told(&mut self, id: i64, batch: Result<WatchBatch, StoreError>) -> Result<(), Gone> {
        let Some(watch) = self.watches.get_mut(&id) else {
            return Ok(());
        };
        let batch = match batch {
            Ok(batch) => batch,
            Err(error) => {
                self.watches.remove(&id);
                return self.canceled(id, &error).await;
            }
        };
        watch.delivered = watch.delivered.max(batch.revision);
        let events = answers::events(&self.backing.reader, &watch.options, batch.events).await;
        let owes_mark = watch.owes_mark && events.is_empty();
        watch.is_fresh |= !events.is_empty();
        watch.owes_mark &= !events.is_empty();
        let (delivered, fragments) = (watch.delivered, watch.options.fragments);
        for mut answer in answers::cut(events, fragments) {
            answer.watch_id = id;
            if let (Some(header), Some(cut)) = (self.backing.header, answer.header) {
                answer.header = Some(ResponseHeader {
                    revision: cut.revision,
                    ..header
                });
            }
            self.answer(answer).await?;
        }
        if owes_mark {
            let answer = WatchResponse {
                header: self.backing.header(delivered),
                watch_id: id,
                ..WatchResponse::default()
            };
            self.answer(answer).await?;
        }
        self.answer_progress().await
    }

    /// Tells how far all watches are, if that was asked and all are far enough.
    async fn answer_progress(&mut self) -> Result<(), Gone> {
        let Some(asked) = self.asked else { return Ok(()) };
        let slowest = self.watches.values().map(|watch| watch.delivered).min();
        let reached = slowest.unwrap_or(asked);
        if reached < asked {
            return Ok(());
        }
        self.asked = None;
        let answer = WatchResponse {
            header: self.backing.header(asked),
            watch_id: NO_WATCH,
            ..WatchResponse::default()
        };
        self.answer(answer).await
    }

    /// Asks for marks for the watches that want them and were told nothing for a while.
    fn tick(&mut self) {
        for watch in self.watches.values_mut().filter(|watch| watch.options.marks) {
            if !watch.is_fresh {
                watch.owes_mark = true;
                watch.progress.request();
            }
            watch.is_fresh = false;
        }
    }

    async fn answer(&mut self, answer: WatchResponse) -> Result<(), Gone> {
        self.answers.send(Ok(answer)).await.map_err(|_| Gone)
    }
}
