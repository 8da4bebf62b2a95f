//! Who owns which field of an object (`metadata.managedFields`), kept true through every write.

mod cap;
mod entry;
mod face;
mod list;
mod sound;
mod update;
mod versions;

pub(crate) use entry::Identity;
pub use entry::{Operation, Owner};
pub use face::{return_owners, show_owners};
pub(crate) use list::{Owners, take};
pub use list::{default_manager, restore_times};
pub use sound::restore_owners;
pub use update::track_update;
pub(crate) use update::{forget, paths, strip, take_over};
pub use versions::Convert;
pub(crate) use versions::Versions;

use schema::SchemaRef;

/// A write, as far as owning fields goes.
#[derive(Clone, Copy)]
pub struct Write<'a> {
    /// Who writes: the `fieldManager` of the request, or [`default_manager`].
    pub manager: &'a str,
    /// The version written in: `apps/v1`.
    pub api_version: &'a str,
    /// The subresource written through; empty for the object itself.
    pub subresource: &'a str,
    /// When, RFC 3339 with seconds.
    pub time: &'a str,
    /// The schema of the object in that version.
    pub schema: SchemaRef<'a>,
    /// What belongs to other endpoints and so is not owned by who writes through this one: `status`, `metadata.labels`.
    pub reset_fields: &'a [&'a str],
    /// Whether it belongs to other endpoints in all versions, and so is not taken from owners that know another version either.
    pub resets_in_all_versions: bool,
    /// How to see the object in other versions; none for kinds that have one version only.
    pub convert: Option<Convert<'a>>,
}

/// Who owns fields that were there before the first apply to an object of which nothing was known.
pub(crate) const BEFORE_FIRST_APPLY: &str = "before-first-apply";

#[cfg(test)]
mod tests;
