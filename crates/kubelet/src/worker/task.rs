//! The worker of one pod: looks, plans, acts, tells, until nothing of the pod is left.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::PodStatus;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::adopt;
use super::done::Done;
use super::execute::until;
use super::handle::{Handle, Wish};
use super::intent::{Ended, IntentInput, active_until, deadline_exceeded, intent};
use super::observe::Observer;
use super::tools::Tools;
use crate::plan::{Input, Instance, Intent, Memory, Observed, Plan, later, plan};
use crate::pod::{Member, PodToRun};
use crate::resize::{Given, Resizing};
use crate::status::{self, StatusInput, is_own_condition};
use crate::volumes::MountedVolumes;

/// The pause before the runtime is asked again, after it did not answer.
const LOOK_RETRY: Duration = Duration::from_secs(1);
/// The first and the longest pause before it is asked again, because something that has ended still seems to run.
const FIRST_SECOND_LOOK: Duration = Duration::from_millis(20);
const LONGEST_SECOND_LOOK: Duration = Duration::from_secs(2);

/// How far a pod's end has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// It runs, or is about to end.
    Alive,
    /// Nothing of it runs; its volumes are taken down.
    Releasing,
    /// Only what can be looked at is left: logs and ended containers.
    Released,
    /// That is removed too.
    Clearing,
    /// Nothing is left.
    Gone,
}

pub struct Task {
    pub tools: Arc<Tools>,
    pub handle: Arc<Handle>,
    wishes: watch::Receiver<Wish>,
    pub wish: Wish,
    pub pod: Arc<PodToRun>,
    pub memory: Memory,
    observer: Observer,
    /// None before the runtime was asked once.
    pub observed: Option<Observed>,
    pub status: PodStatus,
    pub volumes: Option<Arc<MountedVolumes>>,
    pub stage: Stage,
    /// By when the pod is to be gone, once it is to stop.
    pub stop_at: Option<Timestamp>,
    pub work: JoinSet<Done>,
    /// Gives up the container that is being started.
    pub starting: Option<CancellationToken>,
    /// Instances that are probed and whose logs are looked after.
    pub followed: BTreeSet<String>,
    /// What was told of containers that wait, by name: told once each time.
    pub told: BTreeMap<String, String>,
    /// It was over when this worker came to it: what an earlier one said of it stays.
    was_over: bool,
    second_look: Duration,
    /// When the runtime is to be asked again.
    look_at: Option<Timestamp>,
}

impl Task {
    pub fn new(tools: Arc<Tools>, handle: Arc<Handle>) -> Self {
        let mut wishes = handle.wish.subscribe();
        let wish = wishes.borrow_and_update().clone();
        let pod = wish.pod.clone();
        let status = pod.object().status.clone().unwrap_or_default();
        adopt::seed_health(&handle, &status);
        Self {
            memory: Memory {
                restart_floor: adopt::restart_floor(&status),
                given: Given::told(&pod, &status).into_iter().collect(),
                resizing: Resizing {
                    deferred: wish.deferred.as_ref().map(|deferred| deferred.why.clone()),
                    ..Resizing::default()
                },
                ..Memory::default()
            },
            tools,
            handle,
            wishes,
            wish,
            pod,
            observer: Observer::default(),
            observed: None,
            volumes: None,
            stage: Stage::Alive,
            stop_at: None,
            work: JoinSet::new(),
            starting: None,
            followed: BTreeSet::new(),
            told: BTreeMap::new(),
            was_over: status::is_last_phase(status.phase.as_deref()),
            second_look: FIRST_SECOND_LOOK,
            look_at: None,
            status,
        }
    }

    /// Works until nothing of the pod is left. Dropping the future leaves everything as it is: another kubelet adopts it.
    pub async fn run(mut self) {
        if self.wish.refused.is_some() {
            self.refuse();
        } else {
            self.tools.objects.follow(&self.pod);
        }
        if self.was_over {
            self.tools.publisher.publish(&self.pod, self.status.clone());
        }
        while self.stage != Stage::Gone {
            self.take_wish();
            self.look().await;
            let wake_at = self.step();
            if self.stage == Stage::Gone {
                break;
            }
            self.wait(wake_at).await;
        }
        self.forget();
    }

    /// Waits for whatever comes next: work that ends, a wish, word from the runtime or a probe, or a moment.
    async fn wait(&mut self, wake_at: Option<Timestamp>) {
        let handle = self.handle.clone();
        let moment = async {
            match wake_at {
                Some(at) => tokio::time::sleep(until(at)).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            Some(done) = self.work.join_next() => match done {
                Ok(done) => self.take(done),
                Err(error) => self.recover(&error),
            },
            // The sender lives in the handle, which this task holds.
            _ = self.wishes.changed() => {}
            () = handle.poked() => {}
            () = moment => {}
        }
    }

    fn take_wish(&mut self) {
        let wish = self.wishes.borrow_and_update().clone();
        let before = std::mem::replace(&mut self.wish, wish).pod;
        self.take_deferred();
        if Arc::ptr_eq(&before, &self.wish.pod) {
            return;
        }
        self.pod = self.wish.pod.clone();
        if self.stage == Stage::Alive && self.wish.refused.is_none() {
            self.take_grant(&before);
            self.tools.objects.follow(&self.pod);
            if adopt::volumes_change(&before, &self.pod) && self.memory.volumes_ready {
                self.mount();
            }
        }
    }

    /// Asks the runtime, if there is a reason to.
    async fn look(&mut self) {
        if self.wish.refused.is_some() {
            self.observed.get_or_insert_default();
            return;
        }
        let is_due = self.look_at.is_some_and(|at| at <= Timestamp::now());
        if !(self.handle.take_changed() || is_due) {
            return;
        }
        self.look_at = None;
        match self.observer.look(&*self.tools.runtime, self.pod.uid()).await {
            Ok(observed) => self.see(observed),
            Err(error) => {
                tracing::debug!(pod = self.pod.described(), %error, "the runtime does not answer");
                self.look_at = Some(later(Timestamp::now(), LOOK_RETRY));
            }
        }
    }

    fn see(&mut self, observed: Observed) {
        // One that is still being started, as the lists say, may have ended as well: it is awaited too.
        let has_not_ended = |id: &str| {
            observed
                .containers
                .iter()
                .any(|instance| instance.id == id && instance.exit().is_none())
                || observed
                    .sandboxes
                    .iter()
                    .any(|sandbox| sandbox.id == id && sandbox.ready)
        };
        if self.handle.await_ends(has_not_ended) {
            self.look_at = Some(later(Timestamp::now(), self.second_look));
            self.second_look = (self.second_look * 2).min(LONGEST_SECOND_LOOK);
        } else {
            self.second_look = FIRST_SECOND_LOOK;
        }
        self.memory
            .stopped_sandboxes
            .retain(|id| observed.sandboxes.iter().any(|sandbox| sandbox.id == *id));
        self.handle
            .keep_health_of(|id| observed.containers.iter().any(|instance| instance.id == id));
        self.keep_amounts_of(&observed);
        self.observed = Some(observed);
    }

    /// Plans, acts and tells; gives the moment when to do it again if nothing happens.
    fn step(&mut self) -> Option<Timestamp> {
        let now = Timestamp::now();
        let mut wake_at = Wake(self.look_at);
        self.memory.health = self.handle.health();
        if let Some(observed) = self.observed.take() {
            self.act_on(&observed, now, &mut wake_at);
            self.observed = Some(observed);
        }
        wake_at.0
    }

    fn act_on(&mut self, observed: &Observed, now: Timestamp, wake_at: &mut Wake) {
        self.check_deadline(now, wake_at);
        let intent = self.intent(now);
        if self.stage == Stage::Alive {
            let pod = self.pod.clone();
            let plan = plan(Input {
                pod: &pod,
                intent: &intent,
                observed,
                memory: &self.memory,
                now,
            });
            if let Some(at) = plan.wake_at {
                wake_at.at(at);
            }
            for action in &plan.actions {
                self.act(action.clone(), observed, now);
            }
            self.follow(observed, &intent);
            self.tell_resizing(&plan);
            self.tell_waits(observed, &plan, now, wake_at);
            self.say(observed, &plan, now, wake_at);
            if plan.over && self.work.is_empty() {
                self.release();
            }
        }
        self.go_on_ending();
    }

    fn check_deadline(&mut self, now: Timestamp, wake_at: &mut Wake) {
        let is_over = self.stage != Stage::Alive || self.ended().is_some() || self.stop_at.is_some();
        let Some(until) = active_until(&self.pod, &self.status).filter(|_| !is_over) else {
            return;
        };
        if until > now {
            wake_at.at(until);
            return;
        }
        let ended = deadline_exceeded();
        self.tools
            .voice
            .note(&self.pod, "DeadlineExceeded", ended.verdict.message.clone());
        self.wish.ended = Some(ended.clone());
        self.handle.wish.send_if_modified(|wish| {
            wish.ended.get_or_insert(ended);
            false
        });
    }

    fn ended(&self) -> Option<&Ended> {
        self.wish.ended.as_ref()
    }

    fn intent(&mut self, now: Timestamp) -> Intent {
        let intent = intent(IntentInput {
            pod: &self.pod,
            removed: self.wish.removed,
            ended: self.ended(),
            status: &self.status,
            before: self.stop_at,
            now,
        });
        if let Intent::Stop { deadline } = intent {
            self.stop_at = Some(deadline);
        }
        intent
    }

    /// Tells the status, as it is after this step.
    fn say(&mut self, observed: &Observed, plan: &Plan, now: Timestamp, wake_at: &mut Wake) {
        if self.is_stranger() || self.was_over {
            return;
        }
        let previous = self.previous();
        let mut status = status::compute(StatusInput {
            pod: &self.pod,
            previous: &previous,
            observed,
            memory: &self.memory,
            plan,
            verdict: self.ended().map(|ended| &ended.verdict),
            node: &self.tools.facts,
            now,
        });
        if let Some(name) = &self.memory.busy.starting
            && let Some(exit) = observed.last_ended(name).and_then(Instance::exit)
            && let shown_until = later(exit.finished_at, status::EXCHANGE)
            && shown_until > now
        {
            wake_at.at(shown_until);
        }
        if plan.over {
            status = status::terminated(status);
        }
        self.status = status.clone();
        self.tools.publisher.publish(&self.pod, status);
    }

    /// What was said last, with what others say now.
    fn previous(&self) -> PodStatus {
        let there = self.pod.object().status.clone().unwrap_or_default();
        let own = self
            .status
            .conditions
            .iter()
            .flatten()
            .filter(|own| is_own_condition(&own.type_));
        let others = there
            .conditions
            .iter()
            .flatten()
            .filter(|other| !is_own_condition(&other.type_));
        PodStatus {
            conditions: Some(own.chain(others).cloned().collect()),
            nominated_node_name: there.nominated_node_name.clone(),
            resource_claim_statuses: there.resource_claim_statuses.clone(),
            ..self.status.clone()
        }
    }

    /// Whether nothing is known of the pod but what the runtime has of it.
    fn is_stranger(&self) -> bool {
        self.pod.object().spec.is_none()
    }

    /// Tells that the pod is not let in.
    fn refuse(&mut self) {
        let Some(verdict) = self.wish.refused.clone() else {
            return;
        };
        self.tools
            .voice
            .warn(&self.pod, &verdict.reason, verdict.message.clone());
        self.status = adopt::refused_status(&self.pod, &self.status, &verdict);
        self.tools.publisher.publish(&self.pod, self.status.clone());
        self.stage = Stage::Released;
    }

    fn forget(&mut self) {
        for id in std::mem::take(&mut self.followed) {
            self.unfollow(&id);
        }
        let uid = self.pod.uid();
        self.tools.objects.forget(uid);
        self.tools.owners.forget(uid);
        self.tools.publisher.forget(uid);
        if let Some(mirrors) = self.tools.mirrors.as_ref().filter(|_| self.pod.is_static()) {
            mirrors.gone(self.pod.object());
        }
    }

    pub fn unfollow(&self, instance_id: &str) {
        self.tools.probes.forget(instance_id);
        self.tools.logs.forget(instance_id);
    }

    pub fn member(&self, name: &str) -> Option<Member> {
        self.pod.member(name).cloned()
    }
}

/// The earliest of several moments.
pub struct Wake(pub Option<Timestamp>);

impl Wake {
    pub fn at(&mut self, at: Timestamp) {
        self.0 = Some(self.0.map_or(at, |earlier| earlier.min(at)));
    }
}
