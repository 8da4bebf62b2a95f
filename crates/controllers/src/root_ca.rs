//! Every namespace has a ConfigMap with the certificate authority that pods verify the API server by.

use std::sync::Arc;

use client::controller::Outcome;
use client::k8s_openapi::api::core::v1::{ConfigMap, Namespace};
use client::k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use client::{Client, Informer, ListOptions, Scope, WorkQueue, run_workers};

use crate::context::{Context, ControllerError, doing};
use crate::namespaces::{is_terminating, queue_namespaces, queue_namespaces_of};

/// The controller's name; also its service account.
pub const NAME: &str = "root-ca-cert-publisher";
const CONFIG_MAP: &str = "kube-root-ca.crt";
const KEY: &str = "ca.crt";
/// Tells people why the map is there; upstream's key, our words.
const DESCRIPTION: (&str, &str) = (
    "kubernetes.io/description",
    "Holds the certificate authority bundle by which pods verify the API server. It is managed by the cluster.",
);

/// Runs until the context's shutdown. `certificate_authority` is PEM.
pub async fn run(context: Context, certificate_authority: String) {
    let only_ours = ListOptions::fields(format!("metadata.name={CONFIG_MAP}"));
    let controller = Arc::new(Controller {
        client: context.client(NAME),
        namespaces: context.informers().of::<Namespace>(),
        maps: context.informers().selected::<ConfigMap>(only_ours),
        certificate_authority,
    });
    let queue = WorkQueue::new();
    queue_namespaces(&controller.namespaces, &queue);
    queue_namespaces_of(&controller.maps, &queue);
    controller.namespaces.synced().await;
    controller.maps.synced().await;
    run_workers(NAME, queue, 1, context.shutdown(), move |namespace| {
        controller.clone().reconcile(namespace)
    })
    .await;
}

struct Controller {
    client: Client,
    namespaces: Informer<Namespace>,
    maps: Informer<ConfigMap>,
    certificate_authority: String,
}

impl Controller {
    async fn reconcile(self: Arc<Self>, namespace: String) -> Result<Outcome, ControllerError> {
        let there = self
            .namespaces
            .store()
            .get("", &namespace)
            .filter(|namespace| !is_terminating(namespace));
        if there.is_none() {
            return Ok(Outcome::Done);
        }
        let wanted = [(KEY.to_owned(), self.certificate_authority.clone())].into();
        let result = match self.maps.store().get(&namespace, CONFIG_MAP) {
            Some(map) if map.data.as_ref() == Some(&wanted) => return Ok(Outcome::Done),
            Some(map) => {
                let restored = ConfigMap {
                    data: Some(wanted),
                    ..ConfigMap::clone(&map)
                };
                self.client.replace(&restored).await
            }
            None => {
                let (key, text) = DESCRIPTION;
                let metadata = ObjectMeta {
                    name: Some(CONFIG_MAP.to_owned()),
                    namespace: Some(namespace.clone()),
                    annotations: Some([(key.to_owned(), text.to_owned())].into()),
                    ..ObjectMeta::default()
                };
                let map = ConfigMap {
                    metadata,
                    data: Some(wanted),
                    ..ConfigMap::default()
                };
                self.client.create(Scope::Namespace(&namespace), &map).await
            }
        };
        match result {
            Err(error) if !error.is_already_exists() && !error.is_not_found() => {
                Err(doing("publish the certificate authority")(error))
            }
            _ => Ok(Outcome::Done),
        }
    }
}
