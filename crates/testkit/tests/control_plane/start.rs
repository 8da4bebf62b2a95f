//! Starting, stopping, starting again.

use testkit::ServerBuilder;

#[test]
fn it_says_what_it_is() {
    let server = ServerBuilder::control_plane().start();
    let version = server.kubectl().json(&["version"]);
    assert_eq!(version["serverVersion"]["minor"], "36");
    assert_eq!(server.kubectl().run(&["get", "--raw", "/readyz"]), "ok");
    assert_eq!(server.kubectl().run(&["auth", "can-i", "*", "*"]), "yes");
}

#[test]
fn what_every_cluster_has_is_there() {
    let server = ServerBuilder::control_plane().start();
    let kubectl = server.kubectl();
    kubectl.run(&["wait", "--for=create", "serviceaccount/default", "--timeout=30s"]);
    kubectl.run(&[
        "wait",
        "--for=create",
        "configmap/kube-root-ca.crt",
        "-n",
        "kube-system",
        "--timeout=30s",
    ]);
    let namespaces = kubectl.run(&["get", "namespaces", "-o", "name"]);
    for name in ["default", "kube-node-lease", "kube-public", "kube-system"] {
        assert!(namespaces.contains(&format!("namespace/{name}")), "{namespaces}");
    }
    kubectl.run(&["get", "clusterrole", "cluster-admin", "admin", "edit", "view"]);
    kubectl.run(&["get", "service", "kubernetes"]);
}

#[test]
fn what_was_acknowledged_survives_a_kill() {
    let server = ServerBuilder::control_plane().start();
    server
        .kubectl()
        .run(&["create", "configmap", "kept", "--from-literal=a=b"]);
    let builder = server.builder();
    server.kill();
    let server = builder.start();
    let map = server.kubectl().json(&["get", "configmap", "kept"]);
    assert_eq!(map["data"]["a"], "b");
    assert!(server.stop().success());
}
