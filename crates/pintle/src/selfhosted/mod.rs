//! `pintle server --self-hosted`: API server, store, controllers and scheduler are containers of one static pod, from an image
//! that pintle makes of its own program; the process on the host keeps the node's part. The data directory is the same as
//! without the flag, so that one can go back and forth.

#![allow(
    dead_code,
    unused_imports,
    reason = "rooms are furnished one by one: the process on the host comes next"
)]

mod arguments;
mod image;
mod leave;
mod libraries;
mod manifest;

pub use leave::{LeaveError, leave};

use std::path::{Path, PathBuf};

/// The static pod's manifest, below the data directory.
fn manifest_path(data_dir: &Path) -> PathBuf {
    data_dir.join("agent/manifests/pintle-control-plane.json")
}

/// Where things lie in the image. The name is nobody else's, so that processes from it are known by it.
const FOLDER: &str = "/usr/lib/pintle-image";
