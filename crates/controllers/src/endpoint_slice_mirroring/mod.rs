//! Endpoints that someone writes by hand, for a Service without a selector, become EndpointSlices too.

mod plan;

use std::sync::Arc;

use client::controller::Outcome;
use client::error::optional;
use client::k8s_openapi::api::core::v1::{Endpoints, Service};
use client::k8s_openapi::api::discovery::v1::EndpointSlice;
use client::{Client, DeleteOptions, Informer, Scope, WorkQueue, run_workers};

use crate::context::{Context, ControllerError, doing};
use crate::key::Key;
use plan::Plan;

/// The controller's name; also its service account.
pub const NAME: &str = "endpointslicemirroring-controller";
const WORKERS: usize = 5;

/// Runs until the context's shutdown.
pub async fn run(context: Context) {
    let informers = context.informers();
    let controller = Arc::new(Controller {
        client: context.client(NAME),
        services: informers.of::<Service>(),
        endpoints: informers.of::<Endpoints>(),
        slices: informers.of::<EndpointSlice>(),
    });
    let queue = WorkQueue::new();
    let to = queue.clone();
    controller.services.on_change(move |change| {
        if let Some(service) = change.object() {
            to.add(Key::of(&service.metadata));
        }
    });
    let to = queue.clone();
    controller.endpoints.on_change(move |change| {
        if let Some(endpoints) = change.object() {
            to.add(Key::of(&endpoints.metadata));
        }
    });
    let to = queue.clone();
    controller.slices.on_change(move |change| {
        if let Some(key) = change.object().and_then(|slice| plan::service_of(slice)) {
            to.add(key);
        }
    });
    controller.services.synced().await;
    controller.endpoints.synced().await;
    controller.slices.synced().await;
    run_workers(NAME, queue, WORKERS, context.shutdown(), move |key| {
        controller.clone().reconcile(key)
    })
    .await;
}

struct Controller {
    client: Client,
    services: Informer<Service>,
    endpoints: Informer<Endpoints>,
    slices: Informer<EndpointSlice>,
}

impl Controller {
    async fn reconcile(self: Arc<Self>, key: Key) -> Result<Outcome, ControllerError> {
        let endpoints = self.endpoints.store().get(&key.namespace, &key.name);
        let service = self.services.store().get(&key.namespace, &key.name);
        let mut slices = self.slices.store().in_namespace(&key.namespace);
        slices.retain(|slice| plan::service_of(slice).as_ref() == Some(&key));
        let mirrored = endpoints.filter(|endpoints| {
            service
                .as_ref()
                .is_some_and(|service| plan::is_mirrored(endpoints, service))
        });
        self.carry_out(&key.namespace, plan::make(mirrored.as_deref(), &slices))
            .await?;
        Ok(Outcome::Done)
    }

    async fn carry_out(&self, namespace: &str, plan: Plan) -> Result<(), ControllerError> {
        let scope = Scope::Namespace(namespace);
        for slice in &plan.create {
            optional(self.client.create(scope, slice).await).map_err(doing("create a slice"))?;
        }
        for slice in &plan.update {
            optional(self.client.replace(slice).await).map_err(doing("update a slice"))?;
        }
        for name in &plan.delete {
            let options = DeleteOptions::default();
            let result = self.client.delete::<EndpointSlice>(scope, name, &options).await;
            optional(result).map_err(doing("delete a slice"))?;
        }
        Ok(())
    }
}
