//! The pods of a job: which index they are for, how they ended, how new ones are made.

use std::collections::BTreeMap;

use client::k8s_openapi::api::batch::v1::Job;
use client::k8s_openapi::api::core::v1::{EnvVar, EnvVarSource, ObjectFieldSelector, Pod as WholePod};
use client::lean::{ContainerStatus, Pod};
use jiff::Timestamp;

use crate::pod;
use crate::pod_control;

/// The finalizer that keeps a pod until it has been counted.
pub(super) const FINALIZER: &str = "batch.kubernetes.io/job-tracking";
const INDEX: &str = "batch.kubernetes.io/job-completion-index";
const FAILURES: &str = "batch.kubernetes.io/job-index-failure-count";
const INDEX_VARIABLE: &str = "JOB_COMPLETION_INDEX";

pub(super) fn is_indexed(job: &Job) -> bool {
    let mode = job.spec.as_ref().and_then(|spec| spec.completion_mode.as_deref());
    mode == Some("Indexed")
}

pub(super) fn has_finalizer(pod: &Pod) -> bool {
    let finalizers = pod.metadata.finalizers.as_ref();
    finalizers.is_some_and(|finalizers| finalizers.iter().any(|finalizer| finalizer == FINALIZER))
}

fn annotation<'a>(pod: &'a Pod, key: &str) -> Option<&'a str> {
    pod.metadata.annotations.as_ref()?.get(key)
}

/// The index a pod is for.
pub(super) fn index(pod: &Pod) -> Option<i32> {
    annotation(pod, INDEX)?.parse().ok().filter(|index| *index >= 0)
}

/// How often pods of this index failed before this one.
pub(super) fn failures_before(pod: &Pod) -> i32 {
    annotation(pod, FAILURES)
        .and_then(|text| text.parse().ok())
        .unwrap_or(0)
}

/// Whether a pod that is replaced must have ended, not only be on its way out.
pub(super) fn waits_for_the_end(job: &Job) -> bool {
    let Some(spec) = &job.spec else { return false };
    match spec.pod_replacement_policy.as_deref() {
        Some(policy) => policy == "Failed",
        None => spec.pod_failure_policy.is_some(),
    }
}

pub(super) fn has_failed(pod: &Pod, waits_for_the_end: bool) -> bool {
    match pod::phase(pod) {
        "Failed" => true,
        "Succeeded" => false,
        _ => !waits_for_the_end && pod::is_deleting(pod),
    }
}

pub(super) fn container_statuses(pod: &Pod) -> impl Iterator<Item = &ContainerStatus> {
    let status = pod.status.as_ref();
    let containers = status.and_then(|status| status.container_statuses.as_ref());
    let init = status.and_then(|status| status.init_container_statuses.as_ref());
    containers.into_iter().flatten().chain(init.into_iter().flatten())
}

/// When a pod ended, as well as that is known.
pub(super) fn ended(pod: &Pod, now: Timestamp) -> Timestamp {
    let containers = container_statuses(pod).filter_map(|status| {
        let state = status.state.as_ref()?.terminated.as_ref()?;
        state.finished_at.as_ref().map(|time| time.0)
    });
    let deleted = pod.metadata.deletion_timestamp.as_ref().map(|time| time.0);
    let ready = pod::condition(pod, "Ready")
        .and_then(|condition| condition.last_transition_time.as_ref())
        .map(|time| time.0);
    containers.max().or(deleted).or(ready).unwrap_or(now).min(now)
}

/// A pod that is to be made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct NewPod {
    /// For jobs that number their pods.
    pub(super) index: Option<i32>,
    /// How often pods of the index have failed; for jobs that count that.
    pub(super) failures: Option<i32>,
}

/// Makes the pod.
pub(super) fn make(job: &Job, new: &NewPod) -> WholePod {
    let template = job.spec.as_ref().map(|spec| spec.template.clone());
    let mut pod = pod_control::pod_of(job, &template.unwrap_or_default());
    pod.metadata
        .finalizers
        .get_or_insert_default()
        .push(FINALIZER.to_owned());
    if let Some(index) = new.index {
        number(job, &mut pod, index);
    }
    if let Some(failures) = new.failures {
        let annotations = pod.metadata.annotations.get_or_insert_default();
        annotations.insert(FAILURES.to_owned(), failures.to_string());
    }
    pod
}

fn number(job: &Job, pod: &mut WholePod, index: i32) {
    let name = job.metadata.name.as_deref().unwrap_or("");
    let insert = |map: &mut Option<BTreeMap<String, String>>| {
        map.get_or_insert_default()
            .insert(INDEX.to_owned(), index.to_string())
    };
    insert(&mut pod.metadata.annotations);
    insert(&mut pod.metadata.labels);
    pod.metadata.generate_name = Some(format!("{name}-{index}-"));
    let spec = pod.spec.get_or_insert_default();
    spec.hostname = Some(format!("{name}-{index}"));
    let containers = spec
        .containers
        .iter_mut()
        .chain(spec.init_containers.iter_mut().flatten());
    for container in containers {
        let variables = container.env.get_or_insert_default();
        if variables.iter().any(|variable| variable.name == INDEX_VARIABLE) {
            continue;
        }
        variables.push(EnvVar {
            name: INDEX_VARIABLE.to_owned(),
            value_from: Some(EnvVarSource {
                field_ref: Some(ObjectFieldSelector {
                    api_version: None,
                    field_path: format!("metadata.labels['{INDEX}']"),
                }),
                ..EnvVarSource::default()
            }),
            ..EnvVar::default()
        });
    }
}

#[cfg(test)]
mod tests {
    use client::k8s_openapi::api::batch::v1::JobSpec;
    use client::k8s_openapi::api::core::v1::{Container, PodSpec, PodTemplateSpec};
    use client::k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

    use super::*;

    #[test]
    fn numbered_pods_know_their_number() {
        let spec = PodSpec {
            containers: vec![Container::default()],
            ..PodSpec::default()
        };
        let job = Job {
            metadata: ObjectMeta {
                name: Some("j".into()),
                ..ObjectMeta::default()
            },
            spec: Some(JobSpec {
                template: PodTemplateSpec {
                    metadata: None,
                    spec: Some(spec),
                },
                ..JobSpec::default()
            }),
            status: None,
        };
        let new = NewPod {
            index: Some(3),
            failures: Some(1),
        };
        let whole = make(&job, &new);
        let pod = Pod::from(&whole);
        assert!(has_finalizer(&pod));
        assert_eq!((index(&pod), failures_before(&pod)), (Some(3), 1));
        assert_eq!(whole.metadata.generate_name.as_deref(), Some("j-3-"));
        let spec = whole.spec.unwrap();
        assert_eq!(spec.hostname.as_deref(), Some("j-3"));
        assert_eq!(spec.containers[0].env.as_ref().unwrap()[0].name, INDEX_VARIABLE);
    }
}
