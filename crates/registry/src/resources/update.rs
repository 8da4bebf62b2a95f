//! Updating and patching: a change is computed from the object as it is, and computed again whenever someone else was first.

use std::sync::Arc;

use meta::field::{FieldError, Path};
use meta::object::{metadata_str, uid};
use meta::{ErrorList, Status};
use patch::managed::restore_times;
use resource::SubresourceKind;
use serde_json::Value;

use super::change::Change;
use super::commit::{Put, Removed};
use super::create::Inserted;
use super::current::{Current, Known};
use super::projected::Projected;
use super::raw_fields::ChangedTexts;
use super::target::Target;
use super::{Resource, Written};
use crate::admission::Operation;
use crate::checks;
use crate::context::RequestContext;
use crate::fault;
use crate::hooks::{PartChange, Pending};
use crate::metadata;
use crate::object::Object;
use crate::options::PatchBody;
use crate::owner_references::{self, Found};
use crate::served::Served;

/// How often a write is computed anew because someone else was first. Each time, someone else has made progress.
pub(super) const MAX_ATTEMPTS: usize = 100;

/// What the client is told when it has changed an old version.
pub(super) const MODIFIED: &str =
    "the object has been modified; please apply your changes to the latest version and try again";

/// A change on its way into the store.
struct Rewrite<'a> {
    context: &'a RequestContext,
    served: &'a Served,
    target: Target<'a>,
    works_as: Option<SubresourceKind>,
    change: Change,
}

/// How one attempt ended.
enum Attempt {
    Done(Written),
    /// Someone else was first, and this is what is there now.
    Raced(Known),
}

/// An object that was changed and is good, before it is stored.
struct Changed {
    new: Value,
    texts: Option<ChangedTexts>,
    taken: Option<Box<dyn Pending>>,
}

impl Resource {
    /// Replaces an object, or (`subresource` not empty) a part or a projection of it.
    pub async fn update(
        &self,
        context: &RequestContext,
        namespace: &str,
        name: &str,
        subresource: &str,
        body: Value,
    ) -> Result<Written, Status> {
        let target = Target {
            namespace,
            name,
            subresource,
        };
        let change = self.replace(context, &target, body)?;
        self.rewrite(context, target, change).await
    }

    /// Patches an object, or a part or a projection of it. An apply creates what is not there.
    pub async fn patch(
        &self,
        context: &RequestContext,
        namespace: &str,
        name: &str,
        subresource: &str,
        patch: PatchBody,
    ) -> Result<Written, Status> {
        let target = Target {
            namespace,
            name,
            subresource,
        };
        let change = self.read_patch(context, &target, patch)?;
        self.rewrite(context, target, change).await
    }

    async fn rewrite(
        &self,
        context: &RequestContext,
        target: Target<'_>,
        change: Change,
    ) -> Result<Written, Status> {
        let served = self.served()?;
        let rewrite = Rewrite {
            context,
            served,
            target,
            works_as: self.works_as(&target)?,
            change,
        };
        let key = target.path_key()?;
        let mut known = self.at_hand(served, &key).await?;
        for _ in 0..MAX_ATTEMPTS {
            match self.attempt(&rewrite, &known).await {
                Ok(Attempt::Done(written)) => return Ok(written),
                Ok(Attempt::Raced(now)) => known = now,
                Err(status) => match self.newer(served, &key, &known).await? {
                    Some(newer) => known = newer,
                    None => return Err(status),
                },
            }
        }
        Err(Status::conflict(&self.group_resource, target.name, MODIFIED))
    }

    async fn attempt(&self, rewrite: &Rewrite<'_>, known: &Known) -> Result<Attempt, Status> {
        match &known.current {
            None => self.create_by_update(rewrite).await,
            Some(current) => self.change(rewrite, known, current).await,
        }
    }

    /// A PUT or an apply of what is not there.
    async fn create_by_update(&self, rewrite: &Rewrite<'_>) -> Result<Attempt, Status> {
        let Rewrite { context, target, .. } = *rewrite;
        let may_create = match rewrite.change {
            Change::Replace(_) => self.kind.allows_create_on_update(),
            Change::Apply(_) => true,
            Change::Patch(_) | Change::Unreadable(_) => false,
        };
        // A part creates the object where a PUT of the object does.
        let works_so = match rewrite.works_as {
            None => true,
            Some(SubresourceKind::Part) => match rewrite.change {
                Change::Apply(_) => self.kind.status_apply_creates(),
                _ => self.kind.allows_create_on_update(),
            },
            Some(_) => false,
        };
        if !may_create || !works_so {
            return Err(self.not_found(target.name));
        }
        let new = self.first_state(context, &target, &rewrite.change)?;
        let new = self.mutate(context, target, Operation::Create, new, None).await?;
        match self.insert(context, rewrite.served, target, new).await? {
            Inserted::Done(object) => Ok(Attempt::Done(Written {
                object,
                created: true,
            })),
            Inserted::Exists(existing) => {
                let known = match existing {
                    // A dry run has seen that there is one, and no more.
                    None => self.newest(rewrite.served, &target.key()).await?,
                    existing => Known::stored(rewrite.served, existing).await?,
                };
                Ok(Attempt::Raced(known))
            }
            Inserted::Overtaken => Err(self.overtaken(&target)),
        }
    }

    async fn change(
        &self,
        rewrite: &Rewrite<'_>,
        known: &Known,
        current: &Current,
    ) -> Result<Attempt, Status> {
        let Rewrite { context, target, .. } = *rewrite;
        let old = &*self.shared.recent.of(&current.shown);
        self.check_uid(context, &target, &rewrite.change, old)?;
        let mut new = self.changed(rewrite, old).await?;
        self.check_version(&target, &mut new, current)?;
        let taken = self.begin_update(context, &target, &mut new, old).await?;
        if !target.subresource.is_empty() {
            let now = metadata::seconds(context.now);
            self.kind
                .stamp_part_update(target.subresource, &mut new, old, &now);
        }
        let found = self.judge_part(rewrite, &new, old).await?;
        let part = checks::Part {
            subresource: target.subresource,
            found,
        };
        let states = [old, &new];
        let texts = self.changed_texts(
            context,
            target.subresource,
            &rewrite.change,
            states,
            &current.stored,
        );
        let disguised = texts.as_ref().and_then(|texts| texts.disguised(old));
        let seen = disguised.as_ref().unwrap_or(old);
        checks::update(&*self.kind, part, &mut new, seen, &context.warnings)?;
        if target.subresource.is_empty() {
            self.warn(context, &new)?;
        }
        if let Some(texts) = &texts {
            texts.reveal(&mut new, old);
        }
        restore_times(&mut new, old);
        let new = self.validate_faces(rewrite, new, old).await?;
        if metadata::may_go(&new, old) && !self.kind.holds_deletion(&new) {
            self.let_go(rewrite, current, new).await
        } else {
            let draft = Changed { new, texts, taken };
            self.store_change(rewrite, known, current, draft).await
        }
    }

    /// The object as the change and admission want it.
    async fn changed(&self, rewrite: &Rewrite<'_>, old: &Value) -> Result<Value, Status> {
        let Rewrite { context, target, .. } = *rewrite;
        if let Some(SubresourceKind::Projection(projection)) = &rewrite.works_as {
            let Projected { mut new, face } = self.next_projection(context, &target, &rewrite.change, old)?;
            let old_face = projection.read_to_change(old)?;
            let face = self
                .mutate(context, target, Operation::Update, face, Some(&old_face))
                .await?;
            let version = metadata_str(&face, "resourceVersion");
            // Who says nothing of versions takes the replicas of whichever is there.
            let version = if version.is_empty() {
                metadata_str(old, "resourceVersion")
            } else {
                version
            };
            metadata::set(&mut new, "resourceVersion", version.into());
            projection.write(&mut new, &face)?;
            return Ok(new);
        }
        let new = self.next_state(context, &target, &rewrite.change, old)?;
        let mut new = self
            .mutate(context, target, Operation::Update, new, Some(old))
            .await?;
        owner_references::fold(&mut new, &context.warnings, Found::AfterAdmission);
        Ok(new)
    }

    /// Lets admission refuse what is about to be stored, in the form in which it was sent.
    async fn validate_faces(&self, rewrite: &Rewrite<'_>, new: Value, old: &Value) -> Result<Value, Status> {
        let Rewrite { context, target, .. } = *rewrite;
        if let Some(SubresourceKind::Projection(projection)) = &rewrite.works_as {
            let (face, old_face) = (projection.read(&new)?, projection.read_to_change(old)?);
            self.validate(context, target, Operation::Update, face, Some(&old_face))
                .await?;
            return Ok(new);
        }
        self.validate(context, target, Operation::Update, new, Some(old))
            .await
    }

    /// A PUT of another object of the same name is a 409.
    fn check_uid(
        &self,
        context: &RequestContext,
        target: &Target<'_>,
        change: &Change,
        old: &Value,
    ) -> Result<(), Status> {
        let Change::Replace(body) = change else {
            return Ok(());
        };
        let (wanted, found) = (uid(body), uid(old));
        if wanted.is_empty() || wanted == found {
            return Ok(());
        }
        Err(self.uid_conflict(context, target, wanted, found))
    }

    /// 409 for an action whose conditions are not met, in the words of upstream's storage layer.
    pub fn unmet(&self, context: &RequestContext, namespace: &str, name: &str, problem: &str) -> Status {
        let target = Target {
            namespace,
            name,
            subresource: "",
        };
        self.storage_conflict(context, &target, problem)
    }

    /// 409 for a write to another object of the same name, with the words of upstream's storage layer.
    pub(super) fn uid_conflict(
        &self,
        context: &RequestContext,
        target: &Target<'_>,
        wanted: &str,
        found: &str,
    ) -> Status {
        let problem =
            format!("Precondition failed: UID in precondition: {wanted}, UID in object meta: {found}");
        self.storage_conflict(context, target, &problem)
    }

    /// 409 in the words of upstream's storage layer. A dry run does not get as far as where the root of all keys is put before
    /// the key.
    fn storage_conflict(&self, context: &RequestContext, target: &Target<'_>, problem: &str) -> Status {
        let prefix = &*self.kind.descriptor().storage_prefix;
        let prefix = match prefix.strip_prefix("/registry") {
            Some(below) if context.dry_run => below,
            _ => prefix,
        };
        let key = [prefix, &*target.key()].concat();
        let why = format!(
            "StorageError: invalid object, Code: 4, Key: {key}, ResourceVersion: 0, AdditionalErrorMsg: {problem}"
        );
        Status::conflict(&self.group_resource, target.name, &why)
    }

    /// A change of another version than the present one is a 409; one without a version is taken if the kind allows it.
    fn check_version(&self, target: &Target<'_>, new: &mut Value, current: &Current) -> Result<(), Status> {
        let wanted = metadata::resource_version(new)?;
        let found = current.version().map_or(0, |version| version.get());
        if wanted == 0 {
            if !self.kind.allows_unconditional_update() {
                let path = Path::new("metadata.resourceVersion");
                let error = FieldError::invalid(&path, 0, "must be specified for an update");
                // Upstream's storage knows the name of the resource only.
                let resource = &self.name;
                let named = resource.group_version().kind(resource.resource.clone());
                return Err(Status::invalid(&named, target.name, &[error]));
            }
            metadata::set(new, "resourceVersion", found.to_string().into());
        } else if wanted != found {
            return Err(Status::conflict(&self.group_resource, target.name, MODIFIED));
        }
        Ok(())
    }

    /// A part of an object holds nothing that is taken or given back.
    async fn begin_update(
        &self,
        context: &RequestContext,
        target: &Target<'_>,
        new: &mut Value,
        old: &Value,
    ) -> Result<Option<Box<dyn Pending>>, Status> {
        match self.shared.plugins()?.hooks.get(&self.group_resource) {
            Some(hooks) if target.subresource.is_empty() => hooks.begin_update(context, new, old).await,
            _ => Ok(None),
        }
    }

    /// What hooks find wrong with a change of a part.
    async fn judge_part(&self, rewrite: &Rewrite<'_>, new: &Value, old: &Value) -> Result<ErrorList, Status> {
        let subresource = rewrite.target.subresource;
        let plugins = self.shared.plugins()?;
        let hooks = plugins.hooks.get(&self.group_resource);
        let Some(hooks) = hooks.filter(|_| !subresource.is_empty()) else {
            return Ok(ErrorList::new());
        };
        let verb = match rewrite.change {
            Change::Replace(_) => "update",
            Change::Patch(_) | Change::Apply(_) | Change::Unreadable(_) => "patch",
        };
        let change = PartChange {
            context: rewrite.context,
            verb,
            subresource,
            new,
            old,
        };
        hooks.judge_part(change).await
    }

    /// Stores a changed object, unless nothing has changed.
    async fn store_change(
        &self,
        rewrite: &Rewrite<'_>,
        known: &Known,
        current: &Current,
        Changed {
            mut new,
            texts,
            taken,
        }: Changed,
    ) -> Result<Attempt, Status> {
        let Rewrite {
            context,
            served,
            target,
            ..
        } = *rewrite;
        if context.dry_run {
            let new = Box::pin(served.read_back(new)).await?;
            return self.written(rewrite, Arc::new(Object::unstored(new)));
        }
        let (draft, kept) = match served.draft_of_kept(&mut new, &current.stored) {
            Some(draft) => (draft, Some(new)),
            None => (served.draft(new).await?, None),
        };
        let draft = self.with_changed_texts(draft, texts.as_ref());
        if current.stored.says(draft.json()) {
            return match self.newer(served, &target.key(), known).await? {
                Some(newer) => Ok(Attempt::Raced(newer)),
                None => self.written(rewrite, Arc::clone(&current.shown)),
            };
        }
        match self.put(served, draft, current.version(), taken).await? {
            Put::Done(object) => {
                if let (Some(tree), Some(at)) = (kept, object.resource_version()) {
                    self.shared.recent.keep(&object, tree, at);
                }
                self.written(rewrite, object)
            }
            Put::Raced(existing) => Known::stored(served, existing).await.map(Attempt::Raced),
        }
    }

    /// Removes a deleted object that has lost its last finalizer. The answer is what the client wanted it to be.
    async fn let_go(&self, rewrite: &Rewrite<'_>, current: &Current, new: Value) -> Result<Attempt, Status> {
        let Rewrite { context, served, .. } = *rewrite;
        if !context.dry_run
            && let Removed::Raced(existing) = self.remove(context, served, &current.shown).await?
        {
            return Known::stored(served, existing).await.map(Attempt::Raced);
        }
        self.written(rewrite, Arc::new(Object::unstored(new)))
    }

    fn written(&self, rewrite: &Rewrite<'_>, object: Arc<Object>) -> Result<Attempt, Status> {
        let object = match &rewrite.works_as {
            Some(SubresourceKind::Projection(projection)) => {
                Arc::new(Object::unstored(projection.read(&object.tree())?))
            }
            Some(SubresourceKind::Action | SubresourceKind::Connect { .. }) => {
                return Err(fault::not_served(&self.group_resource, "update"));
            }
            Some(SubresourceKind::Part) | None => object,
        };
        Ok(Attempt::Done(Written {
            object,
            created: false,
        }))
    }
}
