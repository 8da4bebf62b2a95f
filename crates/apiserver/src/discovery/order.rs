//! The order of groups and versions: by the priorities that are registered for them.

use std::cmp::Reverse;

use crate::aggregation::Parts;
use crate::discovery::catalog::Group;

/// Sorts as the list of groups has them: of equal ones, the one whose version and name come first.
pub(super) fn sort(groups: &mut Vec<Group>, parts: &Parts) {
    let names = groups.iter().map(|group| group.name.as_str());
    let ranks = ranks(names, parts, |group, version| format!("{version}.{group}"));
    let mut ranked: Vec<_> = ranks.into_iter().zip(std::mem::take(groups)).collect();
    ranked.sort_by(|(a, _), (b, _)| a.cmp(b));
    groups.extend(ranked.into_iter().map(|(_, group)| group));
}

/// Sorts as the document of all groups has them: of equal ones, the one whose name comes first.
pub(super) fn sort_by_name(groups: &mut [&Group], parts: &Parts) {
    let names = groups.iter().map(|group| group.name.as_str());
    let ranks = ranks(names, parts, |group, _| group.to_owned());
    let mut ranked: Vec<_> = ranks.into_iter().zip(groups.iter().copied()).collect();
    ranked.sort_by(|(a, _), (b, _)| a.cmp(b));
    for (place, (_, group)) in groups.iter_mut().zip(ranked) {
        *place = group;
    }
}

/// The highest priority first; of those that are equal, by name.
type Rank = (Reverse<i64>, String);

/// The ranks of groups. What is not registered (yet) stays behind what stands before it.
fn ranks<'a>(
    groups: impl Iterator<Item = &'a str>,
    parts: &Parts,
    name: impl Fn(&str, &str) -> String,
) -> Vec<Rank> {
    let mut before = (Reverse(i64::MAX), String::new());
    let ranks = groups.map(|group| {
        let registered = parts.all().iter().filter(|part| part.group == group);
        let ranked = registered.map(|part| (Reverse(part.group_priority), name(group, &part.version)));
        if let Some(first) = ranked.min() {
            before = first;
        }
        before.clone()
    });
    ranks.collect()
}

/// The priority of a version in its group; none if it is not registered.
pub(super) fn of_version(parts: &Parts, group: &str, version: &str) -> Option<i64> {
    parts.find(group, version).map(|part| part.version_priority)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aggregation::Part;

    fn part(group: &str, version: &str, group_priority: i64) -> Part {
        Part {
            group: group.to_owned(),
            version: version.to_owned(),
            group_priority,
            version_priority: 0,
            other: None,
        }
    }

    fn check(groups: &[&str], listed: &[&str], in_one_document: &[&str]) {
        let parts = Parts::new(vec![
            part("apps", "v1", 17800),
            part("batch", "v1", 17400),
            part("a.example", "v1beta1", 1000),
            part("b.example", "v1", 1000),
            part("b.example", "v2", 500),
            part("c.example", "v1", 17500),
        ]);
        let named = |name: &&str| Group {
            name: (*name).to_owned(),
            versions: Vec::new(),
        };
        let mut all: Vec<Group> = groups.iter().map(named).collect();
        let mut in_one: Vec<&Group> = all.iter().collect();
        sort_by_name(&mut in_one, &parts);
        let names: Vec<&str> = in_one.iter().map(|group| group.name.as_str()).collect();
        assert_eq!(names, in_one_document);
        sort(&mut all, &parts);
        let names: Vec<&str> = all.iter().map(|group| group.name.as_str()).collect();
        assert_eq!(names, listed);
    }

    #[test]
    fn groups_come_by_priority_and_then_by_name() {
        check(
            &[
                "first",
                "apps",
                "new",
                "batch",
                "a.example",
                "b.example",
                "c.example",
            ],
            &[
                "first",
                "apps",
                "new",
                "c.example",
                "batch",
                "b.example",
                "a.example",
            ],
            &[
                "first",
                "apps",
                "new",
                "c.example",
                "batch",
                "a.example",
                "b.example",
            ],
        );
    }

    #[test]
    fn what_is_not_registered_stays_where_it_is() {
        check(&["z", "y", "x"], &["z", "y", "x"], &["z", "y", "x"]);
    }
}
