//! A cluster in a box for tests: network namespaces, images, real kubectl.

mod cgroups;
mod etcd;
pub mod image;
mod kubectl;
mod machine;
pub mod net;
pub mod registry;
mod s3;
mod server;
mod wait;
mod watchdog;
mod web;
mod worker;

pub use etcd::etcd_on;
pub use etcd_process::{Etcd, EtcdBuilder};
pub use kubectl::{Kubectl, Output};
pub use machine::Machine;
pub use net::{Lan, NodeNet};
pub use s3::S3Server;
pub use server::{Server, ServerBuilder};
pub use wait::eventually;
pub use worker::{Worker, WorkerBuilder};

use std::path::{Path, PathBuf};

/// Text of that length that nothing makes much shorter; always the same.
pub fn filler(length: usize) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut state: u64 = 1;
    let letters = (0..length).map(|_| {
        // Knuth's MMIX generator.
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        char::from(LETTERS[(state >> 58) as usize])
    });
    letters.collect()
}

/// The root of the project.
pub fn project() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

/// A program that `make setup-tests` puts into the project's `.tools`.
pub fn tool(name: &str) -> PathBuf {
    project().join(".tools").join(name)
}

/// The pintle binary under test: `PINTLE_BINARY`, or the one of the debug build.
pub fn binary() -> PathBuf {
    if let Some(path) = std::env::var_os("PINTLE_BINARY") {
        return path.into();
    }
    // The test itself lies in `<target>/debug/deps`.
    let test = std::env::current_exe().expect("a test knows its own path");
    test.ancestors()
        .nth(2)
        .expect("tests lie two folders below the build's")
        .join("pintle")
}
