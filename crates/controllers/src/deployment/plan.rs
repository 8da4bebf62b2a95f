//! The next step of a deployment. A pass takes one step; what comes of it brings the next pass.

use std::sync::Arc;
use std::time::Duration;

use client::k8s_openapi::api::apps::v1::{Deployment, DeploymentStatus, ReplicaSet};
use jiff::Timestamp;

use super::conditions::{self as c, condition};
use super::{revision, sets, sizes, status};

/// Old sets kept if the deployment does not say.
const DEFAULT_HISTORY: i32 = 10;

/// What is there.
pub(super) struct Observed<'a> {
    pub(super) deployment: &'a Deployment,
    /// All sets the deployment controls.
    pub(super) sets: &'a [Arc<ReplicaSet>],
    /// Whether pods of sets other than the given one still run.
    pub(super) running_old_pods: &'a dyn Fn(Option<&ReplicaSet>) -> bool,
}

/// One write.
#[derive(Debug)]
pub(super) enum Action {
    /// Make a set.
    Create(Box<ReplicaSet>),
    /// Write a set; `scaled_from` is its size before, if that changes.
    Update {
        set: Box<ReplicaSet>,
        scaled_from: Option<i32>,
    },
    /// Remove an old set.
    Delete { name: String, uid: String },
    /// Note the revision on the deployment.
    SetRevision(String),
}

/// What to do now.
#[derive(Debug, Default)]
pub(super) struct Plan {
    pub(super) actions: Vec<Action>,
    /// The status, if it differs.
    pub(super) status: Option<DeploymentStatus>,
    /// When to look again though nothing changed.
    pub(super) again_after: Option<Duration>,
}

/// Decides the next step.
pub(super) fn make(observed: &Observed<'_>, now: Timestamp) -> Plan {
    let deployment = observed.deployment;
    let (new, old) = sets::new_and_old(deployment, observed.sets);
    let mut rollout = Rollout {
        deployment,
        new,
        old,
        actions: Vec::new(),
        created: None,
    };
    if deployment.metadata.deletion_timestamp.is_none() {
        rollout.step(observed);
    }
    rollout.finish(observed.sets, now)
}

struct Rollout<'a> {
    deployment: &'a Deployment,
    new: Option<Arc<ReplicaSet>>,
    old: Vec<Arc<ReplicaSet>>,
    actions: Vec<Action>,
    /// The name of the set that is made in this step.
    created: Option<String>,
}

impl Rollout<'_> {
    fn is_paused(&self) -> bool {
        self.deployment
            .spec
            .as_ref()
            .and_then(|spec| spec.paused)
            .unwrap_or(false)
    }

    fn step(&mut self, observed: &Observed<'_>) {
        self.note_revision();
        if self.is_paused() || self.was_scaled() {
            self.scale_all();
            if self.is_paused() {
                self.remove_old();
            }
        } else if sizes::is_rolling(self.deployment) {
            self.roll();
        } else {
            self.recreate(observed);
        }
    }

    fn active(&self) -> Vec<Arc<ReplicaSet>> {
        self.old
            .iter()
            .chain(&self.new)
            .filter(|set| sizes::wanted(set) > 0)
            .cloned()
            .collect()
    }

    /// The newest set and the deployment carry the newest revision.
    fn note_revision(&mut self) {
        let Some(new) = &self.new else { return };
        let number = revision::next(&self.old);
        let mut noted = ReplicaSet::clone(new);
        revision::note_newest(&mut noted, self.deployment, number);
        let min_ready = self
            .deployment
            .spec
            .as_ref()
            .and_then(|spec| spec.min_ready_seconds);
        noted.spec.get_or_insert_default().min_ready_seconds = min_ready;
        let revision_now = revision::revision(&noted.metadata);
        if noted != **new {
            self.new = Some(Arc::new(noted.clone()));
            self.actions.push(Action::Update {
                set: Box::new(noted),
                scaled_from: None,
            });
        }
        if revision::revision(&self.deployment.metadata) != revision_now {
            self.actions.push(Action::SetRevision(revision_now.to_string()));
        }
    }

    /// Whether the wish changed since the sets were last scaled.
    fn was_scaled(&self) -> bool {
        let desired = sizes::desired(self.deployment);
        self.active()
            .iter()
            .filter_map(|set| revision::noted_size(set, revision::DESIRED))
            .any(|noted| noted != desired)
    }

    fn scale(&mut self, set: &ReplicaSet, to: i32) {
        let from = sizes::wanted(set);
        let mut scaled = set.clone();
        scaled.spec.get_or_insert_default().replicas = Some(to);
        revision::note_sizes(&mut scaled, self.deployment);
        if scaled == *set {
            return;
        }
        // A set may be written once in a step; the later write holds what the earlier one was to bring.
        self.actions.retain(|action| match action {
            Action::Update { set: written, .. } => written.metadata.name != scaled.metadata.name,
            _ => true,
        });
        let scaled_from = (from != to).then_some(from);
        self.actions.push(Action::Update {
            set: Box::new(scaled),
            scaled_from,
        });
    }

    /// Brings the wish to the sets there are: to the one that matters, or to each its share.
    fn scale_all(&mut self) {
        let desired = sizes::desired(self.deployment);
        let active = self.active();
        let only = match active.as_slice() {
            [] => self.new.clone(),
            [only] => Some(only.clone()),
            _ => None,
        };
        if let Some(only) = only {
            return self.scale(&only, desired);
        }
        let saturated = self.new.as_ref().is_some_and(|new| self.is_saturated(new));
        if saturated {
            for set in self.old.clone() {
                if sizes::wanted(&set) > 0 {
                    self.scale(&set, 0);
                }
            }
        } else if sizes::is_rolling(self.deployment) {
            for (set, size) in sizes::proportional(self.deployment, &active) {
                self.scale(&set, size);
            }
        }
    }

    fn is_saturated(&self, set: &ReplicaSet) -> bool {
        let desired = sizes::desired(self.deployment);
        sizes::wanted(set) == desired
            && revision::noted_size(set, revision::DESIRED) == Some(desired)
            && sizes::available(set) == desired
    }

    fn create_new(&mut self, size: i32) {
        let number = revision::next(&self.old);
        let set = sets::make(self.deployment, size, number);
        self.created = set.metadata.name.clone();
        self.actions.push(Action::Create(Box::new(set)));
        if revision::revision(&self.deployment.metadata) != number {
            self.actions.push(Action::SetRevision(number.to_string()));
        }
    }

    fn roll(&mut self) {
        let old_wanted = sizes::sum(&self.old, sizes::wanted);
        let Some(new) = self.new.clone() else {
            return self.create_new(sizes::size_of_new(self.deployment, old_wanted, 0));
        };
        let desired = sizes::desired(self.deployment);
        let wanted = sizes::wanted(&new);
        if wanted != desired {
            let size = if wanted > desired {
                desired
            } else {
                sizes::size_of_new(self.deployment, old_wanted + wanted, wanted)
            };
            if size != wanted {
                return self.scale(&new, size);
            }
        }
        let shrunk = sizes::shrink_old(self.deployment, &new, &self.old);
        if shrunk.is_empty() {
            return self.remove_old();
        }
        for (set, size) in shrunk {
            self.scale(&set, size);
        }
    }

    fn recreate(&mut self, observed: &Observed<'_>) {
        let active_old: Vec<_> = self
            .old
            .iter()
            .filter(|set| sizes::wanted(set) > 0)
            .cloned()
            .collect();
        if !active_old.is_empty() {
            for set in active_old {
                self.scale(&set, 0);
            }
            return;
        }
        if (observed.running_old_pods)(self.new.as_deref()) {
            return;
        }
        let desired = sizes::desired(self.deployment);
        match self.new.clone() {
            None => self.create_new(desired),
            Some(new) if sizes::wanted(&new) != desired => self.scale(&new, desired),
            Some(_) => self.remove_old(),
        }
    }

    /// Once the rollout is complete, or paused, only so many old sets are kept.
    fn remove_old(&mut self) {
        let done = self
            .deployment
            .status
            .as_ref()
            .is_some_and(|s| status::is_complete(self.deployment, s));
        if !done && !self.is_paused() {
            return;
        }
        let limit = self
            .deployment
            .spec
            .as_ref()
            .and_then(|spec| spec.revision_history_limit);
        let keep = limit.unwrap_or(DEFAULT_HISTORY).max(0) as usize;
        let mut empty: Vec<_> = self
            .old
            .iter()
            .filter(|set| set.metadata.deletion_timestamp.is_none())
            .collect();
        empty.sort_by_key(|set| revision::revision(&set.metadata));
        let surplus = empty.len().saturating_sub(keep);
        for set in empty.into_iter().take(surplus) {
            let in_use = sizes::wanted(set) != 0 || set.status.as_ref().is_some_and(|s| s.replicas != 0);
            if !in_use {
                self.actions.push(Action::Delete {
                    name: set.metadata.name.clone().unwrap_or_default(),
                    uid: set.metadata.uid.clone().unwrap_or_default(),
                });
            }
        }
    }

    fn finish(self, all: &[Arc<ReplicaSet>], now: Timestamp) -> Plan {
        let new = self.new.as_deref();
        let mut next = status::counted(self.deployment, all, new, now);
        let again_after = if self.is_paused() {
            None
        } else {
            status::add_progress(self.deployment, new, all, &mut next, now)
        };
        let conditions = next.conditions.get_or_insert_default();
        self.note_pause(conditions, now);
        self.note_new_set(conditions, now);
        let changed = self.deployment.status.as_ref() != Some(&next);
        Plan {
            actions: self.actions,
            status: changed.then_some(next),
            again_after,
        }
    }

    fn has_deadline(&self) -> bool {
        self.deployment
            .spec
            .as_ref()
            .and_then(|spec| spec.progress_deadline_seconds)
            .is_some()
    }

    fn note_pause(
        &self,
        conditions: &mut Vec<client::k8s_openapi::api::apps::v1::DeploymentCondition>,
        now: Timestamp,
    ) {
        let was_paused = c::reason(c::find(conditions, c::PROGRESSING)) == c::PAUSED;
        if !self.has_deadline() || c::reason(c::find(conditions, c::PROGRESSING)) == c::DEADLINE_EXCEEDED {
            return;
        }
        match (self.is_paused(), was_paused) {
            (true, false) => c::set(
                conditions,
                condition(c::PROGRESSING, "Unknown", c::PAUSED, "Deployment is paused", now),
            ),
            (false, true) => c::set(
                conditions,
                condition(
                    c::PROGRESSING,
                    "Unknown",
                    c::RESUMED,
                    "Deployment is resumed",
                    now,
                ),
            ),
            _ => {}
        }
    }

    fn note_new_set(
        &self,
        conditions: &mut Vec<client::k8s_openapi::api::apps::v1::DeploymentCondition>,
        now: Timestamp,
    ) {
        if !self.has_deadline() || self.is_paused() {
            return;
        }
        if let Some(name) = &self.created {
            let message = format!("Created new replica set {name:?}");
            c::set(
                conditions,
                condition(c::PROGRESSING, "True", "NewReplicaSetCreated", message, now),
            );
        } else if let (Some(new), None) = (&self.new, c::find(conditions, c::PROGRESSING)) {
            let message = format!(
                "Found new replica set {:?}",
                new.metadata.name.as_deref().unwrap_or("")
            );
            c::set(
                conditions,
                condition(c::PROGRESSING, "True", "FoundNewReplicaSet", message, now),
            );
        }
    }
}

#[cfg(test)]
mod tests;
