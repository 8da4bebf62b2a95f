//! `GET` of a collection.

use meta::Status;

use crate::call::{Call, Response};
use crate::options::list_options;
use crate::resources::route::Route;
use crate::respond::list;

/// Answers with a list.
pub async fn list(call: &Call, route: &Route) -> Result<Response, Status> {
    let options = list_options(&call.query)?;
    let page = route
        .resource
        .list(route.collection_namespace(), &options)
        .await?;
    list::answer(call, route, page)
}
