//! What kubectl does with a running container: logs, exec, attach, cp, port-forward, debug.

use std::io::Write;
use std::process::Stdio;

use testkit::{Kubectl, Machine, eventually};

use crate::{SOON, ready_server, shell_pod, wait_pods};

const TALKER: &str =
    "i=0; while [ $i -lt 5 ]; do echo line $i; i=$((i+1)); done; echo oops >&2; exec sleep 1000";

#[test]
fn logs_are_read_from_any_end() {
    Machine::run(|machine| {
        let server = ready_server(machine);
        let kubectl = server.kubectl();
        kubectl.run_with(&["apply", "-f", "-"], &shell_pod("talker", TALKER, ""));
        wait_pods(&kubectl, "app=talker");
        let whole = eventually("all lines", SOON, || {
            let text = kubectl.run(&["logs", "talker"]);
            (text.lines().count() == 6).then_some(text)
        });
        // The two outputs are two pipes: where a line of the one comes among the other's is not said.
        let (errors, lines): (Vec<&str>, Vec<&str>) = whole.lines().partition(|line| *line == "oops");
        assert_eq!(errors, ["oops"]);
        assert_eq!(lines, ["line 0", "line 1", "line 2", "line 3", "line 4"]);
        let tail = kubectl.run(&["logs", "talker", "--tail=2"]);
        assert_eq!(tail.lines().count(), 2, "{tail}");
        let stamped = kubectl.run(&["logs", "talker", "--timestamps", "--since=1h"]);
        assert!(
            stamped.starts_with("20") && stamped.contains("Z line 0"),
            "{stamped}"
        );
        let none = kubectl.refused(&["logs", "talker", "--previous"]);
        assert!(
            none.contains("previous terminated container \"main\" in pod \"talker\" not found"),
            "{none}"
        );
        let unknown = kubectl.refused(&["logs", "talker", "-c", "other"]);
        assert!(
            unknown.contains("container other is not valid for pod talker"),
            "{unknown}"
        );

        // A run that ends: followed to its end, and read as the previous one after a restart.
        kubectl.run_with(
            &["apply", "-f", "-"],
            &shell_pod("short", "echo one; sleep 2; echo two; exit 3", ""),
        );
        wait_pods(&kubectl, "app=short");
        let followed = kubectl.run(&["logs", "-f", "short"]);
        assert_eq!(followed, "one\ntwo");
        eventually("a restart", SOON, || {
            let count = "jsonpath={.status.containerStatuses[0].restartCount}";
            (kubectl.run(&["get", "pod", "short", "-o", count]) != "0").then_some(())
        });
        assert_eq!(kubectl.run(&["logs", "short", "--previous"]), "one\ntwo");
    });
}

#[test]
fn commands_run_in_containers() {
    Machine::run(|machine| {
        let server = ready_server(machine);
        let kubectl = server.kubectl();
        kubectl.run_with(&["apply", "-f", "-"], &shell_pod("box", "exec sleep 1000", ""));
        wait_pods(&kubectl, "app=box");
        assert_eq!(kubectl.run(&["exec", "box", "--", "hostname"]), "box");
        let failed = kubectl.call(&["exec", "box", "--", "sh", "-c", "echo out; echo err >&2; exit 7"]);
        assert_eq!((failed.code, failed.stdout.as_str()), (7, "out\n"));
        assert!(
            failed.stderr.contains("err") && failed.stderr.contains("exit code 7"),
            "{}",
            failed.stderr
        );
        // Standard input ends: so does what reads it.
        assert_eq!(
            kubectl.run_with(&["exec", "-i", "box", "--", "cat"], "to and fro"),
            "to and fro"
        );
        terminal(&kubectl);
        let missing = kubectl.refused(&["exec", "box", "--", "nothing-like-it"]);
        assert!(missing.contains("nothing-like-it"), "{missing}");
        copy_there_and_back(&kubectl, machine);
        debug(&kubectl);
    });
}

/// `script` gives kubectl a terminal, so that it asks for one in the container.
fn terminal(kubectl: &Kubectl) {
    let inside = kubectl.command(&["exec", "-it", "box", "--", "sh", "-c", "tty; stty size; exit 5"]);
    let line: Vec<String> = std::iter::once(inside.get_program())
        .chain(inside.get_args())
        .map(|word| format!("'{}'", word.to_string_lossy()))
        .collect();
    let mut script = std::process::Command::new("script");
    script.args(["--quiet", "--return", "--command", &line.join(" "), "/dev/null"]);
    for (name, value) in inside.get_envs() {
        script.env(name, value.unwrap_or_default());
    }
    let output = script.stdin(Stdio::null()).output().expect("script is installed");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("/dev/pts/0"), "{said}");
    assert_eq!(output.status.code(), Some(5), "{said}");
}

fn copy_there_and_back(kubectl: &Kubectl, machine: &Machine) {
    let (there, back) = (machine.folder().join("there"), machine.folder().join("back"));
    let content = "0123456789abcdef".repeat(20_000);
    std::fs::write(&there, &content).expect("written");
    kubectl.run(&["cp", there.to_str().expect("text"), "box:/tmp/file"]);
    kubectl.run(&["cp", "box:/tmp/file", back.to_str().expect("text")]);
    assert!(std::fs::read_to_string(&back).expect("read") == content);
}

fn debug(kubectl: &Kubectl) {
    kubectl.run(&[
        "debug",
        "box",
        "--image=localhost/web:2",
        "-c",
        "look",
        "--target=main",
        "--",
        "sleep",
        "1000",
    ]);
    eventually("the ephemeral container", SOON, || {
        let path = "jsonpath={.status.ephemeralContainerStatuses[0].state.running.startedAt}";
        let started = kubectl.run(&["get", "pod", "box", "-o", path]);
        (!started.is_empty()).then_some(())
    });
    let processes = kubectl.run(&["exec", "box", "-c", "look", "--", "ps"]);
    assert!(processes.matches("sleep 1000").count() >= 2, "{processes}");
}

#[test]
fn ports_are_forwarded() {
    Machine::run(|machine| {
        let server = ready_server(machine);
        let kubectl = server.kubectl();
        kubectl.run(&["run", "web", "--image=localhost/web:1", "--labels=app=web"]);
        wait_pods(&kubectl, "app=web");
        let mut forward = kubectl
            .command(&["port-forward", "pod/web", "9080:8080"])
            .spawn()
            .expect("kubectl runs");
        let node = machine.lan().node("a");
        for _ in 0..3 {
            let page = eventually("the forwarded page", SOON, || node.get("127.0.0.1:9080").ok());
            assert_eq!(page, "localhost/web:1\n");
        }
        forward.kill().expect("it runs");
        forward.wait().expect("it ended");
    });
}

#[test]
fn attaching_reaches_the_main_process() {
    Machine::run(|machine| {
        let server = ready_server(machine);
        let kubectl = server.kubectl();
        let more = "    stdin: true\n    stdinOnce: true";
        let script = "while read line; do echo got $line; [ \"$line\" = end ] && exit 0; done";
        kubectl.run_with(&["apply", "-f", "-"], &shell_pod("reader", script, more));
        wait_pods(&kubectl, "app=reader");
        let mut attached = kubectl
            .command(&["attach", "-i", "reader"])
            .stdin(Stdio::piped())
            .spawn()
            .expect("kubectl runs");
        let mut input = attached.stdin.take().expect("a pipe");
        input.write_all(b"hello\nend\n").expect("it reads");
        let output = attached.wait_with_output().expect("it ends with the container");
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(
            text.contains("got hello\n") && text.contains("got end\n"),
            "{text}"
        );
    });
}
