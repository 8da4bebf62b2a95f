//! Objects of a resource in the form in which they are used, made anew when they change.

use std::sync::Arc;

use meta::{GroupVersionResource, Status};
use parking_lot::Mutex;
use registry::Object;

use crate::cluster::Cluster;

/// Something made of each object of a resource.
pub(crate) trait Compiled: Sized + Send + Sync {
    /// Where the objects are served.
    const RESOURCE: GroupVersionResource;

    /// Makes it of one.
    fn compile(object: &Object, cluster: &Arc<dyn Cluster>) -> Self;
}

/// All objects of a resource, compiled, in the order of their names. They are looked up when they are needed: to know that
/// nothing has changed costs no more than to compare a number.
pub(crate) struct Memo<T> {
    known: Mutex<Known<T>>,
}

struct Known<T> {
    /// When the objects had changed last.
    changed_at: Option<u64>,
    objects: Arc<[(Arc<Object>, Arc<T>)]>,
}

impl<T> Default for Memo<T> {
    fn default() -> Self {
        Self {
            known: Mutex::new(Known {
                changed_at: None,
                objects: Arc::new([]),
            }),
        }
    }
}

impl<T: Compiled> Memo<T> {
    /// Everything as it is now.
    pub(crate) async fn current(
        &self,
        cluster: &Arc<dyn Cluster>,
    ) -> Result<Arc<[(Arc<Object>, Arc<T>)]>, Status> {
        let changed_at = cluster.changed_at(&T::RESOURCE)?;
        let known = {
            let known = self.known.lock();
            if known.changed_at == Some(changed_at) {
                return Ok(Arc::clone(&known.objects));
            }
            Arc::clone(&known.objects)
        };
        let objects = cluster.list(&T::RESOURCE, None).await?.into_iter();
        let objects: Arc<[_]> = objects.map(|object| reuse(&known, object, cluster)).collect();
        let mut known = self.known.lock();
        // A list may be newer than the number, never older: what came between is looked at once more.
        if known.changed_at < Some(changed_at) {
            *known = Known {
                changed_at: Some(changed_at),
                objects: Arc::clone(&objects),
            };
        }
        Ok(objects)
    }
}

fn reuse<T: Compiled>(
    known: &[(Arc<Object>, Arc<T>)],
    object: Arc<Object>,
    cluster: &Arc<dyn Cluster>,
) -> (Arc<Object>, Arc<T>) {
    let same = known.iter().find(|(other, _)| Arc::ptr_eq(other, &object));
    match same {
        Some((_, compiled)) => (object, Arc::clone(compiled)),
        None => {
            let compiled = Arc::new(T::compile(&object, cluster));
            (object, compiled)
        }
    }
}
