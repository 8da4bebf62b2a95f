//! Names that live as long as the process. The registry's indexes know selectable fields by such, so that an object that is
//! found by none pays nothing for them. What differs is bounded: definitions could be made for ever.

use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

use parking_lot::Mutex;

/// The bytes of all names together; more than any number of definitions in earnest will have.
const MAX_BYTES: usize = 4 << 20;

#[derive(Default)]
struct Table {
    names: HashSet<&'static str>,
    lists: HashMap<Vec<&'static str>, &'static [&'static str]>,
    bytes: usize,
}

static TABLE: LazyLock<Mutex<Table>> = LazyLock::new(Mutex::default);

/// The same names, for ever; none if there are too many of them in this process.
pub(crate) fn names(names: &[String]) -> Option<&'static [&'static str]> {
    TABLE.lock().list(names)
}

impl Table {
    fn list(&mut self, names: &[String]) -> Option<&'static [&'static str]> {
        let names: Option<Vec<_>> = names.iter().map(|name| self.name(name)).collect();
        let names = names?;
        if let Some(known) = self.lists.get(&names) {
            return Some(known);
        }
        self.take(names.len() * size_of::<&str>())?;
        let kept: &'static [&'static str] = Vec::leak(names.clone());
        self.lists.insert(names, kept);
        Some(kept)
    }

    fn name(&mut self, name: &str) -> Option<&'static str> {
        if let Some(known) = self.names.get(name) {
            return Some(known);
        }
        self.take(name.len())?;
        let kept: &'static str = String::leak(name.to_owned());
        self.names.insert(kept);
        Some(kept)
    }

    fn take(&mut self, bytes: usize) -> Option<()> {
        let total = self.bytes + bytes;
        (total <= MAX_BYTES).then(|| self.bytes = total)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_names_are_kept_once() {
        let mut table = Table::default();
        let names = [String::from("spec.color"), String::from("spec.size")];
        let first = table.list(&names);
        assert_eq!(first, Some(&["spec.color", "spec.size"][..]));
        let taken = table.bytes;
        assert_eq!(table.list(&names), first);
        assert_eq!(table.bytes, taken);
        assert_eq!(table.list(&["x".repeat(MAX_BYTES)]), None);
    }
}
