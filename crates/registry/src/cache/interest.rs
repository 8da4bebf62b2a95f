//! Who wants to be woken by which change.
//!
//! A watcher declares the narrowest interest that covers what it selects. Changes are filed under the interests they touch,
//! so that a watcher of one node's pods neither wakes up for, nor looks at, the pods of other nodes.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;
use tokio::sync::Notify;

use super::change::Change;

/// Which changes a watcher has to look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Interest {
    /// All of the resource.
    All,
    /// Those in a namespace.
    Namespace(Box<str>),
    /// Those of the object with this key.
    Key(Box<str>),
    /// Those of objects with this value of a selectable field, now or before.
    Field(&'static str, Box<str>),
}

/// The watchers that share an interest, and the changes filed for them.
#[derive(Debug)]
pub(crate) struct Group {
    interest: Interest,
    /// Numbers of changes in the ring, ascending; not kept for [`Interest::All`]. Numbers that have left the ring may stand
    /// at the front.
    numbers: Mutex<VecDeque<u64>>,
    /// How many watchers are in the group.
    size: AtomicUsize,
    pub(crate) wake: Notify,
}

impl Group {
    fn new(interest: Interest) -> Arc<Self> {
        Arc::new(Self {
            interest,
            numbers: Mutex::default(),
            size: AtomicUsize::new(0),
            wake: Notify::new(),
        })
    }

    /// How many watchers share the interest.
    pub(crate) fn size(&self) -> usize {
        self.size.load(Ordering::Relaxed)
    }

    /// The first change at or after `number` that this interest covers, out of changes up to `end`.
    pub(crate) fn next(&self, number: u64, end: u64) -> Option<u64> {
        if self.interest == Interest::All {
            return (number < end).then_some(number);
        }
        let numbers = self.numbers.lock();
        numbers.get(numbers.partition_point(|&n| n < number)).copied()
    }

    /// Files a change.
    pub(crate) fn file(&self, number: u64, oldest_held: u64) {
        if self.interest == Interest::All {
            return;
        }
        let mut numbers = self.numbers.lock();
        // The youngest that has left the ring stays, so that a watcher that has missed it finds out.
        while numbers.len() > 1 && numbers[1] < oldest_held {
            numbers.pop_front();
        }
        numbers.push_back(number);
    }
}

type ByText = HashMap<Box<str>, Arc<Group>>;

/// All interests in a resource.
#[derive(Debug, Default)]
pub(crate) struct Interests {
    all: Option<Arc<Group>>,
    namespaces: ByText,
    keys: ByText,
    fields: HashMap<&'static str, ByText>,
}

impl Interests {
    /// Joins the group of an interest.
    pub(crate) fn join(&mut self, interest: Interest) -> Arc<Group> {
        let new = || Group::new(interest.clone());
        let group = match &interest {
            Interest::All => self.all.get_or_insert_with(new),
            Interest::Namespace(namespace) => self.namespaces.entry(namespace.clone()).or_insert_with(new),
            Interest::Key(key) => self.keys.entry(key.clone()).or_insert_with(new),
            Interest::Field(field, value) => {
                let values = self.fields.entry(field).or_default();
                values.entry(value.clone()).or_insert_with(new)
            }
        };
        group.size.fetch_add(1, Ordering::Relaxed);
        Arc::clone(group)
    }

    /// Leaves a group; the last one closes it.
    pub(crate) fn leave(&mut self, group: &Group) {
        if group.size.fetch_sub(1, Ordering::Relaxed) > 1 {
            return;
        }
        match &group.interest {
            Interest::All => self.all = None,
            Interest::Namespace(namespace) => drop(self.namespaces.remove(namespace)),
            Interest::Key(key) => drop(self.keys.remove(key)),
            Interest::Field(field, value) => {
                if let Some(values) = self.fields.get_mut(field) {
                    values.remove(value);
                    if values.is_empty() {
                        self.fields.remove(field);
                    }
                }
            }
        }
    }

    /// Files a change under every interest it touches, and says whom to wake.
    pub(crate) fn file(&self, change: &Change, number: u64, oldest_held: u64, touched: &mut Vec<Arc<Group>>) {
        let mut file = |group: &Arc<Group>| {
            group.file(number, oldest_held);
            touched.push(Arc::clone(group));
        };
        self.all.iter().for_each(&mut file);
        let key = change.key();
        let namespace = key.split_once('/').map_or("", |(namespace, _)| namespace);
        self.namespaces.get(namespace).into_iter().for_each(&mut file);
        self.keys.get(key).into_iter().for_each(&mut file);
        if change.damage.is_some() {
            // Nobody knows what the fields of such an object are.
            self.fields.values().flat_map(HashMap::values).for_each(&mut file);
            return;
        }
        for (field, values) in &self.fields {
            let mut before = None;
            for value in change.states().filter_map(|object| object.field(field)) {
                if before != Some(value) {
                    values.get(value).into_iter().for_each(&mut file);
                    before = Some(value);
                }
            }
        }
    }

    /// Every group.
    pub(crate) fn groups(&self) -> impl Iterator<Item = &Arc<Group>> {
        let texts = self.fields.values().chain([&self.namespaces, &self.keys]);
        texts.flat_map(HashMap::values).chain(&self.all)
    }
}
