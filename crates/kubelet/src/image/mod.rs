//! Images: writing them, and bringing them to containerd from files.

mod elf;
pub mod import;
pub mod layout;
mod pause;

pub use pause::{PAUSE_IMAGE, write_pause_image};
