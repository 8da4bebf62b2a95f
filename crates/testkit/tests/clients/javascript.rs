//! The official client for JavaScript.

use std::path::Path;

use testkit::ServerBuilder;

use crate::program;

#[test]
fn javascript_follows_with_an_informer_and_applies() {
    let server = ServerBuilder::control_plane().start();
    let script = program("client.mjs");
    let library = testkit::tool("javascript/node_modules/@kubernetes/client-node/dist/index.js");
    let arguments = [
        script.to_str().expect("the path is text"),
        library.to_str().expect("the path is text"),
    ];
    let said = server.kubectl().run_program(Path::new("node"), &arguments);
    assert_eq!(said, "done");
}
