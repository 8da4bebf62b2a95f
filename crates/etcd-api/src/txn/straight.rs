//! Transactions that are one commit of the store: those of a Kubernetes API server, and plain puts.

use etcd_rpc::message::{
    Compare, CompareResult, CompareTarget, DeleteRangeRequest, DeleteRangeResponse, PutRequest, PutResponse,
    RangeRequest, Request, RequestOp, Response, ResponseOp, TargetUnion, TxnRequest,
};
use store::{Key, Revision, Transaction};

use crate::keyspace;
use crate::reading::revision;

/// A transaction in the store's terms, and what is answered when it is committed.
pub(super) struct Straight {
    pub(super) transaction: Transaction,
    /// The modification revisions that were demanded; they are the first preconditions.
    pub(super) compared: Vec<Revision>,
    pub(super) responses: Vec<ResponseOp>,
    /// The keys that are put or deleted, with their leases.
    pub(super) changes: Vec<(Key, Option<i64>)>,
}

impl Straight {
    /// The transaction, if it is that simple: modification revisions of single keys are compared, and then keys are put, or
    /// deleted that were compared. `written` gives the revision that wrote a lease down.
    pub(super) fn plan(request: &TxnRequest, written: impl Fn(i64) -> Option<Revision>) -> Option<Self> {
        if request.success.is_empty() {
            return None;
        }
        let mut straight = Self {
            transaction: Transaction::new(),
            compared: Vec::new(),
            responses: Vec::new(),
            changes: Vec::new(),
        };
        for compare in &request.compare {
            straight.compare(compare)?;
        }
        for operation in &request.success {
            match operation.request.as_ref()? {
                Request::Put(put) => straight.put(put, &written)?,
                Request::DeleteRange(delete) => straight.delete(delete)?,
                Request::Range(_) | Request::Txn(_) => return None,
            }
        }
        Some(straight)
    }

    fn compare(&mut self, compare: &Compare) -> Option<()> {
        let is_simple = compare.target() == CompareTarget::Mod
            && compare.result() == CompareResult::Equal
            && keyspace::is_single(&compare.range_end)
            && !keyspace::is_own(&compare.key);
        let wanted = match &compare.target_union {
            Some(TargetUnion::ModRevision(number)) if is_simple => revision(*number)?,
            _ => return None,
        };
        self.require(Key::from(&compare.key[..]), wanted);
        self.compared.push(wanted);
        Some(())
    }

    fn put(&mut self, put: &PutRequest, written: impl Fn(i64) -> Option<Revision>) -> Option<()> {
        if put.prev_kv || put.ignore_value || put.ignore_lease {
            return None;
        }
        let key = Key::from(&put.key[..]);
        let transaction = std::mem::take(&mut self.transaction);
        self.transaction = transaction.put(key.clone(), put.value.clone());
        if put.lease != 0 {
            self.require(keyspace::lease(put.lease), written(put.lease)?);
            self.transaction.operations.push(attach(&key, put.lease));
        }
        self.changes.push((key, (put.lease != 0).then_some(put.lease)));
        self.responses.push(Response::Put(PutResponse::default()).into());
        Some(())
    }

    fn delete(&mut self, delete: &DeleteRangeRequest) -> Option<()> {
        if delete.prev_kv || !keyspace::is_single(&delete.range_end) {
            return None;
        }
        let key = Key::from(&delete.key[..]);
        let known = self
            .transaction
            .preconditions
            .iter()
            .find(|known| known.key == key)?;
        let deleted = i64::from(!known.mod_revision.is_zero());
        if self.changes.iter().any(|(changed, _)| *changed == key) {
            return None;
        }
        let transaction = std::mem::take(&mut self.transaction);
        self.transaction = transaction.delete(key.clone());
        self.changes.push((key, None));
        let response = DeleteRangeResponse {
            deleted,
            ..DeleteRangeResponse::default()
        };
        self.responses.push(Response::DeleteRange(response).into());
        Some(())
    }

    fn require(&mut self, key: Key, wanted: Revision) {
        let transaction = std::mem::take(&mut self.transaction);
        self.transaction = transaction.require(key, wanted);
    }
}

/// The operation that attaches a key to a lease.
pub(super) fn attach(key: &Key, lease: i64) -> store::Operation {
    store::Operation::Put(store::Put {
        key: keyspace::attachment(key),
        value: bytes::Bytes::copy_from_slice(&lease.to_be_bytes()),
        time_to_live: None,
    })
}

/// Which comparison's key an operation reads, if it reads just one and without options.
pub(super) fn compared_key(request: &TxnRequest, operation: &RequestOp) -> Option<usize> {
    let Some(Request::Range(range)) = &operation.request else {
        return None;
    };
    let plain = RangeRequest {
        key: range.key.clone(),
        limit: range.limit,
        serializable: range.serializable,
        ..RangeRequest::default()
    };
    if *range != plain {
        return None;
    }
    request
        .compare
        .iter()
        .position(|compare| compare.key == range.key)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(lease: i64) -> RequestOp {
        Request::Put(PutRequest {
            key: "k".into(),
            value: "v".into(),
            lease,
            ..PutRequest::default()
        })
        .into()
    }

    fn get() -> RequestOp {
        Request::Range(RangeRequest {
            key: "k".into(),
            ..RangeRequest::default()
        })
        .into()
    }

    fn delete() -> RequestOp {
        Request::DeleteRange(DeleteRangeRequest {
            key: "k".into(),
            ..DeleteRangeRequest::default()
        })
        .into()
    }

    fn planned(mod_revision: i64, success: Vec<RequestOp>) -> Option<Straight> {
        let request = TxnRequest {
            compare: vec![Compare::mod_revision_is("k".into(), mod_revision)],
            success,
            failure: vec![get()],
        };
        assert_eq!(compared_key(&request, &request.failure[0]), Some(0));
        Straight::plan(&request, |id| (id == 5).then_some(Revision::new(2)))
    }

    #[test]
    fn what_an_api_server_asks_for_is_one_commit() {
        let straight = planned(3, vec![put(0)]).expect("simple");
        let expected = Transaction::update("k".into(), Revision::new(3), "v".into());
        assert_eq!(straight.transaction, expected);
        let straight = planned(3, vec![delete()]).expect("simple");
        assert_eq!(
            straight.transaction,
            Transaction::delete_at("k".into(), Revision::new(3))
        );
        let straight = planned(0, vec![put(5)]).expect("simple");
        assert_eq!(straight.transaction.preconditions.len(), 2);
        assert_eq!(straight.transaction.operations.len(), 2);
        assert_eq!(straight.changes, [(Key::from("k"), Some(5))]);
    }

    #[test]
    fn anything_else_is_not() {
        assert!(planned(0, vec![put(6)]).is_none(), "there is no such lease");
        assert!(planned(0, vec![get()]).is_none());
        assert!(planned(0, vec![]).is_none());
        assert!(
            planned(-1, vec![put(0)]).is_none(),
            "there is no such revision, so the store need not be asked"
        );
        assert!(planned(3, vec![delete(), delete()]).is_none());
        let request = TxnRequest {
            success: vec![delete()],
            ..TxnRequest::default()
        };
        assert!(
            Straight::plan(&request, |_| None).is_none(),
            "whether the key is there is not known"
        );
    }
}
