//! What is to be done next, in order of the pods' numbers.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use client::k8s_openapi::api::apps::v1::{RollingUpdateStatefulSetStrategy, StatefulSet, StatefulSetStatus};
use client::k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use client::lean::Pod;
use jiff::Timestamp;
use meta::int_or_string::Rounding;

use super::identity::{matches, ordinal, revision_of, start};
use super::status;
use crate::pod;

/// What is looked at.
pub(super) struct Observed<'a> {
    pub(super) set: &'a StatefulSet,
    /// The names of the revision that pods had and of the one they are to have.
    pub(super) current: &'a str,
    pub(super) update: &'a str,
    pub(super) pods: &'a [Arc<Pod>],
    pub(super) now: Timestamp,
}

/// A step.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Action {
    Create {
        ordinal: i32,
        /// From the current revision, not the one that is to be.
        of_current: bool,
    },
    Delete(Arc<Pod>),
    /// A pod that has ended goes, so that it can be made anew.
    Replace(Arc<Pod>),
    /// A pod lacks what makes it what it is.
    Restore(Arc<Pod>),
}

/// Steps, and the status.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) actions: Vec<Action>,
    pub(super) status: StatefulSetStatus,
    /// When the next pod will have been ready for long enough.
    pub(super) again_after: Option<Duration>,
}

impl Observed<'_> {
    pub(super) fn replicas(&self) -> i32 {
        self.set
            .spec
            .as_ref()
            .and_then(|spec| spec.replicas)
            .unwrap_or(1)
            .max(0)
    }

    pub(super) fn min_ready(&self) -> Duration {
        let seconds = self.set.spec.as_ref().and_then(|spec| spec.min_ready_seconds);
        Duration::from_secs(u64::try_from(seconds.unwrap_or(0)).unwrap_or(0))
    }

    pub(super) fn is_available(&self, pod: &Pod) -> bool {
        pod::phase(pod) == "Running" && pod::is_available(pod, self.min_ready(), self.now)
    }

    /// The strategy, if pods are replaced without anyone deleting them.
    pub(super) fn rolling(&self) -> Option<RollingUpdateStatefulSetStrategy> {
        let strategy = self.set.spec.as_ref()?.update_strategy.as_ref();
        let kind = strategy.and_then(|strategy| strategy.type_.as_deref());
        let settings = strategy.and_then(|strategy| strategy.rolling_update.clone());
        kind.is_none_or(|kind| kind == "RollingUpdate")
            .then(|| settings.unwrap_or_default())
    }

    fn one_at_a_time(&self) -> bool {
        let policy = self
            .set
            .spec
            .as_ref()
            .and_then(|spec| spec.pod_management_policy.as_deref());
        policy != Some("Parallel")
    }

    /// Whether a pod that is missing is made from the current revision.
    fn of_current(&self, ordinal: i32) -> bool {
        let Some(rolling) = self.rolling() else {
            return false;
        };
        let first = start(self.set);
        match rolling.partition {
            Some(partition) => ordinal < first.saturating_add(partition),
            None => {
                let status = self.set.status.as_ref();
                ordinal < first + status.and_then(|status| status.current_replicas).unwrap_or(0)
            }
        }
    }

    fn max_unavailable(&self, rolling: &RollingUpdateStatefulSetStrategy) -> i32 {
        let value = match &rolling.max_unavailable {
            None => return 1,
            Some(IntOrString::Int(number)) => meta::IntOrString::Int(*number),
            Some(IntOrString::String(text)) => meta::IntOrString::String(text.clone()),
        };
        value
            .scaled_value(self.replicas(), Rounding::Down)
            .unwrap_or(1)
            .max(1)
    }
}

/// Decides.
pub(super) fn make(observed: &Observed<'_>) -> Plan {
    let first = start(observed.set);
    let range = first..first.saturating_add(observed.replicas());
    let (mut wanted, mut condemned) = (BTreeMap::new(), BTreeMap::new());
    for pod in observed.pods {
        match ordinal(observed.set, pod) {
            Some(number) if range.contains(&number) => wanted.insert(number, pod.clone()),
            Some(number) => condemned.insert(number, pod.clone()),
            None => None,
        };
    }
    let mut actions = Vec::new();
    if observed.set.metadata.deletion_timestamp.is_none() {
        let done = steps(observed, range.clone(), &wanted, &condemned, &mut actions);
        if done && let Some(rolling) = observed.rolling() {
            roll(observed, range.start, &wanted, &rolling, &mut actions);
        }
    }
    let left = |pod: &Arc<Pod>| pod::available_in(pod, observed.min_ready(), observed.now);
    Plan {
        again_after: observed.pods.iter().filter_map(left).min(),
        status: status::status(observed),
        actions,
    }
}

/// Makes what is missing, then removes what is too much; false if something has to be waited for first.
fn steps(
    observed: &Observed<'_>,
    range: std::ops::Range<i32>,
    wanted: &BTreeMap<i32, Arc<Pod>>,
    condemned: &BTreeMap<i32, Arc<Pod>>,
    actions: &mut Vec<Action>,
) -> bool {
    let in_turn = observed.one_at_a_time();
    for number in range {
        let settled = match wanted.get(&number) {
            None => {
                actions.push(Action::Create {
                    ordinal: number,
                    of_current: observed.of_current(number),
                });
                false
            }
            Some(pod) if pod::is_finished(pod) => {
                if !pod::is_deleting(pod) {
                    actions.push(Action::Replace(pod.clone()));
                }
                false
            }
            Some(pod) => {
                if !matches(observed.set, pod) && !pod::is_deleting(pod) {
                    actions.push(Action::Restore(pod.clone()));
                }
                !pod::is_deleting(pod) && observed.is_available(pod)
            }
        };
        if !settled && in_turn {
            return false;
        }
    }
    let unhealthy = condemned
        .values()
        .find(|pod| pod::is_deleting(pod) || !observed.is_available(pod));
    for pod in condemned.values().rev() {
        if pod::is_deleting(pod) {
            if in_turn {
                return false;
            }
            continue;
        }
        // Only the first that is not well may go before it is.
        if in_turn && !observed.is_available(pod) && unhealthy != Some(pod) {
            return false;
        }
        actions.push(Action::Delete(pod.clone()));
        if in_turn {
            return false;
        }
    }
    true
}

/// Replaces pods of the old revision, from the highest number down to the partition.
fn roll(
    observed: &Observed<'_>,
    first: i32,
    wanted: &BTreeMap<i32, Arc<Pod>>,
    rolling: &RollingUpdateStatefulSetStrategy,
    actions: &mut Vec<Action>,
) {
    let mut may_be_unavailable = observed.max_unavailable(rolling);
    let partition = first.saturating_add(rolling.partition.unwrap_or(0));
    for (_, pod) in wanted
        .iter()
        .rev()
        .take_while(|(number, _)| **number >= partition)
    {
        if may_be_unavailable == 0 {
            return;
        }
        if revision_of(pod) != observed.update && !pod::is_deleting(pod) {
            actions.push(Action::Delete(pod.clone()));
            may_be_unavailable -= 1;
        } else if pod::is_deleting(pod) || !observed.is_available(pod) {
            may_be_unavailable -= 1;
        }
    }
}

#[cfg(test)]
pub(super) mod testing {
    use client::k8s_openapi::api::apps::v1::{StatefulSetSpec, StatefulSetUpdateStrategy};
    use client::k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

    use super::super::identity::lacking;
    use super::*;
    use crate::history::HASH_LABEL;
    use crate::pod::testing;

    pub(in super::super) fn set(replicas: i32, policy: &str, partition: i32) -> StatefulSet {
        StatefulSet {
            metadata: ObjectMeta {
                name: Some("db".into()),
                ..ObjectMeta::default()
            },
            spec: Some(StatefulSetSpec {
                replicas: Some(replicas),
                pod_management_policy: Some(policy.into()),
                update_strategy: Some(StatefulSetUpdateStrategy {
                    type_: Some("RollingUpdate".into()),
                    rolling_update: Some(RollingUpdateStatefulSetStrategy {
                        partition: Some(partition),
                        max_unavailable: None,
                    }),
                }),
                ..StatefulSetSpec::default()
            }),
            ..StatefulSet::default()
        }
    }

    /// `+` is ready, `-` is not, `x` is on its way out, `!` has failed; upper case letters are of the old revision.
    pub(in super::super) fn pods(states: &str) -> Vec<Arc<Pod>> {
        let numbered = states.split_whitespace().map(|text| {
            let (number, state) = text.split_at(text.len() - 1);
            let (number, revision) = match number.strip_suffix("old") {
                Some(number) => (number, "db-old"),
                None => (number, "db-new"),
            };
            let phase = if state == "!" { "Failed" } else { "Running" };
            let mut pod = testing::pod(&format!("db-{number}"), phase);
            let mut labels = lacking(&set(1, "", 0), &pod);
            labels.insert(HASH_LABEL.to_owned(), revision.to_owned());
            pod.metadata.labels = Some(labels.into());
            Arc::new(match state {
                "+" => testing::ready(pod),
                "x" => testing::deleting(testing::ready(pod)),
                _ => pod,
            })
        });
        numbered.collect()
    }

    pub(in super::super) fn plan(set: &StatefulSet, pods: &[Arc<Pod>]) -> Plan {
        make(&Observed {
            set,
            current: "db-old",
            update: "db-new",
            pods,
            now: Timestamp::from_second(100).unwrap(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::identity::name;
    use super::testing::{plan, pods, set};
    use super::*;

    fn check(set: &StatefulSet, states: &str, expected: &str) {
        let actions = plan(set, &pods(states)).actions;
        let words: Vec<_> = actions
            .iter()
            .map(|action| match action {
                Action::Create {
                    ordinal,
                    of_current: false,
                } => format!("create {ordinal}"),
                Action::Create { ordinal, .. } => format!("create old {ordinal}"),
                Action::Delete(pod) => format!("delete {}", name(pod)),
                Action::Replace(pod) => format!("replace {}", name(pod)),
                Action::Restore(pod) => format!("restore {}", name(pod)),
            })
            .collect();
        assert_eq!(words.join(", "), expected, "{states}");
    }

    #[test]
    fn pods_come_one_after_the_other() {
        let set = set(3, "OrderedReady", 0);
        check(&set, "", "create 0");
        check(&set, "0-", "");
        check(&set, "0+", "create 1");
        check(&set, "0+ 2+", "create 1");
        check(&set, "0+ 1! 2+", "replace db-1");
        check(&set, "0x 1+", "");
        check(&set, "0+ 1+ 2+", "");
    }

    #[test]
    fn in_parallel_nobody_waits() {
        let set = set(3, "Parallel", 0);
        check(&set, "1-", "create 0, create 2");
        check(&set, "0+ 1+ 2+ 3- 4+", "delete db-4, delete db-3");
    }

    #[test]
    fn pods_go_from_the_end_and_one_at_a_time() {
        let set = set(1, "OrderedReady", 0);
        check(&set, "0+ 1+ 2+", "delete db-2");
        check(&set, "0+ 1+ 2x", "");
        check(&set, "0- 1+ 2+", "");
        check(&set, "0+ 1- 2+", "delete db-2");
        check(&set, "0+ 1- 2-", "");
        check(&set, "0+ 1-", "delete db-1");
    }

    #[test]
    fn updates_go_down_to_the_partition() {
        check(&set(3, "OrderedReady", 0), "0old+ 1old+ 2old+", "delete db-2");
        check(&set(3, "OrderedReady", 0), "0old+ 1old+ 2+", "delete db-1");
        check(&set(3, "OrderedReady", 0), "0old+ 1old+ 2-", "");
        check(&set(3, "OrderedReady", 2), "0old+ 1old+ 2+", "");
        check(&set(3, "OrderedReady", 2), "0old+ 2+", "create old 1");
        let mut wide = set(4, "Parallel", 0);
        let strategy = wide.spec.as_mut().unwrap().update_strategy.as_mut().unwrap();
        strategy.rolling_update.as_mut().unwrap().max_unavailable = Some(IntOrString::String("50%".into()));
        check(&wide, "0old+ 1old+ 2old+ 3old+", "delete db-3, delete db-2");
        check(&wide, "0old+ 1old+ 2old+ 3-", "delete db-2");
    }

    #[test]
    fn nothing_is_done_once_the_set_goes() {
        let mut set = set(3, "Parallel", 0);
        set.metadata.deletion_timestamp = Some(client::k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(
            Timestamp::UNIX_EPOCH,
        ));
        check(&set, "0+", "");
    }

    #[test]
    fn numbers_may_start_elsewhere() {
        let mut set = set(2, "Parallel", 0);
        set.spec.as_mut().unwrap().ordinals =
            Some(client::k8s_openapi::api::apps::v1::StatefulSetOrdinals { start: Some(5) });
        check(&set, "0+ 5+", "create 6, delete db-0");
    }
}
