//! The cluster's state in a real etcd.

use std::time::Duration;

use testkit::{Etcd, EtcdBuilder, ServerBuilder, eventually};

/// How long a loss of etcd may be felt.
const PATIENCE: Duration = Duration::from_secs(60);

fn over(etcd: &Etcd) -> ServerBuilder {
    let flags = etcd.pintle_flags();
    let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    ServerBuilder::control_plane()
        .with(&flags)
        .with(&["--token=secret"])
}

#[test]
fn objects_lie_where_and_as_upstream_has_them() {
    let etcd = EtcdBuilder::members(1).tls().start();
    let server = over(&etcd).start();
    let kubectl = server.kubectl();
    kubectl.run(&["create", "configmap", "kept", "--from-literal=a=b"]);
    kubectl.run(&["create", "deployment", "web", "--image=web", "--replicas=0"]);

    let keys = etcd.ctl(&["get", "/registry", "--prefix", "--keys-only"]);
    for key in [
        "/registry/configmaps/default/kept",
        "/registry/deployments/default/web",
        "/registry/namespaces/kube-system",
        "/registry/clusterroles/cluster-admin",
        "/registry/services/specs/default/kubernetes",
        "/registry/priorityclasses/system-node-critical",
    ] {
        assert!(keys.lines().any(|found| found == key), "{key} is not in {keys}");
    }
    let value = etcd.ctl(&["get", "/registry/configmaps/default/kept", "--print-value-only"]);
    assert!(value.starts_with("k8s\0"), "{value:?}");

    // What somebody else does to the objects is seen, in their encoding or in JSON.
    etcd.ctl(&["del", "/registry/configmaps/default/kept"]);
    kubectl.run(&["wait", "--for=delete", "configmap/kept", "--timeout=30s"]);
    let json = r#"{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"other","namespace":"default","uid":"u"},"data":{"a":"c"}}"#;
    etcd.ctl(&["put", "/registry/configmaps/default/other", json]);
    kubectl.run(&["wait", "--for=create", "configmap/other", "--timeout=30s"]);
    assert_eq!(kubectl.json(&["get", "configmap", "other"])["data"]["a"], "c");

    // Killed and started again, it is the same cluster.
    let builder = server.builder();
    server.kill();
    let server = builder.start();
    assert_eq!(
        server.kubectl().json(&["get", "configmap", "other"])["data"]["a"],
        "c"
    );
    assert_eq!(
        server.kubectl().json(&["get", "deployment", "web"])["spec"]["replicas"],
        0
    );
    assert!(server.stop().success());
}

#[test]
fn a_lost_etcd_is_told_and_comes_back() {
    let mut etcd = Etcd::single();
    let server = over(&etcd).start();
    let kubectl = server.kubectl();
    kubectl.run(&["create", "configmap", "kept", "--from-literal=a=b"]);
    etcd.kill(0);
    let ready = |path: &str| kubectl.call(&["get", "--raw", path]);
    eventually("/readyz tells of the loss", PATIENCE, || {
        let output = ready("/readyz");
        (output.code != 0 && output.stderr.contains("etcd")).then_some(())
    });
    // What the caches hold is read, as upstream's are.
    let cached = ready("/api/v1/namespaces/default/configmaps/kept?resourceVersion=0");
    assert!(
        cached.stdout.contains(r#""a":"b""#),
        "{} {}",
        cached.stdout,
        cached.stderr
    );
    let refused = kubectl.refused(&["create", "configmap", "lost", "--request-timeout=40s"]);
    assert!(refused.contains("the state store is not available"), "{refused}");
    assert!(
        refused.contains(&etcd.endpoints()[0]),
        "the member is named: {refused}"
    );

    etcd.restart(0);
    eventually("/readyz is good again", PATIENCE, || {
        (ready("/readyz").code == 0).then_some(())
    });
    kubectl.run(&["create", "configmap", "later"]);
    let names = kubectl.run(&["get", "configmaps", "-o", "name"]);
    assert!(
        names.contains("kept") && names.contains("later") && !names.contains("lost"),
        "{names}"
    );
}

#[test]
fn three_members_of_which_one_is_lost() {
    let mut etcd = EtcdBuilder::members(3).tls().start();
    let server = over(&etcd).start();
    let kubectl = server.kubectl();
    kubectl.run(&["create", "configmap", "before"]);
    etcd.kill(0);
    eventually("writes go on", PATIENCE, || {
        (kubectl.call(&["create", "configmap", "after"]).code == 0).then_some(())
    });
    kubectl.run(&["get", "configmap", "before", "after"]);
    assert_eq!(kubectl.run(&["get", "--raw", "/readyz"]), "ok");
}

#[test]
fn an_etcd_that_cannot_be_used_is_named() {
    let etcd = EtcdBuilder::members(1).tls().start();
    let stranger = EtcdBuilder::members(1).tls().start();
    let authority = &stranger.files().expect("it has TLS").authority;
    let endpoint = &etcd.endpoints()[0];
    let refused = |flags: &[&str], code: i32, says: &[&str]| {
        let builder = ServerBuilder::control_plane().with(flags);
        let output = builder.command().output().expect("the binary is built");
        let text = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{text}");
        for word in says {
            assert!(text.contains(word), "{word:?} is not in {text:?}");
        }
    };
    let at = format!("--datastore-endpoint={endpoint}");
    let cafile = format!("--datastore-cafile={}", authority.display());
    refused(&[&at, &cafile], 1, &[endpoint, "not signed by the authority"]);
    refused(&[&at, "--datastore-cafile=/nonexistent"], 1, &["/nonexistent"]);
    refused(
        &[&at, &cafile, "--datastore-keyfile=/k"],
        1,
        &["/k", "given alone"],
    );
    refused(&[&at], 1, &[endpoint, "--datastore-cafile"]);
    refused(
        &["--datastore-endpoint=nowhere"],
        2,
        &["--datastore-endpoint", "nowhere"],
    );
}
