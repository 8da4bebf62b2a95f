//! Numbers in messages: as the client wrote them, which a tree no longer knows.

use std::collections::BTreeMap;

use serde_json::Value;
use serde_json::value::RawValue;

use crate::forms;

/// A step from the root of a text to a value in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// To a member of an object.
    Member(String),
    /// To an item of a list.
    Item(usize),
}

/// What is wrong with a value. Where it is about a number, the message has that as a tree writes it.
#[derive(Debug)]
pub(super) struct Flaw {
    pub message: String,
    /// The number in the message, and where it stands.
    pub number: Option<(String, Vec<Way>)>,
}

impl Flaw {
    pub fn new(message: String) -> Self {
        Self {
            message,
            number: None,
        }
    }

    /// Whether it is about a nought with a sign, which Go takes for an integer and this decoder for a fraction.
    pub fn is_signed_nought(&self, text: &[u8]) -> bool {
        let number = self.number.as_ref();
        number.is_some_and(|(_, way)| text_at(text, way).is_some_and(|written| written == "-0"))
    }

    /// The message, with the number as it stands in `text`.
    pub fn message_for(self, text: Option<&[u8]>) -> String {
        let Some((shown, way)) = self.number else {
            return self.message;
        };
        match text.and_then(|text| text_at(text, &way)) {
            Some(written) => {
                self.message
                    .replacen(&format!("number {shown}"), &format!("number {written}"), 1)
            }
            None => self.message,
        }
    }
}

/// A quantity that was written as a number. What it looks like depends on how it was written.
#[derive(Debug)]
pub(super) struct Amount {
    pub way: Vec<Way>,
    /// Whether it is rounded as amounts of resources are.
    pub counts_resources: bool,
}

impl Amount {
    /// Puts the quantity into a tree as it is read from the text.
    pub fn put(&self, tree: &mut Value, text: &[u8]) {
        let written = text_at(text, &self.way);
        let (Some(written), Some(place)) = (written, value_at(tree, &self.way)) else {
            return;
        };
        if let Ok(canonical) = forms::quantity(&written) {
            *place = Value::String(canonical.into_owned());
            if self.counts_resources {
                forms::to_thousandths(place);
            }
        }
    }
}

fn value_at<'v>(tree: &'v mut Value, way: &[Way]) -> Option<&'v mut Value> {
    way.iter().try_fold(tree, |here, step| match step {
        Way::Member(name) => here.get_mut(name),
        Way::Item(index) => here.get_mut(*index),
    })
}

/// The text of the value to which a way leads.
fn text_at(json: &[u8], way: &[Way]) -> Option<String> {
    let mut here: &RawValue = serde_json::from_slice(json).ok()?;
    for step in way {
        here = match step {
            Way::Member(name) => {
                let members: BTreeMap<String, &RawValue> = serde_json::from_str(here.get()).ok()?;
                members.get(name).copied()?
            }
            Way::Item(index) => {
                let items: Vec<&RawValue> = serde_json::from_str(here.get()).ok()?;
                items.get(*index).copied()?
            }
        };
    }
    Some(here.get().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_told_as_it_was_written() {
        let way = vec![
            Way::Member("a".to_owned()),
            Way::Item(1),
            Way::Member("b".to_owned()),
        ];
        let flaw = Flaw {
            message: "cannot be number 3.0".to_owned(),
            number: Some(("3.0".to_owned(), way)),
        };
        let message = flaw.message_for(Some(br#"{"a": [1, {"b": 3e0}]}"#));
        assert_eq!(message, "cannot be number 3e0");
    }
}
