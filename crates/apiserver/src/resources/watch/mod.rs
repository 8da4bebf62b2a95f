//! `GET` that follows a collection, or one object.

mod socket;

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use http::StatusCode;
use http::header::CONTENT_TYPE;
use meta::{FieldSelector, Status};

use crate::api::Api;
use crate::body::{Body, watch_body};
use crate::call::{Call, Response};
use crate::negotiate::View;
use crate::options::watch_options;
use crate::resources::route::Route;
use crate::respond::events::Events;
use crate::respond::table::IncludeObject;

/// A watch lasts at least so long if the client does not say, and at most twice that: so that the watches of many clients
/// do not all begin anew at once.
const MIN_TIMEOUT: Duration = Duration::from_secs(1800);

/// Answers with events.
pub async fn watch(api: &Api, call: &mut Call, route: &Route) -> Result<Response, Status> {
    let mut options = watch_options(&call.query, default_timeout())?;
    if !route.name.is_empty() {
        // The older way to watch one object.
        options.field_selector = of_name(&options.field_selector, &route.name)?;
    }
    let include = match route.format.view {
        View::Table(_) => IncludeObject::of(call)?,
        View::Whole | View::Metadata(_) | View::MetadataList(_) => IncludeObject::default(),
    };
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
    if socket::is_asked(call) {
        return socket::take(api, call, route, watcher, events);
    }
    let counted = api.metrics.longrunning(call.metric_labels()).enter();
    let body = match route.format.view {
        // An event is no list: upstream's stream ends where the first would be.
        View::MetadataList(_) => Body::Empty,
        _ => watch_body(watcher, events, api.shutdown.clone(), counted),
    };
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::OK;
    let media_type = http::HeaderValue::from_static(route.format.encoding.stream_type());
    response.headers_mut().insert(CONTENT_TYPE, media_type);
    Ok(response)
}

/// The field selector of a watch of one object, whose name a selector that is given must ask for too.
fn of_name(selector: &str, name: &str) -> Result<String, Status> {
    let fields = FieldSelector::parse(selector).map_err(|error| Status::bad_request(error.to_string()))?;
    if fields.is_everything() {
        return Ok(format!("metadata.name={name}"));
    }
    if fields.required_value("metadata.name") != Some(name) {
        let message = "fieldSelector metadata.name doesn't match requested name";
        return Err(Status::bad_request(message));
    }
    Ok(selector.to_owned())
}

fn default_timeout() -> Duration {
    let spread = RandomState::new().hash_one(0_u8) % MIN_TIMEOUT.as_secs();
    MIN_TIMEOUT + Duration::from_secs(spread)
}

#[cfg(test)]
mod tests {
    use super::of_name;

    #[test]
    fn a_watch_of_one_object_asks_for_its_name() {
        for (selector, expected) in [
            ("", Some("metadata.name=a")),
            ("metadata.name=a", Some("metadata.name=a")),
            (
                "metadata.name=a,spec.nodeName=n",
                Some("metadata.name=a,spec.nodeName=n"),
            ),
            ("metadata.name=b", None),
            ("spec.nodeName=n", None),
        ] {
            assert_eq!(of_name(selector, "a").ok().as_deref(), expected, "{selector}");
        }
    }
}
