//! Volumes: what is in them, and that changes arrive.

use testkit::{Machine, eventually};

use crate::{SOON, ready_server, wait_pods};

const POD: &str = r#"
apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
data: {color: blue}
---
apiVersion: v1
kind: Secret
metadata: {name: hidden}
stringData: {password: s3cret}
---
apiVersion: v1
kind: Pod
metadata: {name: volumes, labels: {app: volumes}, annotations: {note: here}}
spec:
  terminationGracePeriodSeconds: 1
  volumes:
  - {name: empty, emptyDir: {medium: Memory}}
  - {name: host, hostPath: {path: HOST, type: DirectoryOrCreate}}
  - {name: map, configMap: {name: settings}}
  - {name: secret, secret: {secretName: hidden, defaultMode: 0400}}
  - {name: down, downwardAPI: {items: [{path: labels, fieldRef: {fieldPath: metadata.labels}}]}}
  - name: all
    projected:
      sources:
      - {configMap: {name: settings}}
      - {serviceAccountToken: {path: token, audience: vault, expirationSeconds: 600}}
      - {downwardAPI: {items: [{path: note, fieldRef: {fieldPath: "metadata.annotations['note']"}}]}}
  containers:
  - name: main
    image: localhost/web:1
    command: [sleep, "1000"]
    volumeMounts:
    - {name: empty, mountPath: /empty}
    - {name: host, mountPath: /host}
    - {name: map, mountPath: /map}
    - {name: map, mountPath: /single, subPath: color}
    - {name: secret, mountPath: /secret}
    - {name: down, mountPath: /down}
    - {name: all, mountPath: /all}
"#;

#[test]
fn volumes_hold_what_they_should_and_changes_arrive() {
    Machine::run(|machine| {
        let server = ready_server(machine);
        let kubectl = server.kubectl();
        let host = machine.folder().join("host");
        kubectl.run_with(
            &["apply", "-f", "-"],
            &POD.replace("HOST", host.to_str().expect("text")),
        );
        wait_pods(&kubectl, "app=volumes");
        let cat = |path: &str| kubectl.run(&["exec", "volumes", "--", "cat", path]);
        assert_eq!(cat("/map/color"), "blue");
        assert_eq!(cat("/single"), "blue");
        assert_eq!(cat("/secret/password"), "s3cret");
        assert_eq!(cat("/down/labels"), "app=\"volumes\"");
        assert_eq!(cat("/all/note"), "here");
        assert_eq!(cat("/all/token").split('.').count(), 3);
        let account = "/var/run/secrets/kubernetes.io/serviceaccount";
        assert_eq!(cat(&format!("{account}/namespace")), "default");
        assert!(cat(&format!("{account}/ca.crt")).starts_with("-----BEGIN CERTIFICATE-----"));
        kubectl.run(&[
            "exec",
            "volumes",
            "--",
            "sh",
            "-c",
            "echo hi > /host/file; echo hi > /empty/file",
        ]);
        assert_eq!(
            std::fs::read_to_string(host.join("file")).expect("written"),
            "hi\n"
        );
        assert!(
            kubectl
                .run(&["exec", "volumes", "--", "mount"])
                .contains("tmpfs on /empty")
        );

        kubectl.run(&[
            "patch",
            "configmap",
            "settings",
            "-p",
            r#"{"data":{"color":"green"}}"#,
        ]);
        kubectl.run(&["label", "pod", "volumes", "more=yes"]);
        eventually("the new color", SOON, || {
            (cat("/map/color") == "green").then_some(())
        });
        eventually("the new label", SOON, || {
            cat("/down/labels").contains("more=\"yes\"").then_some(())
        });
        assert_eq!(cat("/single"), "blue");
    });
}
