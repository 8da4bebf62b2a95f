//! The labels of an object in little memory.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Names and values, in order of name. All texts stand in one piece of memory: a map takes ten times as much.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Labels {
    texts: Box<str>,
    /// Where each of them ends.
    ends: Box<[u32]>,
}

impl Labels {
    /// The value of a label.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.iter()
            .find(|(known, _)| *known == name)
            .map(|(_, value)| value)
    }

    /// Names and values, in order of name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        let text = |at: usize| {
            let start = at.checked_sub(1).map_or(0, |before| self.ends[before]);
            self.texts
                .get(start as usize..self.ends[at] as usize)
                .unwrap_or_default()
        };
        (0..self.ends.len() / 2).map(move |pair| (text(2 * pair), text(2 * pair + 1)))
    }
}

impl From<BTreeMap<String, String>> for Labels {
    fn from(labels: BTreeMap<String, String>) -> Self {
        let (mut texts, mut ends) = (String::new(), Vec::with_capacity(2 * labels.len()));
        for text in labels.iter().flat_map(|(name, value)| [name, value]) {
            texts.push_str(text);
            // An object is a few megabytes at most.
            ends.push(u32::try_from(texts.len()).unwrap_or(u32::MAX));
        }
        Self {
            texts: texts.into(),
            ends: ends.into(),
        }
    }
}

impl FromIterator<(String, String)> for Labels {
    fn from_iter<I: IntoIterator<Item = (String, String)>>(labels: I) -> Self {
        BTreeMap::from_iter(labels).into()
    }
}

impl fmt::Debug for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

impl Serialize for Labels {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

impl<'de> Deserialize<'de> for Labels {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        BTreeMap::deserialize(deserializer).map(Self::from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_read_found_and_written() {
        let json = r#"{"a":"1","app":"","b":"2"}"#;
        let labels: Labels = serde_json::from_str(json).unwrap();
        assert_eq!(labels.get("a"), Some("1"));
        assert_eq!(labels.get("app"), Some(""));
        assert_eq!((labels.get("c"), Labels::default().get("a")), (None, None));
        assert_eq!(serde_json::to_string(&labels).unwrap(), json);
        let other = [("b", "2"), ("a", "1"), ("app", "")].map(|(name, value)| (name.into(), value.into()));
        assert_eq!(labels, Labels::from_iter(other));
    }
}
