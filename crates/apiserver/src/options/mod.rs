//! Options of requests: read from query or body, checked, and refused in upstream's words.

mod delete;
mod list;
mod number;
mod write;

pub use delete::{DeleteRequest, delete_options};
pub use list::{get_options, list_options, watch_options};
pub use write::{WriteOptions, patch_options, write_options};

use meta::{ErrorList, GroupVersionKind, Status};

/// 422 for an options object, if anything is wrong with it.
fn refuse(kind: &'static str, errors: &ErrorList) -> Result<(), Status> {
    if errors.is_empty() {
        return Ok(());
    }
    Err(Status::invalid(
        &GroupVersionKind::new("meta.k8s.io", "v1", kind),
        "",
        errors,
    ))
}
