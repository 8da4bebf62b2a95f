//! Reading resources that are not stored.

use std::sync::Arc;

use meta::Status;

use super::{Page, Resource};
use crate::object::Object;
use crate::observed::Observed;
use crate::options::ListOptions;
use crate::selection::Selection;

impl Resource {
    /// Who looks at the resource, if it is not stored.
    pub(super) fn observed(&self) -> Result<Option<&Arc<dyn Observed>>, Status> {
        if self.served.is_some() {
            return Ok(None);
        }
        Ok(self.shared.plugins()?.observed.get(&self.group_resource))
    }

    /// What there is now, all on one page and of no version, whatever page or version is asked for.
    pub(super) async fn list_observed(
        &self,
        observed: &dyn Observed,
        namespace: Option<&str>,
        options: &ListOptions,
    ) -> Result<Page, Status> {
        let (labels, fields) = (&options.label_selector, &options.field_selector);
        let selection = Selection::new(&*self.kind, namespace, labels, fields)?;
        let objects = observed.all().await.into_iter().map(Object::unstored);
        Ok(Page {
            items: objects
                .filter(|object| selection.matches(object))
                .map(Arc::new)
                .collect(),
            revision: None,
            continue_token: String::new(),
            remaining: None,
        })
    }
}
