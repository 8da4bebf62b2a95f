//! Creating, and acting: everything a POST does.

use std::sync::Arc;

use meta::object::{metadata_str, name};
use meta::status::Details;
use meta::{GroupResource, Reason, Status};
use serde_json::Value;
use store::KeyValue;

use super::commit::Put;
use super::target::Target;
use super::update::{MAX_ATTEMPTS, MODIFIED};
use super::{Resource, Written};
use crate::action::{Action, ActionRequest};
use crate::admission::Operation;
use crate::checks;
use crate::context::RequestContext;
use crate::fault;
use crate::hooks::Pending;
use crate::identity;
use crate::metadata;
use crate::object::Object;
use crate::owner_references::{self, Found};
use crate::served::Served;

/// How many names are generated before the server gives up.
const NAME_ATTEMPTS: usize = 8;

/// How the insertion of a new object ended.
pub(super) enum Inserted {
    Done(Arc<Object>),
    /// There is an object of that name.
    Exists(Option<KeyValue>),
    /// There is none, but what was taken for it may be somebody else's by now.
    Overtaken,
}

impl Resource {
    /// A new object from a decoded body; for a virtual resource, its action.
    pub async fn create(
        &self,
        context: &RequestContext,
        namespace: &str,
        mut body: Value,
    ) -> Result<Written, Status> {
        context.audit.brought(&body, |body| self.kind.default(body));
        metadata::ensure_namespace(&mut body, namespace)?;
        metadata::forget_system_fields(&mut body);
        self.kind.default(&mut body);
        owner_references::fold(&mut body, &context.warnings, Found::InRequest);
        let own_name = name(&body).to_owned();
        let target = Target {
            namespace,
            name: &own_name,
            subresource: "",
        };
        self.track(context, "", None, &mut body);
        let mut new = self
            .mutate(context, target, Operation::Create, body, None)
            .await?;
        owner_references::fold(&mut new, &context.warnings, Found::AfterAdmission);
        let object = match &self.served {
            Some(served) => self.insert_named(context, served, target, new).await?,
            None => Arc::new(Object::unstored(self.run_action(context, target, new).await?)),
        };
        Ok(Written {
            object,
            created: true,
        })
    }

    /// Inserts an object, generating its name if it asks for that.
    async fn insert_named(
        &self,
        context: &RequestContext,
        served: &Served,
        target: Target<'_>,
        new: Value,
    ) -> Result<Arc<Object>, Status> {
        let prefix = metadata_str(&new, "generateName").to_owned();
        if name(&new).is_empty() && prefix.is_empty() && self.kind.names_the_nameless() {
            return self.insert_nameless(context, served, target, new).await;
        }
        if !name(&new).is_empty() || prefix.is_empty() {
            let inserted = match self.insert(context, served, target, new).await {
                Ok(Inserted::Done(object)) => Ok(object),
                Ok(Inserted::Exists(existing)) => Err(self.exists(served, target.name, existing)),
                Ok(Inserted::Overtaken) => Err(self.overtaken(&target)),
                Err(status) => Err(status),
            };
            return inserted.map_err(|status| as_of_prefix(status, &prefix));
        }
        let mut attempt = 1;
        loop {
            let generated = match self.kind.generates_names() {
                true => identity::generate_name(&prefix),
                false => prefix.clone(),
            };
            let mut named = new.clone();
            metadata::set(&mut named, "name", generated.as_str().into());
            let target = Target {
                name: &generated,
                ..target
            };
            match self.insert(context, served, target, named).await? {
                Inserted::Done(object) => return Ok(object),
                Inserted::Exists(_) if attempt < NAME_ATTEMPTS => attempt += 1,
                Inserted::Exists(_) => return Err(no_unique_name(&self.group_resource, &generated)),
                Inserted::Overtaken => return Err(self.overtaken(&target)),
            }
        }
    }

    /// Inserts an object whose name nobody cares about.
    async fn insert_nameless(
        &self,
        context: &RequestContext,
        served: &Served,
        target: Target<'_>,
        mut new: Value,
    ) -> Result<Arc<Object>, Status> {
        let any = identity::uid();
        metadata::set(&mut new, "name", any.as_str().into());
        let target = Target { name: &any, ..target };
        match self.insert(context, served, target, new).await? {
            Inserted::Done(object) => Ok(object),
            Inserted::Exists(existing) => Err(self.exists(served, target.name, existing)),
            Inserted::Overtaken => Err(self.overtaken(&target)),
        }
    }

    /// Makes a body a new object of the server, and stores it. Where another server has taken what this one took for it, all
    /// of it is done anew.
    pub(super) async fn insert(
        &self,
        context: &RequestContext,
        served: &Served,
        target: Target<'_>,
        new: Value,
    ) -> Result<Inserted, Status> {
        let has_hooks = self.shared.plugins()?.hooks.contains_key(&self.group_resource);
        if !has_hooks || !target.subresource.is_empty() {
            return self.insert_once(context, served, target, new).await;
        }
        for _ in 0..MAX_ATTEMPTS {
            match self.insert_once(context, served, target, new.clone()).await? {
                Inserted::Overtaken => {}
                inserted => return Ok(inserted),
            }
        }
        Ok(Inserted::Overtaken)
    }

    /// 409 for a create that others overtook again and again.
    pub(super) fn overtaken(&self, target: &Target<'_>) -> Status {
        Status::conflict(&self.group_resource, target.name, MODIFIED)
    }

    async fn insert_once(
        &self,
        context: &RequestContext,
        served: &Served,
        target: Target<'_>,
        mut new: Value,
    ) -> Result<Inserted, Status> {
        metadata::begin(&mut new, &identity::uid(), context.now);
        if let Some(why) = self.kind.refuses_creation() {
            return Err(Status::forbidden(&self.group_resource, target.name, why));
        }
        // What is created through a part of it gets nothing that others give.
        let taken = match target.subresource {
            "" => self.begin_create(context, &mut new).await?,
            _ => None,
        };
        checks::create(&*self.kind, &mut new, &context.warnings)?;
        self.warn(context, &new)?;
        let new = self
            .validate(context, target, Operation::Create, new, None)
            .await?;
        if context.dry_run {
            return Ok(match self.newest(served, &target.key()).await?.current {
                Some(current) if metadata::is_deleting(&current.shown.tree()) => {
                    return Err(self.exists_until_deleted(target.name));
                }
                Some(_) => Inserted::Exists(None),
                None => Inserted::Done(Arc::new(Object::unstored(Box::pin(served.read_back(new)).await?))),
            });
        }
        if metadata::resource_version(&new).is_ok_and(|version| version != 0) {
            return Err(fault::plain(
                500,
                "resourceVersion should not be set on objects to be created",
            ));
        }
        let draft = match self.has_raw_fields {
            true => self.with_sent_texts(context, served.draft(new.clone()).await?, &new),
            false => served.draft(new).await?,
        };
        match self.put(served, draft, None, taken).await? {
            Put::Done(object) => Ok(Inserted::Done(object)),
            Put::Raced(None) => Ok(Inserted::Overtaken),
            Put::Raced(existing) => Ok(Inserted::Exists(existing)),
        }
    }

    async fn begin_create(
        &self,
        context: &RequestContext,
        new: &mut Value,
    ) -> Result<Option<Box<dyn Pending>>, Status> {
        match self.shared.plugins()?.hooks.get(&self.group_resource) {
            Some(hooks) => hooks.begin_create(context, new).await,
            None => Ok(None),
        }
    }

    /// Says what hooks warn of in an object that was found right.
    pub(super) fn warn(&self, context: &RequestContext, new: &Value) -> Result<(), Status> {
        if let Some(hooks) = self.shared.plugins()?.hooks.get(&self.group_resource) {
            for warning in hooks.warnings(new) {
                context.warnings.add(warning);
            }
        }
        Ok(())
    }

    /// 409 for a create of what exists.
    fn exists(&self, served: &Served, name: &str, existing: Option<KeyValue>) -> Status {
        let existing = existing.and_then(|kv| served.cache.object_of(kv).ok());
        if existing.is_some_and(|existing| metadata::is_deleting(&existing.tree())) {
            return self.exists_until_deleted(name);
        }
        Status::already_exists(&self.group_resource, name)
    }

    /// The same where deletion is under way.
    fn exists_until_deleted(&self, name: &str) -> Status {
        let mut status = Status::already_exists(&self.group_resource, name);
        status.message = format!("object is being deleted: {}", status.message);
        status
    }

    /// A POST to a subresource that is an action: `binding`, `eviction`, `token`.
    pub async fn act(
        &self,
        context: &RequestContext,
        namespace: &str,
        name: &str,
        subresource: &str,
        mut body: Value,
    ) -> Result<Value, Status> {
        let target = Target {
            namespace,
            name,
            subresource,
        };
        let action = self.action(&target)?;
        let default = |body: &mut Value| {
            if let Some(action) = &action {
                action.default(body);
            }
        };
        context.audit.brought(&body, default);
        metadata::ensure_namespace(&mut body, namespace)?;
        default(&mut body);
        self.track_action(context, &target, &mut body);
        let body = self
            .mutate(context, target, Operation::Create, body, None)
            .await?;
        self.run_action(context, target, body).await
    }

    /// What answers a POST to a target that is not stored.
    fn action(&self, target: &Target<'_>) -> Result<Option<Arc<dyn Action>>, Status> {
        let name = (self.group_resource.clone(), target.subresource.to_owned());
        Ok(self.shared.plugins()?.actions.get(&name).cloned())
    }

    async fn run_action(
        &self,
        context: &RequestContext,
        target: Target<'_>,
        body: Value,
    ) -> Result<Value, Status> {
        let body = self
            .validate(context, target, Operation::Create, body, None)
            .await?;
        let action = self.action(&target)?;
        let action = action.ok_or_else(|| Status::method_not_supported(&self.group_resource, "create"))?;
        let request = ActionRequest {
            context,
            namespace: target.namespace,
            name: target.name,
            body,
        };
        action.run(request, &self.shared.registry()?).await
    }
}

/// 409 when every generated name was taken.
fn no_unique_name(resource: &GroupResource, name: &str) -> Status {
    let details = Details {
        name: name.to_owned(),
        group: resource.group.clone().into_owned(),
        kind: resource.resource.clone().into_owned(),
        ..Details::default()
    };
    let message = format!("{resource} {name:?} already exists");
    let status = Status::failure(409, Reason::ALREADY_EXISTS, message).with_details(details);
    as_of_prefix(status, "-")
}

/// What a client is told of a name that is taken if its object has a prefix for names, whether the name came of it or not.
fn as_of_prefix(mut status: Status, prefix: &str) -> Status {
    if prefix.is_empty() || status.reason != Reason::ALREADY_EXISTS {
        return status;
    }
    status
        .message
        .push_str(", the server was not able to generate a unique name for the object");
    if let Some(details) = &mut status.details {
        details.retry_after_seconds = 1;
    }
    status
}
