//! What is wanted of a pod: a pure function of its object, of what the kubelet decided, and of the time.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::PodStatus;

use crate::plan::{Intent, later};
use crate::pod::PodToRun;
use crate::status::{PodVerdict, is_last_phase};

/// The least a pod is given, even if it is to end at once: enough to be told.
const LEAST_GRACE: Duration = Duration::from_secs(1);

/// Everything an intent depends on.
#[derive(Clone, Copy, Debug)]
pub struct IntentInput<'a> {
    pub pod: &'a PodToRun,
    /// It is no longer among the pods of this node.
    pub removed: bool,
    /// The kubelet ended it, and gives it so long.
    pub ended: Option<&'a Ended>,
    /// As it was last said, here or by an earlier kubelet.
    pub status: &'a PodStatus,
    /// By when it was to be gone so far, if it was to stop.
    pub before: Option<Timestamp>,
    pub now: Timestamp,
}

/// A pod that the kubelet ended of its own accord.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    pub verdict: PodVerdict,
    /// How long it is given; none for its own grace period.
    pub grace: Option<Duration>,
}

/// Decides. Once a pod is to stop, it never runs again, and its time gets only shorter.
pub fn intent(input: IntentInput<'_>) -> Intent {
    let marked = input.pod.object().metadata.deletion_timestamp.is_some();
    let finished = is_last_phase(input.status.phase.as_deref());
    if !(marked || input.removed || finished || input.ended.is_some() || input.before.is_some()) {
        return Intent::Run;
    }
    let deadline = match (wanted_grace(input), input.before) {
        (grace, None) => later(input.now, grace),
        // Its time runs already; what was said anew counts from now.
        (grace, Some(before)) => before.min(later(input.now, grace)),
    };
    Intent::Stop { deadline }
}

fn wanted_grace(input: IntentInput<'_>) -> Duration {
    let seconds = |seconds: i64| Duration::from_secs(u64::try_from(seconds).unwrap_or(0));
    let own = input.pod.spec().termination_grace_period_seconds.unwrap_or(30);
    let from_object = input
        .pod
        .object()
        .metadata
        .deletion_grace_period_seconds
        .unwrap_or(own);
    let from_kubelet = input.ended.and_then(|ended| ended.grace);
    from_kubelet
        .unwrap_or_else(|| seconds(from_object))
        .max(LEAST_GRACE)
}

/// When the pod has been active for as long as it may; none for no limit.
pub fn active_until(pod: &PodToRun, status: &PodStatus) -> Option<Timestamp> {
    let seconds = u64::try_from(pod.spec().active_deadline_seconds?).ok()?;
    let start = status.start_time.as_ref()?.0;
    Some(later(start, Duration::from_secs(seconds)))
}

/// What a pod's status says that was active for too long.
pub fn deadline_exceeded() -> Ended {
    Ended {
        verdict: PodVerdict {
            reason: "DeadlineExceeded".to_owned(),
            message: "Pod was active on the node longer than the specified deadline".to_owned(),
        },
        grace: None,
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
    use serde_json::{Value, json};

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    struct Case {
        metadata: Value,
        removed: bool,
        ended: Option<Ended>,
        phase: &'static str,
        before: Option<Timestamp>,
    }

    impl Case {
        fn new() -> Self {
            Self {
                metadata: json!({}),
                removed: false,
                ended: None,
                phase: "Running",
                before: None,
            }
        }

        #[track_caller]
        fn expect(&self, deadline: Option<i64>) {
            let pod = json!({ "metadata": self.metadata, "spec": { "terminationGracePeriodSeconds": 30, "containers": [] } });
            let pod = PodToRun::new(
                serde_json::from_value::<k8s_openapi::api::core::v1::Pod>(pod)
                    .unwrap()
                    .into(),
            );
            let status = PodStatus {
                phase: Some(self.phase.to_owned()),
                ..PodStatus::default()
            };
            let intent = intent(IntentInput {
                pod: &pod,
                removed: self.removed,
                ended: self.ended.as_ref(),
                status: &status,
                before: self.before,
                now: at(1000),
            });
            let expected = deadline.map_or(Intent::Run, |deadline| Intent::Stop {
                deadline: at(deadline),
            });
            assert_eq!(intent, expected);
        }
    }

    fn marked(grace: i64) -> Value {
        json!({ "deletionTimestamp": "2026-01-01T00:00:00Z", "deletionGracePeriodSeconds": grace })
    }

    #[test]
    fn a_pod_runs_until_something_ends_it() {
        Case::new().expect(None);
        Case {
            metadata: marked(5),
            ..Case::new()
        }
        .expect(Some(1005));
        Case {
            metadata: marked(0),
            ..Case::new()
        }
        .expect(Some(1001));
        Case {
            removed: true,
            ..Case::new()
        }
        .expect(Some(1030));
        Case {
            phase: "Failed",
            ..Case::new()
        }
        .expect(Some(1030));
        Case {
            ended: Some(deadline_exceeded()),
            ..Case::new()
        }
        .expect(Some(1030));
        let evicted = Ended {
            grace: Some(Duration::ZERO),
            ..deadline_exceeded()
        };
        Case {
            ended: Some(evicted),
            ..Case::new()
        }
        .expect(Some(1001));
    }

    #[test]
    fn time_only_gets_shorter() {
        Case {
            metadata: marked(60),
            before: Some(at(1020)),
            ..Case::new()
        }
        .expect(Some(1020));
        Case {
            metadata: marked(5),
            before: Some(at(1020)),
            ..Case::new()
        }
        .expect(Some(1005));
        Case {
            before: Some(at(1020)),
            ..Case::new()
        }
        .expect(Some(1020));
        Case {
            before: Some(at(900)),
            ..Case::new()
        }
        .expect(Some(900));
    }

    #[test]
    fn the_active_deadline_counts_from_the_start() {
        let pod = json!({ "metadata": {}, "spec": { "activeDeadlineSeconds": 10, "containers": [] } });
        let pod = PodToRun::new(
            serde_json::from_value::<k8s_openapi::api::core::v1::Pod>(pod)
                .unwrap()
                .into(),
        );
        assert_eq!(active_until(&pod, &PodStatus::default()), None);
        let started = PodStatus {
            start_time: Some(Time(at(50))),
            ..PodStatus::default()
        };
        assert_eq!(active_until(&pod, &started), Some(at(60)));
    }
}
