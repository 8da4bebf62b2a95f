//! Reading keys of clients: without the own ones, and with the lease each is attached to.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use etcd_rpc::message::KeyValue;
use store::{Key, KeyRange, Projection, RangeRequest, Revision, StateStore, StoreError};

use crate::keyspace;
use crate::lease::Lessor;

/// Reads what clients may see.
#[derive(Clone)]
pub(crate) struct Reader {
    pub(crate) store: Arc<dyn StateStore>,
    pub(crate) leases: Arc<Lessor>,
}

/// What a range was found to hold.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// The revision that was read.
    pub(crate) revision: Revision,
    pub(crate) items: Vec<KeyValue>,
    /// How many keys the whole range holds.
    pub(crate) count: usize,
    pub(crate) more: bool,
}

impl Reader {
    /// Reads a range at one revision.
    pub(crate) async fn range(&self, request: RangeRequest) -> Result<Found, StoreError> {
        let RangeRequest {
            range,
            mut at,
            limit,
            projection,
        } = request;
        let mut found = Found::default();
        let mut parts = keyspace::visible(range);
        if parts.is_empty() {
            // The revision is judged as if there were something to read.
            parts.push(KeyRange::between("a", "a"));
        }
        for range in parts {
            let request = RangeRequest {
                range,
                at,
                limit: limit.map(|limit| limit.saturating_sub(found.items.len())),
                projection,
            };
            let part = self.store.range(request).await?;
            at = Some(part.revision);
            found.revision = part.revision;
            found.count += part.count;
            found.more |= part.more;
            let items = part.key_values.into_iter();
            found.items.extend(items.map(|key_value| message(key_value, 0)));
        }
        self.attach_leases(&mut found.items, found.revision).await?;
        Ok(found)
    }

    /// Enters the leases that items are attached to. An attachment was made by the revision that made the item, or it is an
    /// old one that says nothing any more.
    async fn attach_leases(&self, items: &mut [KeyValue], at: Revision) -> Result<(), StoreError> {
        let (Some(first), Some(last)) = (items.first(), items.last()) else {
            return Ok(());
        };
        if !self.leases.are_used() {
            return Ok(());
        }
        let range = KeyRange {
            start: Key::from(&first.key[..]),
            end: Some(Key::from(&last.key[..]).successor()),
        };
        let request = RangeRequest::new(keyspace::attachments(&range)).at(at);
        let attachments = self.store.range(request).await?.key_values;
        let leases: HashMap<_, _> = attachments
            .iter()
            .filter_map(|attachment| {
                let key = keyspace::attached(&attachment.key)?;
                Some((
                    key,
                    (number(attachment.mod_revision), lease_of(&attachment.value)?),
                ))
            })
            .collect();
        for item in items {
            if let Some((made_by, lease)) = leases.get(&item.key[..])
                && *made_by == item.mod_revision
            {
                item.lease = *lease;
            }
        }
        Ok(())
    }

    /// The lease a key was attached to by the put of `made_by`, as far as that is still known at `at`.
    pub(crate) async fn lease_at(&self, key: &[u8], made_by: Revision, at: Revision) -> i64 {
        if !self.leases.are_used() {
            return 0;
        }
        let attachment = self.store.get(&keyspace::attachment(key), Some(at)).await;
        let attachment = attachment.ok().flatten();
        attachment
            .filter(|attachment| attachment.mod_revision == made_by)
            .and_then(|attachment| lease_of(&attachment.value))
            .unwrap_or(0)
    }
}

/// The lease that an attachment names.
pub(crate) fn lease_of(value: &[u8]) -> Option<i64> {
    Some(i64::from_be_bytes(value.try_into().ok()?))
}

/// A key as clients are told of it.
pub(crate) fn message(key_value: store::KeyValue, lease: i64) -> KeyValue {
    KeyValue {
        key: Bytes::copy_from_slice(&key_value.key),
        create_revision: number(key_value.create_revision),
        mod_revision: number(key_value.mod_revision),
        version: i64::try_from(key_value.version).unwrap_or(i64::MAX),
        value: key_value.value,
        lease,
    }
}

/// A revision as clients are told of it.
pub(crate) fn number(revision: Revision) -> i64 {
    i64::try_from(revision.get()).unwrap_or(i64::MAX)
}

/// A revision as clients name it, if there can be such a one.
pub(crate) fn revision(number: i64) -> Option<Revision> {
    u64::try_from(number).ok().map(Revision::new)
}

/// How a range request that wants this is put to the store.
pub(crate) fn request(range: KeyRange, at: Option<Revision>) -> RangeRequest {
    RangeRequest {
        range,
        at,
        limit: None,
        projection: Projection::KeysAndValues,
    }
}
