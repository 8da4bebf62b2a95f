//! Which containers may run again once they have ended.

use serde_json::Value;

use crate::toolkit::Field;
use crate::toolkit::columns::{list, text};

/// What has ended for good stays so.
pub fn rules(status: &Field, old: &Value) {
    let spec = &old["spec"];
    let everything_may_restart = ["containers", "initContainers"]
        .iter()
        .flat_map(|kind| list(spec, &[kind]))
        .flat_map(|container| list(container, &["restartPolicyRules"]))
        .any(|rule| rule["action"] == "RestartAllContainers");
    for (statuses, containers) in [
        ("containerStatuses", "containers"),
        ("initContainerStatuses", "initContainers"),
    ] {
        if !everything_may_restart {
            let may_restart = |name: &str, exit_code: i64| {
                let mut containers = list(spec, &[containers]).iter();
                let container = containers.find(|each| each["name"] == name);
                container.is_some_and(|container| restarts(container, spec, exit_code))
            };
            ended(&status.child(statuses), &old["status"], may_restart);
        }
    }
    let ephemeral = status.child("ephemeralContainerStatuses");
    ended(&ephemeral, &old["status"], |_, _| false);
}

fn ended(statuses: &Field, old: &Value, may_restart: impl Fn(&str, i64) -> bool) {
    let Some(kind) = statuses.name() else {
        return;
    };
    for (at, old) in list(old, &[kind]).iter().enumerate() {
        let (name, terminated) = (text(old, &["name"]), &old["state"]["terminated"]);
        if !terminated.is_object() {
            continue;
        }
        let runs = |status: &Field| {
            let state = status.child("state");
            status.text_of("name") == name && !state.child("terminated").is_set()
        };
        let exit_code = terminated["exitCode"].as_i64().unwrap_or(0);
        if statuses.items().any(|status| runs(&status)) && !may_restart(name, exit_code) {
            // Upstream names the place of the old status.
            let place = statuses.item(at);
            place
                .child("state")
                .forbidden("may not be transitioned to non-terminated state");
        }
    }
}

/// Whether a container that ended like this is started again: by its rules, its own policy, or the pod's.
fn restarts(container: &Value, spec: &Value, exit_code: i64) -> bool {
    let fits = |rule: &&Value| {
        let codes = &rule["exitCodes"];
        let is_listed = list(codes, &["values"]).iter().any(|code| *code == exit_code);
        match text(codes, &["operator"]) {
            "In" => is_listed,
            "NotIn" => !is_listed,
            _ => false,
        }
    };
    if list(container, &["restartPolicyRules"])
        .iter()
        .any(|rule| fits(&rule))
    {
        return true;
    }
    let policy = match text(container, &["restartPolicy"]) {
        "" => text(spec, &["restartPolicy"]),
        own => own,
    };
    match policy {
        "Always" => true,
        "OnFailure" => exit_code != 0,
        _ => false,
    }
}
