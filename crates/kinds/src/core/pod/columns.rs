//! The table of pods: what the containers' states amount to.

use resource::{Column, Row};
use serde_json::Value;

use crate::toolkit::columns::{AGE, NAME, created, list, name, number, or_none, since, text};

/// Its columns.
pub fn columns() -> Vec<Column> {
    vec![
        NAME,
        Column::string(
            "Ready",
            "The aggregate readiness state of this pod for accepting traffic.",
        ),
        Column::string("Status", "The aggregate status of the containers in this pod."),
        Column::string(
            "Restarts",
            "The number of times the containers in this pod have been restarted and when the last container in this pod has restarted.",
        ),
        AGE,
        Column::string("IP", "The pod's address.")
            .shows("core.v1.PodStatus.podIP")
            .wide(),
        Column::string("Node", "The node it runs on.")
            .shows("core.v1.PodSpec.nodeName")
            .wide(),
        Column::string("Nominated Node", "The node on which room is being made for it.")
            .shows("core.v1.PodStatus.nominatedNodeName")
            .wide(),
        Column::string(
            "Readiness Gates",
            "Further conditions of readiness that hold, of all.",
        )
        .shows("core.v1.PodSpec.readinessGates")
        .wide(),
    ]
}

/// One pod.
pub fn row(pod: &Value, now: i64) -> Row {
    let summary = Summary::of(pod);
    let restarts = match summary.last_restart {
        "" => summary.restarts.to_string(),
        _ if summary.restarts == 0 => summary.restarts.to_string(),
        last => format!("{} ({} ago)", summary.restarts, since(last, now)),
    };
    Row {
        cells: vec![
            name(pod),
            format!("{}/{}", summary.ready, summary.total).into(),
            summary.reason.into(),
            restarts.into(),
            created(pod, now),
            or_none(super::first_address(pod)),
            or_none(text(pod, &["spec", "nodeName"])),
            or_none(text(pod, &["status", "nominatedNodeName"])),
            readiness_gates(pod),
        ],
        conditions: finished(pod),
    }
}

fn finished(pod: &Value) -> Vec<(&'static str, &'static str, String, String)> {
    let (reason, message) = match text(pod, &["status", "phase"]) {
        "Succeeded" => ("Succeeded", "The pod has completed successfully."),
        "Failed" => ("Failed", "The pod failed."),
        _ => return Vec::new(),
    };
    vec![("Completed", "True", reason.to_owned(), message.to_owned())]
}

fn has_condition(pod: &Value, kind: &str) -> bool {
    let mut conditions = list(pod, &["status", "conditions"]).iter();
    conditions.any(|condition| condition["type"] == kind && condition["status"] == "True")
}

fn readiness_gates(pod: &Value) -> Value {
    let gates = list(pod, &["spec", "readinessGates"]);
    if gates.is_empty() {
        return or_none("");
    }
    let holding = gates
        .iter()
        .filter(|gate| has_condition(pod, text(gate, &["conditionType"])))
        .count();
    format!("{holding}/{}", gates.len()).into()
}

#[derive(Default)]
struct Summary<'a> {
    ready: usize,
    total: usize,
    reason: String,
    restarts: i64,
    /// When a container that was restarted had last ended; empty if none was.
    last_restart: &'a str,
}

impl<'a> Summary<'a> {
    fn of(pod: &'a Value) -> Self {
        let phase = text(pod, &["status", "phase"]);
        let mut summary = Self {
            total: list(pod, &["spec", "containers"]).len(),
            reason: match text(pod, &["status", "reason"]) {
                "" => phase.to_owned(),
                reason => reason.to_owned(),
            },
            ..Self::default()
        };
        let mut conditions = list(pod, &["status", "conditions"]).iter();
        if conditions.any(|c| c["type"] == "PodScheduled" && c["reason"] == "SchedulingGated") {
            summary.reason = "SchedulingGated".to_owned();
        }
        let sidecars = summary.count_sidecars(pod);
        let initializing = summary.init_containers(pod);
        if !initializing || has_condition(pod, "Initialized") {
            // From here on only sidecars count of what went before.
            (summary.restarts, summary.last_restart) = sidecars;
            summary.containers(pod);
        }
        if !text(pod, &["metadata", "deletionTimestamp"]).is_empty() {
            if text(pod, &["status", "reason"]) == "NodeLost" {
                summary.reason = "Unknown".to_owned();
            } else if !matches!(phase, "Succeeded" | "Failed") {
                summary.reason = "Terminating".to_owned();
            }
        }
        summary
    }

    /// Counts sidecars among the containers; their restarts.
    fn count_sidecars(&mut self, pod: &'a Value) -> (i64, &'a str) {
        self.total += list(pod, &["spec", "initContainers"])
            .iter()
            .filter(|container| container["restartPolicy"] == "Always")
            .count();
        let mut restarts = 0;
        let mut last = "";
        for status in list(pod, &["status", "initContainerStatuses"]) {
            if is_sidecar(pod, status) {
                restarts += number(status, &["restartCount"]);
                last = last.max(ended_before(status));
            }
        }
        (restarts, last)
    }

    /// Whether one of them keeps the pod from starting.
    fn init_containers(&mut self, pod: &'a Value) -> bool {
        let statuses = list(pod, &["status", "initContainerStatuses"]);
        for (index, status) in statuses.iter().enumerate() {
            self.restarted(status);
            let terminated = &status["state"]["terminated"];
            if terminated.is_object() && number(terminated, &["exitCode"]) == 0 {
                continue;
            }
            if is_sidecar(pod, status) && status["started"] == Value::Bool(true) {
                if status["ready"] == Value::Bool(true) {
                    self.ready += 1;
                }
                continue;
            }
            let waiting = text(status, &["state", "waiting", "reason"]);
            self.reason = if terminated.is_object() {
                format!("Init:{}", ended(terminated))
            } else if !matches!(waiting, "" | "PodInitializing") {
                format!("Init:{waiting}")
            } else {
                format!("Init:{index}/{}", list(pod, &["spec", "initContainers"]).len())
            };
            return true;
        }
        false
    }

    fn containers(&mut self, pod: &'a Value) {
        let mut has_running = false;
        for status in list(pod, &["status", "containerStatuses"]).iter().rev() {
            self.restarted(status);
            let state = &status["state"];
            let waiting = text(state, &["waiting", "reason"]);
            if !waiting.is_empty() {
                self.reason = waiting.to_owned();
            } else if state["terminated"].is_object() {
                self.reason = ended(&state["terminated"]);
            } else if status["ready"] == Value::Bool(true) && state["running"].is_object() {
                has_running = true;
                self.ready += 1;
            }
        }
        if self.reason == "Completed" && has_running {
            let is_ready = has_condition(pod, "Ready");
            self.reason = if is_ready { "Running" } else { "NotReady" }.to_owned();
        }
    }

    fn restarted(&mut self, status: &'a Value) {
        self.restarts += number(status, &["restartCount"]);
        self.last_restart = self.last_restart.max(ended_before(status));
    }
}

/// When the container before this one ended. Times of the API's form sort as text.
fn ended_before(status: &Value) -> &str {
    text(status, &["lastState", "terminated", "finishedAt"])
}

fn is_sidecar(pod: &Value, status: &Value) -> bool {
    list(pod, &["spec", "initContainers"])
        .iter()
        .any(|container| container["name"] == status["name"] && container["restartPolicy"] == "Always")
}

fn ended(terminated: &Value) -> String {
    let (reason, signal) = (text(terminated, &["reason"]), number(terminated, &["signal"]));
    if !reason.is_empty() {
        reason.to_owned()
    } else if signal != 0 {
        format!("Signal:{signal}")
    } else {
        format!("ExitCode:{}", number(terminated, &["exitCode"]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// Ready, status and restarts.
    fn check(pod: Value, expected: [&str; 3]) {
        let row = row(&pod, 1_577_836_860);
        let cells: Vec<&str> = row.cells[1..4].iter().filter_map(Value::as_str).collect();
        assert_eq!(cells, expected, "{pod}");
    }

    fn pod(status: Value) -> Value {
        json!({"spec": {"containers": [{"name": "a"}, {"name": "b"}]}, "status": status})
    }

    #[test]
    fn containers_tell_what_a_pod_is_doing() {
        check(pod(json!({"phase": "Pending"})), ["0/2", "Pending", "0"]);
        let running = json!({"name": "a", "ready": true, "state": {"running": {}}});
        let completed = json!({"name": "b", "state": {"terminated": {"reason": "Completed"}}});
        check(
            pod(json!({"phase": "Running", "containerStatuses": [running, running]})),
            ["2/2", "Running", "0"],
        );
        check(
            pod(json!({"phase": "Running", "containerStatuses": [completed, running]})),
            ["1/2", "NotReady", "0"],
        );
        check(
            pod(
                json!({"phase": "Running", "containerStatuses": [completed, running],
                       "conditions": [{"type": "Ready", "status": "True"}]}),
            ),
            ["1/2", "Running", "0"],
        );
        let crashing = json!({
            "name": "a", "restartCount": 3, "state": {"waiting": {"reason": "CrashLoopBackOff"}},
            "lastState": {"terminated": {"finishedAt": "2020-01-01T00:00:00Z"}},
        });
        check(
            pod(json!({"phase": "Running", "containerStatuses": [crashing, running]})),
            ["1/2", "CrashLoopBackOff", "3 (60s ago)"],
        );
        let killed = json!({"name": "a", "state": {"terminated": {"signal": 9}}});
        let failed = json!({"name": "a", "state": {"terminated": {"exitCode": 2}}});
        check(
            pod(json!({"phase": "Failed", "containerStatuses": [killed]})),
            ["0/2", "Signal:9", "0"],
        );
        check(
            pod(json!({"phase": "Failed", "containerStatuses": [failed]})),
            ["0/2", "ExitCode:2", "0"],
        );
        check(
            pod(json!({"phase": "Failed", "reason": "Evicted"})),
            ["0/2", "Evicted", "0"],
        );
    }

    #[test]
    fn init_containers_come_first() {
        let pod = |statuses: Value| {
            json!({
                "spec": {"containers": [{"name": "a"}], "initContainers": [{"name": "s", "restartPolicy": "Always"}, {"name": "i"}]},
                "status": {"phase": "Pending", "initContainerStatuses": statuses},
            })
        };
        let sidecar =
            json!({"name": "s", "started": true, "ready": true, "restartCount": 1, "state": {"running": {}}});
        let with = |state: Value| pod(json!([sidecar, {"name": "i", "state": state}]));
        check(with(json!({"running": {}})), ["1/2", "Init:1/2", "1"]);
        check(
            with(json!({"waiting": {"reason": "ImagePullBackOff"}})),
            ["1/2", "Init:ImagePullBackOff", "1"],
        );
        check(
            with(json!({"waiting": {"reason": "PodInitializing"}})),
            ["1/2", "Init:1/2", "1"],
        );
        check(
            with(json!({"terminated": {"exitCode": 1}})),
            ["1/2", "Init:ExitCode:1", "1"],
        );
        check(
            with(json!({"terminated": {"exitCode": 0}})),
            ["1/2", "Pending", "1"],
        );
    }

    #[test]
    fn deleted_pods_terminate_unless_their_node_is_lost() {
        let mut deleted = pod(json!({"phase": "Running"}));
        deleted["metadata"]["deletionTimestamp"] = "2020-01-01T00:00:00Z".into();
        check(deleted.clone(), ["0/2", "Terminating", "0"]);
        deleted["status"]["reason"] = "NodeLost".into();
        check(deleted, ["0/2", "Unknown", "0"]);
    }

    #[test]
    fn finished_pods_say_so() {
        let row = row(&pod(json!({"phase": "Succeeded"})), 0);
        assert_eq!(row.conditions[0].0, "Completed");
    }
}
