//! Transactions, and with them every write.
//!
//! A state store compares modification revisions and puts or deletes single keys; etcd's transactions compare and do more. Most
//! transactions are of the store's kind nevertheless and go [straight] through. Any other is decided on at one revision and committed
//! under the condition that nothing it depended on has changed since, the ranges it looked at included; if something has, it is
//! [tried](attempt) anew. What depends on which keys there are in a range keeps other writes of this API away meanwhile, so that it
//! gets through: those of an API server in the same process are all that it may have to be tried again for.

mod attempt;
mod check;
mod compare;
mod straight;

use etcd_rpc::message::{
    DeleteRangeRequest, DeleteRangeResponse, PutRequest, Request, Response, TxnRequest, TxnResponse,
};
use store::{Key, Outcome, Revision, StoreError, Transaction};

use crate::keyspace;
use crate::reading::{Reader, message};
use crate::refusal::Refusal;
use attempt::Attempt;
pub(crate) use check::{check, check_operation, check_put};
use straight::Straight;

/// So often a transaction is tried. Each time somebody else has got through.
const TRIES: usize = 1000;

/// So many bytes of keys are deleted in one commit at most when there are more than one takes.
const KEY_BYTES_AT_ONCE: usize = 512 << 10;

/// A transaction's answer and the revision it stands at.
pub(crate) type Done = (TxnResponse, Revision);

/// Whether a put neither depends on what is there nor asks for it.
pub(crate) fn is_plain(put: &PutRequest) -> bool {
    put.lease == 0 && !put.prev_kv && !put.ignore_value && !put.ignore_lease
}

/// Makes [plain](is_plain) puts that were [checked](check_put).
pub(crate) async fn put_each(reader: &Reader, puts: Vec<PutRequest>) -> Vec<Result<Revision, Refusal>> {
    let _undisturbed = reader.leases.shared().await;
    let keys: Vec<Key> = puts.iter().map(|put| Key::from(&put.key[..])).collect();
    let transactions = puts.into_iter().zip(&keys);
    let transactions = transactions.map(|(put, key)| Transaction::new().put(key.clone(), put.value));
    let outcomes = reader.store.commit_each(transactions.collect()).await;
    let committed = outcomes.into_iter().zip(keys).map(|(outcome, key)| {
        let revision = outcome?.committed().ok_or(Refusal::Busy)?;
        reader.leases.note([(key, None)]);
        Ok(revision)
    });
    committed.collect()
}

/// Makes a transaction that was [checked](check).
pub(crate) async fn run(reader: &Reader, request: &TxnRequest) -> Result<Done, Refusal> {
    if let Some(straight) = Straight::plan(request, |id| reader.leases.written(id)) {
        let _undisturbed = reader.leases.shared().await;
        if let Some(done) = commit_straight(reader, request, straight).await? {
            return Ok(done);
        }
    }
    if depends_on_ranges(request) {
        let _undisturbed = reader.leases.exclusive().await;
        repeat(reader, request).await
    } else {
        let _undisturbed = reader.leases.shared().await;
        repeat(reader, request).await
    }
}

/// One commit, whose conflict answers the failure branch too if that only reads what was compared. `None` if the transaction
/// needs more.
async fn commit_straight(
    reader: &Reader,
    request: &TxnRequest,
    mut straight: Straight,
) -> Result<Option<Done>, Refusal> {
    let transaction = std::mem::take(&mut straight.transaction);
    match reader.store.commit(transaction).await? {
        Outcome::Committed { revision } => {
            reader.leases.note(straight.changes);
            let answer = TxnResponse {
                header: None,
                succeeded: true,
                responses: straight.responses,
            };
            Ok(Some((answer, revision)))
        }
        Outcome::Conflict { revision, current } => {
            let compared = &straight.compared;
            let has_failed = compared.iter().zip(&current).any(|(wanted, found)| {
                found.as_ref().map_or(Revision::ZERO, |found| found.mod_revision) != *wanted
            });
            if !has_failed {
                // It was the lease that is gone.
                return Err(Refusal::LeaseNotFound);
            }
            let mut answer = TxnResponse::default();
            for operation in &request.failure {
                let key = straight::compared_key(request, operation);
                let Some(found) = key.and_then(|index| current.get(index)) else {
                    return Ok(None);
                };
                let mut range = etcd_rpc::message::RangeResponse::default();
                if let Some(found) = found {
                    let lease = reader.lease_at(&found.key, found.mod_revision, revision).await;
                    range.kvs = vec![message(found.clone(), lease)];
                    range.count = 1;
                }
                answer.responses.push(Response::Range(range).into());
            }
            Ok(Some((answer, revision)))
        }
    }
}

/// Deletes more than one commit takes: in several, which no other write of this API comes between.
pub(crate) async fn delete_much(
    reader: &Reader,
    request: &DeleteRangeRequest,
) -> Result<(DeleteRangeResponse, Revision), Refusal> {
    let _undisturbed = reader.leases.exclusive().await;
    let mut range = store::RangeRequest::new(keyspace::requested(&request.key, &request.range_end));
    if !request.prev_kv {
        range = range.keys_only();
    }
    let found = reader.range(range).await?;
    let (mut revision, mut rest) = (found.revision, &found.items[..]);
    while !rest.is_empty() {
        let mut bytes = 0;
        let fitting = rest.iter().take_while(|item| {
            bytes += item.key.len();
            bytes <= KEY_BYTES_AT_ONCE
        });
        let (now, later) = rest.split_at(fitting.count().max(1));
        let keys: Vec<Key> = now.iter().map(|item| Key::from(&item.key[..])).collect();
        let deletion = keys.iter().cloned().fold(Transaction::new(), Transaction::delete);
        if let Some(committed) = reader.store.commit(deletion).await?.committed() {
            revision = committed;
        }
        reader.leases.note(keys.into_iter().map(|key| (key, None)));
        rest = later;
    }
    let answer = DeleteRangeResponse {
        header: None,
        deleted: i64::try_from(found.items.len()).unwrap_or(i64::MAX),
        prev_kvs: if request.prev_kv { found.items } else { Vec::new() },
    };
    Ok((answer, revision))
}

/// Decides and commits until nobody comes in between.
async fn repeat(reader: &Reader, request: &TxnRequest) -> Result<Done, Refusal> {
    for _ in 0..TRIES {
        let at = reader.store.current_revision();
        match Attempt::new(reader, at).run(request).await {
            Ok(Some(done)) => return Ok(done),
            Ok(None) => {}
            // History was given up while it was read; not what the request itself names.
            Err(Refusal::Store(StoreError::Compacted { requested, .. })) if requested == at => {}
            Err(refusal) => return Err(refusal),
        }
    }
    Err(Refusal::Busy)
}

/// Whether what the transaction writes depends on which keys there are in a range.
fn depends_on_ranges(request: &TxnRequest) -> bool {
    writes(request) && has_ranges(request)
}

fn operations(request: &TxnRequest) -> impl Iterator<Item = &Request> {
    let all = request.success.iter().chain(&request.failure);
    all.filter_map(|operation| operation.request.as_ref())
}

/// Whether a transaction may write.
pub(crate) fn writes(request: &TxnRequest) -> bool {
    operations(request).any(|operation| match operation {
        Request::Range(_) => false,
        Request::Put(_) | Request::DeleteRange(_) => true,
        Request::Txn(inner) => writes(inner),
    })
}

/// Whether a transaction may put.
pub(crate) fn puts(request: &TxnRequest) -> bool {
    operations(request).any(|operation| match operation {
        Request::Put(_) => true,
        Request::Txn(inner) => puts(inner),
        Request::Range(_) | Request::DeleteRange(_) => false,
    })
}

fn has_ranges(request: &TxnRequest) -> bool {
    let compares = request
        .compare
        .iter()
        .any(|compare| !keyspace::is_single(&compare.range_end));
    compares
        || operations(request).any(|operation| match operation {
            Request::Range(range) => !keyspace::is_single(&range.range_end),
            Request::DeleteRange(delete) => !keyspace::is_single(&delete.range_end),
            Request::Put(_) => false,
            Request::Txn(inner) => has_ranges(inner),
        })
}
