//! Plans as tables: a pod, what there is, what comes next.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use serde_json::{Value, json};

use super::*;

/// A pod with its circumstances, in few words.
struct Case {
    pod: PodToRun,
    observed: Observed,
    memory: Memory,
    intent: Intent,
    now: i64,
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

impl Case {
    fn new(spec: Value) -> Self {
        let object: Pod = serde_json::from_value(json!({
            "metadata": { "name": "web", "namespace": "default", "uid": "u1" },
            "spec": spec,
        }))
        .unwrap();
        Self {
            pod: PodToRun::new(object.into()),
            observed: Observed::default(),
            memory: Memory {
                volumes_ready: true,
                ..Memory::default()
            },
            intent: Intent::Run,
            now: 1000,
        }
    }

    /// With a ready sandbox `s1`.
    fn up(spec: Value) -> Self {
        Self::new(spec).sandbox("s1", 0, true)
    }

    fn sandbox(mut self, id: &str, attempt: u32, ready: bool) -> Self {
        self.observed.sandboxes.push(Sandbox {
            id: id.to_owned(),
            attempt,
            created_at: at(100 + i64::from(attempt)),
            ready,
            ips: Vec::new(),
        });
        self.observed.sort();
        self
    }

    fn instance(mut self, name: &str, state: InstanceState) -> Self {
        let runs = self.observed.instances(name).count();
        let hash = self.pod.member(name).map(|m| m.hash.clone()).unwrap_or_default();
        self.observed.containers.push(Instance {
            id: format!("{name}{runs}"),
            name: name.to_owned(),
            sandbox_id: self.observed.sandboxes[0].id.clone(),
            restart_count: u32::try_from(runs).unwrap(),
            hash,
            created_at: at(200 + i64::try_from(runs).unwrap()),
            state,
            image: String::new(),
            image_id: String::new(),
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
        self.exited_at(name, code, 900)
    }

    fn exited_at(self, name: &str, code: i32, finished: i64) -> Self {
        let exit = Exit {
            code,
            reason: String::new(),
            message: String::new(),
            started_at: Some(at(300)),
            finished_at: at(finished),
        };
        self.instance(name, InstanceState::Exited(exit))
    }

    fn stopping(mut self, deadline: i64) -> Self {
        self.intent = Intent::Stop {
            deadline: at(deadline),
        };
        self
    }

    fn remember<R>(mut self, change: impl FnOnce(&mut Memory) -> R) -> Self {
        change(&mut self.memory);
        self
    }

    fn plan(&self) -> Plan {
        plan(Input {
            pod: &self.pod,
            intent: &self.intent,
            observed: &self.observed,
            memory: &self.memory,
            now: at(self.now),
        })
    }

    /// The actions, each in a few words.
    #[track_caller]
    fn expect(&self, actions: &[&str]) {
        let plan = self.plan();
        let found: Vec<String> = plan.actions.iter().map(describe).collect();
        assert_eq!(found, actions, "{plan:?}");
    }
}

fn describe(action: &Action) -> String {
    match action {
        Action::MountVolumes => "mount".to_owned(),
        Action::CreateSandbox { attempt } => format!("sandbox {attempt}"),
        Action::StopSandbox { id } => format!("stop sandbox {id}"),
        Action::RemoveSandbox { id } => format!("remove sandbox {id}"),
        Action::StartContainer {
            name, restart_count, ..
        } => format!("start {name} {restart_count}"),
        Action::Resize { names_and_ids } => {
            let ids: Vec<&str> = names_and_ids.iter().map(|(_, id)| id.as_str()).collect();
            format!("resize {}", ids.join(" "))
        }
        Action::CancelStart { name } => format!("cancel {name}"),
        Action::StopContainer { id, why, .. } => format!("stop {id} {why:?}"),
        Action::RemoveContainer { id } => format!("remove {id}"),
    }
}

fn two() -> Value {
    json!({ "containers": [{ "name": "a" }, { "name": "b" }] })
}

fn with_policy(policy: &str) -> Value {
    json!({ "containers": [{ "name": "a" }, { "name": "b" }], "restartPolicy": policy })
}

fn with_init() -> Value {
    json!({
        "initContainers": [{ "name": "i" }, { "name": "side", "restartPolicy": "Always" }, { "name": "j" }],
        "containers": [{ "name": "a" }],
    })
}

#[test]
fn volumes_then_sandbox_then_containers_in_order() {
    let fresh = Case::new(two()).remember(|m| m.volumes_ready = false);
    fresh.expect(&["mount"]);
    Case::new(two()).expect(&["sandbox 0"]);
    Case::up(two()).expect(&["start a 0"]);
    Case::up(two()).running("a").expect(&["start b 0"]);
    Case::up(two()).running("a").running("b").expect(&[]);
}

#[test]
fn nothing_is_done_twice() {
    Case::new(two()).remember(|m| m.busy.sandbox = true).expect(&[]);
    Case::up(two())
        .remember(|m| m.busy.starting = Some("a".to_owned()))
        .expect(&[]);
    // The next container waits for the hook of the one before.
    let hook = Case::up(two())
        .running("a")
        .remember(|m| m.busy.starting = Some("a".to_owned()));
    hook.expect(&[]);
}

#[test]
fn init_containers_and_sidecars_go_first() {
    Case::up(with_init()).expect(&["start i 0"]);
    Case::up(with_init()).running("i").expect(&[]);
    Case::up(with_init()).exited("i", 0).expect(&["start side 0"]);
    Case::up(with_init())
        .exited("i", 0)
        .running("side")
        .expect(&["start j 0"]);
    Case::up(with_init())
        .exited("i", 0)
        .running("side")
        .exited("j", 0)
        .expect(&["start a 0"]);
    let complete = Case::up(with_init()).running("side").running("a");
    complete.expect(&[]);
}

#[test]
fn a_sidecar_with_a_startup_probe_holds_the_next_back() {
    let spec = json!({
        "initContainers": [{ "name": "side", "restartPolicy": "Always", "startupProbe": { "exec": {} } }],
        "containers": [{ "name": "a" }],
    });
    Case::up(spec.clone()).running("side").expect(&[]);
    let verdict = |verdict| Health {
        startup: Some(verdict),
        ..Health::default()
    };
    let started = Case::up(spec.clone()).running("side");
    started
        .remember(|m| m.health.insert("side0".to_owned(), verdict(Verdict::Success)))
        .expect(&["start a 0"]);
    let failed = Case::up(spec).running("side");
    failed
        .remember(|m| m.health.insert("side0".to_owned(), verdict(Verdict::Failure)))
        .expect(&["stop side0 StartupFailed"]);
}

#[test]
fn a_failed_init_container_is_tried_again_or_ends_the_pod() {
    Case::up(with_init()).exited("i", 1).expect(&["start i 1"]);
    let mut never = with_init();
    never["restartPolicy"] = json!("Never");
    let failed = Case::up(never.clone()).exited("i", 1);
    failed.expect(&["stop sandbox s1"]);
    assert_eq!(
        Progress::of(&failed.pod, &failed.observed, &failed.memory),
        Progress::Done { succeeded: false }
    );
    // With the sidecar still there, it goes first.
    Case::up(never)
        .exited("i", 0)
        .running("side")
        .exited("j", 1)
        .expect(&["stop side0 PodStops"]);
}

#[test]
fn restarts_follow_the_policy() {
    Case::up(with_policy("Always"))
        .exited("a", 0)
        .running("b")
        .expect(&["start a 1"]);
    Case::up(with_policy("OnFailure"))
        .exited("a", 0)
        .running("b")
        .expect(&[]);
    Case::up(with_policy("OnFailure"))
        .exited("a", 1)
        .running("b")
        .expect(&["start a 1"]);
    Case::up(with_policy("Never"))
        .exited("a", 1)
        .running("b")
        .expect(&[]);
    Case::up(with_policy("Never"))
        .exited("a", 1)
        .exited("b", 0)
        .expect(&["stop sandbox s1"]);
}

#[test]
fn restarts_wait_longer_and_longer_and_say_so() {
    let entry = Backoff::advance(None, SLOW, at(500), at(500));
    let mut crashed = Case::up(two())
        .exited_at("a", 1, 995)
        .running("b")
        .remember(|m| m.restarts.insert("a".to_owned(), entry));
    let plan = crashed.plan();
    assert_eq!(plan.actions, []);
    assert_eq!(plan.wake_at, Some(at(1005)));
    assert_eq!(plan.waiting["a"].reason, "CrashLoopBackOff");
    assert_eq!(
        plan.waiting["a"].message,
        "back-off 10s restarting failed container=a pod=web_default(u1)"
    );
    crashed.now = 1005;
    crashed.expect(&["start a 1"]);
    // While it starts, it does not wait any more.
    crashed.memory.busy.starting = Some("a".to_owned());
    crashed.now = 1001;
    assert!(crashed.plan().waiting.is_empty());
}

#[test]
fn a_container_that_cannot_start_does_not_keep_the_next_one() {
    let failure = StartFailure {
        reason: "ErrImagePull".to_owned(),
        message: String::new(),
        waiting: None,
        at: at(990),
        retry_at: at(1010),
        backoff: Backoff::advance(None, SLOW, at(990), at(990)),
    };
    let mut case = Case::up(two()).remember(|m| m.failures.insert("a".to_owned(), failure));
    case.expect(&["start b 0"]);
    assert_eq!(case.plan().wake_at, Some(at(1010)));
    case.now = 1010;
    case.expect(&["start a 0"]);
}

#[test]
fn a_lost_sandbox_is_replaced_after_its_network_is_gone() {
    let lost = Case::new(two()).sandbox("s1", 0, false).exited("a", 137);
    lost.expect(&["stop sandbox s1"]);
    let stopped = lost.remember(|m| m.stopped_sandboxes.insert("s1".to_owned()));
    stopped.expect(&["sandbox 1"]);
    // Init containers run again in the new one; main containers count on.
    let init = Case::new(with_init())
        .sandbox("s1", 0, false)
        .exited("i", 0)
        .exited("a", 137);
    init.sandbox("s2", 1, true).expect(&["start i 1"]);
    let main = Case::new(two())
        .sandbox("s1", 0, false)
        .exited("a", 137)
        .exited("b", 137);
    main.sandbox("s2", 1, true).expect(&["start a 1"]);
}

#[test]
fn unhealthy_and_changed_containers_are_stopped_once() {
    let unhealthy = Case::up(two()).running("a").running("b").remember(|m| {
        let health = Health {
            liveness: Some(Verdict::Failure),
            ..Health::default()
        };
        m.health.insert("a0".to_owned(), health);
    });
    unhealthy.expect(&["stop a0 LivenessFailed"]);
    unhealthy
        .remember(|m| m.busy.stopping.insert("a0".to_owned(), at(1030)))
        .expect(&[]);
    let mut changed = Case::up(two()).running("a").running("b");
    changed
        .observed
        .containers
        .iter_mut()
        .for_each(|c| c.hash = "other".to_owned());
    changed.expect(&["stop a0 Changed", "stop b0 Changed"]);
}

#[test]
fn ended_runs_are_removed_but_for_one() {
    let many = Case::up(two())
        .exited("a", 1)
        .exited("a", 1)
        .exited("a", 1)
        .running("a")
        .running("b");
    many.expect(&["remove a1", "remove a0"]);
}

#[test]
fn what_was_made_but_never_started_is_made_again() {
    let made = Case::up(two()).instance("a", InstanceState::Created).running("b");
    made.expect(&["remove a0"]);
}

#[test]
fn ephemeral_containers_start_once() {
    let mut spec = two();
    spec["ephemeralContainers"] = json!([{ "name": "debug" }]);
    Case::up(spec.clone())
        .running("a")
        .running("b")
        .expect(&["start debug 0"]);
    Case::up(spec)
        .running("a")
        .running("b")
        .exited("debug", 1)
        .expect(&[]);
}

#[test]
fn stopping_ends_mains_together_and_sidecars_last() {
    Case::up(two())
        .running("a")
        .running("b")
        .stopping(1030)
        .expect(&["stop a0 PodStops", "stop b0 PodStops"]);
    let sidecar = Case::up(with_init()).running("side").running("a").stopping(1030);
    sidecar.expect(&["stop a0 PodStops"]);
    let alone = Case::up(with_init())
        .running("side")
        .exited("a", 0)
        .stopping(1030);
    alone.expect(&["stop side0 PodStops"]);
    let gone = Case::up(with_init())
        .exited("side", 0)
        .exited("a", 0)
        .stopping(1030);
    gone.expect(&["stop sandbox s1"]);
    let over = Case::new(two()).stopping(1030);
    assert!(over.plan().over);
    Case::up(two())
        .remember(|m| m.busy.starting = Some("a".to_owned()))
        .stopping(1030)
        .expect(&["cancel a"]);
}

#[test]
fn a_shorter_grace_period_stops_again() {
    let stopping = |deadline| {
        Case::up(two())
            .running("a")
            .remember(|m| m.busy.stopping.insert("a0".to_owned(), at(1030)))
            .stopping(deadline)
    };
    stopping(1030).expect(&[]);
    stopping(1001).expect(&["stop a0 PodStops"]);
}

#[test]
fn a_probe_may_shorten_the_grace_period() {
    let spec = json!({
        "containers": [{ "name": "a", "livenessProbe": { "exec": {}, "terminationGracePeriodSeconds": 5 } }],
        "terminationGracePeriodSeconds": 60,
    });
    let unhealthy = Case::up(spec).running("a").remember(|m| {
        let health = Health {
            liveness: Some(Verdict::Failure),
            ..Health::default()
        };
        m.health.insert("a0".to_owned(), health);
    });
    let plan = unhealthy.plan();
    let Some(Action::StopContainer { deadline, .. }) = plan.actions.first() else {
        panic!("{plan:?}")
    };
    assert_eq!(*deadline, later(at(1000), Duration::from_secs(5)));
}

/// Two containers that run with what they were made with, in a pod that is granted other amounts now.
fn resized(has: [Value; 2], wants: [Value; 2], policy: &str) -> Case {
    let spec = |[a, b]: [Value; 2]| {
        let container = |name: &str, cpu: Value| {
            json!({ "name": name, "resources": { "limits": { "cpu": cpu } },
                "resizePolicy": [{ "resourceName": "cpu", "restartPolicy": policy }] })
        };
        json!({ "containers": [container("a", a), container("b", b)], "restartPolicy": "OnFailure" })
    };
    let before = Case::new(spec(has));
    let made_with = before.pod.members().iter().map(|member| {
        let given = crate::resize::Given::to(&before.pod, member);
        (member.name().to_owned(), given)
    });
    let made_with = made_with.collect();
    Case::up(spec(wants))
        .running("a")
        .running("b")
        .remember(|memory| memory.made_with = made_with)
}

#[test]
fn containers_are_given_what_they_are_granted() {
    let (less, more) = (json!("1"), json!("2"));
    let both = |a: &Value, b: &Value| [a.clone(), b.clone()];
    resized(both(&less, &less), both(&less, &less), "NotRequired").expect(&[]);
    resized(both(&less, &less), both(&less, &more), "NotRequired").expect(&["resize b0"]);
    resized(both(&less, &more), both(&more, &less), "NotRequired").expect(&["resize b0 a0"]);
    let busy = resized(both(&less, &less), both(&less, &more), "NotRequired")
        .remember(|memory| memory.busy.resizing = true);
    busy.expect(&[]);
    assert!(busy.plan().resizing);
    resized(both(&less, &less), both(&less, &more), "RestartContainer").expect(&["stop b0 Resized"]);
}

#[test]
fn what_was_stopped_for_that_starts_again_whatever_the_policy() {
    let spec = json!({ "containers": [{ "name": "a" }], "restartPolicy": "OnFailure" });
    Case::up(spec.clone())
        .exited_at("a", 0, 10)
        .remember(|memory| memory.stopped.insert("a0".to_owned(), StopReason::Resized))
        .expect(&["start a 1"]);
    Case::up(spec).exited_at("a", 0, 10).expect(&["stop sandbox s1"]);
}
