//! A request handed on to the server that serves its part of the API, and that server's answer.

use std::time::Duration;

use http::header::{HOST, LOCATION};
use http::{Request, StatusCode, Uri};
use streaming::upgrade::asks_upgrade;

use crate::aggregation::parts::{Backend, OtherServer};
use crate::aggregation::set_user;
use crate::api::Api;
use crate::body::Body;
use crate::call::{Call, Response};
use crate::connect::exchange::exchange;
use crate::connect::forwarding::{request_headers, strip};
use crate::documents::metric_verb;
use crate::respond::plain_text;

/// Clients that look what there is should not wait long for a server that does not answer.
const DISCOVERY_WITHIN: Duration = Duration::from_secs(5);

/// Who else is to answer a path; none if this server does.
pub(crate) fn leads_elsewhere(api: &Api, path: &str) -> Option<OtherServer> {
    api.aggregation.parts().of_path(path).cloned()
}

/// Answers a call with what the other server answers.
pub(crate) async fn hand_on(api: &Api, call: &mut Call, to: &OtherServer) -> Response {
    call.labels.verb = metric_verb(&call.head.method);
    if !to.is_available {
        return refused(StatusCode::SERVICE_UNAVAILABLE, "service unavailable");
    }
    let backend = match &to.backend {
        Ok(backend) => &**backend,
        Err(why) => return refused(StatusCode::INTERNAL_SERVER_ERROR, why),
    };
    if asks_upgrade(&call.head.headers) {
        return upgrade(api, call, backend).await;
    }
    if !is_discovery(call) {
        return send(call, backend).await;
    }
    match tokio::time::timeout(DISCOVERY_WITHIN, send(call, backend)).await {
        Ok(response) => response,
        Err(_) => refused(
            StatusCode::SERVICE_UNAVAILABLE,
            "error trying to reach service: context deadline exceeded",
        ),
    }
}

/// Whether the path is just that of a group version.
fn is_discovery(call: &Call) -> bool {
    !call.info.is_resource() && call.info.path().trim_matches('/').split('/').count() == 3
}

async fn send(call: &mut Call, backend: &dyn Backend) -> Response {
    let Ok(target) = path_and_query(call).parse::<Uri>() else {
        return refused(StatusCode::BAD_REQUEST, "invalid path");
    };
    let mut headers = request_headers(call, "", false, true);
    // Said by the connection.
    headers.remove(HOST);
    set_user(&mut headers, &call.user);
    let mut request = Request::new(std::mem::take(&mut call.body));
    *request.method_mut() = call.head.method.clone();
    *request.uri_mut() = target;
    *request.headers_mut() = headers;
    match backend.send(request).await {
        Ok(response) => answered(response.map(Body::stream)),
        Err(why) => refused(
            StatusCode::SERVICE_UNAVAILABLE,
            &format!("error trying to reach service: {why}"),
        ),
    }
}

fn answered(mut response: Response) -> Response {
    strip(response.headers_mut());
    if response.status().is_redirection() && response.headers().contains_key(LOCATION) {
        let mut refusal = Response::new(Body::full(
            "the backend attempted to redirect this request, which is not permitted",
        ));
        *refusal.status_mut() = StatusCode::BAD_GATEWAY;
        return refusal;
    }
    response
}

/// The two ends are joined, if the other server agrees.
async fn upgrade(api: &Api, call: &mut Call, backend: &dyn Backend) -> Response {
    let connection = match backend.connect().await {
        Ok(connection) => connection,
        Err(why) => return refused(StatusCode::SERVICE_UNAVAILABLE, &why),
    };
    let user = call.user.clone();
    set_user(&mut call.head.headers, &user);
    let counted = api.metrics.longrunning(call.metric_labels()).enter();
    let target = path_and_query(call);
    match exchange(call, connection, &target, true, counted).await {
        Ok(response) if response.status().is_success() || response.status().is_redirection() => refused(
            StatusCode::SERVICE_UNAVAILABLE,
            &format!(
                "invalid upgrade response: status code {}",
                response.status().as_u16()
            ),
        ),
        Ok(response) => response,
        Err(status) => refused(StatusCode::SERVICE_UNAVAILABLE, &status.message),
    }
}

fn path_and_query(call: &Call) -> String {
    let target = call.head.uri.path_and_query();
    target.map_or_else(|| call.head.uri.path().to_owned(), ToString::to_string)
}

fn refused(code: StatusCode, why: &str) -> Response {
    plain_text(code, format!("{why}\n"))
}
