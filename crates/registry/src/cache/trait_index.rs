//! Which objects have a certain value of a label or a selectable field: for those labels and fields that clients select by.
//!
//! An index is made when its trait is selected by for the second time, and kept up from then on, so that nothing is paid for
//! labels that nobody asks for. There are few at a time.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use super::objects::Objects;
use crate::object::Object;

/// So many indexes of a resource are kept; the one that was not used for the longest time makes room.
const MAX_INDEXES: usize = 8;
/// So many traits are remembered that were selected by once.
const MAX_SEEN: usize = 32;
/// From so many objects on, a group is a set of its own.
const MANY: usize = 16;

/// Something that objects have a value of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Trait {
    Label(Box<str>),
    Field(&'static str),
}

impl Trait {
    fn of<'a>(&self, object: &'a Object) -> Option<&'a str> {
        match self {
            Self::Label(key) => object.label_value(key),
            Self::Field(name) => Some(object.field(name).unwrap_or_default()),
        }
    }
}

/// The indexes of a resource.
#[derive(Default)]
pub(crate) struct Indexes {
    /// The one used last is last.
    indexes: Vec<Index>,
    seen: VecDeque<Trait>,
}

struct Index {
    of: Trait,
    groups: HashMap<Box<str>, Group>,
}

/// The objects with one value.
enum Group {
    Few(Vec<Arc<Object>>),
    Many(Objects),
}

impl Indexes {
    /// Those of all objects that have `value`; none if there is no index of that trait yet.
    pub(crate) fn select(&mut self, all: &Objects, of: &Trait, value: &str) -> Option<Objects> {
        let index = match self.indexes.iter().position(|index| index.of == *of) {
            Some(at) => self.indexes.remove(at),
            None if self.was_seen(of) => Index::new(all, of.clone()),
            None => return None,
        };
        let selected = index.groups.get(value).map(Group::objects).unwrap_or_default();
        if self.indexes.len() >= MAX_INDEXES {
            self.indexes.remove(0);
        }
        self.indexes.push(index);
        Some(selected)
    }

    fn was_seen(&mut self, of: &Trait) -> bool {
        if let Some(at) = self.seen.iter().position(|seen| seen == of) {
            self.seen.remove(at);
            return true;
        }
        if self.seen.len() >= MAX_SEEN {
            self.seen.pop_front();
        }
        self.seen.push_back(of.clone());
        false
    }

    /// Follows a change of an object.
    pub(crate) fn apply(&mut self, previous: Option<&Arc<Object>>, current: Option<&Arc<Object>>) {
        for index in &mut self.indexes {
            let of = |object: &Arc<Object>| index.of.of(object).map(ToOwned::to_owned);
            let (before, after) = (previous.and_then(of), current.and_then(of));
            if let (Some(object), Some(value)) = (previous, &before)
                && before != after
            {
                index.remove(value, object.key());
            }
            if let (Some(object), Some(value)) = (current, &after) {
                index.insert(value, object);
            }
        }
    }
}

impl Index {
    fn new(all: &Objects, of: Trait) -> Self {
        let mut index = Self {
            of,
            groups: HashMap::new(),
        };
        for object in all.iter() {
            if let Some(value) = index.of.of(object) {
                index.insert(value, object);
            }
        }
        index
    }

    fn insert(&mut self, value: &str, object: &Arc<Object>) {
        match self.groups.get_mut(value) {
            Some(group) => group.insert(object),
            None => {
                let group = Group::Few(vec![Arc::clone(object)]);
                self.groups.insert(value.into(), group);
            }
        }
    }

    fn remove(&mut self, value: &str, key: &str) {
        if let Some(group) = self.groups.get_mut(value) {
            group.remove(key);
            if group.is_empty() {
                self.groups.remove(value);
            }
        }
    }
}

impl Group {
    fn insert(&mut self, object: &Arc<Object>) {
        match self {
            Self::Many(objects) => {
                objects.insert(object);
            }
            Self::Few(objects) => {
                match objects.iter_mut().find(|other| other.key() == object.key()) {
                    Some(other) => *other = Arc::clone(object),
                    None => objects.push(Arc::clone(object)),
                }
                if objects.len() >= MANY {
                    *self = Self::Many(objects.iter().collect());
                }
            }
        }
    }

    fn remove(&mut self, key: &str) {
        match self {
            Self::Few(objects) => objects.retain(|object| object.key() != key),
            Self::Many(objects) => {
                objects.remove(key);
            }
        }
    }

    fn is_empty(&self) -> bool {
        match self {
            Self::Few(objects) => objects.is_empty(),
            Self::Many(objects) => objects.len() == 0,
        }
    }

    fn objects(&self) -> Objects {
        match self {
            Self::Few(objects) => objects.iter().collect(),
            Self::Many(objects) => objects.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(name: &str, tier: Option<&str>) -> Arc<Object> {
        let labels = tier.map_or(json!({}), |tier| json!({"tier": tier}));
        Arc::new(Object::unstored(
            json!({"metadata": {"name": name, "labels": labels}}),
        ))
    }

    #[test]
    fn an_index_shows_what_a_scan_would() {
        let mut all = Objects::default();
        let mut indexes = Indexes::default();
        let tier = Trait::Label("tier".into());
        assert!(indexes.select(&all, &tier, "a").is_none(), "asked for once only");
        // Names come, move between values, lose the label and go, and come again.
        for round in 0..400_usize {
            let name = format!("n{}", round * 7 % 53);
            let value = ["a", "b", "c"].get(round * 5 % 4).copied();
            if round % 11 == 3 {
                let previous = all.remove(&name);
                indexes.apply(previous.as_ref(), None);
            } else {
                let object = object(&name, value);
                let previous = all.insert(&object);
                indexes.apply(previous.as_ref(), Some(&object));
            }
            for value in ["a", "b", "c", "d"] {
                let found = indexes.select(&all, &tier, value).expect("an index by now");
                let scanned = all
                    .iter()
                    .filter(|object| object.label_value("tier") == Some(value));
                let names = |objects: Vec<&Arc<Object>>| -> Vec<String> {
                    objects.iter().map(|object| object.key().to_owned()).collect()
                };
                assert_eq!(
                    names(found.iter().collect()),
                    names(scanned.collect()),
                    "round {round}"
                );
            }
        }
    }

    #[test]
    fn indexes_are_few() {
        let all: Objects = [&object("n", Some("a"))].into_iter().collect();
        let mut indexes = Indexes::default();
        for round in 0..3 {
            for key in 0..100 {
                let of = Trait::Label(format!("k{key}").into());
                assert!(
                    indexes.select(&all, &of, "a").is_none(),
                    "forgotten before round {round}"
                );
            }
        }
        for key in 0..100 {
            let of = Trait::Label(format!("k{key}").into());
            let _ = indexes.select(&all, &of, "a");
            assert!(indexes.select(&all, &of, "a").is_some());
        }
        assert_eq!(indexes.indexes.len(), MAX_INDEXES);
        assert!(indexes.seen.len() <= MAX_SEEN);
    }
}
