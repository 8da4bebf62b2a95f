//! What is wrong with a transaction whatever the store holds.

use std::collections::BTreeSet;

use etcd_rpc::message::{PutRequest, Request, RequestOp, TxnRequest};
use store::{Key, KeyRange};

use crate::keyspace;
use crate::ranging;
use crate::refusal::Refusal;

/// etcd's usual limit for operations, and for comparisons, of one transaction.
const MAX_OPERATIONS: usize = 128;

/// Refuses what contradicts itself or is too much.
pub(crate) fn check(request: &TxnRequest) -> Result<(), Refusal> {
    check_within(request, MAX_OPERATIONS)?;
    touched(&request.success)?;
    touched(&request.failure)?;
    Ok(())
}

fn check_within(request: &TxnRequest, allowed: usize) -> Result<(), Refusal> {
    let largest = [
        request.compare.len(),
        request.success.len(),
        request.failure.len(),
    ]
    .into_iter()
    .max()
    .unwrap_or_default();
    let left = allowed.checked_sub(largest).ok_or(Refusal::TooManyOperations)?;
    if request.compare.iter().any(|compare| compare.key.is_empty()) {
        return Err(Refusal::EmptyKey);
    }
    for operation in request.success.iter().chain(&request.failure) {
        match operation.request.as_ref().ok_or(Refusal::KeyNotFound)? {
            Request::Txn(inner) => check_within(inner, left)?,
            other => check_operation(other)?,
        }
    }
    Ok(())
}

/// Refuses one operation that contradicts itself; a transaction within is not looked into.
pub(crate) fn check_operation(operation: &Request) -> Result<(), Refusal> {
    match operation {
        Request::Range(range) => ranging::check(range),
        Request::Put(put) => check_put(put),
        Request::DeleteRange(delete) if delete.key.is_empty() => Err(Refusal::EmptyKey),
        Request::DeleteRange(_) | Request::Txn(_) => Ok(()),
    }
}

/// Refuses a put that contradicts itself.
pub(crate) fn check_put(put: &PutRequest) -> Result<(), Refusal> {
    if put.key.is_empty() {
        Err(Refusal::EmptyKey)
    } else if put.ignore_value && !put.value.is_empty() {
        Err(Refusal::ValueProvided)
    } else if put.ignore_lease && put.lease != 0 {
        Err(Refusal::LeaseProvided)
    } else if keyspace::is_own(&put.key) {
        Err(Refusal::ReservedKey)
    } else {
        Ok(())
    }
}

/// What operations may put and delete.
#[derive(Default)]
struct Touched {
    puts: BTreeSet<Key>,
    deletes: Vec<KeyRange>,
}

impl Touched {
    fn conflicts_with(&self, other: &Self) -> bool {
        let deletes = |one: &Self, other: &Self| {
            one.deletes
                .iter()
                .any(|range| other.puts.iter().any(|key| range.contains(key)))
        };
        !self.puts.is_disjoint(&other.puts) || deletes(self, other) || deletes(other, self)
    }

    fn add(&mut self, other: Self) {
        self.puts.extend(other.puts);
        self.deletes.extend(other.deletes);
    }
}

/// No key may be put twice, or put and deleted, by operations that are done together.
fn touched(operations: &[RequestOp]) -> Result<Touched, Refusal> {
    let mut all = Touched::default();
    for operation in operations {
        let mut one = Touched::default();
        match &operation.request {
            Some(Request::Put(put)) => {
                one.puts.insert(Key::from(&put.key[..]));
            }
            Some(Request::DeleteRange(delete)) => {
                one.deletes
                    .push(keyspace::requested(&delete.key, &delete.range_end));
            }
            // Of a transaction only one branch is done.
            Some(Request::Txn(inner)) => {
                one.add(touched(&inner.success)?);
                one.add(touched(&inner.failure)?);
            }
            Some(Request::Range(_)) | None => {}
        }
        if all.conflicts_with(&one) {
            return Err(Refusal::DuplicateKey);
        }
        all.add(one);
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use etcd_rpc::message::{Compare, DeleteRangeRequest, RangeRequest};

    use super::*;

    fn put(key: &'static str) -> RequestOp {
        Request::Put(PutRequest {
            key: key.into(),
            ..PutRequest::default()
        })
        .into()
    }

    fn delete(key: &'static str, end: &'static str) -> RequestOp {
        Request::DeleteRange(DeleteRangeRequest {
            key: key.into(),
            range_end: end.into(),
            prev_kv: false,
        })
        .into()
    }

    fn either(success: Vec<RequestOp>, failure: Vec<RequestOp>) -> RequestOp {
        Request::Txn(TxnRequest {
            compare: vec![],
            success,
            failure,
        })
        .into()
    }

    fn refusal(success: Vec<RequestOp>) -> Option<String> {
        let request = TxnRequest {
            compare: vec![],
            success,
            failure: vec![],
        };
        check(&request).err().map(|refusal| refusal.to_string())
    }

    #[test]
    fn a_key_is_touched_once() {
        let duplicate = Some(Refusal::DuplicateKey.to_string());
        let cases = [
            (vec![put("a"), put("b")], None),
            (vec![put("a"), put("a")], duplicate.clone()),
            (vec![put("b"), delete("a", "c")], duplicate.clone()),
            (vec![delete("a", "c"), put("b")], duplicate.clone()),
            (vec![delete("a", "c"), delete("b", "d")], None),
            (vec![delete("a", "c"), put("c")], None),
            (vec![either(vec![put("a")], vec![put("a")])], None),
            (vec![either(vec![put("a")], vec![]), put("a")], duplicate.clone()),
            (
                vec![either(vec![], vec![put("a")]), either(vec![put("a")], vec![])],
                duplicate,
            ),
        ];
        for (number, (operations, expected)) in cases.into_iter().enumerate() {
            assert_eq!(refusal(operations), expected, "case {number}");
        }
    }

    #[test]
    fn what_is_too_much_or_says_nothing_is_refused() {
        let many = Some(Refusal::TooManyOperations.to_string());
        assert_eq!(refusal(vec![delete("a", ""); 128]), None);
        assert_eq!(refusal(vec![delete("a", ""); 129]), many);
        // What is within a transaction counts with it.
        let inner = vec![delete("b", ""); 127];
        assert_eq!(refusal(vec![either(inner.clone(), vec![])]), None);
        assert_eq!(
            refusal(vec![either(inner.clone(), vec![]), either(inner, vec![])]),
            many
        );
        let nothing = Some(Refusal::KeyNotFound.to_string());
        assert_eq!(refusal(vec![RequestOp { request: None }]), nothing);
        let range = Request::Range(RangeRequest::default()).into();
        assert_eq!(refusal(vec![range]), Some(Refusal::EmptyKey.to_string()));
        let request = TxnRequest {
            compare: vec![Compare::default()],
            ..TxnRequest::default()
        };
        assert!(matches!(check(&request), Err(Refusal::EmptyKey)));
    }

    #[test]
    fn puts_do_not_contradict_themselves() {
        let with = |change: fn(&mut PutRequest)| {
            let mut put = PutRequest {
                key: "a".into(),
                ..PutRequest::default()
            };
            change(&mut put);
            check_operation(&Request::Put(put))
                .err()
                .map(|refusal| refusal.to_string())
        };
        assert_eq!(with(|_| {}), None);
        let value = with(|put| (put.ignore_value, put.value) = (true, "x".into()));
        assert_eq!(value, Some(Refusal::ValueProvided.to_string()));
        let lease = with(|put| (put.ignore_lease, put.lease) = (true, 1));
        assert_eq!(lease, Some(Refusal::LeaseProvided.to_string()));
        let own = with(|put| put.key = "\0pintle.etcd/identity".into());
        assert_eq!(own, Some(Refusal::ReservedKey.to_string()));
    }
}
