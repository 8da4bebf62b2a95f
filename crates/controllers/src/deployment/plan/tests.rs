//! Rollouts played through: after each step the sets do at once what they were told.

use client::k8s_openapi::api::apps::v1::{DeploymentSpec, ReplicaSetStatus};
use client::k8s_openapi::api::core::v1::{Container, PodSpec, PodTemplateSpec};
use client::k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta, Time};

use super::*;

/// A deployment and its sets, and how many sets were ever made.
struct World {
    deployment: Deployment,
    sets: Vec<Arc<ReplicaSet>>,
    made: i64,
}

impl World {
    fn new(replicas: i32) -> Self {
        let deployment = Deployment {
            metadata: ObjectMeta {
                name: Some("web".into()),
                uid: Some("d".into()),
                generation: Some(1),
                ..ObjectMeta::default()
            },
            spec: Some(DeploymentSpec {
                replicas: Some(replicas),
                selector: LabelSelector {
                    match_labels: Some([("app".to_owned(), "web".to_owned())].into()),
                    ..LabelSelector::default()
                },
                progress_deadline_seconds: Some(600),
                ..DeploymentSpec::default()
            }),
            status: None,
        };
        let mut world = Self {
            deployment,
            sets: Vec::new(),
            made: 0,
        };
        world.set_image("one");
        world
    }

    fn spec(&mut self) -> &mut DeploymentSpec {
        self.deployment.spec.get_or_insert_default()
    }

    fn set_image(&mut self, image: &str) {
        let container = Container {
            image: Some(image.into()),
            ..Container::default()
        };
        self.spec().template = PodTemplateSpec {
            metadata: Some(ObjectMeta {
                labels: Some([("app".to_owned(), "web".to_owned())].into()),
                ..ObjectMeta::default()
            }),
            spec: Some(PodSpec {
                containers: vec![container],
                ..PodSpec::default()
            }),
        };
    }

    /// One pass; whether anything was done.
    fn pass(&mut self) -> bool {
        let observed = Observed {
            deployment: &self.deployment,
            sets: &self.sets,
            running_old_pods: &|_| false,
        };
        let plan = make(&observed, Timestamp::UNIX_EPOCH);
        let acted = !plan.actions.is_empty() || plan.status.is_some();
        for action in plan.actions {
            self.act(action);
        }
        if let Some(status) = plan.status {
            self.deployment.status = Some(status);
        }
        acted
    }

    fn act(&mut self, action: Action) {
        match action {
            Action::Create(set) => {
                self.made += 1;
                let at = Timestamp::from_second(self.made).unwrap();
                let mut set = *set;
                set.metadata.creation_timestamp = Some(Time(at));
                set.metadata.uid = set.metadata.name.clone();
                self.sets.push(Arc::new(serving(set)));
            }
            Action::Update { set, .. } => {
                let at = self
                    .sets
                    .iter()
                    .position(|s| s.metadata.name == set.metadata.name)
                    .unwrap();
                self.sets[at] = Arc::new(serving(*set));
            }
            Action::Delete { name, .. } => {
                self.sets
                    .retain(|set| set.metadata.name.as_deref() != Some(name.as_str()));
            }
            Action::SetRevision(revision) => {
                let annotations = self.deployment.metadata.annotations.get_or_insert_default();
                annotations.insert(revision::REVISION.to_owned(), revision);
            }
        }
    }

    /// Passes until nothing is left to do; fails if availability or surge is ever violated, or no end comes.
    fn settle(&mut self, at_least: i32, at_most: i32) {
        for _ in 0..100 {
            if !self.pass() {
                return;
            }
            let total = sizes::sum(&self.sets, sizes::wanted);
            assert!(
                (at_least..=at_most).contains(&total),
                "{total} not in {at_least}..={at_most}"
            );
        }
        panic!("the rollout does not come to an end");
    }

    fn sizes(&self) -> Vec<i32> {
        self.sets.iter().map(|set| sizes::wanted(set)).collect()
    }

    fn progress(&self) -> &str {
        let conditions = self
            .deployment
            .status
            .as_ref()
            .and_then(|status| status.conditions.as_ref());
        c::reason(conditions.and_then(|all| c::find(all, c::PROGRESSING)))
    }
}

fn serving(mut set: ReplicaSet) -> ReplicaSet {
    let size = sizes::wanted(&set);
    set.status = Some(ReplicaSetStatus {
        replicas: size,
        ready_replicas: Some(size),
        available_replicas: Some(size),
        ..ReplicaSetStatus::default()
    });
    set
}

#[test]
fn a_new_deployment_makes_one_set_of_full_size() {
    let mut world = World::new(3);
    world.settle(0, 3);
    assert_eq!(world.sizes(), [3]);
    assert_eq!(revision::revision(&world.deployment.metadata), 1);
    assert_eq!(world.progress(), c::NEW_SET_AVAILABLE);
}

#[test]
fn a_new_template_rolls_within_the_limits() {
    let mut world = World::new(3);
    world.settle(0, 3);
    world.set_image("two");
    world.settle(2, 4);
    assert_eq!(world.sizes(), [0, 3]);
    assert_eq!(revision::revision(&world.deployment.metadata), 2);
}

#[test]
fn undo_takes_the_old_set_again_under_a_new_revision() {
    let mut world = World::new(2);
    world.settle(0, 2);
    world.set_image("two");
    world.settle(1, 3);
    world.set_image("one");
    world.settle(1, 3);
    assert_eq!(world.sizes(), [2, 0]);
    assert_eq!(revision::revision(&world.deployment.metadata), 3);
}

#[test]
fn a_paused_deployment_scales_but_does_not_roll() {
    let mut world = World::new(2);
    world.settle(0, 2);
    world.spec().paused = Some(true);
    world.set_image("two");
    world.spec().replicas = Some(5);
    world.settle(2, 5);
    assert_eq!(world.sizes(), [5]);
    assert_eq!(world.progress(), c::PAUSED);
    world.spec().paused = None;
    world.settle(4, 7);
    assert_eq!(world.sizes(), [0, 5]);
}

#[test]
fn recreate_empties_before_it_fills() {
    let mut world = World::new(2);
    world.spec().strategy = Some(client::k8s_openapi::api::apps::v1::DeploymentStrategy {
        type_: Some("Recreate".into()),
        rolling_update: None,
    });
    world.settle(0, 2);
    world.set_image("two");
    world.settle(0, 2);
    assert_eq!(world.sizes(), [0, 2]);
}

#[test]
fn old_sets_beyond_the_history_are_removed() {
    let mut world = World::new(1);
    world.spec().revision_history_limit = Some(1);
    for image in ["a", "b", "c"] {
        world.set_image(image);
        world.settle(0, 2);
    }
    assert_eq!(world.sizes(), [0, 1]);
}
