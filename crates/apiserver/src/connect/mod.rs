//! Streams to where objects run: logs, exec, port-forward and proxies.

mod connectors;
pub(crate) mod exchange;
pub(crate) mod forwarding;
pub(crate) mod links;
mod log;
mod options;
pub(crate) mod pages;
mod tunnel;
mod websocket;

use std::sync::Arc;

use audit::Record;
use http::header::LOCATION;
use http::{HeaderValue, Method, StatusCode};
use meta::{Status, quote};
use registry::{GetOptions, RequestContext};
use resource::{ConnectRequest, ConnectTarget, ProxyName, SubresourceKind};
use streaming::upgrade::asks_upgrade;

use crate::api::Api;
use crate::body::Body;
use crate::call::{Call, Response};
use crate::connect::forwarding::To;
use crate::metrics::{Entered, Metrics};
use crate::resources::Route;
use crate::respond::plain_text;

pub use connectors::{
    ByteStream, ConnectError, Connection, Connectors, Network, NodeConnector, ServiceResolver,
};

/// Held as long as a stream lasts.
#[derive(Debug)]
pub struct Lasting {
    _counted: Entered,
    _audit: Option<Arc<Record>>,
}

impl Lasting {
    /// What a call's stream holds.
    pub(crate) fn of(metrics: &Metrics, call: &Call) -> Self {
        Self {
            _counted: metrics.longrunning(call.metric_labels()).enter(),
            _audit: call.audit.clone(),
        }
    }
}

/// Answers a request to a connect subresource with what the other end answers.
pub async fn connect(api: &Api, call: &mut Call, route: &Route) -> Result<Response, Status> {
    let Some(&SubresourceKind::Connect { target }) = route.subresource().map(|s| &s.works_as) else {
        return Err(Status::internal("not a stream"));
    };
    let proxied = route.subresource_name() == "proxy";
    let name = if proxied {
        proxied_name(&route.name)?
    } else {
        &route.name
    };
    let asked = admitted(call, route).await?;
    let object = route
        .resource
        .get(&route.namespace, name, &GetOptions::default())
        .await?;
    if proxied
        && call.info.rest().is_empty()
        && !asks_upgrade(&call.head.headers)
        && let Some(redirect) = redirect_to_directory(call)
    {
        return Ok(redirect);
    }
    let target = target(&ConnectRequest {
        object: &object.tree(),
        name: &route.name,
        path: asked.as_ref().map_or(call.info.rest(), |(path, _)| path),
        query: asked.as_ref().map_or(call.query.pairs(), |(_, query)| query),
    })?;
    let counted = Lasting::of(&api.metrics, call);
    if let ConnectTarget::Kubelet { node, path_and_query } = &target
        && let Some(carried) = websocket::carried(call, route.subresource_name())
    {
        let to = websocket::Backend {
            connectors: api.connectors.clone(),
            node: node.clone(),
            path_and_query: path_and_query.clone(),
        };
        return websocket::take(call, carried, to, counted).await;
    }
    let Some((connection, path_and_query)) = reach(api, route, target).await? else {
        return Ok(plain_text(StatusCode::OK, ""));
    };
    let to = if proxied { To::Proxied } else { To::Kubelet };
    if route.subresource_name() != "log" {
        return exchange::exchange(call, connection, &path_and_query, to, counted).await;
    }
    let socket = log::Socket::asked(call)?;
    let response = exchange::exchange(call, connection, &path_and_query, to, counted).await?;
    let response = log::checked(response, route).await?;
    match socket {
        Some(socket) => socket.answer(response),
        None => Ok(response),
    }
}

/// A connection to a target, and what to ask for there; none if nothing is there to be asked.
async fn reach(
    api: &Api,
    route: &Route,
    target: ConnectTarget,
) -> Result<Option<(Connection, String)>, Status> {
    let connectors = &api.connectors;
    let (connection, path_and_query) = match target {
        ConnectTarget::Nothing => return Ok(None),
        ConnectTarget::Kubelet { node, path_and_query } => {
            let connected = connectors.node(&node).await;
            let connected = connected.map_err(|error| told_of(error.to_node(), route, &node));
            (connected, path_and_query)
        }
        ConnectTarget::Address {
            scheme,
            host,
            port,
            path_and_query,
        } => {
            let connected = connectors.address(&scheme, &host, port).await;
            (connected.map_err(|error| error.to_service()), path_and_query)
        }
        ConnectTarget::Service {
            scheme,
            namespace,
            name,
            port,
            path_and_query,
        } => {
            let connected = connectors.service(&scheme, &namespace, &name, &port).await;
            (connected.map_err(|error| error.to_service()), path_and_query)
        }
    };
    Ok(Some((connection?, path_and_query)))
}

/// That a node is not there is told as if it were one of what was asked about, as upstream does.
fn told_of(status: Status, route: &Route, node: &str) -> Status {
    match status.code {
        404 => Status::not_found(&route.descriptor().group_resource(), node),
        _ => status,
    }
}

/// Asks admission whether there may be such a stream; gives path and query where it wants another one. Reading what a container
/// wrote is a read as others are.
async fn admitted(call: &mut Call, route: &Route) -> Result<Option<(String, Vec<(String, String)>)>, Status> {
    let kind = match route.subresource() {
        Some(subresource) if subresource.kind != route.descriptor().kind => &subresource.kind,
        _ => return Ok(None),
    };
    let Some(schema) = schema::builtin(kind) else {
        return Ok(None);
    };
    let asked = options::to_object(kind, schema, call.info.rest(), &call.query);
    let context = RequestContext {
        requested_name: call.info.name().to_owned(),
        warnings: call.warnings.clone(),
        audit: call.trail(),
        ..RequestContext::new(call.user.clone(), crate::clock::now())
    };
    let (name, subresource) = (&route.name, route.subresource_name());
    let admitted = route
        .resource
        .admit_connect(&context, &route.namespace, name, subresource, asked.clone())
        .await?;
    Ok((admitted != asked).then(|| options::to_query(&admitted)))
}

/// The object's name in what stands in the path, which may carry a scheme and a port.
fn proxied_name(text: &str) -> Result<&str, Status> {
    match ProxyName::parse(text) {
        Some(proxied) => Ok(proxied.name),
        None => Err(Status::bad_request(format!(
            "invalid proxy request {}",
            quote(text)
        ))),
    }
}

/// A page's relative links only work if its address ends with a slash.
fn redirect_to_directory(call: &Call) -> Option<Response> {
    if !matches!(call.head.method, Method::GET | Method::HEAD) {
        return None;
    }
    let uri = &call.head.uri;
    let query = uri.query().map(|q| format!("?{q}")).unwrap_or_default();
    let mut response = Response::new(Body::Empty);
    *response.status_mut() = StatusCode::MOVED_PERMANENTLY;
    let location = HeaderValue::try_from(format!("{}/{query}", uri.path())).ok()?;
    response.headers_mut().insert(LOCATION, location);
    Some(response)
}
