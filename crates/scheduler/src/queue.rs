//! Pods that wait for a node: ready to be tried, backing off, or set aside until something changes that may help.

use std::cmp::{Ordering, Reverse};
use std::collections::{BinaryHeap, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use client::lean::Pod;

use crate::framework::ClusterChange;
use crate::pod::PodInfo;

/// The wait after the first failure; it doubles with each further one.
const FIRST_BACKOFF: Duration = Duration::from_secs(1);
/// The longest wait.
const LONGEST_BACKOFF: Duration = Duration::from_secs(10);
/// After this long aside a pod is tried again, whatever did not happen.
const LONGEST_ASIDE: Duration = Duration::from_secs(300);

/// Pods that wait, each in one of the places below.
#[derive(Default)]
pub(crate) struct Queue {
    waiting: HashMap<String, Waiting>,
    ready: BinaryHeap<Ready>,
    /// When pods that back off may be tried again. Entries of pods that moved on meanwhile are passed over.
    due: BinaryHeap<Reverse<(Instant, String)>>,
    /// The pod being tried, and what changed since it was taken.
    in_cycle: Option<String>,
    changes_in_cycle: Vec<ClusterChange>,
}

struct Waiting {
    pod: Arc<Pod>,
    place: Place,
    attempts: u32,
    since: Instant,
    /// The plugins that ruled nodes out at the last try.
    plugins: Vec<&'static str>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// Its gates are still closed (KEP-3521).
    Gated,
    Ready,
    Cycle,
    /// Until that time.
    BackingOff(Instant),
    /// Until something changes, or that time.
    Aside(Instant),
}

/// The order in which pods are tried: the most important first, then who waited longest.
#[derive(PartialEq, Eq)]
struct Ready {
    priority: i32,
    since: Reverse<Instant>,
    uid: String,
}

impl Ord for Ready {
    fn cmp(&self, other: &Self) -> Ordering {
        self.priority
            .cmp(&other.priority)
            .then_with(|| self.since.cmp(&other.since))
    }
}

impl PartialOrd for Ready {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// A pod taken for a cycle.
pub(crate) struct Taken {
    pub(crate) pod: Arc<PodInfo>,
}

fn uid(pod: &Pod) -> String {
    pod.metadata.uid.clone().unwrap_or_default()
}

fn is_gated(pod: &Pod) -> bool {
    pod.spec
        .as_ref()
        .and_then(|spec| spec.scheduling_gates.as_ref())
        .is_some_and(|gates| !gates.is_empty())
}

fn backoff(attempts: u32) -> Duration {
    FIRST_BACKOFF
        .saturating_mul(1 << attempts.saturating_sub(1).min(8))
        .min(LONGEST_BACKOFF)
}

impl Queue {
    /// A pod without a node came or changed.
    pub(crate) fn put(&mut self, pod: Arc<Pod>, now: Instant) {
        let uid = uid(&pod);
        let Some(known) = self.waiting.get_mut(&uid) else {
            let place = if is_gated(&pod) {
                Place::Gated
            } else {
                Place::Ready
            };
            let waiting = Waiting {
                pod,
                place,
                attempts: 0,
                since: now,
                plugins: Vec::new(),
            };
            self.waiting.insert(uid.clone(), waiting);
            if place == Place::Ready {
                self.make_ready(&uid);
            }
            return;
        };
        let spec_changed = known.pod.spec != pod.spec || known.pod.metadata.labels != pod.metadata.labels;
        known.pod = pod;
        let gated = is_gated(&known.pod);
        match known.place {
            Place::Gated if !gated => self.make_ready(&uid),
            Place::Aside(_) if spec_changed => self.make_ready(&uid),
            Place::Cycle if spec_changed => self.changes_in_cycle.push(ClusterChange::PodItself),
            _ => {}
        }
    }

    /// A pod is gone, or has a node.
    pub(crate) fn remove(&mut self, uid: &str) {
        self.waiting.remove(uid);
    }

    fn make_ready(&mut self, uid: &str) {
        let Some(waiting) = self.waiting.get_mut(uid) else {
            return;
        };
        waiting.place = Place::Ready;
        let priority = waiting
            .pod
            .spec
            .as_ref()
            .and_then(|spec| spec.priority)
            .unwrap_or(0);
        self.ready.push(Ready {
            priority,
            since: Reverse(waiting.since),
            uid: uid.to_owned(),
        });
    }

    /// The next pod to try, if one is ready.
    pub(crate) fn take(&mut self, now: Instant) -> Option<Taken> {
        self.promote(now);
        while let Some(next) = self.ready.pop() {
            let Some(waiting) = self
                .waiting
                .get_mut(&next.uid)
                .filter(|w| w.place == Place::Ready)
            else {
                continue;
            };
            waiting.place = Place::Cycle;
            waiting.attempts += 1;
            self.in_cycle = Some(next.uid);
            self.changes_in_cycle.clear();
            return Some(Taken {
                pod: Arc::new(PodInfo::new(waiting.pod.clone())),
            });
        }
        None
    }

    /// When the next pod that backs off is due.
    pub(crate) fn next_due(&self) -> Option<Instant> {
        self.due.peek().map(|Reverse((at, _))| *at)
    }

    fn promote(&mut self, now: Instant) {
        while self.due.peek().is_some_and(|Reverse((at, _))| *at <= now) {
            let Some(Reverse((at, uid))) = self.due.pop() else {
                return;
            };
            let place = self.waiting.get(&uid).map(|waiting| waiting.place);
            if place == Some(Place::BackingOff(at)) || place == Some(Place::Aside(at)) {
                self.make_ready(&uid);
            }
        }
    }

    /// No node fits; the plugins are those that ruled nodes out. `helps` says whether a change helps a plugin.
    pub(crate) fn set_aside(
        &mut self,
        uid: &str,
        plugins: Vec<&'static str>,
        helps: impl Fn(&str, ClusterChange) -> bool,
        now: Instant,
    ) {
        self.in_cycle = None;
        let changes = std::mem::take(&mut self.changes_in_cycle);
        let Some(waiting) = self.waiting.get_mut(uid) else {
            return;
        };
        let helped = changes
            .iter()
            .any(|change| plugins.iter().any(|plugin| helps(plugin, *change)));
        waiting.plugins = plugins;
        if helped {
            return self.back_off(uid, now);
        }
        let until = now + LONGEST_ASIDE;
        waiting.place = Place::Aside(until);
        self.due.push(Reverse((until, uid.to_owned())));
    }

    /// The try failed for reasons that have nothing to do with nodes; it is made again after a while.
    pub(crate) fn back_off(&mut self, uid: &str, now: Instant) {
        self.in_cycle = None;
        let Some(waiting) = self.waiting.get_mut(uid) else {
            return;
        };
        let until = now + backoff(waiting.attempts);
        waiting.place = Place::BackingOff(until);
        self.due.push(Reverse((until, uid.to_owned())));
    }

    /// Something changed: pods that were set aside by a plugin that it helps are tried again, after their back-off.
    pub(crate) fn changed(
        &mut self,
        change: ClusterChange,
        helps: impl Fn(&str, ClusterChange) -> bool,
        now: Instant,
    ) {
        if self.in_cycle.is_some() {
            self.changes_in_cycle.push(change);
        }
        let helped: Vec<String> = self
            .waiting
            .iter()
            .filter(|(_, w)| matches!(w.place, Place::Aside(_)))
            .filter(|(_, w)| w.plugins.is_empty() || w.plugins.iter().any(|plugin| helps(plugin, change)))
            .map(|(uid, _)| uid.clone())
            .collect();
        for uid in helped {
            self.wake(&uid, now);
        }
    }

    /// A pod set aside is ready once the back-off since it was set aside is over.
    fn wake(&mut self, uid: &str, now: Instant) {
        let Some(waiting) = self.waiting.get_mut(uid) else {
            return;
        };
        let Place::Aside(until) = waiting.place else {
            return;
        };
        let may_from = until - LONGEST_ASIDE + backoff(waiting.attempts);
        if may_from <= now {
            return self.make_ready(uid);
        }
        waiting.place = Place::BackingOff(may_from);
        self.due.push(Reverse((may_from, uid.to_owned())));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plugins::testing::{pod, prioritised};

    fn all(_: &str, _: ClusterChange) -> bool {
        true
    }

    fn put(queue: &mut Queue, name: &str, priority: i32, now: Instant) {
        queue.put(Arc::new(prioritised(pod(name, "0"), priority)), now);
    }

    fn take(queue: &mut Queue, now: Instant) -> Option<String> {
        queue.take(now).map(|taken| taken.pod.name().to_owned())
    }

    #[test]
    fn the_most_important_come_first_then_the_oldest() {
        let (mut queue, now) = (Queue::default(), Instant::now());
        put(&mut queue, "old", 0, now);
        put(&mut queue, "young", 0, now + Duration::from_secs(1));
        put(&mut queue, "vip", 9, now + Duration::from_secs(2));
        for expected in ["vip", "old", "young"] {
            assert_eq!(take(&mut queue, now).as_deref(), Some(expected));
        }
    }

    #[test]
    fn a_pod_set_aside_waits_for_a_change_and_its_back_off() {
        let (mut queue, now) = (Queue::default(), Instant::now());
        put(&mut queue, "a", 0, now);
        take(&mut queue, now);
        queue.set_aside("a", vec!["NodeResourcesFit"], all, now);
        assert_eq!(take(&mut queue, now + Duration::from_secs(60)), None);
        queue.changed(
            ClusterChange::PodGone,
            |_, _| false,
            now + Duration::from_secs(60),
        );
        assert_eq!(take(&mut queue, now + Duration::from_secs(60)), None);
        queue.changed(ClusterChange::PodGone, all, now + Duration::from_secs(60));
        assert_eq!(
            take(&mut queue, now + Duration::from_secs(60)).as_deref(),
            Some("a")
        );
    }

    #[test]
    fn a_change_during_the_cycle_is_not_missed() {
        let (mut queue, now) = (Queue::default(), Instant::now());
        put(&mut queue, "a", 0, now);
        take(&mut queue, now);
        queue.changed(ClusterChange::NodeAdded, all, now);
        queue.set_aside("a", vec!["NodeResourcesFit"], all, now);
        assert_eq!(take(&mut queue, now), None);
        assert_eq!(take(&mut queue, now + FIRST_BACKOFF).as_deref(), Some("a"));
    }

    #[test]
    fn no_pod_waits_aside_for_ever() {
        let (mut queue, now) = (Queue::default(), Instant::now());
        put(&mut queue, "a", 0, now);
        take(&mut queue, now);
        queue.set_aside("a", vec!["NodeAffinity"], all, now);
        assert_eq!(queue.next_due(), Some(now + LONGEST_ASIDE));
        assert_eq!(take(&mut queue, now + LONGEST_ASIDE).as_deref(), Some("a"));
    }

    #[test]
    fn gated_pods_wait_for_their_gates() {
        let (mut queue, now) = (Queue::default(), Instant::now());
        let mut gated = pod("a", "0");
        gated.spec.get_or_insert_default().scheduling_gates =
            Some(vec![client::k8s_openapi::api::core::v1::PodSchedulingGate {
                name: "g".into(),
            }]);
        queue.put(Arc::new(gated), now);
        assert_eq!(take(&mut queue, now), None);
        put(&mut queue, "a", 0, now);
        assert_eq!(take(&mut queue, now).as_deref(), Some("a"));
    }

    #[test]
    fn back_off_doubles_up_to_ten_seconds() {
        assert_eq!(backoff(1), Duration::from_secs(1));
        assert_eq!(backoff(3), Duration::from_secs(4));
        assert_eq!(backoff(30), LONGEST_BACKOFF);
    }
}
