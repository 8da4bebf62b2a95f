//! CronJobs: a job whenever the schedule is due.

mod plan;

use std::sync::Arc;

use client::controller::Outcome;
use client::error::optional;
use client::k8s_openapi::api::batch::v1::{CronJob, CronJobStatus, Job};
use client::k8s_openapi::api::core::v1::ObjectReference;
use client::k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use client::recorder::reference;
use client::{Client, DeleteOptions, EventRecorder, EventType, Informer, Scope, WorkQueue, run_workers};
use jiff::Timestamp;

use crate::context::{Context, ControllerError, doing};
use crate::key::Key;
use crate::owner;
use crate::pod_control::said;
use plan::{Observed, Plan, job_name, name};

/// The controller's name; also its service account.
pub const NAME: &str = "cronjob-controller";
const WORKERS: usize = 5;
/// When a job was due.
const SCHEDULED: &str = "batch.kubernetes.io/cronjob-scheduled-timestamp";

/// Runs until the context's shutdown.
pub async fn run(context: Context) {
    let controller = Arc::new(Controller {
        client: context.client(NAME),
        recorder: context.recorder(NAME),
        cron_jobs: context.informers().of::<CronJob>(),
        jobs: context.informers().of::<Job>(),
    });
    let queue = WorkQueue::new();
    let to = queue.clone();
    controller.cron_jobs.on_change(move |change| {
        if let Some(cron_job) = &change.new {
            to.add(Key::of(&cron_job.metadata));
        }
    });
    let to = queue.clone();
    controller.jobs.on_change(move |change| {
        for job in change.states() {
            let owner = owner::controller_of(&job.metadata).filter(|owner| owner.kind == "CronJob");
            if let Some(owner) = owner {
                to.add(Key::new(
                    job.metadata.namespace.as_deref().unwrap_or(""),
                    &owner.name,
                ));
            }
        }
    });
    controller.cron_jobs.synced().await;
    controller.jobs.synced().await;
    run_workers(NAME, queue, WORKERS, context.shutdown(), move |key| {
        controller.clone().reconcile(key)
    })
    .await;
}

struct Controller {
    client: Client,
    recorder: EventRecorder,
    cron_jobs: Informer<CronJob>,
    jobs: Informer<Job>,
}

impl Controller {
    async fn reconcile(self: Arc<Self>, key: Key) -> Result<Outcome, ControllerError> {
        let Some(cron_job) = self.cron_jobs.store().get(&key.namespace, &key.name) else {
            return Ok(Outcome::Done);
        };
        let uid = cron_job.metadata.uid.as_deref().unwrap_or("");
        let mut jobs = self.jobs.store().in_namespace(&key.namespace);
        jobs.retain(|job| owner::is_controlled_by(&job.metadata, uid));
        let Some(cron_job) = self.newest(&key, cron_job.clone(), &jobs).await? else {
            return Ok(Outcome::Done);
        };
        let missing = self.missing(&cron_job, &jobs).await?;
        let plan = plan::make(&Observed {
            cron_job: &cron_job,
            jobs: &jobs,
            missing: &missing,
            now: Timestamp::now(),
        });
        self.carry_out(&cron_job, plan).await
    }

    /// The informer may show a job before the status that names it: what is to be judged by.
    async fn newest(
        &self,
        key: &Key,
        cron_job: Arc<CronJob>,
        jobs: &[Arc<Job>],
    ) -> Result<Option<Arc<CronJob>>, ControllerError> {
        if plan::unexpected(&cron_job, jobs).next().is_none() {
            return Ok(Some(cron_job));
        }
        let live = optional(
            self.client
                .get::<CronJob>(key.namespace.as_str(), &key.name)
                .await,
        );
        let live = live.map_err(doing("look at a cron job again"))?;
        Ok(live
            .filter(|live| live.metadata.uid == cron_job.metadata.uid)
            .map(Arc::new))
    }

    /// UIDs of jobs that the status names and that are gone; the informer may be behind.
    async fn missing(&self, cron_job: &CronJob, jobs: &[Arc<Job>]) -> Result<Vec<String>, ControllerError> {
        let namespace = cron_job.metadata.namespace.as_deref().unwrap_or("");
        let active = cron_job.status.as_ref().and_then(|status| status.active.as_ref());
        let mut missing = Vec::new();
        for reference in active.into_iter().flatten() {
            if jobs.iter().any(|job| job.metadata.uid == reference.uid) {
                continue;
            }
            let job_name = reference.name.as_deref().unwrap_or("");
            let live = optional(self.client.get::<Job>(namespace, job_name).await);
            let live = live.map_err(doing("look for a job"))?;
            if live.is_none_or(|live| live.metadata.uid != reference.uid) {
                missing.extend(reference.uid.clone());
            }
        }
        Ok(missing)
    }

    async fn carry_out(&self, cron_job: &CronJob, plan: Plan) -> Result<Outcome, ControllerError> {
        for news in &plan.news {
            let kind = if news.warning {
                EventType::Warning
            } else {
                EventType::Normal
            };
            self.recorder
                .record(cron_job, kind, news.reason, news.message.clone());
        }
        for job in &plan.delete {
            self.delete(cron_job, name(job)).await?;
        }
        for job in &plan.replace {
            self.delete(cron_job, job).await?;
        }
        let mut status = plan.status;
        if let Some(due) = plan.start
            && let Some(started) = self.start(cron_job, due).await?
        {
            status.active.get_or_insert_default().push(started);
        }
        self.write_status(cron_job, status).await?;
        Ok(plan.again_after.map_or(Outcome::Done, Outcome::After))
    }

    async fn delete(&self, cron_job: &CronJob, job: &str) -> Result<(), ControllerError> {
        let scope = Scope::from(cron_job.metadata.namespace.as_deref().unwrap_or(""));
        let options = DeleteOptions {
            propagation_policy: Some("Background"),
            ..DeleteOptions::default()
        };
        match optional(self.client.delete::<Job>(scope, job, &options).await) {
            Ok(_) => {
                let message = format!("Deleted job {job}");
                self.recorder
                    .record(cron_job, EventType::Normal, "SuccessfulDelete", message);
                Ok(())
            }
            Err(error) => {
                let message = format!("Deleted job: {}", said(&error));
                self.recorder
                    .record(cron_job, EventType::Warning, "FailedDelete", message);
                Err(doing("delete a job")(error))
            }
        }
    }

    /// Starts the job of a time; gives the reference to it, or none if its name is another's.
    async fn start(
        &self,
        cron_job: &CronJob,
        due: Timestamp,
    ) -> Result<Option<ObjectReference>, ControllerError> {
        let namespace = cron_job.metadata.namespace.as_deref().unwrap_or("");
        let job = make(cron_job, due);
        match self.client.create(Scope::Namespace(namespace), &job).await {
            Ok(created) => {
                let message = format!("Created job {}", name(&created));
                self.recorder
                    .record(cron_job, EventType::Normal, "SuccessfulCreate", message);
                Ok(Some(reference(&created)))
            }
            Err(error) if error.is_already_exists() => {
                let there: Job = self
                    .client
                    .get(namespace, name(&job))
                    .await
                    .map_err(doing("look at the job of that name"))?;
                let uid = cron_job.metadata.uid.as_deref().unwrap_or("");
                let is_ours =
                    owner::is_controlled_by(&there.metadata, uid) && !crate::job::finish::is_finished(&there);
                Ok(is_ours.then(|| reference(&there)))
            }
            Err(error) => {
                let message = format!("Error creating job: {}", said(&error));
                self.recorder
                    .record(cron_job, EventType::Warning, "FailedCreate", message);
                Err(doing("create a job")(error))
            }
        }
    }

    async fn write_status(&self, cron_job: &CronJob, status: CronJobStatus) -> Result<(), ControllerError> {
        if cron_job.status.as_ref() == Some(&status) {
            return Ok(());
        }
        let changed = CronJob {
            status: Some(status),
            ..cron_job.clone()
        };
        let result = self.client.replace_status(&changed).await;
        optional(result).map_err(doing("update the status")).map(drop)
    }
}

fn make(cron_job: &CronJob, due: Timestamp) -> Job {
    let template = cron_job.spec.job_template.clone();
    let from = template.metadata.unwrap_or_default();
    let mut annotations = from.annotations.unwrap_or_default();
    let zone = plan::zone(cron_job).unwrap_or(jiff::tz::TimeZone::UTC);
    let time = if zone == jiff::tz::TimeZone::UTC {
        due.to_string()
    } else {
        due.to_zoned(zone).strftime("%Y-%m-%dT%H:%M:%S%:z").to_string()
    };
    annotations.insert(SCHEDULED.to_owned(), time);
    Job {
        metadata: ObjectMeta {
            name: Some(job_name(cron_job, due)),
            namespace: cron_job.metadata.namespace.clone(),
            labels: from.labels,
            annotations: Some(annotations),
            owner_references: Some(vec![owner::controller_reference(cron_job)]),
            ..ObjectMeta::default()
        },
        spec: template.spec,
        status: None,
    }
}
