//! Who this is: a cluster of one member, whose numbers stay with the store.

use bytes::Bytes;
use store::{Outcome, StateStore, StoreError, Transaction};

use crate::keyspace;

/// The numbers of cluster and member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) cluster: u64,
    pub(crate) member: u64,
}

impl Identity {
    /// What the store says; a new one if it says nothing. That makes the first revision of an empty store, which is where etcd
    /// begins: 0 is not a revision that its clients could read at.
    pub(crate) async fn ensure(store: &dyn StateStore) -> Result<Self, StoreError> {
        let key = keyspace::identity();
        let (cluster, member) = uuid::Uuid::new_v4().as_u64_pair();
        let new = Self { cluster, member };
        let create = Transaction::create(key, new.encode());
        match store.commit(create).await? {
            Outcome::Committed { .. } => Ok(new),
            Outcome::Conflict { current, .. } => current
                .into_iter()
                .flatten()
                .find_map(|found| Self::decode(&found.value))
                .ok_or(StoreError::Invalid(
                    "the numbers of cluster and member are not readable",
                )),
        }
    }

    fn encode(self) -> Bytes {
        [self.cluster.to_be_bytes(), self.member.to_be_bytes()]
            .concat()
            .into()
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let (cluster, member) = bytes.split_first_chunk()?;
        Some(Self {
            cluster: u64::from_be_bytes(*cluster),
            member: u64::from_be_bytes(member.try_into().ok()?),
        })
    }
}

#[cfg(test)]
mod tests {
    use store::MemoryStore;

    use super::*;

    #[tokio::test]
    async fn it_stays_with_the_store() {
        let store = MemoryStore::new();
        let first = Identity::ensure(&store).await.expect("made");
        assert_eq!(store.current_revision().get(), 1);
        assert_eq!(Identity::ensure(&store).await.expect("read"), first);
        assert_eq!(store.current_revision().get(), 1);
    }
}
