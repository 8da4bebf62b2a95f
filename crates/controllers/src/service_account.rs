//! Every namespace has a service account named `default`.

use std::sync::Arc;

use client::controller::Outcome;
use client::k8s_openapi::api::core::v1::{Namespace, ServiceAccount};
use client::k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use client::{Client, Informer, ListOptions, Scope, WorkQueue, run_workers};

use crate::context::{Context, ControllerError, doing};
use crate::namespaces::{is_terminating, queue_namespaces, queue_namespaces_of};

/// The controller's name; also its service account.
pub const NAME: &str = "service-account-controller";
const ACCOUNT: &str = "default";

/// Runs until the context's shutdown.
pub async fn run(context: Context) {
    let only_default = ListOptions::fields(format!("metadata.name={ACCOUNT}"));
    let controller = Arc::new(Controller {
        client: context.client(NAME),
        namespaces: context.informers().of::<Namespace>(),
        accounts: context.informers().selected::<ServiceAccount>(only_default),
    });
    let queue = WorkQueue::new();
    queue_namespaces(&controller.namespaces, &queue);
    queue_namespaces_of(&controller.accounts, &queue);
    controller.namespaces.synced().await;
    controller.accounts.synced().await;
    run_workers(NAME, queue, 1, context.shutdown(), move |namespace| {
        controller.clone().reconcile(namespace)
    })
    .await;
}

struct Controller {
    client: Client,
    namespaces: Informer<Namespace>,
    accounts: Informer<ServiceAccount>,
}

impl Controller {
    async fn reconcile(self: Arc<Self>, namespace: String) -> Result<Outcome, ControllerError> {
        let there = self
            .namespaces
            .store()
            .get("", &namespace)
            .filter(|namespace| !is_terminating(namespace));
        if there.is_none() || self.accounts.store().get(&namespace, ACCOUNT).is_some() {
            return Ok(Outcome::Done);
        }
        let account = ServiceAccount {
            metadata: ObjectMeta {
                name: Some(ACCOUNT.to_owned()),
                namespace: Some(namespace.clone()),
                ..ObjectMeta::default()
            },
            ..ServiceAccount::default()
        };
        match self.client.create(Scope::Namespace(&namespace), &account).await {
            Err(error) if !error.is_already_exists() && !error.is_not_found() => {
                Err(doing("create the default service account")(error))
            }
            _ => Ok(Outcome::Done),
        }
    }
}
