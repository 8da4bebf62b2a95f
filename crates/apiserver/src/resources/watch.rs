//! `GET` that follows a collection, or one object.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use http::StatusCode;
use http::header::CONTENT_TYPE;
use meta::Status;

use crate::api::Api;
use crate::body::watch_body;
use crate::call::{Call, Response};
use crate::options::watch_options;
use crate::resources::route::Route;
use crate::respond::events::Events;
use crate::respond::table::IncludeObject;

/// A watch lasts at least so long if the client does not say, and at most twice that: so that the watches of many clients
/// do not all begin anew at once.
const MIN_TIMEOUT: Duration = Duration::from_secs(1800);

/// Answers with events.
pub async fn watch(api: &Api, call: &Call, route: &Route) -> Result<Response, Status> {
    let mut options = watch_options(&call.query, default_timeout())?;
    if !route.name.is_empty() {
        // The older way to watch one object.
        options.field_selector = format!("metadata.name={}", route.name);
    }
    let include = IncludeObject::of(call)?;
    let watcher = route
        .resource
        .watch(route.collection_namespace(), &options)
        .await?;
    let kind = &route.descriptor().kind;
    let events = Events {
        resource: route.resource.clone(),
        format: route.format,
        include,
        sent: api
            .metrics
            .watch_events(&kind.group, &kind.version, &route.descriptor().plural),
        with_columns: true,
    };
    let counted = api.metrics.longrunning(call.metric_labels()).enter();
    let mut response = Response::new(watch_body(watcher, events, api.shutdown.clone(), counted));
    *response.status_mut() = StatusCode::OK;
    let media_type = http::HeaderValue::from_static(route.format.encoding.stream_type());
    response.headers_mut().insert(CONTENT_TYPE, media_type);
    Ok(response)
}

fn default_timeout() -> Duration {
    let spread = RandomState::new().hash_one(0_u8) % MIN_TIMEOUT.as_secs();
    MIN_TIMEOUT + Duration::from_secs(spread)
}
