//! Who owns which field (`metadata.managedFields`), kept true through every write.

use resource::Kind;
use serde_json::Value;

use crate::context::RequestContext;

/// Notes that the manager of a request has made `new` of `old`.
pub(crate) fn track(
    _kind: &dyn Kind,
    _context: &RequestContext,
    _subresource: &str,
    _old: Option<&Value>,
    _new: &mut Value,
) {
}

/// Puts the old managed fields back if only their times differ, so that a write without effect stays one.
pub(crate) fn ignore_times(_new: &mut Value, _old: &Value) {}
