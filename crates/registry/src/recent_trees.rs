//! The trees of objects that were written a moment ago: who writes an object often writes it again soon, and to parse it would be
//! a good part of what that costs.

use std::collections::VecDeque;
use std::sync::Arc;

use meta::ResourceVersion;
use parking_lot::Mutex;
use serde_json::Value;

use crate::metadata;
use crate::object::Object;

/// So many are kept.
const KEPT: usize = 8;
/// None that is longer in JSON than this; a tree takes ten times as much, and there may be two of an object.
const MAX_BYTES: usize = 32 << 10;

/// A few trees, the oldest first.
#[derive(Default)]
pub(crate) struct RecentTrees(Mutex<VecDeque<Recent>>);

struct Recent {
    object: Arc<Object>,
    tree: Arc<Value>,
    /// What the object was before, if that was kept, too.
    before: Option<Arc<Value>>,
}

impl RecentTrees {
    /// The tree of an object, parsed if it is not known.
    pub(crate) fn of(&self, object: &Arc<Object>) -> Arc<Value> {
        let known = {
            let trees = self.0.lock();
            let mut newest_first = trees.iter().rev();
            let known = newest_first.find(|known| Arc::ptr_eq(&known.object, object));
            known.map(|known| Arc::clone(&known.tree))
        };
        known.unwrap_or_else(|| Arc::new(object.tree()))
    }

    /// The object as it was written last, if that was a moment ago and those who hold `object` have not heard of it yet.
    pub(crate) fn newest(&self, object: Arc<Object>) -> Arc<Object> {
        let trees = self.0.lock();
        let newer = |known: &&Arc<Object>| {
            known.uid() == object.uid() && known.resource_version() > object.resource_version()
        };
        match trees.iter().map(|known| &known.object).find(newer) {
            Some(newer) => Arc::clone(newer),
            None => object,
        }
    }

    /// What one of the trees was before, if nobody needs that any more: something to make the next of.
    pub(crate) fn former(&self, tree: &Value) -> Option<Value> {
        let before = {
            let mut trees = self.0.lock();
            let known = trees.iter_mut().find(|known| std::ptr::eq(&*known.tree, tree))?;
            known.before.take()
        };
        Arc::into_inner(before?)
    }

    /// Keeps the tree that an object was written from; that of its state before can be had once more.
    pub(crate) fn keep(&self, object: &Arc<Object>, mut tree: Value, at: ResourceVersion) {
        if object.json().len() > MAX_BYTES {
            return;
        }
        metadata::set(&mut tree, "resourceVersion", at.to_string().into());
        let gone = {
            let mut trees = self.0.lock();
            let before = trees.iter().position(|known| known.object.uid() == object.uid());
            let gone = match before {
                Some(before) => trees.remove(before),
                None if trees.len() == KEPT => trees.pop_front(),
                None => None,
            };
            trees.push_back(Recent {
                object: Arc::clone(object),
                tree: Arc::new(tree),
                before: before.and(gone.as_ref()).map(|gone| Arc::clone(&gone.tree)),
            });
            gone
        };
        drop(gone);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(uid: &str, filler: usize) -> (Arc<Object>, Value) {
        let tree = json!({"kind": "A", "metadata": {"name": "n", "uid": uid}, "x": "x".repeat(filler)});
        (Arc::new(Object::unstored(tree.clone())), tree)
    }

    #[test]
    fn what_was_written_last_is_known_before_it_is_heard_of() {
        let trees = RecentTrees::default();
        let at = |uid: &str, version: u64| {
            let tree = json!({"metadata": {"uid": uid, "resourceVersion": version.to_string()}});
            (Arc::new(Object::unstored(tree.clone())), tree)
        };
        let (written, tree) = at("a", 7);
        trees.keep(&written, tree, ResourceVersion::new(7).expect("not zero"));
        for (uid, version, expected) in [("a", 5, 7), ("a", 7, 7), ("a", 9, 9), ("b", 5, 5)] {
            let newest = trees.newest(at(uid, version).0);
            let newest = newest.resource_version().map(ResourceVersion::get);
            assert_eq!(newest, Some(expected), "{uid} {version}");
        }
    }

    #[test]
    fn a_few_trees_are_kept() {
        let trees = RecentTrees::default();
        let version = |number| ResourceVersion::new(number).expect("not zero");
        let objects: Vec<_> = (0..=KEPT)
            .map(|number| object(&format!("u{number}"), 1))
            .collect();
        for (object, tree) in &objects {
            trees.keep(object, tree.clone(), version(5));
        }
        // What was parsed has no version here, what was kept has one.
        let is_kept = |object: &Arc<Object>| trees.of(object)["metadata"]["resourceVersion"] == "5";
        assert!(!is_kept(&objects[0].0), "the oldest went");
        assert!(objects[1..].iter().all(|(object, _)| is_kept(object)));
        let (again, tree) = object("u1", 2);
        let before = trees.of(&objects[1].0);
        trees.keep(&again, tree, version(5));
        let now = trees.of(&again);
        assert_eq!(trees.former(&before), None, "it is no longer the newest");
        assert_eq!(trees.former(&now), None, "it is in use");
        trees.keep(&objects[1].0, objects[1].1.clone(), version(6));
        let newest = trees.of(&objects[1].0);
        drop(before);
        let former = Value::clone(&now);
        drop(now);
        assert_eq!(trees.former(&newest), Some(former));
        assert_eq!(trees.former(&newest), None, "it was given away");
        let (again, tree) = object("u1", 2);
        trees.keep(&again, tree, version(5));
        assert!(is_kept(&again) && !is_kept(&objects[1].0) && is_kept(&objects[2].0));
        let (large, tree) = object("large", MAX_BYTES);
        trees.keep(&large, tree, version(5));
        assert!(!is_kept(&large));
    }
}
