//! What is said of a pod's containers: who runs them, how their devices are.

use serde_json::Value;

use crate::toolkit::checks::not_between;
use crate::toolkit::columns::{list, text};
use crate::toolkit::{Field, Seen};

/// The longest word on a device's health, in bytes.
const MAX_MESSAGE_BYTES: usize = 1024;

/// The three lists of statuses.
pub fn rules(status: &Field, spec: &Field) {
    let lists = [
        "containerStatuses",
        "initContainerStatuses",
        "ephemeralContainerStatuses",
    ]
    .map(|kind| status.child(kind));
    let os = spec.child("os");
    for statuses in &lists {
        users(statuses, if os.is_set() { os.text_of("name") } else { "linux" });
    }
    let [own, init, ephemeral] = &lists;
    let nothing = Value::Null;
    let spec = spec.value().unwrap_or(&nothing);
    devices(own, list(spec, &["containers"]));
    devices(init, list(spec, &["initContainers"]));
    for status in ephemeral.items() {
        let devices = status.child("allocatedResourcesStatus");
        if !devices.is_empty() {
            devices.forbidden("must not be specified in container status");
        }
    }
}

fn users(statuses: &Field, os: &str) {
    for status in statuses.items() {
        let user = status.child("user");
        let linux = user.child("linux");
        match os {
            _ if !linux.is_set() => {}
            "windows" => linux.forbidden("cannot be set for a windows pod"),
            "linux" => {
                for id in ["uid", "gid"] {
                    known_id(&linux.child(id));
                }
                linux
                    .child("supplementalGroups")
                    .items()
                    .for_each(|group| known_id(&group));
            }
            _ => {}
        }
    }
}

fn known_id(id: &Field) {
    const MOST: i64 = i32::MAX as i64;
    if !(0..=MOST).contains(&id.number()) {
        id.invalid_as(id.number(), &not_between(0, MOST));
    }
}

/// Devices are of requests and claims of the container, each named once.
fn devices(statuses: &Field, containers: &[Value]) {
    for status in statuses.items() {
        let name = status.text_of("name");
        let container = containers.iter().find(|each| each["name"] == name);
        for resource in status.child("allocatedResourcesStatus").items() {
            if let Some(container) = container {
                asked_for(&resource.child("name"), &container["resources"]);
            }
            let mut seen = Seen::new();
            for device in resource.child("resources").items() {
                health(&device);
                let id = device.child("resourceID");
                if seen.again(id.text()) {
                    id.duplicate_as(id.text());
                }
            }
        }
    }
}

fn asked_for(name: &Field, of: &Value) {
    let is_claim = |claim: &Value| {
        let (claim, request) = (text(claim, &["name"]), text(claim, &["request"]));
        let separator = if request.is_empty() { "" } else { "/" };
        name.text() == format!("claim:{claim}{separator}{request}")
    };
    if !name.text().starts_with("claim:") {
        if of["requests"].get(name.text()).is_none() {
            name.invalid_as(name.text(), "must match one of the container's resource requests");
        }
    } else if !list(of, &["claims"]).iter().any(is_claim) {
        name.invalid_as(
            name.text(),
            "must match one of the container's resource claims in a format 'claim:<claimName>/<request>' or \
             'claim:<claimName>' if request is empty",
        );
    }
}

fn health(device: &Field) {
    device
        .child("health")
        .any_of(&["Healthy", "Unhealthy", "Unknown"]);
    let message = device.child("message");
    if message.is_set() && message.is_empty() {
        message.required("must be non-empty if specified");
    } else if message.text().len() > MAX_MESSAGE_BYTES {
        message.too_long(MAX_MESSAGE_BYTES);
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::part_errors;
    use serde_json::{Value, json};

    fn check(status: Value, expected: &[&str]) {
        let container = json!({"name": "c", "resources": {"requests": {"cpu": "1"}, "claims": [{"name": "a", "request": "b"}]}});
        let pod = |status: Value| json!({"spec": {"restartPolicy": "Never", "containers": [container]}, "status": status});
        assert_eq!(
            part_errors(
                "",
                "pods",
                "status",
                &pod(json!({"containerStatuses": [status]})),
                &pod(json!({}))
            ),
            expected
        );
    }

    #[test]
    fn users_have_known_numbers() {
        let user = |uid: i64| json!({"name": "c", "user": {"linux": {"uid": uid, "gid": 0}}});
        check(user(1), &[]);
        check(
            user(-1),
            &[
                "status.containerStatuses[0].user.linux.uid: Invalid value: -1: must be between 0 and 2147483647, inclusive",
            ],
        );
    }

    #[test]
    fn devices_are_of_what_was_asked_for() {
        let device = |name: &str, health: &str| json!({"name": "c", "allocatedResourcesStatus": [{"name": name, "resources": [{"resourceID": "i", "health": health}]}]});
        check(device("claim:a/b", "Healthy"), &[]);
        check(device("cpu", "Unknown"), &[]);
        check(
            device("memory", "Fine"),
            &[
                r#"status.containerStatuses[0].allocatedResourcesStatus[0].name: Invalid value: "memory": must match one of the container's resource requests"#,
                r#"status.containerStatuses[0].allocatedResourcesStatus[0].resources[0].health: Unsupported value: "Fine": supported values: "Healthy", "Unhealthy", "Unknown""#,
            ],
        );
    }
}
