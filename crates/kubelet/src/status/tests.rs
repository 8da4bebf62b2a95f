//! Statuses as tables.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{ContainerStatus, Pod, PodCondition, PodStatus};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use serde_json::{Value, json};

use super::*;
use crate::images::PullWait;
use crate::plan::{self, Exit, Input, Instance, InstanceState, Intent, Sandbox, StopReason, Verdict};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

#[derive(Clone)]
struct Case {
    pod: PodToRun,
    previous: PodStatus,
    observed: Observed,
    memory: Memory,
    verdict: Option<PodVerdict>,
}

impl Case {
    fn new(spec: Value) -> Self {
        let object: Pod = serde_json::from_value(json!({
            "metadata": { "name": "web", "namespace": "default", "uid": "u1", "generation": 3 },
            "spec": spec,
        }))
        .unwrap();
        Self {
            pod: PodToRun::new(object.into()),
            previous: PodStatus::default(),
            observed: Observed::default(),
            memory: Memory {
                volumes_ready: true,
                ..Memory::default()
            },
            verdict: None,
        }
    }

    fn up(spec: Value) -> Self {
        let mut case = Self::new(spec);
        case.observed.sandboxes.push(Sandbox {
            id: "s".to_owned(),
            attempt: 0,
            created_at: at(100),
            ready: true,
            ips: vec!["10.42.0.7".parse().unwrap()],
        });
        case
    }

    fn instance(mut self, name: &str, state: InstanceState) -> Self {
        let runs = u32::try_from(self.observed.instances(name).count()).unwrap();
        self.observed.containers.push(Instance {
            id: format!("{name}{runs}"),
            name: name.to_owned(),
            sandbox_id: "s".to_owned(),
            restart_count: runs,
            hash: String::new(),
            created_at: at(200 + i64::from(runs)),
            state,
            image: "docker.io/library/x:1".to_owned(),
            image_id: "sha256:1".to_owned(),
            log_path: String::new(),
            user: None,
        });
        self.observed.sort();
        self
    }

    fn running(self, name: &str) -> Self {
        self.instance(name, InstanceState::Running { started_at: at(300) })
    }

    fn exited(self, name: &str, code: i32) -> Self {
        let exit = Exit {
            code,
            reason: if code == 0 { "Completed" } else { "Error" }.to_owned(),
            message: String::new(),
            started_at: Some(at(300)),
            finished_at: at(995),
        };
        self.instance(name, InstanceState::Exited(exit))
    }

    fn readiness(mut self, id: &str, verdict: Verdict) -> Self {
        self.memory.health.entry(id.to_owned()).or_default().readiness = Some(verdict);
        self
    }

    fn status(&self) -> PodStatus {
        let plan = plan::plan(Input {
            pod: &self.pod,
            intent: &Intent::Run,
            observed: &self.observed,
            memory: &self.memory,
            now: at(1000),
        });
        compute(StatusInput {
            pod: &self.pod,
            previous: &self.previous,
            observed: &self.observed,
            memory: &self.memory,
            plan: &plan,
            verdict: self.verdict.as_ref(),
            node: &NodeFacts {
                ips: vec!["192.168.1.5".parse().unwrap()],
                runtime: "containerd".to_owned(),
            },
            now: at(1000),
        })
    }

    #[track_caller]
    fn expect_phase(&self, phase: &str) {
        assert_eq!(self.status().phase.as_deref(), Some(phase));
    }

    /// The container's state in few words: `waiting REASON`, `running`, `terminated CODE REASON`.
    #[track_caller]
    fn expect_state(&self, name: &str, state: &str) {
        assert_eq!(describe(&find(&self.status(), name)), state);
    }

    /// A condition in few words: `True`, `False REASON MESSAGE`.
    #[track_caller]
    fn expect_condition(&self, kind: &str, words: &str) {
        let status = self.status();
        let condition = status
            .conditions
            .iter()
            .flatten()
            .find(|c| c.type_ == kind)
            .unwrap();
        assert_eq!(condition.observed_generation, Some(3));
        let parts = [
            Some(&condition.status),
            condition.reason.as_ref(),
            condition.message.as_ref(),
        ];
        let found: Vec<&str> = parts.into_iter().flatten().map(String::as_str).collect();
        assert_eq!(found.join(" "), words);
    }
}

fn find(status: &PodStatus, name: &str) -> ContainerStatus {
    let lists = [&status.container_statuses, &status.init_container_statuses];
    let mut all = lists.into_iter().flatten().flatten();
    all.find(|status| status.name == name).unwrap().clone()
}

fn describe(status: &ContainerStatus) -> String {
    let state = status.state.clone().unwrap();
    if let Some(waiting) = state.waiting {
        format!("waiting {}", waiting.reason.unwrap())
    } else if let Some(terminated) = state.terminated {
        format!(
            "terminated {} {}",
            terminated.exit_code,
            terminated.reason.unwrap()
        )
    } else {
        assert!(state.running.is_some());
        "running".to_owned()
    }
}

fn two(policy: &str) -> Value {
    json!({ "containers": [{ "name": "b", "image": "x" }, { "name": "a", "image": "x" }], "restartPolicy": policy })
}

fn with_init(policy: &str) -> Value {
    json!({
        "initContainers": [{ "name": "i", "image": "x" }, { "name": "side", "image": "x", "restartPolicy": "Always" }],
        "containers": [{ "name": "a", "image": "x" }],
        "restartPolicy": policy,
    })
}

#[test]
fn a_new_pod_is_pending() {
    let case = Case::new(two("Always"));
    case.expect_phase("Pending");
    case.expect_state("a", "waiting ContainerCreating");
    case.expect_condition("PodReadyToStartContainers", "False");
    case.expect_condition("Initialized", "True");
    case.expect_condition(
        "Ready",
        "False ContainersNotReady containers with unready status: [a b]",
    );
    case.expect_condition("PodScheduled", "True");
    let status = case.status();
    assert_eq!(status.qos_class.as_deref(), Some("BestEffort"));
    assert_eq!(status.start_time, Some(Time(at(1000))));
    assert_eq!(status.host_ip.as_deref(), Some("192.168.1.5"));
    assert_eq!(status.pod_ip, None);
}

#[test]
fn a_running_pod_is_ready() {
    let case = Case::up(two("Always")).running("a").running("b");
    case.expect_phase("Running");
    case.expect_condition("PodReadyToStartContainers", "True");
    case.expect_condition("Ready", "True");
    let status = case.status();
    assert_eq!(status.pod_ip.as_deref(), Some("10.42.0.7"));
    let a = find(&status, "a");
    assert_eq!(a.container_id.as_deref(), Some("containerd://a0"));
    assert_eq!(
        (a.image.as_str(), a.image_id.as_str()),
        ("docker.io/library/x:1", "sha256:1")
    );
    assert_eq!((a.ready, a.started, a.restart_count), (true, Some(true), 0));
    let names: Vec<String> = status
        .container_statuses
        .into_iter()
        .flatten()
        .map(|c| c.name)
        .collect();
    assert_eq!(names, ["a", "b"]);
}

#[test]
fn a_pod_is_pending_until_every_container_has_run() {
    Case::up(two("Always")).running("a").expect_phase("Pending");
    Case::up(two("Always"))
        .running("a")
        .exited("b", 1)
        .expect_phase("Running");
}

#[test]
fn ends_decide_by_policy() {
    for (policy, a, b, phase) in [
        ("Always", 0, 0, "Running"),
        ("OnFailure", 0, 0, "Succeeded"),
        ("OnFailure", 0, 1, "Running"),
        ("Never", 0, 0, "Succeeded"),
        ("Never", 0, 1, "Failed"),
    ] {
        Case::up(two(policy))
            .exited("a", a)
            .exited("b", b)
            .expect_phase(phase);
    }
    let completed = Case::up(two("Never")).exited("a", 0).exited("b", 0);
    completed.expect_condition("Ready", "False PodCompleted");
    completed.expect_condition("Initialized", "True PodCompleted");
    completed.expect_state("a", "terminated 0 Completed");
    let failed = Case::up(two("Never")).exited("a", 1).exited("b", 0);
    failed.expect_condition("ContainersReady", "False PodFailed");
}

#[test]
fn a_crash_loop_shows_as_waiting() {
    let mut case = Case::up(two("Always")).exited("a", 1).running("b");
    let entry = plan::Backoff::advance(None, plan::SLOW, at(500), at(500));
    case.memory.restarts.insert("a".to_owned(), entry);
    case.expect_state("a", "waiting CrashLoopBackOff");
    let last = find(&case.status(), "a").last_state.unwrap().terminated.unwrap();
    assert_eq!(
        (last.exit_code, last.container_id.as_deref()),
        (1, Some("containerd://a0"))
    );
    // Once it runs again, its last end still shows.
    let again = Case::up(two("Always")).exited("a", 1).running("a").running("b");
    again.expect_state("a", "running");
    let status = find(&again.status(), "a");
    assert_eq!(status.restart_count, 1);
    assert_eq!(status.last_state.unwrap().terminated.unwrap().exit_code, 1);
}

#[test]
fn a_failure_to_start_shows_as_itself_and_then_as_waiting() {
    let failure = |second| plan::StartFailure {
        reason: "ErrImagePull".to_owned(),
        message: "no".to_owned(),
        waiting: Some(PullWait {
            image: "x".to_owned(),
            message: "Back-off pulling image \"x\"".to_owned(),
        }),
        at: at(second),
        retry_at: at(1010),
        backoff: plan::Backoff::advance(None, plan::SLOW, at(second), at(second)),
    };
    let mut case = Case::up(two("Always")).running("b");
    case.memory.failures.insert("a".to_owned(), failure(1000));
    case.expect_state("a", "waiting ErrImagePull");
    case.memory.failures.insert("a".to_owned(), failure(998));
    case.expect_state("a", "waiting ImagePullBackOff");
    case.expect_phase("Pending");
}

#[test]
fn what_was_made_and_could_not_be_started_waits_for_its_next_turn() {
    let failure = |second| plan::StartFailure {
        reason: "RunContainerError".to_owned(),
        message: "no such file".to_owned(),
        waiting: None,
        at: at(second),
        retry_at: at(second + 1),
        backoff: plan::Backoff::advance(None, plan::QUICK, at(second), at(second)),
    };
    let mut case = Case::up(two("Always")).exited("a", 128).running("b");
    case.memory.failures.insert("a".to_owned(), failure(998));
    case.expect_state("a", "waiting RunContainerError");
    let entry = plan::Backoff::advance(None, plan::SLOW, at(500), at(500));
    case.memory.restarts.insert("a".to_owned(), entry);
    case.expect_state("a", "waiting CrashLoopBackOff");
    case.memory.failures.insert("a".to_owned(), failure(1000));
    case.expect_state("a", "waiting RunContainerError");
}

#[test]
fn readiness_counts() {
    let spec = json!({ "containers": [{ "name": "a", "image": "x", "readinessProbe": { "exec": {} } }] });
    let case = Case::up(spec).running("a");
    case.expect_phase("Running");
    case.expect_condition(
        "Ready",
        "False ContainersNotReady containers with unready status: [a]",
    );
    let case = case.readiness("a0", Verdict::Success);
    case.expect_condition("Ready", "True");
    case.readiness("a0", Verdict::Failure).expect_condition(
        "ContainersReady",
        "False ContainersNotReady containers with unready status: [a]",
    );
}

#[test]
fn gates_count() {
    let mut spec = two("Always");
    spec["readinessGates"] = json!([{ "conditionType": "example.com/gate" }]);
    let mut case = Case::up(spec).running("a").running("b");
    case.expect_condition("ContainersReady", "True");
    case.expect_condition(
        "Ready",
        "False ReadinessGatesNotReady corresponding condition of pod readiness gate \"example.com/gate\" does not exist.",
    );
    let gate = json!([{ "type": "example.com/gate", "status": "True", "observedGeneration": 3 }]);
    case.previous.conditions = serde_json::from_value(gate).unwrap();
    case.expect_condition("Ready", "True");
    case.expect_condition("example.com/gate", "True");
}

#[test]
fn init_containers_show_their_progress() {
    let case = Case::up(with_init("Always"));
    case.expect_state("a", "waiting PodInitializing");
    case.expect_condition(
        "Initialized",
        "False ContainersNotInitialized containers with incomplete status: [i side]",
    );
    let case = Case::up(with_init("Always")).exited("i", 0);
    case.expect_phase("Pending");
    case.expect_condition(
        "Initialized",
        "False ContainersNotInitialized containers with incomplete status: [side]",
    );
    assert!(find(&case.status(), "i").ready);
    let case = Case::up(with_init("Always"))
        .exited("i", 0)
        .running("side")
        .running("a");
    case.expect_phase("Running");
    case.expect_condition("Initialized", "True");
    case.expect_condition("Ready", "True");
    Case::up(with_init("Never")).exited("i", 1).expect_phase("Failed");
    Case::up(with_init("Always"))
        .exited("i", 1)
        .expect_phase("Pending");
}

#[test]
fn a_pod_is_done_only_when_its_sidecars_are() {
    let case = Case::up(with_init("Never"))
        .exited("i", 0)
        .running("side")
        .exited("a", 0);
    case.expect_phase("Running");
    let case = Case::up(with_init("Never"))
        .exited("i", 0)
        .exited("side", 137)
        .exited("a", 0);
    case.expect_phase("Succeeded");
}

#[test]
fn times_of_conditions_change_with_their_status() {
    let mut case = Case::up(two("Always")).running("a").running("b");
    case.previous.conditions = serde_json::from_value(json!([
        { "type": "Ready", "status": "False", "lastTransitionTime": "1970-01-01T00:01:00Z" },
        { "type": "Initialized", "status": "True", "lastTransitionTime": "1970-01-01T00:01:00Z" },
    ]))
    .unwrap();
    let status = case.status();
    let time = |kind: &str| {
        let mut conditions = status.conditions.iter().flatten();
        conditions
            .find(|c| c.type_ == kind)
            .unwrap()
            .last_transition_time
            .clone()
            .unwrap()
            .0
    };
    assert_eq!(time("Ready"), at(1000));
    assert_eq!(time("Initialized"), at(60));
}

#[test]
fn a_last_phase_stays() {
    let mut case = Case::new(two("Never"));
    case.previous.phase = Some("Succeeded".to_owned());
    case.expect_phase("Succeeded");
}

#[test]
fn an_ended_pod_fails_with_its_verdict() {
    let mut case = Case::up(two("Always")).exited("a", 137).exited("b", 137);
    case.verdict = Some(PodVerdict {
        reason: "DeadlineExceeded".to_owned(),
        message: "Pod was active on the node longer than the specified deadline".to_owned(),
    });
    case.expect_phase("Failed");
    assert_eq!(case.status().reason.as_deref(), Some("DeadlineExceeded"));
}

#[test]
fn the_last_status_leaves_nothing_open() {
    let case = Case::up(two("Always")).exited("a", 0);
    let last = terminated(case.status());
    assert_eq!(last.phase.as_deref(), Some("Failed"));
    assert_eq!(describe(&find(&last, "a")), "terminated 0 Completed");
    assert_eq!(
        describe(&find(&last, "b")),
        "terminated 137 ContainerStatusUnknown"
    );
    let case = Case::up(two("Always")).exited("a", 0).exited("b", 0);
    assert_eq!(terminated(case.status()).phase.as_deref(), Some("Succeeded"));
}

#[test]
fn addresses_stay_when_the_sandbox_is_gone() {
    let mut case = Case::new(two("Never"));
    case.previous.pod_ips = serde_json::from_value(json!([{ "ip": "10.42.0.9" }])).unwrap();
    assert_eq!(case.status().pod_ip.as_deref(), Some("10.42.0.9"));
}

#[test]
fn a_container_that_is_exchanged_shows_as_it_was() {
    let mut case = Case::up(two("Always")).running("a").running("b");
    case.previous = case.status();
    case.observed.containers.clear();
    let exchanged = |why: StopReason, second: i64| {
        let mut case = case.clone().exited("a", 143).running("b");
        case.memory.busy.starting = Some("a".to_owned());
        case.memory.stopped.insert("a0".to_owned(), why);
        case.observed.containers.iter_mut().for_each(|instance| {
            if let InstanceState::Exited(exit) = &mut instance.state {
                exit.finished_at = at(second);
            }
        });
        case
    };
    let just_now = exchanged(StopReason::Changed, 1000);
    just_now.expect_state("a", "running");
    just_now.expect_condition("Ready", "True");
    exchanged(StopReason::Changed, 999).expect_state("a", "terminated 143 Error");
    exchanged(StopReason::PodStops, 1000).expect_state("a", "terminated 143 Error");
    let made = just_now.instance("a", InstanceState::Created);
    made.expect_state("a", "running");
}

#[test]
fn changes_of_amounts_are_told() {
    let spec = json!({ "containers": [{ "name": "a", "resources": { "requests": { "cpu": "2" } } }] });
    let mut case = Case::up(spec).running("a");
    let before = json!({ "containers": [{ "name": "a", "resources": { "requests": { "cpu": "1" } } }] });
    let before = Case::new(before).pod;
    let given = crate::resize::Given::to(&before, &before.members()[0]);
    case.memory.made_with.insert("a".to_owned(), given);
    case.memory.resizing.in_progress = Some(crate::resize::InProgress {
        generation: Some(3),
        error: Some("busy".to_owned()),
    });
    case.expect_condition("PodResizeInProgress", "True Error busy");
    let status = find(&case.status(), "a");
    let cpu = |list: Option<std::collections::BTreeMap<_, _>>| list.unwrap().remove("cpu").unwrap();
    assert_eq!(cpu(status.allocated_resources), Quantity("2".to_owned()));
    assert_eq!(cpu(status.resources.unwrap().requests), Quantity("1".to_owned()));
    case.previous.phase = Some("Failed".to_owned());
    let is_told = |condition: &PodCondition| condition.type_ == "PodResizeInProgress";
    assert!(!case.status().conditions.iter().flatten().any(is_told));
}
