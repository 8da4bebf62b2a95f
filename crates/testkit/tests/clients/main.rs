//! The libraries and tools that people use Kubernetes with, against a real server.

mod go;
mod javascript;
mod kube_rs;
mod python;
mod views;

use std::path::{Path, PathBuf};

/// A program of this folder's `programs`.
fn program(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/clients/programs")
        .join(name)
}
