//! Whether a comparison holds.

use std::cmp::Ordering;

use etcd_rpc::message::{Compare, CompareResult, CompareTarget, KeyValue, TargetUnion};

/// Whether a comparison holds for all keys it names. If there are none, it is made with a key that has zero for everything, and no
/// value equals that of a key that is not there, nor differs from it.
pub(super) fn holds(compare: &Compare, items: &[KeyValue]) -> bool {
    if !items.is_empty() {
        return items.iter().all(|item| holds_for(compare, item));
    }
    compare.target() != CompareTarget::Value && holds_for(compare, &KeyValue::default())
}

fn holds_for(compare: &Compare, item: &KeyValue) -> bool {
    let with = compare.target_union.as_ref();
    let ordering = match compare.target() {
        CompareTarget::Version => {
            let number = match with {
                Some(TargetUnion::Version(number)) => *number,
                _ => 0,
            };
            item.version.cmp(&number)
        }
        CompareTarget::Create => {
            let number = match with {
                Some(TargetUnion::CreateRevision(number)) => *number,
                _ => 0,
            };
            item.create_revision.cmp(&number)
        }
        CompareTarget::Mod => {
            let number = match with {
                Some(TargetUnion::ModRevision(number)) => *number,
                _ => 0,
            };
            item.mod_revision.cmp(&number)
        }
        CompareTarget::Value => match with {
            Some(TargetUnion::Value(value)) => item.value.cmp(value),
            _ => item.value[..].cmp(b""),
        },
        CompareTarget::Lease => {
            let number = match with {
                Some(TargetUnion::Lease(number)) => *number,
                _ => 0,
            };
            item.lease.cmp(&number)
        }
    };
    match compare.result() {
        CompareResult::Equal => ordering == Ordering::Equal,
        CompareResult::NotEqual => ordering != Ordering::Equal,
        CompareResult::Greater => ordering == Ordering::Greater,
        CompareResult::Less => ordering == Ordering::Less,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compare(target: CompareTarget, result: CompareResult, with: TargetUnion) -> Compare {
        Compare {
            result: result.into(),
            target: target.into(),
            key: "a".into(),
            target_union: Some(with),
            range_end: "".into(),
        }
    }

    #[test]
    fn comparisons_hold_or_not() {
        use CompareResult::*;
        let item = KeyValue {
            key: "a".into(),
            create_revision: 3,
            mod_revision: 5,
            version: 2,
            value: "m".into(),
            lease: 7,
        };
        let here = std::slice::from_ref(&item);
        let cases = [
            (CompareTarget::Version, Equal, TargetUnion::Version(2), here, true),
            (
                CompareTarget::Version,
                Greater,
                TargetUnion::Version(2),
                here,
                false,
            ),
            (
                CompareTarget::Create,
                Less,
                TargetUnion::CreateRevision(4),
                here,
                true,
            ),
            (
                CompareTarget::Mod,
                NotEqual,
                TargetUnion::ModRevision(5),
                here,
                false,
            ),
            (
                CompareTarget::Value,
                Greater,
                TargetUnion::Value("a".into()),
                here,
                true,
            ),
            (CompareTarget::Lease, Equal, TargetUnion::Lease(7), here, true),
            (CompareTarget::Mod, Equal, TargetUnion::ModRevision(0), &[], true),
            (
                CompareTarget::Value,
                Equal,
                TargetUnion::Value("".into()),
                &[],
                false,
            ),
            (
                CompareTarget::Value,
                NotEqual,
                TargetUnion::Value("x".into()),
                &[],
                false,
            ),
            // What is compared with is of another kind: zero.
            (CompareTarget::Version, Greater, TargetUnion::Lease(9), here, true),
        ];
        for (number, (target, result, with, items, expected)) in cases.into_iter().enumerate() {
            assert_eq!(
                holds(&compare(target, result, with), items),
                expected,
                "case {number}"
            );
        }
        let other = KeyValue {
            version: 1,
            ..item.clone()
        };
        let all = compare(CompareTarget::Version, Greater, TargetUnion::Version(1));
        assert!(
            !holds(&all, &[item, other]),
            "a comparison of a range is for every key"
        );
    }
}
