//! What is to happen with an object, by the state of its owners.

use client::k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;

use crate::metadata::{FOREGROUND, Metadata, ORPHAN};

/// What an owner is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Owner {
    /// It is there and stays.
    Solid,
    /// It is not there, or another object is in its place.
    Absent,
    /// It goes when its dependents are gone.
    Waiting,
}

/// What is to happen.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Action {
    /// Nothing.
    Nothing,
    /// It has a better owner than these: only the references given stay.
    Keep(Vec<OwnerReference>),
    /// It goes.
    Delete {
        /// `Foreground`, `Background`, `Orphan`.
        propagation: &'static str,
        /// Its owner must no longer wait for it, or a circle of owners would wait for ever.
        unblock: bool,
    },
}

/// What the graph knows of an object's dependents.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Dependents {
    pub(super) any: bool,
    pub(super) one_waits: bool,
}

/// Decides on an object; `owners` tells of each of its references, in order.
pub(super) fn decide(object: &Metadata, owners: &[Owner], dependents: Dependents) -> Action {
    if owners.is_empty() {
        return Action::Nothing;
    }
    if owners.contains(&Owner::Solid) {
        let solid: Vec<_> = object
            .owner_references
            .iter()
            .zip(owners)
            .filter(|(_, owner)| **owner == Owner::Solid)
            .map(|(reference, _)| reference.clone())
            .collect();
        return if solid.len() == owners.len() {
            Action::Nothing
        } else {
            Action::Keep(solid)
        };
    }
    if owners.contains(&Owner::Waiting) && dependents.any {
        return Action::Delete {
            propagation: "Foreground",
            unblock: dependents.one_waits,
        };
    }
    Action::Delete {
        propagation: own_propagation(object),
        unblock: false,
    }
}

/// What its finalizers ask for; background otherwise.
fn own_propagation(object: &Metadata) -> &'static str {
    if object.has_finalizer(ORPHAN) {
        "Orphan"
    } else if object.has_finalizer(FOREGROUND) {
        "Foreground"
    } else {
        "Background"
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metadata::testing::{object, owner};

    const NONE: Dependents = Dependents {
        any: false,
        one_waits: false,
    };
    const SOME: Dependents = Dependents {
        any: true,
        one_waits: false,
    };
    const CIRCLE: Dependents = Dependents {
        any: true,
        one_waits: true,
    };

    fn check(owners: &[Owner], finalizer: &str, dependents: Dependents, expected: &Action) {
        let references = (0..owners.len()).map(|n| owner("Pod", "p", &n.to_string(), true));
        let mut object = object("n", "x", references.collect());
        object.finalizers.push(finalizer.to_owned());
        assert_eq!(
            decide(&object, owners, dependents),
            *expected,
            "{owners:?} {finalizer}"
        );
    }

    fn delete(propagation: &'static str, unblock: bool) -> Action {
        Action::Delete { propagation, unblock }
    }

    #[test]
    fn one_owner_that_stays_keeps_the_object() {
        use Owner::{Absent, Solid, Waiting};
        check(&[], "", NONE, &Action::Nothing);
        check(&[Solid, Solid], "", NONE, &Action::Nothing);
        check(
            &[Absent, Solid, Waiting],
            "",
            NONE,
            &Action::Keep(vec![owner("Pod", "p", "1", true)]),
        );
    }

    #[test]
    fn without_owners_it_goes_as_its_finalizers_ask() {
        use Owner::{Absent, Waiting};
        check(&[Absent], "", SOME, &delete("Background", false));
        check(&[Absent], "orphan", SOME, &delete("Orphan", false));
        check(
            &[Absent],
            "foregroundDeletion",
            SOME,
            &delete("Foreground", false),
        );
        check(&[Waiting], "", NONE, &delete("Background", false));
    }

    #[test]
    fn what_an_owner_waits_for_waits_for_its_own_dependents() {
        use Owner::{Absent, Waiting};
        check(&[Waiting], "", SOME, &delete("Foreground", false));
        check(&[Absent, Waiting], "", CIRCLE, &delete("Foreground", true));
    }
}
