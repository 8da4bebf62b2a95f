//! What is served of a definition at present.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use admission::Cluster;
use meta::{GroupResource, Reason, Status};
use registry::Registry;

use crate::conversion;
use crate::definition::{Definition, Names};
use crate::version::{self, Unservable};

/// What is served of a definition.
pub(crate) struct Serving {
    uid: String,
    /// What tells the specification that is in effect from others: the whole of it may be large.
    spec: [u8; 32],
    names: Names,
    resource: GroupResource,
    is_going: Arc<AtomicBool>,
}

impl Serving {
    /// Serves a definition's objects under the names that were accepted.
    pub(crate) async fn begin(
        registry: &Registry,
        cluster: &Arc<dyn Cluster>,
        definition: &Definition,
        names: &Names,
    ) -> Result<Self, Status> {
        let is_going = Arc::new(AtomicBool::new(definition.is_terminating()));
        let kinds = version::kinds(definition, names, &is_going).map_err(refusal)?;
        let converter = conversion::converter(definition, cluster);
        registry.serve(&kinds, converter).await?;
        Ok(Self {
            uid: definition.metadata.uid.clone(),
            spec: definition.spec_digest,
            names: names.clone(),
            resource: GroupResource {
                group: definition.spec.group.clone().into(),
                resource: names.plural.clone().into(),
            },
            is_going,
        })
    }

    /// Whether this is what is to be served.
    pub(crate) fn is_of(&self, definition: &Definition, names: &Names) -> bool {
        self.uid == definition.metadata.uid && self.spec == definition.spec_digest && self.names == *names
    }

    /// Group and plural name.
    pub(crate) fn resource(&self) -> &GroupResource {
        &self.resource
    }

    /// Says whether the definition is to go: no more objects are made then.
    pub(crate) fn set_going(&self, is_going: bool) {
        self.is_going.store(is_going, Ordering::Release);
    }
}

fn refusal(unservable: Unservable) -> Status {
    let why = match unservable {
        Unservable::NoStorage => "no version is the one to store",
        Unservable::TooManySelectableFields => {
            "there are more names of selectable fields than this server keeps"
        }
    };
    Status::failure(422, Reason::INVALID, why)
}
