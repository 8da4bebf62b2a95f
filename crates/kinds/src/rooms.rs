//! Which room belongs to which resource.

use std::sync::Arc;

use resource::{Descriptor, Kind};

use crate::core::pod::Pod;
use crate::plain::Plain;

/// The room of a resource.
pub fn open(descriptor: Descriptor) -> Arc<dyn Kind> {
    let version = descriptor.kind.version.clone();
    let group = descriptor.kind.group.clone();
    match (&*group, &*version, descriptor.plural.as_str()) {
        ("", _, "pods") => Arc::new(Pod(descriptor)),
        _ => Arc::new(Plain(descriptor)),
    }
}
