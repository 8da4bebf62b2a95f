//! Fields by name, in the room they need: a definition has thousands of small objects.

use super::node::Node;

/// Declared fields, sorted by name.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Properties(Box<[(String, Node)]>);

impl Properties {
    /// The field of that name.
    pub fn get(&self, name: &str) -> Option<&Node> {
        let found = self.0.binary_search_by(|(known, _)| known.as_str().cmp(name));
        found.ok().map(|position| &self.0[position].1)
    }

    /// Whether there is a field of that name.
    pub fn contains_key(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All fields.
    pub fn iter(&self) -> Iter<'_> {
        self.into_iter()
    }

    /// What stands at them.
    pub fn values(&self) -> impl Iterator<Item = &Node> {
        self.0.iter().map(|(_, node)| node)
    }

    /// The same, to be changed.
    pub(super) fn values_mut(&mut self) -> impl Iterator<Item = &mut Node> {
        self.0.iter_mut().map(|(_, node)| node)
    }
}

/// Fields one after another.
pub type Iter<'n> =
    std::iter::Map<std::slice::Iter<'n, (String, Node)>, fn(&(String, Node)) -> (&String, &Node)>;

impl<'n> IntoIterator for &'n Properties {
    type Item = (&'n String, &'n Node);
    type IntoIter = Iter<'n>;

    fn into_iter(self) -> Iter<'n> {
        self.0.iter().map(|(name, node)| (name, node))
    }
}

/// Of several fields of one name the first stays.
impl FromIterator<(String, Node)> for Properties {
    fn from_iter<I: IntoIterator<Item = (String, Node)>>(fields: I) -> Self {
        let mut fields: Vec<(String, Node)> = fields.into_iter().collect();
        fields.sort_by(|a, b| a.0.cmp(&b.0));
        fields.dedup_by(|later, earlier| later.0 == earlier.0);
        Self(fields.into())
    }
}
