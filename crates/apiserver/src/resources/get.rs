//! `GET` of one object.

use http::StatusCode;
use meta::Status;
use registry::Object;
use resource::SubresourceKind;

use crate::call::{Call, Response};
use crate::options::get_options;
use crate::resources::route::Route;
use crate::respond::object;

/// Answers with an object, or a projection of it.
pub async fn get(call: &Call, route: &Route) -> Result<Response, Status> {
    let options = get_options(&call.query);
    let found = route
        .resource
        .get(&route.namespace, &route.name, &options)
        .await?;
    match route.subresource().map(|s| &s.works_as) {
        Some(SubresourceKind::Projection(projection)) => {
            let seen = Object::unstored(projection.read(&found.tree())?);
            object::answer(call, route, StatusCode::OK, &seen)
        }
        _ => object::answer(call, route, StatusCode::OK, &found),
    }
}
