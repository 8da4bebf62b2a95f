//! The options of a range request: what is asked of the store for them, and what is made of its answer.

use std::cmp::Ordering;

use bytes::Bytes;
use etcd_rpc::message::{KeyValue, RangeRequest, RangeResponse, SortOrder, SortTarget};
use store::Projection;

use crate::keyspace;
use crate::reading::{Found, revision};
use crate::refusal::Refusal;

/// Refuses what contradicts itself.
pub(crate) fn check(request: &RangeRequest) -> Result<(), Refusal> {
    if request.key.is_empty() {
        return Err(Refusal::EmptyKey);
    }
    let is_known =
        SortOrder::try_from(request.sort_order).is_ok() && SortTarget::try_from(request.sort_target).is_ok();
    if is_known {
        Ok(())
    } else {
        Err(Refusal::InvalidSort)
    }
}

/// What is asked of the store.
pub(crate) fn plan(request: &RangeRequest) -> store::RangeRequest {
    let limit = usize::try_from(request.limit).ok().filter(|limit| *limit > 0);
    let is_sorted = request.sort_order() != SortOrder::None;
    store::RangeRequest {
        range: keyspace::requested(&request.key, &request.range_end),
        at: revision(request.revision).filter(|at| !at.is_zero()),
        // One more tells whether there are more, if what the store says of it does not count.
        limit: limit
            .filter(|_| !is_sorted && !is_filtered(request))
            .map(|limit| {
                if request.sort_target() == SortTarget::Key {
                    limit
                } else {
                    limit + 1
                }
            }),
        projection: match request {
            _ if request.count_only => Projection::CountOnly,
            _ if request.keys_only && request.sort_target() != SortTarget::Value => Projection::KeysOnly,
            _ => Projection::KeysAndValues,
        },
    }
}

fn is_filtered(request: &RangeRequest) -> bool {
    [
        request.min_mod_revision,
        request.max_mod_revision,
        request.min_create_revision,
        request.max_create_revision,
    ]
    .iter()
    .any(|bound| *bound != 0)
}

/// What is answered of what the store holds. The count is that of the range, whatever is left out of it.
pub(crate) fn answer(request: &RangeRequest, found: Found) -> RangeResponse {
    let Found {
        mut items,
        count,
        mut more,
        ..
    } = found;
    if request.count_only {
        (items, more) = (Vec::new(), false);
    }
    filter(request, &mut items);
    sort(request, &mut items);
    if let Some(limit) = usize::try_from(request.limit).ok().filter(|limit| *limit > 0)
        && items.len() > limit
    {
        items.truncate(limit);
        more = true;
    }
    if request.keys_only {
        items.iter_mut().for_each(|item| item.value = Bytes::new());
    }
    RangeResponse {
        header: None,
        kvs: items,
        more,
        count: i64::try_from(count).unwrap_or(i64::MAX),
    }
}

fn filter(request: &RangeRequest, items: &mut Vec<KeyValue>) {
    if !is_filtered(request) {
        return;
    }
    let within = |number: i64, min: i64, max: i64| (min == 0 || number >= min) && (max == 0 || number <= max);
    items.retain(|item| {
        within(
            item.mod_revision,
            request.min_mod_revision,
            request.max_mod_revision,
        ) && within(
            item.create_revision,
            request.min_create_revision,
            request.max_create_revision,
        )
    });
}

fn sort(request: &RangeRequest, items: &mut [KeyValue]) {
    let target = request.sort_target();
    let by_target = |one: &KeyValue, other: &KeyValue| -> Ordering {
        match target {
            SortTarget::Key => one.key.cmp(&other.key),
            SortTarget::Version => one.version.cmp(&other.version),
            SortTarget::Create => one.create_revision.cmp(&other.create_revision),
            SortTarget::Mod => one.mod_revision.cmp(&other.mod_revision),
            SortTarget::Value => one.value.cmp(&other.value),
        }
    };
    match request.sort_order() {
        // They come in the order of the keys.
        SortOrder::None | SortOrder::Ascend if target == SortTarget::Key => {}
        SortOrder::None | SortOrder::Ascend => items.sort_by(by_target),
        SortOrder::Descend => items.sort_by(|one, other| by_target(other, one)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(key: &'static str, mod_revision: i64, value: &'static str) -> KeyValue {
        KeyValue {
            key: Bytes::from_static(key.as_bytes()),
            create_revision: mod_revision - 1,
            mod_revision,
            version: 10 - mod_revision,
            value: Bytes::from_static(value.as_bytes()),
            lease: 0,
        }
    }

    fn keys(change: impl FnOnce(&mut RangeRequest)) -> (String, bool) {
        let mut request = RangeRequest {
            key: "a".into(),
            range_end: "z".into(),
            ..RangeRequest::default()
        };
        change(&mut request);
        check(&request).expect("good");
        let plan = plan(&request);
        let all = [
            item("a", 5, "m"),
            item("b", 3, "z"),
            item("c", 9, "a"),
            item("d", 4, "q"),
        ];
        let limit = plan.limit.unwrap_or(4).min(4);
        let found = Found {
            items: all[..limit].to_vec(),
            count: 4,
            more: limit < 4,
            ..Found::default()
        };
        let answer = answer(&request, found);
        let keys = answer
            .kvs
            .iter()
            .map(|item| String::from_utf8_lossy(&item.key).into_owned());
        (keys.collect(), answer.more)
    }

    #[test]
    fn options_choose_and_order() {
        type Change = fn(&mut RangeRequest);
        let cases: [(Change, &str, bool); 9] = [
            (|_| {}, "abcd", false),
            (|request| request.limit = 2, "ab", true),
            (|request| request.limit = 4, "abcd", false),
            (|request| request.count_only = true, "", false),
            (
                |request| request.set_sort_order(SortOrder::Descend),
                "dcba",
                false,
            ),
            (
                |request| {
                    request.set_sort_target(SortTarget::Mod);
                    request.set_sort_order(SortOrder::Ascend);
                    request.limit = 3;
                },
                "bda",
                true,
            ),
            (
                |request| {
                    request.set_sort_target(SortTarget::Value);
                    request.set_sort_order(SortOrder::Descend);
                },
                "bdac",
                false,
            ),
            (
                |request| {
                    request.min_mod_revision = 4;
                    request.max_mod_revision = 5;
                    request.limit = 1;
                },
                "a",
                true,
            ),
            (
                |request| {
                    request.set_sort_target(SortTarget::Version);
                    request.limit = 2;
                },
                "ca",
                true,
            ),
        ];
        for (number, (change, expected, more)) in cases.into_iter().enumerate() {
            assert_eq!(keys(change), (expected.to_owned(), more), "case {number}");
        }
    }

    #[test]
    fn unknown_orders_and_empty_keys_are_refused() {
        let mut request = RangeRequest::default();
        assert!(matches!(check(&request), Err(Refusal::EmptyKey)));
        request.key = "a".into();
        request.sort_target = 9;
        assert!(matches!(check(&request), Err(Refusal::InvalidSort)));
    }
}
