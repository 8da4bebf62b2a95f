//! Pod disruption budgets: how many of the pods may be evicted now.

mod plan;
mod scale;
mod stale;

use std::sync::Arc;
use std::time::Duration;

use client::controller::Outcome;
use client::error::optional;
use client::k8s_openapi::api::apps::v1::{Deployment, ReplicaSet, StatefulSet};
use client::k8s_openapi::api::policy::v1::{PodDisruptionBudget, PodDisruptionBudgetStatus};
use client::lean::Pod;
use client::{Client, EventRecorder, EventType, Informer, WorkQueue, run_workers};
use jiff::Timestamp;

use crate::context::{Context, ControllerError, doing};
use crate::key::Key;
use crate::owner;

/// The controller's service account.
pub const NAME: &str = "disruption-controller";
/// Who its events are from.
const COMPONENT: &str = "controllermanager";

/// Runs until the context's shutdown.
pub async fn run(context: Context) {
    let client = context.client(NAME);
    let informers = context.informers();
    let controller = Arc::new(Controller {
        recorder: EventRecorder::start(client.clone(), COMPONENT, ""),
        client,
        budgets: informers.of::<PodDisruptionBudget>(),
        pods: informers.of::<Pod>(),
        sets: informers.of::<ReplicaSet>(),
        deployments: informers.of::<Deployment>(),
        stateful_sets: informers.of::<StatefulSet>(),
    });
    let queue = WorkQueue::new();
    controller.watch(&queue);
    controller.synced().await;
    let stale = stale::run(
        controller.client.clone(),
        controller.pods.clone(),
        context.shutdown(),
    );
    let work = run_workers(NAME, queue, 1, context.shutdown(), move |key| {
        controller.clone().reconcile(key)
    });
    tokio::join!(stale, work);
}

struct Controller {
    client: Client,
    recorder: EventRecorder,
    budgets: Informer<PodDisruptionBudget>,
    pods: Informer<Pod>,
    sets: Informer<ReplicaSet>,
    deployments: Informer<Deployment>,
    stateful_sets: Informer<StatefulSet>,
}

impl Controller {
    fn watch(&self, queue: &WorkQueue<Key>) {
        let to = queue.clone();
        self.budgets.on_change(move |change| {
            if let Some(budget) = &change.new {
                to.add(Key::of(&budget.metadata));
            }
        });
        let (to, budgets) = (queue.clone(), self.budgets.clone());
        self.pods.on_change(move |change| {
            for pod in change.states() {
                let namespace = pod.metadata.namespace.as_deref().unwrap_or("");
                for budget in budgets.store().in_namespace(namespace) {
                    if covers(&budget, pod) {
                        to.add(Key::of(&budget.metadata));
                    }
                }
            }
        });
    }

    async fn synced(&self) {
        self.budgets.synced().await;
        self.pods.synced().await;
        self.sets.synced().await;
        self.deployments.synced().await;
        self.stateful_sets.synced().await;
    }

    async fn reconcile(self: Arc<Self>, key: Key) -> Result<Outcome, ControllerError> {
        let Some(budget) = self.budgets.store().get(&key.namespace, &key.name) else {
            return Ok(Outcome::Done);
        };
        let mut pods = self.pods.store().in_namespace(&key.namespace);
        pods.retain(|pod| covers(&budget, pod));
        if pods.is_empty() {
            self.recorder
                .record(&*budget, EventType::Normal, "NoPods", "No matching pods found");
        }
        let now = Timestamp::now();
        match self.expected(&budget, &pods).await {
            Ok(expected) => {
                let plan = plan::make(&budget, &pods, expected, now);
                for pod in &plan.not_deleted {
                    let Key { namespace, name } = &key;
                    let message =
                        format!("Pod was expected by PDB {namespace}/{name} to be deleted but it wasn't");
                    self.recorder
                        .record(&**pod, EventType::Warning, "NotDeleted", message);
                }
                self.write(&budget, plan.status).await?;
                Ok(plan.again_after.map_or(Outcome::Done, Outcome::After))
            }
            Err(error) => {
                let why = client::controller::Chain(&error).to_string();
                let message = format!("Failed to calculate the number of expected pods: {why}");
                let reason = "CalculateExpectedPodCountFailed";
                self.recorder
                    .record(&*budget, EventType::Warning, reason, message);
                self.write(&budget, plan::failed(&budget, why, now)).await?;
                Err(error)
            }
        }
    }

    /// How many pods there should be, and how many of them healthy.
    async fn expected(
        &self,
        budget: &PodDisruptionBudget,
        pods: &[Arc<Pod>],
    ) -> Result<plan::Expected, ControllerError> {
        let scale = if plan::depends_on_scale(budget) {
            let scale = self.scale(pods).await?;
            if scale.some_unmanaged {
                self.recorder.record(
                    budget,
                    EventType::Warning,
                    "UnmanagedPods",
                    plan::unmanaged_message(budget),
                );
            }
            scale.replicas
        } else {
            i32::try_from(pods.len()).unwrap_or(i32::MAX)
        };
        plan::expected(budget, scale).map_err(ControllerError::Object)
    }

    async fn write(
        &self,
        budget: &PodDisruptionBudget,
        status: PodDisruptionBudgetStatus,
    ) -> Result<(), ControllerError> {
        if budget.status.as_ref() == Some(&status) {
            return Ok(());
        }
        let changed = PodDisruptionBudget {
            status: Some(status),
            ..budget.clone()
        };
        let result = self.client.replace_status(&changed).await;
        optional(result).map_err(doing("update the status")).map(drop)
    }
}

/// Whether the pod is one the budget counts. No selector selects nothing, an empty one everything.
fn covers(budget: &PodDisruptionBudget, pod: &Pod) -> bool {
    let selector = budget.spec.as_ref().and_then(|spec| spec.selector.as_ref());
    selector.is_some_and(|selector| owner::matches(selector, &pod.metadata))
}

/// How long an evicted pod may stay, and how long one that is said to be disrupted.
const PATIENCE: Duration = Duration::from_secs(120);
