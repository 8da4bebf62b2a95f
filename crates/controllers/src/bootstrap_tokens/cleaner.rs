//! Tokens go when they have ended.

use std::time::Duration;

use client::controller::Outcome;
use client::error::optional;
use client::k8s_openapi::api::core::v1::Secret;
use client::{Client, DeleteOptions, Informer, Scope, WorkQueue, run_workers};
use jiff::Timestamp;

use super::{NAMESPACE, end, is_token, secrets};
use crate::context::{Context, ControllerError, doing};

/// The controller's name; also its service account.
pub const NAME: &str = "token-cleaner";

/// Runs until the context's shutdown.
pub async fn run(context: Context) {
    let client = context.client(NAME);
    let secrets = secrets(&context);
    let queue: WorkQueue<String> = WorkQueue::new();
    let to = queue.clone();
    secrets.on_change(move |change| {
        let secret = change.new.as_ref().filter(|secret| is_token(secret));
        if let Some(name) = secret.and_then(|secret| secret.metadata.name.clone()) {
            to.add(name);
        }
    });
    secrets.synced().await;
    run_workers(NAME, queue, 1, context.shutdown(), move |name| {
        let (client, secrets) = (client.clone(), secrets.clone());
        async move { reconcile(&client, &secrets, &name).await }
    })
    .await;
}

async fn reconcile(
    client: &Client,
    secrets: &Informer<Secret>,
    name: &str,
) -> Result<Outcome, ControllerError> {
    let Some(secret) = secrets.store().get(NAMESPACE, name) else {
        return Ok(Outcome::Done);
    };
    let Some(end) = end(&secret) else {
        return Ok(Outcome::Done);
    };
    let left = Duration::try_from(end.duration_since(Timestamp::now())).unwrap_or_default();
    if !left.is_zero() {
        return Ok(Outcome::After(left));
    }
    let options = DeleteOptions::of_uid(secret.metadata.uid.as_deref().unwrap_or(""));
    let scope = Scope::Namespace(NAMESPACE);
    let result = client.delete::<Secret>(scope, name, &options).await;
    optional(result).map_err(doing("delete a token that has ended"))?;
    Ok(Outcome::Done)
}
