//! Jobs: pods that run to their end, until enough of them succeeded or too much failed.

mod backoff;
pub(crate) mod finish;
mod indexes;
mod plan;
mod pods;
mod policy;
mod tracking;

use std::collections::HashMap;
use std::sync::Arc;

use client::controller::Outcome;
use client::error::optional;
use client::k8s_openapi::api::batch::v1::{Job, JobStatus};
use client::lean::Pod;
use client::{EventType, Informer, WorkQueue, run_workers};
use jiff::Timestamp;
use parking_lot::Mutex;
use serde_json::json;

use crate::context::{Context, ControllerError, doing};
use crate::key::Key;
use crate::owner;
use crate::pod_control::{PodControl, all};
use backoff::Backoff;
use plan::{News, Observed, Plan};
use pods::{FINALIZER, has_finalizer};

/// The controller's name; also its service account.
pub const NAME: &str = "job-controller";
const WORKERS: usize = 5;
/// Who looks after a job, if a job says so.
const MANAGER: &str = "kubernetes.io/job-controller";

/// What there is to look at.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Work {
    Job(Key),
    /// A pod that may have lost its job.
    Pod(Key),
}

/// Runs until the context's shutdown.
pub async fn run(context: Context) {
    let controller = Arc::new(Controller {
        control: PodControl::new(&context, NAME, NAME),
        jobs: context.informers().of::<Job>(),
        pods: context.informers().of::<Pod>(),
        queue: WorkQueue::new(),
        backoffs: Mutex::default(),
    });
    // A pod without a job is judged when all jobs are known.
    controller.jobs.synced().await;
    controller.watch();
    controller.pods.synced().await;
    let queue = controller.queue.clone();
    run_workers(NAME, queue, WORKERS, context.shutdown(), move |work| {
        controller.clone().reconcile(work)
    })
    .await;
}

struct Controller {
    control: PodControl,
    jobs: Informer<Job>,
    pods: Informer<Pod>,
    queue: WorkQueue<Work>,
    /// By the job's UID.
    backoffs: Mutex<HashMap<String, Backoff>>,
}

impl Controller {
    fn watch(self: &Arc<Self>) {
        let controller = Arc::downgrade(self);
        self.jobs.on_change(move |change| {
            let (Some(controller), Some(job)) = (controller.upgrade(), change.object()) else {
                return;
            };
            controller.queue.add(Work::Job(Key::of(&job.metadata)));
            if change.new.is_none() {
                controller.queue_orphans(job);
            }
        });
        let controller = Arc::downgrade(self);
        self.pods.on_change(move |change| {
            let Some(controller) = controller.upgrade() else {
                return;
            };
            for pod in change.states() {
                match owner::controller_of(&pod.metadata) {
                    Some(owner) if owner.kind == "Job" => {
                        let namespace = pod.metadata.namespace.as_deref().unwrap_or("");
                        let key = Key::new(namespace, &owner.name);
                        controller.control.observe(&key, change, pod);
                        controller.queue.add(Work::Job(key));
                        if controller.job_of(pod).is_none() && has_finalizer(pod) {
                            controller.queue.add(Work::Pod(Key::of(&pod.metadata)));
                        }
                    }
                    Some(_) => {}
                    None => controller.queue_by_labels(pod),
                }
            }
        });
    }

    /// The job that controls a pod, if it is there.
    fn job_of(&self, pod: &Pod) -> Option<Arc<Job>> {
        let owner = owner::controller_of(&pod.metadata).filter(|owner| owner.kind == "Job")?;
        let namespace = pod.metadata.namespace.as_deref().unwrap_or("");
        let job = self.jobs.store().get(namespace, &owner.name)?;
        (job.metadata.uid.as_ref() == Some(&owner.uid)).then_some(job)
    }

    fn queue_orphans(&self, job: &Job) {
        let uid = job.metadata.uid.as_deref().unwrap_or("");
        let namespace = job.metadata.namespace.as_deref().unwrap_or("");
        for pod in self.pods.store().in_namespace(namespace) {
            if owner::is_controlled_by(&pod.metadata, uid) && has_finalizer(&pod) {
                self.queue.add(Work::Pod(Key::of(&pod.metadata)));
            }
        }
    }

    /// A pod that nobody controls may be adopted, or has been let go.
    fn queue_by_labels(&self, pod: &Pod) {
        let namespace = pod.metadata.namespace.as_deref().unwrap_or("");
        for job in self.jobs.store().in_namespace(namespace) {
            let selector = job.spec.as_ref().and_then(|spec| spec.selector.as_ref());
            if selector.is_some_and(|selector| owner::selects(selector, &pod.metadata)) {
                self.queue.add(Work::Job(Key::of(&job.metadata)));
            }
        }
        if has_finalizer(pod) {
            self.queue.add(Work::Pod(Key::of(&pod.metadata)));
        }
    }

    async fn reconcile(self: Arc<Self>, work: Work) -> Result<Outcome, ControllerError> {
        match work {
            Work::Job(key) => self.reconcile_job(&key).await,
            Work::Pod(key) => self.release_orphan(&key).await,
        }
    }

    /// A pod whose job is gone is not counted any more.
    async fn release_orphan(&self, key: &Key) -> Result<Outcome, ControllerError> {
        let pod = self.pods.store().get(&key.namespace, &key.name);
        if let Some(pod) = pod.filter(|pod| has_finalizer(pod) && self.job_of(pod).is_none()) {
            self.release(&pod).await?;
        }
        Ok(Outcome::Done)
    }

    async fn reconcile_job(&self, key: &Key) -> Result<Outcome, ControllerError> {
        let Some(job) = self.jobs.store().get(&key.namespace, &key.name) else {
            self.control.expectations.forget(&key.to_string());
            return Ok(Outcome::Done);
        };
        let Some(spec) = &job.spec else {
            return Ok(Outcome::Done);
        };
        if spec
            .managed_by
            .as_deref()
            .is_some_and(|manager| manager != MANAGER)
        {
            return Ok(Outcome::Done);
        }
        let may_decide = self.control.expectations.are_met(&key.to_string());
        let selector = spec.selector.clone().unwrap_or_default();
        let pods = self
            .control
            .claim(&self.pods, &*job, &selector, &[FINALIZER])
            .await?;
        let uid = job.metadata.uid.clone().unwrap_or_default();
        let plan = plan::make(&Observed {
            job: &job,
            pods: &pods,
            backoff: self.backoffs.lock().get(&uid).copied().unwrap_or_default(),
            may_decide,
            now: Timestamp::now(),
        });
        self.carry_out(key, &job, plan, uid).await
    }

    async fn carry_out(
        &self,
        key: &Key,
        job: &Job,
        plan: Plan,
        uid: String,
    ) -> Result<Outcome, ControllerError> {
        let acted = self.write_pods(key, job, &plan).await;
        let written = self.write_status(job, plan.status).await?;
        if finish::is_finished(&written) {
            self.backoffs.lock().remove(&uid);
        } else if plan.backoff != Backoff::default() {
            self.backoffs.lock().insert(uid, plan.backoff);
        }
        self.tell(job, &plan.news);
        all(plan.release.iter().map(|pod| async { self.release(pod).await })).await?;
        acted?;
        Ok(plan.again_after.map_or(Outcome::Done, Outcome::After))
    }

    async fn write_pods(&self, key: &Key, job: &Job, plan: &Plan) -> Result<(), ControllerError> {
        if plan.create.is_empty() && plan.delete.is_empty() {
            return Ok(());
        }
        let uids: Vec<_> = plan
            .delete
            .iter()
            .filter_map(|pod| pod.metadata.uid.clone())
            .collect();
        self.control
            .expectations
            .expect(&key.to_string(), plan.create.len(), uids);
        let wanted: Vec<_> = plan.create.iter().map(|new| pods::make(job, new)).collect();
        let created = all(wanted.iter().map(|pod| self.control.create(job, pod))).await;
        let deletes = plan.delete.iter().map(|pod| async {
            if plan.deleted_do_not_count {
                self.release(pod).await?;
            }
            self.control.delete(job, pod).await
        });
        created.and(all(deletes).await)
    }

    /// The job as it is once its status is written.
    async fn write_status(&self, job: &Job, status: JobStatus) -> Result<Job, ControllerError> {
        let changed = Job {
            status: Some(status),
            ..job.clone()
        };
        if changed.status == job.status {
            return Ok(changed);
        }
        let result = self.control.client.replace_status(&changed).await;
        let written = optional(result).map_err(doing("update the status"))?;
        Ok(written.unwrap_or(changed))
    }

    fn tell(&self, job: &Job, news: &[News]) {
        for news in news {
            let (kind, reason, message) = match news {
                News::Suspended => (EventType::Normal, "Suspended", "Job suspended"),
                News::Resumed => (EventType::Normal, "Resumed", "Job resumed"),
                News::Completed => (EventType::Normal, "Completed", "Job completed"),
                News::Failed { reason, message } => (EventType::Warning, reason.as_str(), message.as_str()),
            };
            self.control.recorder.record(job, kind, reason, message);
        }
    }

    /// Takes our finalizer from a pod.
    async fn release(&self, pod: &Pod) -> Result<(), ControllerError> {
        if !has_finalizer(pod) {
            return Ok(());
        }
        let patch = json!({ "metadata": {
            "uid": pod.metadata.uid,
            "$deleteFromPrimitiveList/finalizers": [FINALIZER],
        } });
        self.control.patch(pod, &patch).await.map(drop)
    }
}
