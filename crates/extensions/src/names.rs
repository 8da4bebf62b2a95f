//! Which of the names that a definition asks for it gets: those that no other definition of its group has.

use std::collections::HashSet;

use crate::definition::{Condition, Names};

/// What a definition gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Accepted {
    pub(crate) names: Names,
    /// `NamesAccepted`.
    pub(crate) condition: Condition,
}

/// Judges the names `wanted`, of which `had` were accepted before; `others` are those that other definitions of the group
/// have.
pub(crate) fn accept<'a>(wanted: &Names, had: &Names, others: impl Iterator<Item = &'a Names>) -> Accepted {
    let mut taken = Taken::default();
    others.for_each(|names| taken.add(names));
    let mut names = had.clone();
    let conflicts = [
        take(&mut names.plural, &wanted.plural, &taken.names, "PluralConflict"),
        take(
            &mut names.singular,
            &wanted.singular,
            &taken.names,
            "SingularConflict",
        ),
        take_short(&mut names.short_names, &wanted.short_names, &taken.names),
        take(&mut names.kind, &wanted.kind, &taken.kinds, "KindConflict"),
        take(
            &mut names.list_kind,
            &wanted.list_kind,
            &taken.kinds,
            "ListKindConflict",
        ),
    ];
    // Of several the last one is told.
    let conflict = conflicts.into_iter().flatten().next_back();
    names.categories.clone_from(&wanted.categories);
    let condition = |status: &str, reason: &str, message: String| Condition {
        kind: String::from("NamesAccepted"),
        status: status.to_owned(),
        reason: reason.to_owned(),
        message,
    };
    Accepted {
        names,
        condition: match conflict {
            Some((reason, message)) => condition("False", reason, message),
            None => condition("True", "NoConflicts", String::from("no conflicts found")),
        },
    }
}

/// Names and kinds that are in use.
#[derive(Default)]
struct Taken<'a> {
    names: HashSet<&'a str>,
    kinds: HashSet<&'a str>,
}

impl<'a> Taken<'a> {
    fn add(&mut self, names: &'a Names) {
        self.names
            .extend([names.plural.as_str(), names.singular.as_str()]);
        self.names.extend(names.short_names.iter().map(String::as_str));
        self.kinds.extend([names.kind.as_str(), names.list_kind.as_str()]);
    }
}

/// Why a name is not accepted.
type Conflict = (&'static str, String);

fn take(place: &mut String, wanted: &str, taken: &HashSet<&str>, reason: &'static str) -> Option<Conflict> {
    if place != wanted && taken.contains(wanted) {
        return Some((reason, in_use(wanted)));
    }
    wanted.clone_into(place);
    None
}

fn take_short(place: &mut Vec<String>, wanted: &[String], taken: &HashSet<&str>) -> Option<Conflict> {
    let is_taken = |name: &&String| !place.contains(name) && taken.contains(name.as_str());
    let conflicts = wanted.iter().filter(is_taken).map(|name| in_use(name));
    if let Some(conflicts) = meta::aggregate(conflicts) {
        return Some(("ShortNamesConflict", conflicts));
    }
    wanted.clone_into(place);
    None
}

fn in_use(name: &str) -> String {
    format!("{} is already in use", meta::quote(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(plural: &str, kind: &str, short: &[&str]) -> Names {
        Names {
            plural: plural.to_owned(),
            singular: kind.to_lowercase(),
            short_names: short.iter().map(|name| (*name).to_owned()).collect(),
            kind: kind.to_owned(),
            list_kind: format!("{kind}List"),
            categories: Vec::new(),
        }
    }

    #[test]
    fn free_names_are_accepted() {
        let wanted = names("widgets", "Widget", &["w"]);
        let accepted = accept(&wanted, &Names::default(), std::iter::empty());
        assert_eq!(
            (&accepted.names, accepted.condition.reason.as_str()),
            (&wanted, "NoConflicts")
        );
    }

    #[test]
    fn names_of_others_are_not() {
        let others = [names("gadgets", "Gadget", &["g", "w"])];
        for (wanted, reason, message) in [
            (
                names("g", "Widget", &[]),
                "PluralConflict",
                "\"g\" is already in use",
            ),
            (
                names("widgets", "Gadget", &[]),
                "ListKindConflict",
                "\"GadgetList\" is already in use",
            ),
            (
                names("widgets", "Widget", &["w"]),
                "ShortNamesConflict",
                "\"w\" is already in use",
            ),
            (
                names("widgets", "Widget", &["w", "g", "x"]),
                "ShortNamesConflict",
                "[\"w\" is already in use, \"g\" is already in use]",
            ),
        ] {
            let Condition {
                status,
                reason: found,
                message: told,
                ..
            } = accept(&wanted, &Names::default(), others.iter()).condition;
            assert_eq!(
                (status.as_str(), found.as_str(), told.as_str()),
                ("False", reason, message)
            );
        }
    }

    #[test]
    fn what_was_accepted_stays() {
        let had = names("widgets", "Widget", &["w"]);
        let others = [names("gadgets", "Gadget", &["w"])];
        assert_eq!(accept(&had, &had, others.iter()).condition.status, "True");
        let wanted = names("widgets", "Widget", &["w", "gadgets"]);
        let accepted = accept(&wanted, &had, others.iter());
        assert_eq!(
            (accepted.names, accepted.condition.status.as_str()),
            (had, "False")
        );
    }
}
