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
/// None that is longer in JSON than this; a tree takes ten times as much.
const MAX_BYTES: usize = 32 << 10;

/// A few trees, the oldest first.
#[derive(Default)]
pub(crate) struct RecentTrees(Mutex<VecDeque<(Arc<Object>, Arc<Value>)>>);

impl RecentTrees {
    /// The tree of an object, parsed if it is not known.
    pub(crate) fn of(&self, object: &Arc<Object>) -> Arc<Value> {
        let known = {
            let trees = self.0.lock();
            let mut newest_first = trees.iter().rev();
            let known = newest_first.find(|(known, _)| Arc::ptr_eq(known, object));
            known.map(|(_, tree)| Arc::clone(tree))
        };
        known.unwrap_or_else(|| Arc::new(object.tree()))
    }

    /// Keeps the tree that an object was written from; that of its state before goes.
    pub(crate) fn keep(&self, object: &Arc<Object>, mut tree: Value, at: ResourceVersion) {
        if object.json().len() > MAX_BYTES {
            return;
        }
        metadata::set(&mut tree, "resourceVersion", at.to_string().into());
        let gone = {
            let mut trees = self.0.lock();
            let before = trees.iter().position(|(known, _)| known.uid() == object.uid());
            let gone = match before {
                Some(before) => trees.remove(before),
                None if trees.len() == KEPT => trees.pop_front(),
                None => None,
            };
            trees.push_back((Arc::clone(object), Arc::new(tree)));
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
        trees.keep(&again, tree, version(5));
        assert!(is_kept(&again) && !is_kept(&objects[1].0) && is_kept(&objects[2].0));
        let (large, tree) = object("large", MAX_BYTES);
        trees.keep(&large, tree, version(5));
        assert!(!is_kept(&large));
    }
}
