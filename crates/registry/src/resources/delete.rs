//! Deleting: one object, or all that a list selects.

use std::sync::Arc;

use meta::object::{metadata_str, uid};
use meta::{GroupResource, Status};
use serde_json::Value;

use super::Resource;
use super::commit::{Put, Removed};
use super::current::{Current, Known};
use super::read::Page;
use super::target::Target;
use crate::admission::Operation;
use crate::context::RequestContext;
use crate::deletion::{self, Plan};
use crate::object::Object;
use crate::options::{DeleteOptions, ListOptions};
use crate::selection::Selection;
use crate::served::Served;

/// How often a delete is decided anew because someone else was first.
const MAX_ATTEMPTS: usize = 100;

/// What a delete answers with.
#[derive(Clone, Debug)]
pub enum Deleted {
    /// The object as it was when it went.
    Gone(Arc<Object>),
    /// The object, which waits to be gone.
    Waits(Arc<Object>),
    /// A Status that says so.
    Status(Box<Status>),
}

/// How one attempt ended.
enum Attempt {
    Done(Deleted),
    /// Someone else was first, and this is what is there now.
    Raced(Known),
}

/// A delete of one object, by its name or among all that a list selects.
#[derive(Clone, Copy)]
struct Asked<'a> {
    target: Target<'a>,
    by_name: bool,
}

impl<'a> Asked<'a> {
    fn for_object(namespace: &'a str, name: &'a str) -> Self {
        Self {
            target: Target {
                namespace,
                name,
                subresource: "",
            },
            by_name: true,
        }
    }

    fn among_others(namespace: &'a str, name: &'a str) -> Self {
        Self {
            by_name: false,
            ..Self::for_object(namespace, name)
        }
    }

    /// What admission is told is deleted: it knows of no name that was not asked for.
    fn as_admitted(self) -> Target<'a> {
        Target {
            name: if self.by_name { self.target.name } else { "" },
            ..self.target
        }
    }
}

impl Resource {
    /// Deletes an object, or begins to.
    pub async fn delete(
        &self,
        context: &RequestContext,
        namespace: &str,
        name: &str,
        options: &DeleteOptions,
    ) -> Result<Deleted, Status> {
        self.warn_of_silence(context, options);
        self.delete_asked(context, Asked::for_object(namespace, name), options)
            .await
    }

    async fn delete_asked(
        &self,
        context: &RequestContext,
        asked: Asked<'_>,
        options: &DeleteOptions,
    ) -> Result<Deleted, Status> {
        let served = self.served()?;
        let name = asked.target.name;
        deletion::validate_options(options)?;
        let mut known = self.newest(served, &asked.target.path_key()?).await?;
        for _ in 0..MAX_ATTEMPTS {
            let current = known.current.as_ref().ok_or_else(|| self.not_found(name))?;
            match self.try_delete(context, served, asked, options, current).await? {
                Attempt::Done(deleted) => return Ok(deleted),
                Attempt::Raced(now) => known = now,
            }
        }
        Err(Status::conflict(
            &self.group_resource,
            name,
            "the object is changed all the time; please try again",
        ))
    }

    async fn try_delete(
        &self,
        context: &RequestContext,
        served: &Served,
        asked: Asked<'_>,
        options: &DeleteOptions,
        current: &Current,
    ) -> Result<Attempt, Status> {
        let old = current.shown.tree();
        self.check_preconditions(options, &old)?;
        self.admit_delete(context, asked.as_admitted(), &old).await?;
        self.kind.validate_delete(&old)?;
        match deletion::plan(&*self.kind, &old, options, context.now) {
            Plan::Wait => Ok(Attempt::Done(Deleted::Waits(Arc::clone(&current.shown)))),
            Plan::Mark(marked) => match self.mark(context, served, current, marked).await? {
                Put::Done(object) => Ok(Attempt::Done(Deleted::Waits(object))),
                Put::Raced(existing) => Known::stored(served, existing).await.map(Attempt::Raced),
            },
            Plan::MarkAndRemove(marked) => match self.mark(context, served, current, marked).await? {
                Put::Done(object) => self.take_away(context, served, object).await,
                Put::Raced(existing) => Known::stored(served, existing).await.map(Attempt::Raced),
            },
            Plan::Remove => self.take_away(context, served, Arc::clone(&current.shown)).await,
        }
    }

    async fn admit_delete(
        &self,
        context: &RequestContext,
        target: Target<'_>,
        old: &Value,
    ) -> Result<(), Status> {
        let admission = &self.shared.plugins()?.admission;
        let mut request = self.admission_request(context, target, Operation::Delete, None, Some(old));
        admission.mutate(&mut request).await?;
        admission.validate(&request).await
    }

    async fn mark(
        &self,
        context: &RequestContext,
        served: &Served,
        current: &Current,
        marked: Value,
    ) -> Result<Put, Status> {
        if context.dry_run {
            return Ok(Put::Done(Arc::new(Object::unstored(marked))));
        }
        let draft = self.with_texts_of(served.draft(marked).await?, &current.stored);
        if current.stored.says(draft.json()) {
            return Ok(Put::Done(Arc::clone(&current.shown)));
        }
        self.put(served, draft, current.version(), None).await
    }

    /// Removes an object in that very state.
    async fn take_away(
        &self,
        context: &RequestContext,
        served: &Served,
        object: Arc<Object>,
    ) -> Result<Attempt, Status> {
        if context.dry_run {
            return Ok(Attempt::Done(self.gone(object)));
        }
        match self.remove(context, served, &object).await? {
            Removed::Done(revision) => Ok(Attempt::Done(self.gone(Arc::new(object.at(revision))))),
            Removed::Raced(None) => Ok(Attempt::Done(self.gone(object))),
            Removed::Raced(existing) => Known::stored(served, existing).await.map(Attempt::Raced),
        }
    }

    fn gone(&self, object: Arc<Object>) -> Deleted {
        if self.kind.returns_deleted_object() {
            return Deleted::Gone(object);
        }
        let status = Status::success(&self.group_resource, object.name(), object.uid());
        Deleted::Status(Box::new(status))
    }

    /// 409 for a delete of another object, or another state, than the client has seen. Upstream names the kind here, for most
    /// kinds.
    fn check_preconditions(&self, options: &DeleteOptions, old: &Value) -> Result<(), Status> {
        if self.kind.compares_before_deletion() {
            return self.compare_as_stored(options, old);
        }
        let kind = &self.kind.descriptor().kind;
        let kind = self.kind.named_in_refusals().unwrap_or(kind);
        let conflict = |why: String| {
            let resource = GroupResource {
                group: kind.group.clone(),
                resource: kind.kind.clone(),
            };
            Err(Status::conflict(&resource, meta::object::name(old), &why))
        };
        let wanted = &options.preconditions;
        let (found_uid, found_version) = (uid(old), metadata_str(old, "resourceVersion"));
        match (&wanted.uid, &wanted.resource_version) {
            (Some(uid), _) if uid != found_uid => conflict(format!(
                "the UID in the precondition ({uid}) does not match the UID in record ({found_uid}). The object might have \
                 been deleted and then recreated"
            )),
            (_, Some(version)) if version != found_version => conflict(format!(
                "the ResourceVersion in the precondition ({version}) does not match the ResourceVersion in record \
                 ({found_version}). The object might have been modified"
            )),
            _ => Ok(()),
        }
    }

    /// The same in the words of upstream's storage layer.
    fn compare_as_stored(&self, options: &DeleteOptions, old: &Value) -> Result<(), Status> {
        let wanted = &options.preconditions;
        let compared = [
            ("UID", &wanted.uid, uid(old)),
            (
                "ResourceVersion",
                &wanted.resource_version,
                metadata_str(old, "resourceVersion"),
            ),
        ];
        for (what, wanted, found) in compared {
            if let Some(wanted) = wanted.as_deref().filter(|wanted| *wanted != found) {
                let why = format!(
                    "Precondition failed: {what} in precondition: {wanted}, {what} in object meta: {found}"
                );
                return Err(Status::conflict(
                    &self.group_resource,
                    meta::object::name(old),
                    &why,
                ));
            }
        }
        Ok(())
    }

    /// Tells a client what becomes of dependents of which it says nothing.
    fn warn_of_silence(&self, context: &RequestContext, options: &DeleteOptions) {
        let says_nothing = options.propagation.is_none() && options.orphan_dependents.is_none();
        if let Some(warning) = self.kind.silent_deletion_warning().filter(|_| says_nothing) {
            context.warnings.add(warning);
        }
    }

    /// Deletes what a list selects; answers with what was there.
    pub async fn delete_collection(
        &self,
        context: &RequestContext,
        namespace: Option<&str>,
        options: &DeleteOptions,
        list: &ListOptions,
    ) -> Result<Page, Status> {
        // Who selects nothing that can be selected is told that alone.
        Selection::new(&*self.kind, namespace, &list.label_selector, &list.field_selector)?;
        self.warn_of_silence(context, options);
        let page = self.list(namespace, list).await?;
        for object in &page.items {
            let asked = Asked::among_others(object.namespace(), object.name());
            match self.delete_asked(context, asked, options).await {
                Err(status) if !status.is_not_found() => return Err(status),
                Ok(_) | Err(_) => {}
            }
        }
        Ok(page)
    }
}
