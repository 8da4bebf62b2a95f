//! What an object was, as long as the store remembers.

use std::process::Command;
use std::time::Duration;

use testkit::{Server, ServerBuilder, binary};

fn history(server: &Server, arguments: &[&str]) -> (bool, String) {
    let output = Command::new(binary())
        .arg("history")
        .args(arguments)
        .arg("--data-dir")
        .arg(server.builder().data_dir())
        .env_remove("KUBECONFIG")
        .output()
        .expect("the binary is built");
    let both = [&output.stdout[..], &output.stderr].concat();
    (
        output.status.success(),
        String::from_utf8_lossy(&both).into_owned(),
    )
}

fn say(server: &Server, arguments: &[&str]) -> String {
    let (succeeded, text) = history(server, arguments);
    assert!(succeeded, "{arguments:?}: {text}");
    text
}

fn refuse(server: &Server, arguments: &[&str]) -> String {
    let (succeeded, text) = history(server, arguments);
    assert!(!succeeded, "{arguments:?}: {text}");
    text
}

#[test]
fn every_change_is_listed_with_who_made_it() {
    let server = ServerBuilder::control_plane().start();
    let kubectl = server.kubectl();
    kubectl.run(&["create", "deployment", "web", "--image=nginx:1"]);
    kubectl.run(&["scale", "deployment", "web", "--replicas=3"]);
    kubectl.run(&["set", "image", "deployment/web", "nginx=nginx:2"]);
    let text = say(&server, &["deploy/web"]);
    for line in [
        "created by kubectl-create",
        "spec.replicas: 1 -> 3",
        r#"spec.template.spec.containers[name=nginx].image: "nginx:1" -> "nginx:2""#,
        "kubectl-set",
    ] {
        assert!(text.contains(line), "{line:?} is not in\n{text}");
    }
    let first = text.split_whitespace().nth(1).expect("a revision");
    let before = say(
        &server,
        &["deployments.apps", "web", "--revision", first, "-o", "yaml"],
    );
    assert!(
        before.contains("image: nginx:1") && before.contains(first),
        "{before}"
    );

    kubectl.run(&["delete", "deployment", "web", "--wait=true"]);
    assert!(say(&server, &["deploy/web"]).contains("deleted"));
    assert!(refuse(&server, &["deploy/missing"]).contains("not found"));
    assert!(refuse(&server, &["nonsense/x"]).contains("nonsense"));
    assert!(refuse(&server, &["web"]).contains("RESOURCE/NAME"));
}

#[test]
fn secrets_stay_secret_and_others_objects_too() {
    let server = ServerBuilder::control_plane().start();
    let kubectl = server.kubectl();
    kubectl.run(&["create", "secret", "generic", "s", "--from-literal=word=sesame"]);
    kubectl.run(&["patch", "secret", "s", "-p", r#"{"stringData":{"word":"other"}}"#]);
    let text = say(&server, &["secret/s"]);
    assert!(
        text.contains("data.word: \"<redacted 1>\" -> \"<redacted 2>\""),
        "{text}"
    );
    let yaml = say(&server, &["secret/s", "-o", "yaml"]);
    assert!(!yaml.contains("b3RoZXI="), "{yaml}");
    assert!(say(&server, &["secret/s", "-o", "yaml", "--show-secrets"]).contains("b3RoZXI="));

    let get = |object: &str, user: &str| {
        let path = format!("/pintle/v1/history?resource={object}&namespace=default&name=s");
        kubectl.call(&[
            "get",
            "--raw",
            &path,
            "--as",
            user,
            "--as-group=system:authenticated",
        ])
    };
    let refused = get("secrets", "alice");
    assert!(
        refused.code != 0 && refused.stderr.contains("forbidden"),
        "{refused:?}"
    );
    kubectl.run(&[
        "create",
        "role",
        "reader",
        "--verb=get",
        "--resource=secrets",
        "--resource-name=s",
    ]);
    kubectl.run(&["create", "rolebinding", "reader", "--role=reader", "--user=alice"]);
    let may = || (get("secrets", "alice").code == 0).then_some(());
    testkit::eventually("alice may", Duration::from_secs(30), may);
    assert_ne!(get("configmaps", "alice").code, 0);
}
