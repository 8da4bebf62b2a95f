//! No object has more than a few owners that update: the oldest become one.

use super::entry::{Identity, Operation, Owner};
use super::list::Owners;

/// The most owners of an object that update.
const MAX_UPDATERS: usize = 10;
/// Who owns what was written by owners that are no longer told apart.
const ANCIENT: &str = "ancient-changes";

/// Merges the oldest owners of each version until there are few enough.
pub(super) fn cap_updaters(owners: &mut Owners) {
    let (mut updaters, mut rest): (Vec<Owner>, Vec<Owner>) = std::mem::take(&mut owners.0)
        .into_iter()
        .partition(|owner| owner.operation() == Operation::Update);
    let mut surplus = updaters.len().saturating_sub(MAX_UPDATERS);
    updaters.sort_by(|a, b| {
        a.seconds()
            .cmp(&b.seconds())
            .then_with(|| a.identity.cmp(&b.identity))
    });

    // The first owner of a version waits in the bucket of that version under its own name, until a second one comes.
    let mut buckets: Vec<Owner> = Vec::new();
    for mut owner in updaters {
        if surplus == 0 {
            rest.push(owner);
            continue;
        }
        match buckets
            .iter_mut()
            .find(|bucket| bucket.api_version == owner.api_version)
        {
            None => buckets.push(owner),
            Some(bucket) => {
                bucket.open();
                owner.open();
                bucket.identity = Identity::new(Operation::Update, ANCIENT, &owner.api_version, "");
                bucket.fields = std::mem::take(&mut bucket.fields).union(owner.fields);
                bucket.time = owner.time;
                surplus -= 1;
            }
        }
    }
    owners.0 = rest;
    for bucket in buckets {
        owners.add(bucket);
    }
}
