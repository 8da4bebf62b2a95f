//! What a resource does around its writes: takes addresses and ports, gives them back.

use async_trait::async_trait;
use meta::{ErrorList, Status};
use serde_json::Value;
use store::{Key, Revision};

use crate::context::RequestContext;

/// Something taken for a write that may yet fail. Dropping it without [`Pending::keep`] gives it back.
pub trait Pending: Send {
    /// The write happened, in that revision: what was taken stays taken.
    fn keep(self: Box<Self>, at: Revision);

    /// What keeps servers over one store from taking the same; none if nobody else takes. Where the guard no longer stands, the
    /// write does not happen, and the hooks are asked anew.
    fn guard(&self) -> Option<Guard> {
        None
    }
}

/// A key of the store that everybody who takes something writes with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Guard {
    /// The key.
    pub key: Key,
    /// When it was written last, as far as the taker knows; zero if never.
    pub revision: Revision,
}

/// A change of a part of an object, as it is asked for.
#[derive(Clone, Copy, Debug)]
pub struct PartChange<'a> {
    /// The request.
    pub context: &'a RequestContext,
    /// What authorizers know it as: `update` or `patch`.
    pub verb: &'a str,
    /// The part: `status`.
    pub subresource: &'a str,
    /// The object with the change.
    pub new: &'a Value,
    /// The object as it is.
    pub old: &'a Value,
}

/// Runs around the writes of one resource, plugged in at assembly. What a resource does not have to do it leaves out.
#[async_trait]
pub trait Hooks: Send + Sync {
    /// Before a new object is validated; may fill in what was taken for it. On a dry run nothing may stay taken.
    async fn begin_create(
        &self,
        _context: &RequestContext,
        _new: &mut Value,
    ) -> Result<Option<Box<dyn Pending>>, Status> {
        Ok(None)
    }

    /// Before a change of the object itself (not of its status or another part) is validated.
    async fn begin_update(
        &self,
        _context: &RequestContext,
        _new: &mut Value,
        _old: &Value,
    ) -> Result<Option<Box<dyn Pending>>, Status> {
        Ok(None)
    }

    /// What is wrong with a change of a part of the object, such as its status, besides what the kind finds.
    async fn judge_part(&self, _change: PartChange<'_>) -> Result<ErrorList, Status> {
        Ok(ErrorList::new())
    }

    /// Warnings for who wrote an object that was found right, after those of the kind; nobody is warned who writes a part only.
    fn warnings(&self, _new: &Value) -> Vec<String> {
        Vec::new()
    }

    /// After an object is gone.
    async fn after_delete(&self, _context: &RequestContext, _old: &Value) {}
}
