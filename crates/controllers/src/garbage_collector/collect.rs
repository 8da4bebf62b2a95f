//! Looks at one object: reads it and its owners, decides, acts.

use std::sync::Arc;

use bytes::Bytes;
use client::controller::Outcome;
use client::error::optional;
use client::k8s_openapi::api::core::v1::ObjectReference;
use client::k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use client::options::Preconditions;
use client::{DeleteOptions, Error, EventType};
use futures::StreamExt;
use http::Method;
use serde::de::IgnoredAny;
use serde_json::{Value, json};

use super::Collector;
use super::graph::{Node, Uid, Work};
use super::plan::{Action, Dependents, Owner, decide};
use crate::context::{ControllerError, doing};
use crate::discovery::ApiResource;
use crate::metadata::{FOREGROUND, Metadata, ORPHAN, Partial};

const METADATA: &str = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1";
const MERGE_PATCH: &str = "application/merge-patch+json";
/// Dependents that are let go at the same time.
const PARALLEL_WRITES: usize = 16;

/// The owners of an object cannot be told for now.
enum Unknown {
    /// A kind is not served.
    Kind,
    /// An object of the cluster cannot be owned by one of a namespace.
    Namespaced(OwnerReference),
    Failed(ControllerError),
}

impl Collector {
    pub(super) async fn reconcile(self: Arc<Self>, work: Work) -> Result<Outcome, ControllerError> {
        match &work {
            Work::Collect(uid) => self.collect(&work, uid).await?,
            Work::Orphan(uid) => self.orphan(uid).await?,
        }
        Ok(Outcome::Done)
    }

    async fn collect(&self, work: &Work, uid: &Uid) -> Result<(), ControllerError> {
        let Some(facts) = self.graph.lock().facts(uid) else {
            return Ok(());
        };
        let node = &facts.node;
        if node.deleting && !node.waits_for_dependents {
            return Ok(());
        }
        let live = self.read(&node.resource, &node.namespace, &node.name).await;
        let Some(live) = live
            .map_err(doing("read an object"))?
            .filter(|live| live.uid == **uid)
        else {
            self.change(|graph| graph.forget(uid));
            return Ok(());
        };
        if node.waits_for_dependents {
            return self.wait_for(node, &live, facts.blocking).await;
        }
        let dependents = Dependents {
            any: facts.has_dependents,
            one_waits: facts.dependent_waits,
        };
        match self.owners(node, &live).await {
            Ok(owners) => self.act(node, &live, decide(&live, &owners, dependents)).await,
            Err(Unknown::Kind) => {
                self.of_unknown_kinds.lock().insert(work.clone());
                Ok(())
            }
            Err(Unknown::Namespaced(owner)) => {
                self.report_namespace(node, uid, &owner);
                Ok(())
            }
            Err(Unknown::Failed(error)) => Err(error),
        }
    }

    /// An owner that waits: looks at what it waits for, or lets it go.
    async fn wait_for(
        &self,
        node: &Node,
        live: &Metadata,
        blocking: Vec<Uid>,
    ) -> Result<(), ControllerError> {
        if blocking.is_empty() {
            return self.remove_finalizer(node, live, FOREGROUND).await;
        }
        let graph = self.graph.lock();
        let waits = |uid: &Uid| graph.get(uid).is_some_and(|node| node.waits_for_dependents);
        for dependent in blocking.into_iter().filter(|uid| !waits(uid)) {
            self.queue.add(Work::Collect(dependent));
        }
        Ok(())
    }

    /// What each owner is, read live.
    async fn owners(&self, node: &Node, object: &Metadata) -> Result<Vec<Owner>, Unknown> {
        let discovery = self.discovery.read().clone();
        let mut owners = Vec::new();
        for reference in &object.owner_references {
            let resource = discovery
                .of_kind(&reference.api_version, &reference.kind)
                .ok_or(Unknown::Kind)?;
            if resource.namespaced && object.namespace.is_empty() {
                return Err(Unknown::Namespaced(reference.clone()));
            }
            let owner = self.owner(resource, reference, object).await;
            let owner = owner.map_err(|error| Unknown::Failed(doing("read an owner")(error)))?;
            if owner == Owner::Absent {
                self.report_if_elsewhere(node, object, reference);
            }
            owners.push(owner);
        }
        Ok(owners)
    }

    async fn owner(
        &self,
        resource: &ApiResource,
        reference: &OwnerReference,
        object: &Metadata,
    ) -> Result<Owner, Error> {
        let namespace = if resource.namespaced {
            object.namespace.as_str()
        } else {
            ""
        };
        if self.graph.lock().absent.contains(&reference.uid, namespace) {
            return Ok(Owner::Absent);
        }
        let live = self.read(resource, namespace, &reference.name).await?;
        Ok(match live.filter(|live| live.uid == reference.uid) {
            None => {
                self.graph.lock().absent.insert(&reference.uid, namespace);
                Owner::Absent
            }
            Some(live) if live.waits_for_dependents() => Owner::Waiting,
            Some(_) => Owner::Solid,
        })
    }

    async fn read(
        &self,
        resource: &ApiResource,
        namespace: &str,
        name: &str,
    ) -> Result<Option<Metadata>, Error> {
        let path = resource.object(namespace, name);
        let partial: Option<Partial> = optional(self.client.get_as(&path, METADATA).await)?;
        Ok(partial.map(|partial| partial.metadata))
    }

    async fn act(&self, node: &Node, live: &Metadata, action: Action) -> Result<(), ControllerError> {
        match action {
            Action::Nothing => Ok(()),
            Action::Keep(owners) => {
                let change = json!({ "ownerReferences": owners });
                self.patch(node, live, change, "remove owners that are gone")
                    .await
            }
            Action::Delete { propagation, unblock } => {
                if unblock {
                    let mut owners = live.owner_references.clone();
                    for owner in &mut owners {
                        owner.block_owner_deletion = Some(false);
                    }
                    let change = json!({ "ownerReferences": owners });
                    self.patch(node, live, change, "break a circle of owners").await?;
                }
                self.delete(node, live, propagation, unblock).await
            }
        }
    }

    async fn delete(
        &self,
        node: &Node,
        live: &Metadata,
        propagation: &'static str,
        any_version: bool,
    ) -> Result<(), ControllerError> {
        let preconditions = Preconditions {
            uid: Some(live.uid.clone()),
            // What was decided holds for the owners that were read.
            resource_version: (!any_version).then(|| live.resource_version.clone()),
        };
        let options = DeleteOptions {
            preconditions: Some(preconditions),
            propagation_policy: Some(propagation),
            ..DeleteOptions::default()
        };
        let body = encoded(&options)?;
        let path = node.resource.object(&node.namespace, &node.name);
        let deleted = self
            .client
            .call::<IgnoredAny>(Method::DELETE, &path, "application/json", Some(body))
            .await;
        optional(deleted).map_err(doing("delete an object without owners"))?;
        Ok(())
    }

    /// Lets the dependents of an object go, then the object itself.
    async fn orphan(&self, uid: &Uid) -> Result<(), ControllerError> {
        let (node, dependents) = {
            let graph = self.graph.lock();
            match graph.get(uid) {
                Some(node) => (node.clone(), graph.dependent_nodes(uid)),
                None => return Ok(()),
            }
        };
        let releases = futures::stream::iter(dependents)
            .map(|(dependent, node)| async move { self.release(&dependent, &node, uid).await });
        let results: Vec<_> = releases.buffer_unordered(PARALLEL_WRITES).collect().await;
        results.into_iter().collect::<Result<(), _>>()?;
        let live = self.read(&node.resource, &node.namespace, &node.name).await;
        match live
            .map_err(doing("read an owner"))?
            .filter(|live| live.uid == **uid)
        {
            Some(live) => self.remove_finalizer(&node, &live, ORPHAN).await,
            None => Ok(()),
        }
    }

    async fn release(&self, uid: &Uid, node: &Node, owner: &Uid) -> Result<(), ControllerError> {
        let live = self.read(&node.resource, &node.namespace, &node.name).await;
        let Some(live) = live
            .map_err(doing("read a dependent"))?
            .filter(|live| live.uid == **uid)
        else {
            return Ok(());
        };
        let rest: Vec<_> = live
            .owner_references
            .iter()
            .filter(|reference| reference.uid != **owner)
            .collect();
        if rest.len() == live.owner_references.len() {
            return Ok(());
        }
        let change = json!({ "ownerReferences": rest });
        self.patch(node, &live, change, "orphan a dependent").await
    }

    async fn remove_finalizer(
        &self,
        node: &Node,
        live: &Metadata,
        finalizer: &str,
    ) -> Result<(), ControllerError> {
        if !live.has_finalizer(finalizer) {
            return Ok(());
        }
        let rest: Vec<_> = live.finalizers.iter().filter(|f| *f != finalizer).collect();
        self.patch(node, live, json!({ "finalizers": rest }), "remove a finalizer")
            .await
    }

    /// Changes the metadata of just the version that was read. A merge patch, which every resource knows.
    async fn patch(
        &self,
        node: &Node,
        live: &Metadata,
        mut metadata: Value,
        what: &'static str,
    ) -> Result<(), ControllerError> {
        metadata["uid"] = live.uid.as_str().into();
        metadata["resourceVersion"] = live.resource_version.as_str().into();
        let body = encoded(&json!({ "metadata": metadata }))?;
        let path = node.resource.object(&node.namespace, &node.name);
        let patched = self
            .client
            .call::<IgnoredAny>(Method::PATCH, &path, MERGE_PATCH, Some(body))
            .await;
        optional(patched).map_err(doing(what)).map(drop)
    }

    /// Says it if an owner that is not there lives in another namespace.
    fn report_if_elsewhere(&self, node: &Node, object: &Metadata, owner: &OwnerReference) {
        let place = self
            .graph
            .lock()
            .get(&owner.uid)
            .map(|owner| owner.namespace.clone());
        if place.is_some_and(|place| !place.is_empty() && *place != object.namespace) {
            self.report_namespace(node, &object.uid, owner);
        }
    }

    fn report_namespace(&self, node: &Node, uid: &str, owner: &OwnerReference) {
        let OwnerReference {
            api_version,
            kind,
            name,
            uid: owner_uid,
            ..
        } = owner;
        let namespace = &node.namespace;
        let message = format!(
            "ownerRef [{api_version}/{kind}, namespace: {namespace}, name: {name}, uid: {owner_uid}] does not exist in \
             namespace {namespace:?}"
        );
        let regarding = ObjectReference {
            api_version: Some(node.resource.api_version()),
            kind: Some(node.resource.kind.clone()),
            name: Some(node.name.to_string()),
            namespace: (!namespace.is_empty()).then(|| namespace.to_string()),
            uid: Some(uid.to_owned()),
            ..ObjectReference::default()
        };
        self.recorder
            .record_reference(regarding, EventType::Warning, "OwnerRefInvalidNamespace", message);
    }
}

fn encoded(value: &impl serde::Serialize) -> Result<Bytes, ControllerError> {
    serde_json::to_vec(value)
        .map(Bytes::from)
        .map_err(|error| ControllerError::Object(format!("a request cannot be written: {error}")))
}
