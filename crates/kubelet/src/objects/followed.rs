//! Who follows what: an object is followed as long as one pod names it.

use std::collections::{BTreeMap, BTreeSet};

use super::Reference;

/// The pods that are followed, and what each names.
#[derive(Debug, Default)]
pub struct Followed {
    by_pod: BTreeMap<String, BTreeSet<Reference>>,
    users: BTreeMap<Reference, usize>,
}

/// What to begin and end following.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Turn {
    pub begin: Vec<Reference>,
    pub end: Vec<Reference>,
}

impl Followed {
    /// Takes what a pod names now, in place of what it named before.
    pub fn set(&mut self, pod_uid: &str, wanted: BTreeSet<Reference>) -> Turn {
        let mut turn = Turn::default();
        let before = self.by_pod.remove(pod_uid).unwrap_or_default();
        for reference in wanted.difference(&before) {
            let users = self.users.entry(reference.clone()).or_default();
            *users += 1;
            if *users == 1 {
                turn.begin.push(reference.clone());
            }
        }
        for reference in before.difference(&wanted) {
            if self.release(reference) {
                turn.end.push(reference.clone());
            }
        }
        if !wanted.is_empty() {
            self.by_pod.insert(pod_uid.to_owned(), wanted);
        }
        turn
    }

    /// One user less; whether it was the last.
    fn release(&mut self, reference: &Reference) -> bool {
        let Some(users) = self.users.get_mut(reference) else {
            return false;
        };
        *users -= 1;
        let last = *users == 0;
        if last {
            self.users.remove(reference);
        }
        last
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::objects::ObjectKind;

    fn refs(names: &[&str]) -> BTreeSet<Reference> {
        let reference = |name: &&str| Reference {
            kind: ObjectKind::Secret,
            namespace: "ns".to_owned(),
            name: (*name).to_owned(),
        };
        names.iter().map(reference).collect()
    }

    fn names(references: &[Reference]) -> Vec<&str> {
        references.iter().map(|r| r.name.as_str()).collect()
    }

    #[test]
    fn the_first_user_begins_and_the_last_one_ends() {
        let mut followed = Followed::default();
        for (pod, wanted, begin, end) in [
            ("p", refs(&["a", "b"]), vec!["a", "b"], vec![]),
            ("p", refs(&["a", "b"]), vec![], vec![]),
            ("q", refs(&["b", "c"]), vec!["c"], vec![]),
            ("p", refs(&["c"]), vec![], vec!["a"]),
            ("q", refs(&[]), vec![], vec!["b"]),
            ("p", refs(&[]), vec![], vec!["c"]),
        ] {
            let turn = followed.set(pod, wanted);
            assert_eq!(names(&turn.begin), begin);
            assert_eq!(names(&turn.end), end);
        }
        assert!(followed.users.is_empty() && followed.by_pod.is_empty());
    }
}
