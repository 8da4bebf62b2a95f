//! The end of a definition: its objects go first.

use std::sync::Arc;
use std::time::Duration;

use meta::object::metadata;
use meta::{GroupResource, Status};
use registry::{
    DeleteOptions, GetOptions, ListOptions, Object, Resource, WatchEvent, WatchOptions, Watcher, WeakRegistry,
};
use serde_json::Value;

use crate::conditions;
use crate::definition::Condition;
use crate::plan::CLEANUP;
use crate::writer::{DEFINITIONS, built_in, context, now};

/// After something could not be deleted, or the store failed.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// A definition on its way out.
pub(crate) struct Ending {
    pub(crate) registry: WeakRegistry,
    /// The definition's name.
    pub(crate) name: String,
    pub(crate) uid: String,
    /// Its objects.
    pub(crate) resource: GroupResource,
}

/// Why something is not over yet.
enum Delay {
    /// The server goes down, or the definition has gone or changed its mind; there is nothing to do.
    Over,
    Failed(Status),
}

impl Ending {
    /// Deletes all objects of a definition, waits until they are gone, and lets it go. Begins anew as long as that fails.
    pub(crate) async fn run(self) {
        loop {
            match self.delete_objects().await {
                Ok(()) | Err(Delay::Over) => return,
                Err(Delay::Failed(status)) => {
                    tracing::warn!(
                        definition = self.name,
                        error = status.message,
                        "objects cannot be deleted"
                    );
                    let message = format!("could not issue all deletes: {}", status.message);
                    let failed = terminating("True", "InstanceDeletionFailed", &message);
                    // It is tried again in any case.
                    let _ = self.tell(failed).await;
                }
            }
            tokio::time::sleep(RETRY_AFTER).await;
        }
    }

    async fn delete_objects(&self) -> Result<(), Delay> {
        let message = "CustomResource deletion is in progress";
        self.tell(terminating("True", "InstanceDeletionInProgress", message))
            .await?;
        if let Some(objects) = self.registry()?.stored(&self.resource) {
            delete_all(&objects).await.map_err(Delay::Failed)?;
        }
        let done = terminating("False", "InstanceDeletionCompleted", "removed all instances");
        self.let_go(done).await
    }

    /// Takes the finalizer away from a definition that has no objects.
    pub(crate) async fn let_go_unused(self) {
        let never = terminating("False", "NeverEstablished", "resource was never established");
        if let Err(Delay::Failed(status)) = self.let_go(never).await {
            tracing::warn!(
                definition = self.name,
                error = status.message,
                "a definition cannot be let go"
            );
        }
    }

    async fn let_go(&self, condition: Condition) -> Result<(), Delay> {
        let definitions = built_in(&self.registry()?, &DEFINITIONS).map_err(Delay::Failed)?;
        let time = now();
        let freed = definitions
            .amend(&context(), "", &self.name, Some("status"), |definition| {
                self.ensure_same(definition)?;
                conditions::put(definition, std::slice::from_ref(&condition), &time);
                forget_finalizer(definition);
                Ok(())
            })
            .await
            .map_err(unless_gone)?;
        if !is_held(&freed) {
            let options = DeleteOptions::default();
            let deleted = definitions.delete(&context(), "", &self.name, &options).await;
            deleted.map_err(unless_gone)?;
        }
        Ok(())
    }

    /// Writes a condition into the definition.
    async fn tell(&self, condition: Condition) -> Result<(), Delay> {
        let definitions = built_in(&self.registry()?, &DEFINITIONS).map_err(Delay::Failed)?;
        loop {
            let found = definitions.get("", &self.name, &GetOptions::default()).await;
            let mut definition = found.map_err(unless_gone)?.tree();
            self.ensure_same(&definition).map_err(unless_gone)?;
            if !conditions::put(&mut definition, std::slice::from_ref(&condition), &now()) {
                return Ok(());
            }
            let told = definitions
                .update(&context(), "", &self.name, "status", definition)
                .await;
            match told {
                Err(status) if status.is_conflict() => {}
                other => return other.map(|_| ()).map_err(unless_gone),
            }
        }
    }

    fn registry(&self) -> Result<registry::Registry, Delay> {
        self.registry.upgrade().map_err(|_| Delay::Over)
    }

    /// Another definition of the name is none of our business.
    fn ensure_same(&self, definition: &Value) -> Result<(), Status> {
        if meta::object::uid(definition) == self.uid {
            return Ok(());
        }
        Err(Status::not_found(&DEFINITIONS.group_resource(), &self.name))
    }
}

fn unless_gone(status: Status) -> Delay {
    if status.is_not_found() {
        Delay::Over
    } else {
        Delay::Failed(status)
    }
}

fn terminating(status: &str, reason: &str, message: &str) -> Condition {
    conditions::condition("Terminating", status, reason, message)
}

fn forget_finalizer(definition: &mut Value) {
    let finalizers = definition
        .pointer_mut("/metadata/finalizers")
        .and_then(Value::as_array_mut);
    let Some(finalizers) = finalizers else { return };
    finalizers.retain(|finalizer| finalizer != CLEANUP);
    if finalizers.is_empty()
        && let Some(metadata) = definition["metadata"].as_object_mut()
    {
        metadata.remove("finalizers");
    }
}

fn is_held(definition: &Object) -> bool {
    let definition = definition.tree();
    metadata(&definition).is_some_and(|metadata| metadata.contains_key("finalizers"))
}

/// Deletes everything, and waits until nothing is left.
async fn delete_all(objects: &Arc<Resource>) -> Result<(), Status> {
    loop {
        let page = objects.list(None, &ListOptions::default()).await?;
        if page.items.is_empty() {
            return Ok(());
        }
        let options = WatchOptions {
            resource_version: page.resource_version(),
            ..WatchOptions::default()
        };
        let mut watcher = objects.watch(None, &options).await?;
        for object in &page.items {
            delete(objects, object).await?;
        }
        wait_for_a_deletion(&mut watcher).await;
    }
}

async fn delete(objects: &Resource, object: &Object) -> Result<(), Status> {
    if metadata(&object.tree()).is_some_and(|metadata| metadata.contains_key("deletionTimestamp")) {
        return Ok(());
    }
    let options = DeleteOptions::default();
    let deleted = objects
        .delete(&context(), object.namespace(), object.name(), &options)
        .await;
    match deleted {
        Err(status) if !status.is_not_found() => Err(status),
        Ok(_) | Err(_) => Ok(()),
    }
}

/// Ends too if the watch does: then a list says more.
async fn wait_for_a_deletion(watcher: &mut Watcher) {
    while let Some(event) = watcher.next().await {
        if let WatchEvent::Deleted(_) | WatchEvent::Error(_) = event {
            return;
        }
    }
}
