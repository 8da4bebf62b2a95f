//! A set of fields, and what can be done with sets.

use std::cmp::Ordering;

use super::element::Element;

/// A set of paths, as a tree. Elements are sorted; no node is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FieldSet {
    entries: Vec<(Element, Node)>,
}

/// What the set has at a path and below it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Node {
    /// Whether the path itself is in the set.
    pub member: bool,
    /// Paths below it that are.
    pub below: FieldSet,
}

impl Node {
    /// A path with nothing below it.
    pub const fn leaf() -> Self {
        Self {
            member: true,
            below: FieldSet::new(),
        }
    }

    /// Whether neither the path nor anything below it is in the set.
    pub fn is_empty(&self) -> bool {
        !self.member && self.below.is_empty()
    }
}

impl FieldSet {
    /// No paths.
    pub const fn new() -> Self {
        Self { entries: Vec::new() }
    }

    /// No paths yet, but room for some elements on the first level.
    pub(crate) fn with_capacity(elements: usize) -> Self {
        Self {
            entries: Vec::with_capacity(elements),
        }
    }

    /// Whether there are no paths.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The elements of the first level with what is below each, sorted.
    pub fn entries(&self) -> &[(Element, Node)] {
        &self.entries
    }

    pub(crate) fn into_entries(self) -> Vec<(Element, Node)> {
        self.entries
    }

    /// What the set has at that element.
    pub fn get(&self, element: &Element) -> Option<&Node> {
        let found = self.entries.binary_search_by(|(other, _)| other.cmp(element));
        found.ok().map(|at| &self.entries[at].1)
    }

    /// What the set has at that field.
    pub fn get_field(&self, name: &str) -> Option<&Node> {
        let found = self
            .entries
            .binary_search_by(|(other, _)| other.as_str().cmp_field(name));
        found.ok().map(|at| &self.entries[at].1)
    }

    /// Adds a node at its place; what was there is united with it.
    pub(crate) fn insert(&mut self, element: Element, node: Node) {
        if node.is_empty() {
            return;
        }
        match self.entries.binary_search_by(|(other, _)| other.cmp(&element)) {
            Ok(at) => {
                let entry = &mut self.entries[at].1;
                entry.member |= node.member;
                entry.below = std::mem::take(&mut entry.below).union(node.below);
            }
            Err(at) => self.entries.insert(at, (element, node)),
        }
    }

    /// Adds a node whose element comes after all that are there.
    pub(crate) fn push(&mut self, element: Element, node: Node) {
        debug_assert!(self.entries.last().is_none_or(|(last, _)| *last < element));
        if !node.is_empty() {
            self.entries.push((element, node));
        }
    }

    /// Adds a path.
    pub fn insert_path(&mut self, path: &[Element]) {
        if let Some((first, rest)) = path.split_first() {
            let mut node = Node::default();
            if rest.is_empty() {
                node.member = true;
            } else {
                node.below.insert_path(rest);
            }
            self.insert(first.clone(), node);
        }
    }

    /// Whether a path is in the set.
    pub fn contains(&self, path: &[Element]) -> bool {
        match path {
            [] => false,
            [last] => self.get(last).is_some_and(|node| node.member),
            [first, rest @ ..] => self.get(first).is_some_and(|node| node.below.contains(rest)),
        }
    }

    /// Paths that are in either.
    #[must_use]
    pub fn union(self, other: Self) -> Self {
        if other.is_empty() {
            return self;
        }
        if self.is_empty() {
            return other;
        }
        let mut entries = Vec::with_capacity(self.entries.len().max(other.entries.len()));
        let (mut a, mut b) = (
            self.entries.into_iter().peekable(),
            other.entries.into_iter().peekable(),
        );
        loop {
            let order = match (a.peek(), b.peek()) {
                (None, None) => return Self { entries },
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (Some((a, _)), Some((b, _))) => a.cmp(b),
            };
            match order {
                Ordering::Less => entries.extend(a.next()),
                Ordering::Greater => entries.extend(b.next()),
                Ordering::Equal => entries.extend(a.next().zip(b.next()).map(|((element, a), (_, b))| {
                    let node = Node {
                        member: a.member || b.member,
                        below: a.below.union(b.below),
                    };
                    (element, node)
                })),
            }
        }
    }

    /// Paths of this set that are not in the other. What is below a path of the other stays.
    #[must_use]
    pub fn difference(self, other: &Self) -> Self {
        self.without(other, false)
    }

    /// Paths of this set that are neither in the other nor below one of its paths.
    #[must_use]
    pub fn difference_below(self, other: &Self) -> Self {
        self.without(other, true)
    }

    fn without(self, other: &Self, below: bool) -> Self {
        if self.is_empty() || other.is_empty() {
            return self;
        }
        let entries = self.entries.into_iter().filter_map(|(element, node)| {
            let Some(taken) = other.get(&element) else {
                return Some((element, node));
            };
            let left = Node {
                member: node.member && !taken.member,
                below: if below && taken.member {
                    Self::new()
                } else {
                    node.below.without(&taken.below, below)
                },
            };
            (!left.is_empty()).then_some((element, left))
        });
        Self {
            entries: entries.collect(),
        }
    }

    /// Paths that are in both.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        let entries = self.entries.iter().filter_map(|(element, node)| {
            let shared = other.get(element)?;
            let node = Node {
                member: node.member && shared.member,
                below: node.below.intersection(&shared.below),
            };
            (!node.is_empty()).then(|| (element.clone(), node))
        });
        Self {
            entries: entries.collect(),
        }
    }

    /// Whether some path is in both.
    pub fn intersects(&self, other: &Self) -> bool {
        self.entries.iter().any(|(element, node)| {
            other
                .get(element)
                .is_some_and(|shared| (node.member && shared.member) || node.below.intersects(&shared.below))
        })
    }

    /// Takes fields out of the first level, with or without what is below them.
    pub(crate) fn retain(&mut self, mut keep: impl FnMut(&Element, &mut Node) -> bool) {
        self.entries
            .retain_mut(|(element, node)| keep(element, node) && !node.is_empty());
    }

    /// Every path, as messages have it: those of a place before those below it.
    pub fn paths(&self) -> Vec<String> {
        let mut paths = Vec::new();
        self.collect("", &mut paths);
        paths
    }

    fn collect(&self, prefix: &str, paths: &mut Vec<String>) {
        let members = self.entries.iter().filter(|(_, node)| node.member);
        paths.extend(members.map(|(element, _)| format!("{prefix}{element}")));
        for (element, node) in self.entries.iter().filter(|(_, node)| !node.below.is_empty()) {
            node.below.collect(&format!("{prefix}{element}"), paths);
        }
    }
}

/// Compares the form of an element with the name of a field, without making the form of the field.
trait CompareField {
    fn cmp_field(&self, name: &str) -> Ordering;
}

impl CompareField for str {
    fn cmp_field(&self, name: &str) -> Ordering {
        match self.strip_prefix("f:") {
            Some(own) => own.cmp(name),
            None => self.cmp("f:"),
        }
    }
}

impl FromIterator<(Element, Node)> for FieldSet {
    fn from_iter<I: IntoIterator<Item = (Element, Node)>>(entries: I) -> Self {
        let mut set = Self::new();
        for (element, node) in entries {
            set.insert(element, node);
        }
        set
    }
}
