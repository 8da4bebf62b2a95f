//! Why there is nothing where an operation looks, in the words of upstream's library: admission policies show them.

use super::pointer::{Lack, Pointer};
use crate::document::Document;

/// What an operation looks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Add,
    Remove,
    Replace,
    MoveFrom,
    MoveTo,
    CopyFrom,
    CopyTo,
    Test,
}

/// Why `path` does not lead where it should.
pub(super) fn why(document: &mut Document, role: Role, path: &str) -> String {
    let pointer = Pointer::parse(path);
    let lack = pointer
        .as_ref()
        .map_or(Lack::Parent, |pointer| pointer.lack(document));
    let last = || path.rsplit('/').next().unwrap_or_default();
    let at = match (role, lack) {
        (_, Lack::Parent) => return format!("{}: missing value", no_parent(role, path)),
        (Role::Replace, _) => {
            return format!("replace operation does not apply: doc is missing key: {path}: missing value");
        }
        (Role::Add, _) => format!("error in add for path: '{path}'"),
        (Role::Remove, _) => format!("error in remove for path: '{path}'"),
        (Role::MoveFrom, _) => format!("error in move for path: '{}'", last()),
        (Role::MoveTo, _) => format!("error in move for path: '{path}'"),
        (Role::CopyFrom, _) => format!("error in copy for from: '{path}'"),
        (Role::CopyTo, _) => "error while adding value during copy".to_owned(),
        (Role::Test, _) => format!("error in test for path: '{path}'"),
    };
    match lack {
        Lack::Index(Some(index)) => {
            format!("{at}: Unable to access invalid index: {index}: invalid index referenced")
        }
        Lack::Index(None) => {
            let token = last();
            let number = format!("strconv.Atoi: parsing {}: invalid syntax", meta::quote(token));
            match role {
                Role::Add | Role::MoveTo | Role::CopyTo => {
                    format!("{at}: value was not a proper array index: '{token}': {number}")
                }
                _ => format!("{at}: {number}"),
            }
        }
        Lack::Parent | Lack::Member => {
            format!(
                "{at}: Unable to remove nonexistent key: {}: missing value",
                last()
            )
        }
    }
}

fn no_parent(role: Role, path: &str) -> String {
    match role {
        Role::Add => format!("add operation does not apply: doc is missing path: \"{path}\""),
        Role::Remove => format!("remove operation does not apply: doc is missing path: \"{path}\""),
        Role::Replace => format!("replace operation does not apply: doc is missing path: {path}"),
        Role::MoveFrom => format!("move operation does not apply: doc is missing from path: {path}"),
        Role::MoveTo => format!("move operation does not apply: doc is missing destination path: {path}"),
        Role::CopyFrom => format!("copy operation does not apply: doc is missing from path: {path}"),
        Role::CopyTo => format!("copy operation does not apply: doc is missing destination path: {path}"),
        Role::Test => format!("test operation does not apply: is missing path: {path}"),
    }
}
