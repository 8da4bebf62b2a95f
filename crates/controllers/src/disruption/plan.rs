//! What a budget's status should be.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use client::k8s_openapi::api::policy::v1::{PodDisruptionBudget, PodDisruptionBudgetStatus};
use client::k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use client::k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use client::lean::Pod;
use jiff::Timestamp;
use meta::int_or_string::Rounding;

use super::PATIENCE;
use crate::pod;

const CONDITION: &str = "DisruptionAllowed";

/// How many pods there should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Expected {
    pub(super) pods: i32,
    pub(super) healthy: i32,
}

/// A status, and what else came of it.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) status: PodDisruptionBudgetStatus,
    /// Pods that were evicted but stayed.
    pub(super) not_deleted: Vec<Arc<Pod>>,
    /// When an eviction that has not come about is given up.
    pub(super) again_after: Option<Duration>,
}

/// Whether the budget counts what the pods' controllers want, and not the pods there are.
pub(super) fn depends_on_scale(budget: &PodDisruptionBudget) -> bool {
    let Some(spec) = &budget.spec else { return false };
    spec.max_unavailable.is_some() || matches!(spec.min_available, Some(IntOrString::String(_)))
}

/// What a budget asks of so many pods.
pub(super) fn expected(budget: &PodDisruptionBudget, pods: i32) -> Result<Expected, String> {
    let none = || Expected { pods, healthy: 0 };
    let Some(spec) = &budget.spec else {
        return Ok(none());
    };
    if let Some(max_unavailable) = &spec.max_unavailable {
        let unavailable = scaled(max_unavailable, pods)?;
        return Ok(Expected {
            pods,
            healthy: (pods - unavailable).max(0),
        });
    }
    match &spec.min_available {
        Some(min_available) => Ok(Expected {
            pods,
            healthy: scaled(min_available, pods)?,
        }),
        None => Ok(none()),
    }
}

fn scaled(value: &IntOrString, pods: i32) -> Result<i32, String> {
    let value = match value {
        IntOrString::Int(number) => meta::IntOrString::Int(*number),
        IntOrString::String(text) => meta::IntOrString::String(text.clone()),
    };
    value
        .scaled_value(pods, Rounding::Up)
        .map_err(|error| error.to_string())
}

/// The status, by the budget's pods.
pub(super) fn make(
    budget: &PodDisruptionBudget,
    pods: &[Arc<Pod>],
    expected: Expected,
    now: Timestamp,
) -> Plan {
    let disrupted = Disrupted::of(budget, pods, now);
    let is_healthy = |pod: &&Arc<Pod>| {
        let name = pod.metadata.name.as_deref().unwrap_or("");
        !pod::is_deleting(pod) && !disrupted.pods.contains_key(name) && pod::is_ready(pod)
    };
    let healthy = i32::try_from(pods.iter().filter(is_healthy).count()).unwrap_or(i32::MAX);
    let allowed = if expected.pods <= 0 {
        0
    } else {
        (healthy - expected.healthy).max(0)
    };
    let mut status = PodDisruptionBudgetStatus {
        current_healthy: Some(healthy),
        desired_healthy: Some(expected.healthy),
        expected_pods: Some(expected.pods),
        disruptions_allowed: Some(allowed),
        disrupted_pods: (!disrupted.pods.is_empty()).then_some(disrupted.pods),
        observed_generation: budget.metadata.generation,
        conditions: budget
            .status
            .as_ref()
            .and_then(|status| status.conditions.clone()),
    };
    let (value, reason) = if allowed > 0 {
        ("True", "SufficientPods")
    } else {
        ("False", "InsufficientPods")
    };
    set_condition(&mut status, value, reason, String::new(), now);
    Plan {
        status,
        not_deleted: disrupted.not_deleted,
        again_after: disrupted.again_after,
    }
}

/// The status when the numbers cannot be known: nothing may be disrupted.
pub(super) fn failed(budget: &PodDisruptionBudget, why: String, now: Timestamp) -> PodDisruptionBudgetStatus {
    let mut status = budget.status.clone().unwrap_or_default();
    status.disruptions_allowed = Some(0);
    // The other numbers must be there, too.
    status.current_healthy.get_or_insert(0);
    status.desired_healthy.get_or_insert(0);
    status.expected_pods.get_or_insert(0);
    set_condition(&mut status, "False", "SyncFailed", why, now);
    status
}

fn set_condition(
    status: &mut PodDisruptionBudgetStatus,
    value: &str,
    reason: &str,
    message: String,
    now: Timestamp,
) {
    let observed_generation = status.observed_generation;
    let conditions = status.conditions.get_or_insert_default();
    let old = conditions
        .iter()
        .position(|condition| condition.type_ == CONDITION);
    let standing = old.and_then(|at| {
        let old = &conditions[at];
        (old.status == value).then(|| old.last_transition_time.clone())
    });
    let condition = Condition {
        type_: CONDITION.to_owned(),
        status: value.to_owned(),
        reason: reason.to_owned(),
        message,
        observed_generation,
        last_transition_time: standing.unwrap_or(Time(now)),
    };
    match old {
        Some(at) => conditions[at] = condition,
        None => conditions.push(condition),
    }
}

/// Pods that were evicted and are not on their way out yet.
struct Disrupted {
    pods: BTreeMap<String, Time>,
    not_deleted: Vec<Arc<Pod>>,
    again_after: Option<Duration>,
}

impl Disrupted {
    fn of(budget: &PodDisruptionBudget, pods: &[Arc<Pod>], now: Timestamp) -> Self {
        let mut disrupted = Self {
            pods: BTreeMap::new(),
            not_deleted: Vec::new(),
            again_after: None,
        };
        let noted = budget
            .status
            .as_ref()
            .and_then(|status| status.disrupted_pods.as_ref());
        for pod in pods.iter().filter(|pod| !pod::is_deleting(pod)) {
            let name = pod.metadata.name.as_deref().unwrap_or("");
            let Some(since) = noted.and_then(|noted| noted.get(name)) else {
                continue;
            };
            let left = PATIENCE.saturating_sub(pod::elapsed(since.0, now));
            if left.is_zero() {
                disrupted.not_deleted.push(pod.clone());
            } else {
                disrupted.pods.insert(name.to_owned(), since.clone());
                let sooner = disrupted.again_after.map_or(left, |other| other.min(left));
                disrupted.again_after = Some(sooner);
            }
        }
        disrupted
    }
}

/// What is said of pods that nothing controls.
pub(super) fn unmanaged_message(budget: &PodDisruptionBudget) -> String {
    let selector = budget.spec.as_ref().and_then(|spec| spec.selector.clone());
    let labels = selector
        .and_then(|selector| selector.match_labels)
        .unwrap_or_default();
    let labels: Vec<_> = labels
        .iter()
        .map(|(key, value)| format!("{key}:{value}"))
        .collect();
    format!(
        "Pods selected by this PodDisruptionBudget (selector: &LabelSelector{{MatchLabels:map[string]string{{{}}},}}) were \
         found to be unmanaged. As a result, the status of the PDB cannot be calculated correctly, which may result in \
         undefined behavior. To account for these pods please set \".spec.minAvailable\" field of the PDB to an integer value.",
        labels.join(",")
    )
}

#[cfg(test)]
mod tests {
    use client::k8s_openapi::api::policy::v1::PodDisruptionBudgetSpec;

    use super::*;
    use crate::pod::testing::{deleting, pod, ready};

    fn budget(min: Option<IntOrString>, max: Option<IntOrString>) -> PodDisruptionBudget {
        PodDisruptionBudget {
            spec: Some(PodDisruptionBudgetSpec {
                min_available: min,
                max_unavailable: max,
                ..PodDisruptionBudgetSpec::default()
            }),
            ..PodDisruptionBudget::default()
        }
    }

    fn check_expected(min: Option<IntOrString>, max: Option<IntOrString>, pods: i32, healthy: i32) {
        let expected = expected(&budget(min.clone(), max.clone()), pods);
        assert_eq!(
            expected,
            Ok(Expected { pods, healthy }),
            "{min:?} {max:?} of {pods}"
        );
    }

    #[test]
    fn percentages_are_rounded_up() {
        let percent = |text: &str| Some(IntOrString::String(text.into()));
        check_expected(Some(IntOrString::Int(2)), None, 5, 2);
        check_expected(percent("50%"), None, 5, 3);
        check_expected(None, Some(IntOrString::Int(1)), 5, 4);
        check_expected(None, percent("30%"), 5, 3);
        check_expected(None, Some(IntOrString::Int(9)), 5, 0);
        assert!(expected(&budget(percent("x"), None), 5).is_err());
    }

    fn pods() -> Vec<Arc<Pod>> {
        let ready = |name: &str| ready(pod(name, "Running"));
        [
            ready("a"),
            ready("b"),
            deleting(ready("c")),
            ready("d"),
            pod("e", "Running"),
        ]
        .into_iter()
        .map(Arc::new)
        .collect()
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn condition(status: &PodDisruptionBudgetStatus) -> (&str, &str) {
        let condition = &status.conditions.as_ref().unwrap()[0];
        (&condition.status, &condition.reason)
    }

    #[test]
    fn healthy_pods_beyond_those_wanted_may_go() {
        for (pods_expected, healthy, allowed, said) in [
            (5, 1, 2, ("True", "SufficientPods")),
            (5, 3, 0, ("False", "InsufficientPods")),
            (5, 4, 0, ("False", "InsufficientPods")),
            (0, 0, 0, ("False", "InsufficientPods")),
        ] {
            let expected = Expected {
                pods: pods_expected,
                healthy,
            };
            let status = make(&budget(None, None), &pods(), expected, at(10)).status;
            assert_eq!(status.current_healthy, Some(3));
            assert_eq!(status.disruptions_allowed, Some(allowed), "{expected:?}");
            assert_eq!(condition(&status), said);
        }
    }

    #[test]
    fn evicted_pods_do_not_count_until_their_time_is_over() {
        let mut budget = budget(None, None);
        let noted = |name: &str| (name.to_owned(), Time(at(0)));
        budget.status = Some(PodDisruptionBudgetStatus {
            disrupted_pods: Some([noted("a"), noted("c"), noted("gone")].into()),
            ..PodDisruptionBudgetStatus::default()
        });
        let expected = Expected { pods: 5, healthy: 1 };
        let plan = make(&budget, &pods(), expected, at(20));
        assert_eq!(plan.status.current_healthy, Some(2));
        assert_eq!(plan.status.disrupted_pods, Some([noted("a")].into()));
        assert_eq!(plan.again_after, Some(Duration::from_secs(100)));
        let plan = make(&budget, &pods(), expected, at(120));
        assert_eq!(plan.status.current_healthy, Some(3));
        assert_eq!(plan.not_deleted.len(), 1);
    }

    #[test]
    fn the_time_of_a_condition_stays_while_it_says_the_same() {
        let expected = Expected { pods: 5, healthy: 1 };
        let mut budget = budget(None, None);
        budget.status = Some(make(&budget, &pods(), expected, at(10)).status);
        assert_eq!(
            Some(make(&budget, &pods(), expected, at(20)).status),
            budget.status
        );
        let failed = failed(&budget, "why".into(), at(30));
        assert_eq!(condition(&failed), ("False", "SyncFailed"));
        assert_eq!(failed.disruptions_allowed, Some(0));
        assert_eq!(failed.conditions.unwrap()[0].last_transition_time, Time(at(30)));
    }
}
