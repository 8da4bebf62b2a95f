//! Changes the server itself makes to an object on behalf of an action, past what clients may do: a binding gives a pod its
//! node, an eviction takes a disruption from a budget.

use std::sync::Arc;

use meta::Status;
use serde_json::Value;

use super::Resource;
use super::commit::Put;
use super::current::Known;
use super::target::Target;
use super::update::{MAX_ATTEMPTS, MODIFIED};
use crate::context::RequestContext;
use crate::object::Object;

/// Who owns what the server changes by itself.
const SERVER: &str = "kube-apiserver";

impl Resource {
    /// Changes an object by a function of what it is, computed anew whenever someone else was first. Strategy, validation
    /// and admission are not asked: they have judged the action. A refusal by the function is the answer, unless the object
    /// has changed meanwhile. The server is noted as the owner of what it changes through a part of the object (`noted_as`);
    /// else nobody is.
    pub async fn amend<F>(
        &self,
        context: &RequestContext,
        namespace: &str,
        name: &str,
        noted_as: Option<&str>,
        amend: F,
    ) -> Result<Arc<Object>, Status>
    where
        F: Fn(&mut Value) -> Result<(), Status> + Send + Sync,
    {
        let served = self.served()?;
        let target = Target {
            namespace,
            name,
            subresource: "",
        };
        let owner = RequestContext {
            field_manager: String::from(SERVER),
            ..context.clone()
        };
        let key = target.path_key()?;
        let mut known = self.at_hand(served, &key).await?;
        for _ in 0..MAX_ATTEMPTS {
            let amended = known
                .current
                .as_ref()
                .ok_or_else(|| self.not_found(name))
                .and_then(|current| {
                    let old = current.shown.tree();
                    let mut new = old.clone();
                    amend(&mut new)?;
                    if let Some(part) = noted_as {
                        self.track(&owner, part, Some(&old), &mut new);
                    }
                    Ok((new, current.version()))
                });
            let (new, version) = match amended {
                Ok(amended) => amended,
                Err(status) => match self.newer(served, &key, &known).await? {
                    Some(newer) => {
                        known = newer;
                        continue;
                    }
                    None => return Err(status),
                },
            };
            if context.dry_run {
                return Ok(Arc::new(Object::unstored(new)));
            }
            match self.put(served, served.draft(new).await?, version, None).await? {
                Put::Done(object) => return Ok(object),
                Put::Raced(existing) => known = Known::stored(served, existing).await?,
            }
        }
        Err(Status::conflict(&self.group_resource, name, MODIFIED))
    }
}
