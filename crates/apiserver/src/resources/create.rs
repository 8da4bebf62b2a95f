//! `POST`: to a collection, or to a subresource that does something.

use http::StatusCode;
use meta::Status;
use registry::Object;
use serde_json::Value;

use crate::call::{Call, Response};
use crate::options::write_options;
use crate::resources::route::Route;
use crate::resources::writing;
use crate::respond::object;

/// Makes an object.
pub async fn create(call: &mut Call, route: &Route) -> Result<Response, Status> {
    let (tree, options) = writing::tree(call, route, |call| write_options(call, "CreateOptions")).await?;
    let context = writing::context(call, &options);
    let written = route.resource.create(&context, &route.namespace, tree).await?;
    writing::answer(call, route, &written)
}

/// Does what a subresource does.
pub async fn act(call: &mut Call, route: &Route) -> Result<Response, Status> {
    let (tree, options) = writing::tree(call, route, |call| write_options(call, "CreateOptions")).await?;
    let context = writing::context(call, &options);
    let subresource = route.subresource_name();
    let done = route
        .resource
        .act(&context, &route.namespace, &route.name, subresource, tree)
        .await?;
    note(call, &done);
    object::answer(call, route, StatusCode::CREATED, &Object::unstored(done))
}

/// What answers with a Status has it written as one.
fn note(call: &Call, done: &Value) {
    if let Some(record) = call.audit.as_ref().filter(|_| done["kind"] == "Status")
        && let Ok(status) = serde_json::from_value::<Status>(done.clone())
    {
        record.status(&status);
    }
}
