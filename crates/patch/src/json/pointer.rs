//! JSON pointers (RFC 6901) in the dialect of upstream's library.

use crate::document::Document;

/// A path to a member of an object or an item of a list.
pub(super) struct Pointer {
    /// The way to the object or list.
    parents: Vec<String>,
    /// The member or item in it.
    last: String,
}

impl Pointer {
    /// None for the whole document. What stands before the first slash means nothing.
    pub fn parse(path: &str) -> Option<Self> {
        let mut tokens: Vec<String> = path.split('/').skip(1).map(unescape).collect();
        let last = tokens.pop()?;
        Some(Self {
            parents: tokens,
            last,
        })
    }

    /// What is there: none if the way does not lead so far or the index is out of range, the second none if the object has
    /// no such member.
    pub fn get<'a>(&self, document: &'a mut Document) -> Option<Option<&'a Document>> {
        match self.parent(document)? {
            Parent::Object(fields) => Some(fields.get(&self.last)),
            Parent::List(items) => {
                let index = index(&self.last, items.len())?;
                items.get(index).map(Some)
            }
        }
    }

    /// Sets a member, or inserts an item before the one of that index (`-`: at the end).
    pub fn add(&self, document: &mut Document, value: Document) -> Option<()> {
        match self.parent(document)? {
            Parent::Object(fields) => {
                fields.insert(self.last.clone(), value);
            }
            Parent::List(items) if self.last == "-" => items.push(value),
            Parent::List(items) => {
                let index = index(&self.last, items.len() + 1)?;
                items.insert(index, value);
            }
        }
        Some(())
    }

    /// Sets a member, whether it was there or not, or an item that is there.
    pub fn set(&self, document: &mut Document, value: Document) -> Option<()> {
        match self.parent(document)? {
            Parent::Object(fields) => {
                fields.insert(self.last.clone(), value);
            }
            Parent::List(items) => {
                let index = index(&self.last, items.len())?;
                items[index] = value;
            }
        }
        Some(())
    }

    /// Removes a member or item that is there.
    pub fn remove(&self, document: &mut Document) -> Option<Document> {
        match self.parent(document)? {
            Parent::Object(fields) => fields.remove(&self.last),
            Parent::List(items) => {
                let index = index(&self.last, items.len())?;
                Some(items.remove(index))
            }
        }
    }

    /// What is missing where the pointer leads.
    pub fn lack(&self, document: &mut Document) -> Lack {
        match self.parent(document) {
            None => Lack::Parent,
            Some(Parent::Object(_)) => Lack::Member,
            Some(Parent::List(_)) => Lack::Index(self.last.parse().ok()),
        }
    }

    fn parent<'a>(&self, document: &'a mut Document) -> Option<Parent<'a>> {
        let mut at = document;
        for token in &self.parents {
            at = match parent_of(at)? {
                Parent::Object(fields) => fields.get_mut(token)?,
                Parent::List(items) => {
                    let index = index(token, items.len())?;
                    items.get_mut(index)?
                }
            };
        }
        parent_of(at)
    }
}

/// What can be missing where a pointer leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lack {
    /// The object or list that it should be in.
    Parent,
    /// A member of an object.
    Member,
    /// An item of that index; none if it is no number.
    Index(Option<i64>),
}

enum Parent<'a> {
    Object(&'a mut std::collections::BTreeMap<String, Document>),
    List(&'a mut Vec<Document>),
}

fn parent_of(document: &mut Document) -> Option<Parent<'_>> {
    if document.as_object_mut().is_some() {
        return document.as_object_mut().map(Parent::Object);
    }
    document.as_list_mut().map(Parent::List)
}

/// An index below `length`; negative ones count from the end.
fn index(token: &str, length: usize) -> Option<usize> {
    let number: i64 = token.parse().ok()?;
    let index = if number < 0 {
        number + i64::try_from(length).ok()?
    } else {
        number
    };
    usize::try_from(index).ok().filter(|&index| index < length)
}

fn unescape(token: &str) -> String {
    let mut text = String::with_capacity(token.len());
    let mut rest = token;
    while let Some(at) = rest.find('~') {
        let (before, from) = rest.split_at(at);
        text.push_str(before);
        let (c, skip) = match from.as_bytes().get(1) {
            Some(b'0') => ('~', 2),
            Some(b'1') => ('/', 2),
            _ => ('~', 1),
        };
        text.push(c);
        rest = &from[skip..];
    }
    text.push_str(rest);
    text
}
