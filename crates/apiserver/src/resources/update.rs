//! `PUT`.

use meta::Status;

use crate::call::{Call, Response};
use crate::options::write_options;
use crate::resources::route::Route;
use crate::resources::writing;

/// Replaces an object, or a part or a projection of it.
pub async fn update(call: &mut Call, route: &Route) -> Result<Response, Status> {
    let (tree, options) = writing::tree(call, route, |call| write_options(call, "UpdateOptions")).await?;
    let context = writing::context(call, &options);
    let subresource = route.subresource_name();
    let written = route
        .resource
        .update(&context, &route.namespace, &route.name, subresource, tree)
        .await?;
    writing::answer(call, route, &written)
}
