//! What is wrong with a strategic merge patch, in upstream's words.

use serde_json::{Map, Value};

use super::directive::PATCH;
use super::go_text::{printed, printed_as_text, type_name};

/// Why a strategic merge patch cannot be applied.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StrategicError {
    /// `$retainKeys` is no list, or the patch sets what it does not name.
    #[error("invalid patch format of retainKeys")]
    BadRetainKeys,
    /// A `$deleteFromPrimitiveList` without a field.
    #[error("invalid patch format of primitive list")]
    BadPrimitiveList,
    /// A `$setElementOrder` without a field.
    #[error("invalid patch format of setElementOrder list")]
    BadElementOrder,
    /// No such `$patch`.
    #[error("unknown patch type: {directive} in map: {object}")]
    UnknownDirective {
        /// The directive, as Go prints it.
        directive: String,
        /// The object it stands in.
        object: String,
    },
    /// `$patch: merge` in a list.
    #[error("merging lists cannot yet be specified in the patch")]
    MergeInList,
    /// An item of a keyed list lacks the key.
    #[error("map: {object} does not contain declared merge key: {key}")]
    NoMergeKey {
        /// The item.
        object: String,
        /// The key.
        key: String,
    },
    /// Items are of different types.
    #[error("list element types are not identical: {lists}")]
    MixedTypes {
        /// All lists that meet.
        lists: String,
    },
    /// An order for lists without any items.
    #[error("no elements in any of the given slices")]
    NoElements,
    /// A list of lists.
    #[error("lists of lists are not supported")]
    ListOfLists,
    /// Objects in a list that has no key.
    #[error("cannot merge lists without merge key for struct")]
    NoKeyDeclared,
    /// The items of the patch do not stand in the order that it sets.
    #[error("The order in patch list:\n{patch}\n doesn't match {directive} list:\n{order}\n", directive = super::directive::ORDER_PREFIX)]
    OrderMismatch {
        /// The items.
        patch: String,
        /// The order.
        order: String,
    },
    /// A value is no list.
    #[error("expected a []interface {{}}, but received a {0}")]
    NotList(&'static str),
    /// An item is no object.
    #[error("value for key {0} is not a map")]
    NotObject(usize),
    /// The schema has no such field.
    #[error(
        "unable to find api field in struct {of} for the json field {}",
        meta::quote(field)
    )]
    UnknownField {
        /// The type.
        of: String,
        /// The field.
        field: String,
    },
}

impl StrategicError {
    pub(super) fn unknown_directive(object: &Map<String, Value>) -> Self {
        Self::UnknownDirective {
            directive: object.get(PATCH).map(printed_as_text).unwrap_or_default(),
            object: printed(&Value::Object(object.clone())),
        }
    }

    pub(super) fn no_merge_key(object: &Map<String, Value>, key: &str) -> Self {
        Self::NoMergeKey {
            object: printed(&Value::Object(object.clone())),
            key: key.to_owned(),
        }
    }

    pub(super) fn not_list(value: &Value) -> Self {
        Self::NotList(type_name(value))
    }

    /// Whether the request is to blame for its form (400), rather than that something went wrong (500).
    pub(crate) fn is_bad_request(&self) -> bool {
        matches!(
            self,
            Self::BadRetainKeys | Self::BadPrimitiveList | Self::BadElementOrder
        )
    }

    /// Whether the patch is understood but cannot be (422).
    pub(crate) fn is_unprocessable(&self) -> bool {
        matches!(self, Self::ListOfLists)
    }
}
