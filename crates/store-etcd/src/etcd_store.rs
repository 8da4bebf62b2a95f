//! The store: each operation as one request to etcd, or as few as it takes.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use etcd_rpc::MessageLimits;
use etcd_rpc::message::{
    CompactionRequest, Compare, CompareResult, DeleteRangeRequest, PutRequest, RangeRequest as EtcdRange,
    Request, Response, StatusRequest, TxnRequest, TxnResponse,
};
use prost::Message;
use store::{
    Key, KeyValue, Operation, Outcome, Precondition, Projection, QuietRange, RangeRequest, RangeResponse,
    Revision, RevisionWindow, Snapshot, StateStore, StoreError, Transaction, WatchRequest, WatchStream,
};

use crate::answer::{revision, signed, unsigned};
use crate::connect::{self, ConnectError};
use crate::connections::{Connections, Effort, needs_leader};
use crate::failure::{Failure, LARGEST_REQUEST};
use crate::keys::{Namespace, PhysicalRange};
use crate::latest::Latest;
use crate::leases::Leases;
use crate::options::Options;
use crate::pages::{self, Pages};
use crate::{snapshot, watch};

/// A [`StateStore`] over an etcd cluster. Clones share one set of connections.
#[derive(Clone)]
pub struct EtcdStore {
    shared: Arc<Shared>,
}

/// What the store and its watches share.
pub(crate) struct Shared {
    pub(crate) connections: Connections,
    pub(crate) namespace: Namespace,
    leases: Leases,
    latest: Latest,
    /// The oldest revision that can be read, as far as we know.
    compacted: AtomicU64,
}

impl EtcdStore {
    /// Connects to a cluster. Fails, after some time if what fails may pass, with what is wrong with each endpoint.
    pub async fn connect(options: Options) -> Result<Self, ConnectError> {
        let connections = connect::connect(&options).await?;
        Ok(Self {
            shared: Arc::new(Shared {
                connections,
                namespace: Namespace::new(options.namespace),
                leases: Leases::default(),
                latest: Latest::default(),
                compacted: AtomicU64::new(0),
            }),
        })
    }
}

impl Shared {
    pub(crate) fn current(&self) -> Revision {
        Revision::new(self.connections.newest())
    }

    pub(crate) fn compacted(&self) -> Revision {
        Revision::new(self.compacted.load(Ordering::Acquire))
    }

    pub(crate) fn window(&self) -> RevisionWindow {
        RevisionWindow {
            compacted: self.compacted(),
            current: self.current(),
        }
    }

    /// History before `revision` is gone.
    pub(crate) fn note_compacted(&self, revision: Revision) {
        self.compacted.fetch_max(revision.get(), Ordering::AcqRel);
    }

    /// Why `requested` is compacted, when etcd has said that it is.
    pub(crate) fn compacted_error(&self, requested: Revision) -> StoreError {
        // etcd does not say how far it is; it is further than what was asked for.
        self.note_compacted(requested.next());
        StoreError::Compacted {
            requested,
            compacted: self.compacted(),
        }
    }

    /// The failure of a read at a revision.
    pub(crate) fn read_error(&self, failure: Failure, requested: Revision) -> StoreError {
        match failure {
            Failure::Compacted => self.compacted_error(requested),
            Failure::Future => StoreError::FutureRevision {
                requested,
                current: self.current(),
            },
            failure => failure.of_read(),
        }
    }

    async fn latest(&self) -> Result<Revision, StoreError> {
        self.latest.get(|| self.ask_for_latest()).await
    }

    async fn ask_for_latest(&self) -> Result<Revision, StoreError> {
        let request = EtcdRange {
            key: self.namespace.key(b"\0"),
            count_only: true,
            ..EtcdRange::default()
        };
        let answer = pages::range(&self.connections, request).await;
        Ok(Revision::new(revision(&answer.map_err(Failure::of_read)?)))
    }

    /// Refuses a revision that cannot be read, asking etcd for the latest one if that is in question.
    pub(crate) async fn readable(&self, at: Option<Revision>) -> Result<(), StoreError> {
        let Some(at) = at else { return Ok(()) };
        if at > self.current() {
            self.latest().await?;
        }
        self.window().readable(Some(at)).map(|_| ())
    }

    async fn range(&self, request: RangeRequest) -> Result<RangeResponse, StoreError> {
        self.readable(request.at).await?;
        // Before the first revision nothing was there; to etcd zero means now.
        if request.at == Some(Revision::ZERO) {
            return Ok(nothing(Revision::ZERO));
        }
        let error = |failure| self.read_error(failure, request.at.unwrap_or(self.current()));
        let at = request.at.map(Revision::get);
        let Some(range) = self.namespace.range(&request.range) else {
            let revision = match request.at {
                Some(at) => at,
                None => self.latest().await?,
            };
            return Ok(nothing(revision));
        };
        if request.projection == Projection::CountOnly || request.limit == Some(0) {
            let is_limited = request.projection != Projection::CountOnly;
            return self.count(range, at).await.map_err(error).map(|mut answer| {
                answer.more = is_limited && answer.count > 0;
                answer
            });
        }
        let keys_only = request.projection == Projection::KeysOnly;
        let mut pages = Pages::new(range, at, request.limit.unwrap_or(usize::MAX), keys_only);
        let mut answer: Option<RangeResponse> = None;
        while let Some(page) = pages.next(&self.connections).await.map_err(error)? {
            let found = page
                .kvs
                .into_iter()
                .filter_map(|found| self.namespace.key_value(found));
            match &mut answer {
                None => {
                    answer = Some(RangeResponse {
                        revision: Revision::new(pages.revision()),
                        key_values: found.collect(),
                        more: page.more,
                        count: count(page.count),
                    });
                }
                Some(answer) => {
                    answer.key_values.extend(found);
                    answer.more = page.more;
                }
            }
        }
        Ok(answer.unwrap_or_else(|| nothing(self.current())))
    }

    async fn count(&self, range: PhysicalRange, at: Option<u64>) -> Result<RangeResponse, Failure> {
        let request = EtcdRange {
            key: range.key,
            range_end: range.range_end,
            revision: signed(at.unwrap_or(0)),
            count_only: true,
            ..EtcdRange::default()
        };
        let answer = pages::range(&self.connections, request).await?;
        Ok(RangeResponse {
            revision: Revision::new(at.unwrap_or(revision(&answer))),
            key_values: Vec::new(),
            more: false,
            count: count(answer.count),
        })
    }

    async fn commit(&self, transaction: Transaction) -> Result<Outcome, StoreError> {
        transaction.validate()?;
        match self.try_commit(&transaction).await? {
            Some(outcome) => Ok(outcome),
            None => {
                // A lease was revoked by somebody, or is over because our clock went slower than etcd's.
                self.leases.forget();
                let lost =
                    || StoreError::Unavailable("etcd loses leases as soon as they are granted".to_owned());
                self.try_commit(&transaction).await?.ok_or_else(lost)
            }
        }
    }

    /// Commits; `None` if a lease was lost and nothing was done.
    async fn try_commit(&self, transaction: &Transaction) -> Result<Option<Outcome>, StoreError> {
        let request = self.request(transaction).await?;
        let size = request.encoded_len();
        if size > MessageLimits::CLIENT.encode {
            let limit = LARGEST_REQUEST;
            return Err(StoreError::TooLarge { size, limit });
        }
        let answer = self
            .connections
            .send(self.connections.writing(), |member| {
                let request = needs_leader(request.clone());
                async move { member.kv().txn(request).await }
            })
            .await;
        match answer {
            Ok(answer) => Ok(Some(self.outcome(answer))),
            Err(Failure::NoLease) => Ok(None),
            Err(failure) => Err(failure.of_write(size)),
        }
    }

    async fn request(&self, transaction: &Transaction) -> Result<TxnRequest, StoreError> {
        let key = |key: &Key| self.namespace.key(key);
        let compare = |precondition: &Precondition| {
            Compare::mod_revision_is(key(&precondition.key), signed(precondition.mod_revision.get()))
        };
        let read = |precondition: &Precondition| {
            Request::Range(EtcdRange {
                key: key(&precondition.key),
                ..EtcdRange::default()
            })
            .into()
        };
        let mut success = Vec::with_capacity(transaction.operations.len());
        for operation in &transaction.operations {
            let request = match operation {
                Operation::Put(put) => Request::Put(PutRequest {
                    key: key(&put.key),
                    value: put.value.clone(),
                    lease: match put.time_to_live {
                        None => 0,
                        Some(time_to_live) => {
                            let lease = self.leases.lease(&self.connections, time_to_live).await;
                            lease.map_err(Failure::of_read)?
                        }
                    },
                    ..PutRequest::default()
                }),
                Operation::Delete(deleted) => Request::DeleteRange(DeleteRangeRequest {
                    key: key(deleted),
                    ..DeleteRangeRequest::default()
                }),
            };
            success.push(request.into());
        }
        let quiet = |quiet: &QuietRange| {
            // A range that can hold no key is quiet.
            let range = self.namespace.range(&quiet.range)?;
            let mut compare =
                Compare::mod_revision_is(range.key, signed(quiet.since.get().saturating_add(1)));
            compare.result = CompareResult::Less.into();
            compare.range_end = range.range_end;
            Some(compare)
        };
        let compares = transaction.preconditions.iter().map(compare);
        Ok(TxnRequest {
            compare: compares
                .chain(transaction.quiet_ranges.iter().filter_map(quiet))
                .collect(),
            success,
            failure: transaction.preconditions.iter().map(read).collect(),
        })
    }

    fn outcome(&self, answer: TxnResponse) -> Outcome {
        let revision = Revision::new(revision(&answer));
        if answer.succeeded {
            return Outcome::Committed { revision };
        }
        let current = answer
            .responses
            .into_iter()
            .map(|answer| self.found(answer.response));
        Outcome::Conflict {
            revision,
            current: current.collect(),
        }
    }

    fn found(&self, answer: Option<Response>) -> Option<KeyValue> {
        match answer? {
            Response::Range(mut range) => self.namespace.key_value(range.kvs.pop()?),
            _ => None,
        }
    }

    /// etcd is told to keep one revision more than it must: some versions of it forget the deletions of the very revision they
    /// compact at, which a watch may still begin with.
    async fn compact(&self, until: Revision) -> Result<(), StoreError> {
        if until > self.current() {
            self.latest().await?;
        }
        self.window().compactable(until)?;
        if until.get() > 1 {
            let request = CompactionRequest {
                revision: signed(until.get() - 1),
                physical: false,
            };
            let answer = self
                .connections
                .send(self.connections.writing(), |member| async move {
                    member.kv().compact(needs_leader(request)).await
                })
                .await;
            match answer {
                Ok(_) => {}
                Err(Failure::Compacted) => {
                    self.note_compacted(until);
                    return Err(StoreError::Compacted {
                        requested: until,
                        compacted: self.compacted(),
                    });
                }
                Err(failure) => return Err(failure.of_write(0)),
            }
        }
        self.note_compacted(until);
        Ok(())
    }

    /// A read that all members must agree on, and whether etcd has said that it takes no writes.
    async fn health(&self) -> Result<(), StoreError> {
        let within = self.connections.timeouts.health;
        let effort = Effort {
            attempt: within / 2,
            total: within,
            repeatable: true,
        };
        let request = EtcdRange {
            key: self.namespace.key(b"/registry/health"),
            ..EtcdRange::default()
        };
        let answer = self.connections.send(effort, |member| {
            let request = needs_leader(request.clone());
            async move { member.kv().range(request).await }
        });
        answer.await.map_err(Failure::of_read)?;
        let status = self.connections.send(effort, |member| async move {
            member.maintenance().status(StatusRequest {}).await
        });
        let alarms = status.await.map_err(Failure::of_read)?.errors.join("; ");
        if alarms.contains("NOSPACE") {
            return Err(StoreError::DiskFull);
        }
        if alarms.contains("CORRUPT") {
            return Err(StoreError::Unavailable(format!(
                "etcd has found itself damaged: {alarms}"
            )));
        }
        Ok(())
    }
}

fn nothing(revision: Revision) -> RangeResponse {
    RangeResponse {
        revision,
        key_values: Vec::new(),
        more: false,
        count: 0,
    }
}

fn count(number: i64) -> usize {
    usize::try_from(unsigned(number)).unwrap_or(usize::MAX)
}

#[async_trait]
impl StateStore for EtcdStore {
    fn current_revision(&self) -> Revision {
        self.shared.current()
    }

    async fn latest_revision(&self) -> Result<Revision, StoreError> {
        self.shared.latest().await
    }

    fn compacted_revision(&self) -> Revision {
        self.shared.compacted()
    }

    async fn range(&self, request: RangeRequest) -> Result<RangeResponse, StoreError> {
        self.shared.range(request).await
    }

    async fn commit(&self, transaction: Transaction) -> Result<Outcome, StoreError> {
        self.shared.commit(transaction).await
    }

    async fn watch(&self, request: WatchRequest) -> Result<WatchStream, StoreError> {
        watch::open(self.shared.clone(), request).await
    }

    async fn compact(&self, revision: Revision) -> Result<(), StoreError> {
        self.shared.compact(revision).await
    }

    async fn snapshot(&self) -> Result<Snapshot, StoreError> {
        snapshot::take(self.shared.clone()).await
    }

    async fn health(&self) -> Result<(), StoreError> {
        self.shared.health().await
    }
}
