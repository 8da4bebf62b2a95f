//! Who does not belong to the cluster in the datastore is told so, and changes nothing.

use testkit::{Machine, ServerBuilder};

use crate::cluster::{TOKEN, master, nodes};

fn refused(builder: &ServerBuilder) -> String {
    let output = builder.command().output().expect("the binary is built");
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn servers_of_one_cluster_have_one_token_and_one_authority() {
    Machine::run(|machine| {
        let etcd = testkit::etcd_on(&nodes(machine)[..1]).start();
        let flags = etcd.pintle_flags();
        let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
        let server = master(machine, "m1", &etcd.pintle_flags()).start();
        let held = || etcd.ctl(&["get", "/pintle/bootstrap", "--print-value-only"]);
        let before = held();
        assert!(!before.contains("PRIVATE") && !before.contains(TOKEN), "{before}");

        let second = |arguments: &[&str]| {
            ServerBuilder::node(machine, "m2")
                .with(&["--disable-agent"])
                .with(&flags)
                .with(arguments)
        };
        let said = refused(&second(&[]));
        assert!(said.contains("need the same token"), "{said}");
        let wrong = second(&["--token=wrong"]);
        let said = refused(&wrong);
        assert!(said.contains("the token is not the one of the cluster"), "{said}");
        assert!(!wrong.data_dir().join("pki").exists());
        let said = refused(&second(&["--token", TOKEN, "--service-cidr=10.99.0.0/16"]));
        assert!(
            said.contains("--service-cidr is 10.99.0.0/16 here and 10.43.0.0/16"),
            "{said}"
        );

        // A data directory that has been a cluster of its own.
        let alone = ServerBuilder::node(machine, "m2").with(&["--disable-agent"]);
        alone.start().stop();
        let said = refused(&alone.clone().with(&["--token", TOKEN]).with(&flags));
        assert!(said.contains("belongs to another cluster"), "{said}");

        assert_eq!(held(), before);
        server.kubectl().run(&["get", "namespaces"]);
        // The whole token of the first server's file is as good as the text it was made of.
        let whole = std::fs::read_to_string(server.builder().data_dir().join("node-token")).expect("kept");
        let joined = second(&["--token", whole.trim()]).start();
        joined.kubectl().run(&["get", "namespaces"]);

        // Another token: whoever runs goes on, whoever starts needs it.
        let data_dir = server.builder().data_dir();
        let rotate = |token: &str| {
            let mut command = nodes(machine)[0].command(testkit::binary());
            command
                .args(["token", "rotate", token, "--data-dir"])
                .arg(&data_dir);
            command
        };
        let alone = rotate("abcdef.0123456789abcdef")
            .output()
            .expect("the binary is built");
        let said = String::from_utf8_lossy(&alone.stderr).into_owned();
        assert!(
            !alone.status.success() && said.contains("--datastore-endpoint"),
            "{said}"
        );
        assert_eq!(held(), before);
        let done = rotate("abcdef.0123456789abcdef").args(&flags).output();
        let done = done.expect("the binary is built");
        let (token, said) = (
            String::from_utf8_lossy(&done.stdout),
            String::from_utf8_lossy(&done.stderr),
        );
        assert!(done.status.success(), "{said}");
        assert!(token.trim().ends_with("::abcdef.0123456789abcdef"), "{token}");
        assert_ne!(held(), before);
        joined.kubectl().run(&["create", "configmap", "after"]);
        let tokens = server
            .kubectl()
            .run(&["get", "secrets", "-n", "kube-system", "-o", "name"]);
        assert!(tokens.contains("bootstrap-token-abcdef"), "{tokens}");
        assert_eq!(tokens.matches("bootstrap-token-").count(), 1, "{tokens}");
        // Both command lines still have the old one.
        let of_joined = joined.builder();
        joined.stop();
        let said = refused(&of_joined);
        assert!(said.contains("the token is not the one of the cluster"), "{said}");
        let joined = second(&["--token", token.trim()]).start();
        joined.kubectl().run(&["get", "configmap", "after"]);
        let builder = server.builder();
        server.stop();
        assert!(refused(&builder).contains("the token is not the one of the cluster"));
    });
}
