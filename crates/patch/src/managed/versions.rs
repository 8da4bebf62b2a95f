//! An object in the versions that its owners know.

use std::borrow::Cow;

use schema::SchemaRef;
use serde_json::Value;

use super::update::paths;
use crate::fields::{Delta, FieldSet};

/// An object (which says its own version) in another version, with the schema it has there. None if there is no such
/// version.
pub type Convert<'a> = &'a dyn Fn(&Value, &str) -> Option<(Value, SchemaRef<'a>)>;

/// Sees objects in versions, each conversion made once.
pub struct Versions<'a> {
    api_version: &'a str,
    schema: SchemaRef<'a>,
    convert: Option<Convert<'a>>,
    /// What no owner of another version loses.
    untouched_elsewhere: FieldSet,
}

impl<'a> Versions<'a> {
    pub(crate) fn of(write: &super::Write<'a>) -> Self {
        Self {
            api_version: write.api_version,
            schema: write.schema,
            convert: write.convert,
            untouched_elsewhere: match write.resets_in_all_versions {
                true => paths(write.reset_fields),
                false => FieldSet::new(),
            },
        }
    }

    /// What differs between two states, as an owner in another version sees it. None if there is no such version.
    pub(crate) fn delta(&self, old: &Value, new: &Value, api_version: &str) -> Option<Delta> {
        let (old, schema) = self.see(old, api_version)?;
        let (new, _) = self.see(new, api_version)?;
        Some(Delta::between_written(&old, &new, schema).without(&self.untouched_elsewhere))
    }

    /// The object in that version.
    pub(crate) fn see<'v>(
        &self,
        object: &'v Value,
        api_version: &str,
    ) -> Option<(std::borrow::Cow<'v, Value>, SchemaRef<'a>)> {
        if api_version == self.api_version {
            return Some((std::borrow::Cow::Borrowed(object), self.schema));
        }
        let (object, schema) = self.convert?(object, api_version)?;
        Some((Cow::Owned(object), schema))
    }

    /// An object of another version in the written one.
    pub(crate) fn back(&self, object: Value, api_version: &str) -> Option<Value> {
        if api_version == self.api_version {
            return Some(object);
        }
        self.convert?(&object, self.api_version).map(|(object, _)| object)
    }
}
