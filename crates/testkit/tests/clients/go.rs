//! Upstream's own client for Go, which operators are written with: a shared informer, on machines that have Go.

use testkit::ServerBuilder;

#[test]
fn a_shared_informer_follows_what_a_typed_client_does() {
    let informer = testkit::tool("informer");
    if !informer.exists() {
        eprintln!("not run: this machine has no Go, so make setup-tests has not built the program");
        return;
    }
    let server = ServerBuilder::control_plane().start();
    assert_eq!(server.kubectl().run_program(&informer, &[]), "done");
}
