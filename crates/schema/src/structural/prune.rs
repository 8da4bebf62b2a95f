//! Taking away what a schema does not know.

use std::fmt::Write as _;

use serde_json::Value;

use super::node::{Additional, Node};

/// The fields of a resource that every kind has.
const TYPE_AND_METADATA: [&str; 3] = ["apiVersion", "kind", "metadata"];

/// Prunes an object that stands at the node; none: nothing is known of it. The node of a whole object is a resource.
pub(super) fn prune(object: &mut Value, node: Option<&Node>) -> Vec<String> {
    let mut pruning = Pruning::default();
    pruning.value(object, node, false);
    pruning.unknown.sort_unstable();
    pruning.unknown
}

/// Where pruning stands, and what it has taken away.
#[derive(Default)]
struct Pruning {
    path: String,
    unknown: Vec<String>,
}

impl Pruning {
    /// `is_free`: what is not declared stays, as in the items of a list whose own schema says so.
    fn value(&mut self, value: &mut Value, node: Option<&Node>, is_free: bool) {
        let is_free = is_free || node.is_some_and(|node| node.preserves_unknown);
        match value {
            Value::Object(fields) => fields.retain(|name, value| self.keeps(name, value, node, is_free)),
            Value::Array(items) => {
                let below = node.and_then(|node| node.items.as_deref());
                for (index, item) in items.iter_mut().enumerate() {
                    let length = self.path.len();
                    // Writing to a String cannot fail.
                    let _ = write!(self.path, "[{index}]");
                    self.value(item, below, is_free);
                    self.path.truncate(length);
                }
            }
            _ => {}
        }
    }

    /// Whether a field of an object stays; what is below it is pruned as well.
    fn keeps(&mut self, name: &str, value: &mut Value, node: Option<&Node>, is_free: bool) -> bool {
        if node.is_some_and(|node| node.is_resource) && TYPE_AND_METADATA.contains(&name) {
            return true;
        }
        let declared = node.and_then(|node| node.properties.get(name));
        let below = match (declared, node.and_then(|node| node.additional.as_ref())) {
            (Some(below), _) => Some(below),
            (None, Some(Additional::Schema(below))) => Some(&**below),
            (None, Some(_)) => None,
            (None, None) if is_free => return true,
            (None, None) => {
                let dot = if self.path.is_empty() { "" } else { "." };
                self.unknown.push(format!("{}{dot}{name}", self.path));
                return false;
            }
        };
        let length = self.path.len();
        if length > 0 {
            self.path.push('.');
        }
        self.path.push_str(name);
        self.value(value, below, false);
        self.path.truncate(length);
        true
    }
}
