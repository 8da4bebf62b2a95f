//! JSON patch (RFC 6902) in the dialect of upstream's library: indices may be negative, replacing or copying what is not
//! there is no error.

mod missing;
mod operation;
mod pointer;

use std::collections::BTreeSet;

use serde_json::Value;

use crate::document::Document;
use missing::Role;
pub(crate) use operation::Operation;
use pointer::Pointer;

/// The most bytes that the copy operations of one patch may copy together.
const MAX_COPIED_BYTES: usize = 3 * 1024 * 1024;

/// Why an operation cannot be done. Clients who patch are only told that something was wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JsonPatchError {
    /// The operation is unknown or lacks a member.
    #[error("operation {operation} is malformed")]
    Malformed {
        /// Its index.
        operation: usize,
    },
    /// There is nothing at the path (or above it).
    #[error("{0}")]
    Missing(String),
    /// A test failed.
    #[error("the test of operation {operation} fails")]
    TestFailed {
        /// Its index.
        operation: usize,
    },
    /// Copies would make the object too large.
    #[error("the patch copies more than {MAX_COPIED_BYTES} bytes")]
    CopiesTooMuch,
}

/// Does the operations one after the other; all or, with an error, none count.
pub(crate) fn apply(document: &mut Document, operations: &[Operation]) -> Result<(), JsonPatchError> {
    let mut copied_bytes = 0;
    for (index, operation) in operations.iter().enumerate() {
        let step = Step {
            document,
            operation,
            copied_bytes: &mut copied_bytes,
        };
        step.run().map_err(|problem| match problem {
            Problem::Malformed => JsonPatchError::Malformed { operation: index },
            Problem::Missing(why) => JsonPatchError::Missing(why),
            Problem::TestFailed => JsonPatchError::TestFailed { operation: index },
            Problem::CopiesTooMuch => JsonPatchError::CopiesTooMuch,
        })?;
    }
    Ok(())
}

/// The members of an object that the operations are about; none if that may be any of them.
pub(crate) fn members(operations: &[Operation]) -> Option<BTreeSet<&str>> {
    let mut members = BTreeSet::new();
    for operation in operations {
        members.insert(member(operation.path.as_deref()?)?);
        if let Some(from) = &operation.from {
            members.insert(member(from)?);
        }
    }
    Some(members)
}

/// The member of an object that a path begins with. None for the whole object, and for names that are written in another way.
fn member(path: &str) -> Option<&str> {
    path.split('/').nth(1).filter(|name| !name.contains('~'))
}

/// Whether no operation has to do with what lies at `below` in a member of an object.
pub(crate) fn leave_alone(operations: &[Operation], member: &str, below: &str) -> bool {
    let leads_by = |path: &str| {
        let mut steps = path.split('/').skip(1);
        let is_other =
            |step: Option<&str>, name: &str| step.is_some_and(|step| step != name && !step.contains('~'));
        is_other(steps.next(), member) || is_other(steps.next(), below)
    };
    operations.iter().all(|operation| {
        let paths = operation.path.iter().chain(&operation.from);
        operation.path.is_some() && paths.map(String::as_str).all(leads_by)
    })
}

enum Problem {
    Malformed,
    /// And why, for people.
    Missing(String),
    TestFailed,
    CopiesTooMuch,
}

/// One operation on the document.
struct Step<'a> {
    document: &'a mut Document,
    operation: &'a Operation,
    copied_bytes: &'a mut usize,
}

impl Step<'_> {
    fn run(mut self) -> Result<(), Problem> {
        let path = self.operation.path.as_deref().ok_or(Problem::Malformed)?;
        let value = self.operation.value.clone().unwrap_or(Value::Null);
        match self.operation.op.as_str() {
            "add" => {
                let added = self.given(value);
                self.add(Role::Add, path, added)
            }
            "replace" => self.replace(path, value),
            "remove" => self.remove(Role::Remove, path).map(drop),
            "move" => self.relocate(path),
            "copy" => self.copy(path),
            "test" => self.test(path, &value),
            _ => Err(Problem::Malformed),
        }
    }

    fn given(&self, value: Value) -> Document {
        self.operation.written.clone().unwrap_or(Document::Whole(value))
    }

    fn missing(&mut self, role: Role, path: &str) -> Problem {
        Problem::Missing(missing::why(self.document, role, path))
    }

    fn add(mut self, role: Role, path: &str, value: Document) -> Result<(), Problem> {
        let added = Pointer::parse(path).and_then(|pointer| pointer.add(self.document, value));
        added.ok_or_else(|| self.missing(role, path))
    }

    fn replace(mut self, path: &str, value: Value) -> Result<(), Problem> {
        if path.is_empty() {
            if !(value.is_object() || value.is_array()) {
                return Err(Problem::Malformed);
            }
            *self.document = self.given(value);
            return Ok(());
        }
        let given = self.given(value);
        let replaced = Pointer::parse(path).and_then(|pointer| pointer.set(self.document, given));
        replaced.ok_or_else(|| self.missing(Role::Replace, path))
    }

    fn remove(&mut self, role: Role, path: &str) -> Result<Document, Problem> {
        let removed = Pointer::parse(path).and_then(|pointer| pointer.remove(self.document));
        removed.ok_or_else(|| self.missing(role, path))
    }

    fn relocate(mut self, path: &str) -> Result<(), Problem> {
        let from = self.operation.from.as_deref().ok_or(Problem::Malformed)?;
        let value = self.remove(Role::MoveFrom, from)?;
        self.add(Role::MoveTo, path, value)
    }

    fn copy(mut self, path: &str) -> Result<(), Problem> {
        let from = self.operation.from.as_deref().ok_or(Problem::Malformed)?;
        let pointer = Pointer::parse(from);
        let found = pointer.and_then(|pointer| pointer.get(self.document).map(Option::<&_>::cloned));
        let Some(found) = found else {
            return Err(self.missing(Role::CopyFrom, from));
        };
        let value = found.unwrap_or(Document::Whole(Value::Null));
        *self.copied_bytes += value.to_text(None).len();
        if *self.copied_bytes > MAX_COPIED_BYTES {
            return Err(Problem::CopiesTooMuch);
        }
        self.add(Role::CopyTo, path, value)
    }

    /// What is missing in an object that is there counts as null.
    fn test(mut self, path: &str, value: &Value) -> Result<(), Problem> {
        let equal = if path.is_empty() {
            self.document.equals(value)
        } else {
            let pointer = Pointer::parse(path);
            let leads = pointer.filter(|pointer| pointer.get(self.document).is_some());
            let Some(pointer) = leads else {
                return Err(self.missing(Role::Test, path));
            };
            let found = pointer.get(self.document).flatten();
            let is_equal = found.map_or(value.is_null(), |found| found.equals(value));
            let has_parts = |found: &&Document| {
                found
                    .as_written()
                    .is_some_and(|text| text.starts_with(['{', '[']))
            };
            let read = found.filter(has_parts).filter(|_| is_equal);
            // To compare it, upstream has read the whole of it, and forgot how it was written.
            if let Some(read) = read.cloned() {
                pointer.set(self.document, Document::Whole(read.into_value()));
            }
            is_equal
        };
        if equal { Ok(()) } else { Err(Problem::TestFailed) }
    }
}

#[cfg(test)]
mod tests;
