//! One try of a transaction: decided on at a revision, committed if nothing it depended on has changed since.

use std::collections::BTreeMap;

use bytes::Bytes;
use etcd_rpc::message::{
    DeleteRangeRequest, DeleteRangeResponse, KeyValue, PutRequest, PutResponse, RangeRequest, Request,
    RequestOp, Response, ResponseOp, TxnRequest, TxnResponse,
};
use futures::FutureExt;
use futures::future::BoxFuture;
use store::{Key, KeyRange, Revision, StoreError, Transaction};

use super::{Done, compare, straight};
use crate::keyspace;
use crate::ranging;
use crate::reading::{self, Found, Reader, number};
use crate::refusal::Refusal;

/// In the place of the revision that the commit will have.
const PENDING: i64 = i64::MAX;

/// What was found and what is to be written.
pub(super) struct Attempt<'a> {
    reader: &'a Reader,
    at: Revision,
    /// The modification revision of every key that was looked at; zero for none.
    seen: BTreeMap<Key, i64>,
    /// The ranges that were looked at: with what was seen, nothing else may be in them.
    ranges: Vec<KeyRange>,
    writes: BTreeMap<Key, Write>,
}

enum Write {
    Put(KeyValue),
    Delete,
}

/// Which branches are taken: of a transaction, and of those within that branch, in their order.
struct Branch {
    succeeded: bool,
    within: Vec<Branch>,
}

impl Branch {
    fn operations<'r>(&self, request: &'r TxnRequest) -> &'r [RequestOp] {
        if self.succeeded {
            &request.success
        } else {
            &request.failure
        }
    }
}

impl<'a> Attempt<'a> {
    pub(super) fn new(reader: &'a Reader, at: Revision) -> Self {
        Self {
            reader,
            at,
            seen: BTreeMap::new(),
            ranges: Vec::new(),
            writes: BTreeMap::new(),
        }
    }

    /// Decides and commits. `None` if something has changed meanwhile.
    pub(super) async fn run(mut self, request: &TxnRequest) -> Result<Option<Done>, Refusal> {
        let branch = self.decide(request).await?;
        self.check_puts(request, &branch).await?;
        self.check_ranges(request, &branch)?;
        let mut answer = self.execute(request, &branch).await?;
        if self.writes.is_empty() {
            return Ok(Some((answer, self.at)));
        }
        let Some(transaction) = self.transaction() else {
            return Ok(None);
        };
        let Some(revision) = self.reader.store.commit(transaction).await?.committed() else {
            return Ok(None);
        };
        self.reader
            .leases
            .note(self.writes.into_iter().map(|(key, write)| match write {
                Write::Put(item) => (key, (item.lease != 0).then_some(item.lease)),
                Write::Delete => (key, None),
            }));
        settle(&mut answer, number(revision));
        Ok(Some((answer, revision)))
    }

    /// All comparisons, those of transactions within too, are made before anything is done.
    fn decide<'s>(&'s mut self, request: &'s TxnRequest) -> BoxFuture<'s, Result<Branch, Refusal>> {
        async move {
            let mut succeeded = true;
            for compare in &request.compare {
                let items = self.read(&compare.key, &compare.range_end).await?;
                succeeded &= compare::holds(compare, &items);
                if !succeeded {
                    break;
                }
            }
            let mut branch = Branch {
                succeeded,
                within: Vec::new(),
            };
            for operation in branch.operations(request) {
                if let Some(Request::Txn(inner)) = &operation.request {
                    branch.within.push(self.decide(inner).await?);
                }
            }
            Ok(branch)
        }
        .boxed()
    }

    /// What must hold for the puts of the branch, before anything is done.
    fn check_puts<'s>(
        &'s mut self,
        request: &'s TxnRequest,
        branch: &'s Branch,
    ) -> BoxFuture<'s, Result<(), Refusal>> {
        async move {
            let mut within = branch.within.iter();
            for operation in branch.operations(request) {
                match &operation.request {
                    Some(Request::Put(put)) => self.check_put(put).await?,
                    Some(Request::Txn(inner)) => {
                        if let Some(branch) = within.next() {
                            self.check_puts(inner, branch).await?;
                        }
                    }
                    _ => {}
                }
            }
            Ok(())
        }
        .boxed()
    }

    /// The same for what it reads.
    fn check_ranges(&self, request: &TxnRequest, branch: &Branch) -> Result<(), Refusal> {
        let mut within = branch.within.iter();
        for operation in branch.operations(request) {
            match &operation.request {
                Some(Request::Range(range)) => self.check_range(range)?,
                Some(Request::Txn(inner)) => {
                    if let Some(branch) = within.next() {
                        self.check_ranges(inner, branch)?;
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    async fn check_put(&mut self, put: &PutRequest) -> Result<(), Refusal> {
        if (put.ignore_value || put.ignore_lease) && self.read(&put.key, b"").await?.is_empty() {
            return Err(Refusal::KeyNotFound);
        }
        if put.lease != 0 && self.reader.leases.written(put.lease).is_none() {
            return Err(Refusal::LeaseNotFound);
        }
        Ok(())
    }

    fn check_range(&self, range: &RangeRequest) -> Result<(), Refusal> {
        let Some(requested) = reading::revision(range.revision).filter(|at| !at.is_zero()) else {
            return Ok(());
        };
        let compacted = self.reader.store.compacted_revision();
        if requested > self.at {
            let current = self.at;
            return Err(StoreError::FutureRevision { requested, current }.into());
        }
        if requested < compacted {
            return Err(StoreError::Compacted { requested, compacted }.into());
        }
        Ok(())
    }

    fn execute<'s>(
        &'s mut self,
        request: &'s TxnRequest,
        branch: &'s Branch,
    ) -> BoxFuture<'s, Result<TxnResponse, Refusal>> {
        async move {
            let mut answer = TxnResponse {
                header: None,
                succeeded: branch.succeeded,
                responses: Vec::new(),
            };
            let mut within = branch.within.iter();
            for operation in branch.operations(request) {
                let response = match &operation.request {
                    Some(Request::Range(range)) => Response::Range(self.range(range).await?),
                    Some(Request::Put(put)) => Response::Put(self.put(put).await?),
                    Some(Request::DeleteRange(delete)) => Response::DeleteRange(self.delete(delete).await?),
                    Some(Request::Txn(inner)) => {
                        // There is a decision for each transaction of the branch.
                        let branch = within.next().ok_or(Refusal::KeyNotFound)?;
                        Response::Txn(self.execute(inner, branch).await?)
                    }
                    None => return Err(Refusal::KeyNotFound),
                };
                answer.responses.push(response.into());
            }
            Ok(answer)
        }
        .boxed()
    }

    async fn range(&mut self, request: &RangeRequest) -> Result<etcd_rpc::message::RangeResponse, Refusal> {
        if request.revision > 0 {
            let found = self.reader.range(ranging::plan(request)).await?;
            return Ok(ranging::answer(request, found));
        }
        let mut items = self.read(&request.key, &request.range_end).await?;
        let count = items.len();
        // As many as the store would have been asked for.
        items.truncate(ranging::plan(request).limit.unwrap_or(count));
        let found = Found {
            revision: self.at,
            more: items.len() < count,
            count,
            items,
        };
        Ok(ranging::answer(request, found))
    }

    async fn put(&mut self, put: &PutRequest) -> Result<PutResponse, Refusal> {
        let previous = self.read(&put.key, b"").await?.pop();
        let kept = previous.as_ref();
        let item = KeyValue {
            key: put.key.clone(),
            create_revision: kept.map_or(PENDING, |previous| previous.create_revision),
            mod_revision: PENDING,
            version: kept.map_or(1, |previous| previous.version + 1),
            value: match kept {
                Some(previous) if put.ignore_value => previous.value.clone(),
                _ => put.value.clone(),
            },
            lease: match kept {
                Some(previous) if put.ignore_lease => previous.lease,
                _ => put.lease,
            },
        };
        self.writes.insert(Key::from(&put.key[..]), Write::Put(item));
        Ok(PutResponse {
            header: None,
            prev_kv: previous.filter(|_| put.prev_kv),
        })
    }

    async fn delete(&mut self, delete: &DeleteRangeRequest) -> Result<DeleteRangeResponse, Refusal> {
        let items = self.read(&delete.key, &delete.range_end).await?;
        for item in &items {
            self.writes.insert(Key::from(&item.key[..]), Write::Delete);
        }
        Ok(DeleteRangeResponse {
            header: None,
            deleted: i64::try_from(items.len()).unwrap_or(i64::MAX),
            prev_kvs: if delete.prev_kv { items } else { Vec::new() },
        })
    }

    /// The keys of a range, as the store held them at the revision and with what was written since in this transaction.
    async fn read(&mut self, key: &Bytes, end: &[u8]) -> Result<Vec<KeyValue>, Refusal> {
        let range = keyspace::requested(key, end);
        let request = reading::request(range.clone(), Some(self.at));
        let items = self.reader.range(request).await?.items;
        if keyspace::is_single(end) {
            if items.is_empty() {
                self.seen.insert(Key::from(&key[..]), 0);
            }
        } else if !self.ranges.contains(&range) {
            self.ranges.push(range.clone());
        }
        for item in &items {
            self.seen.insert(Key::from(&item.key[..]), item.mod_revision);
        }
        if self.writes.is_empty() {
            return Ok(items);
        }
        let mut merged: BTreeMap<Bytes, KeyValue> =
            items.into_iter().map(|item| (item.key.clone(), item)).collect();
        for (key, write) in self.writes.iter().filter(|(key, _)| range.contains(key)) {
            match write {
                Write::Put(item) => merged.insert(item.key.clone(), item.clone()),
                Write::Delete => merged.remove(&key[..]),
            };
        }
        Ok(merged.into_values().collect())
    }

    /// What is committed; `None` if a lease has gone meanwhile.
    fn transaction(&self) -> Option<Transaction> {
        let mut transaction = Transaction::new();
        for (key, mod_revision) in &self.seen {
            // It was read of the store, so it is one.
            transaction = transaction.require(key.clone(), reading::revision(*mod_revision)?);
        }
        for range in self.ranges.iter().cloned().flat_map(keyspace::visible) {
            transaction = transaction.require_quiet(range, self.at);
        }
        for (key, write) in &self.writes {
            match write {
                Write::Put(item) => {
                    transaction = transaction.put(key.clone(), item.value.clone());
                    if item.lease != 0 {
                        let written = self.reader.leases.written(item.lease)?;
                        transaction = transaction.require(keyspace::lease(item.lease), written);
                        transaction.operations.push(straight::attach(key, item.lease));
                    }
                }
                Write::Delete => transaction = transaction.delete(key.clone()),
            }
        }
        Some(transaction)
    }
}

/// Enters the revision of the commit wherever it was not known.
fn settle(answer: &mut TxnResponse, revision: i64) {
    for ResponseOp { response } in &mut answer.responses {
        match response {
            Some(Response::Range(range)) => range.kvs.iter_mut().for_each(|item| settle_item(item, revision)),
            Some(Response::Txn(inner)) => settle(inner, revision),
            Some(Response::Put(put)) => put
                .prev_kv
                .iter_mut()
                .for_each(|item| settle_item(item, revision)),
            Some(Response::DeleteRange(delete)) => delete
                .prev_kvs
                .iter_mut()
                .for_each(|item| settle_item(item, revision)),
            None => {}
        }
    }
}

fn settle_item(item: &mut KeyValue, revision: i64) {
    for number in [&mut item.create_revision, &mut item.mod_revision] {
        if *number == PENDING {
            *number = revision;
        }
    }
}
