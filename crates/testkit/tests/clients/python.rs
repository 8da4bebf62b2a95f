//! The official client for Python.

use std::path::Path;

use testkit::ServerBuilder;

use crate::program;

#[test]
fn python_creates_lists_watches_patches_applies_and_deletes() {
    let server = ServerBuilder::control_plane().start();
    let script = program("client.py");
    let libraries = testkit::tool("python");
    let arguments = [
        script.to_str().expect("the path is text"),
        libraries.to_str().expect("the path is text"),
    ];
    let said = server.kubectl().run_program(Path::new("python3"), &arguments);
    assert_eq!(said, "done");
}
