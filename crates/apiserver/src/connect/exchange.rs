//! One request handed on over a connection, and its answer back.

use http::{Method, Request, StatusCode, Uri};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use meta::{Reason, Status};
use streaming::upgrade::asks_upgrade;
use tracing::debug;

use crate::body::{Body, IncomingBody};
use crate::call::{Call, Response};
use crate::connect::Lasting;
use crate::connect::connectors::Connection;
use crate::connect::forwarding::{To, asked_host, request_headers, rewrite_location, strip};
use crate::connect::links::Base;
use crate::connect::pages::with_links;
use crate::connect::tunnel::tunnel;

/// Hands the call on to `path_and_query` at the other end and streams the answer. If the other end changes protocols, the
/// connections are joined and only bytes flow from then on.
pub async fn exchange(
    call: &mut Call,
    connection: Connection,
    path_and_query: &str,
    to: To,
    counted: Lasting,
) -> Result<Response, Status> {
    let upgrade = asks_upgrade(&call.head.headers);
    let Connection {
        stream, authority, ..
    } = connection;
    let request = request(call, &authority, path_and_query, upgrade, to)?;
    let (mut sender, serving) = http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|e| unreachable(&e))?;
    // Lives as long as the answer's body, or the tunnel, is read.
    tokio::spawn(async move {
        if let Err(error) = serving.with_upgrades().await {
            debug!(%error, "connection to a backend ended early");
        }
    });
    let mut response = sender.send_request(request).await.map_err(|e| unreachable(&e))?;
    if response.status() == StatusCode::SWITCHING_PROTOCOLS {
        if !upgrade {
            return Err(Status::failure(
                502,
                Reason::UNKNOWN,
                "the backend changed protocols unasked",
            ));
        }
        tunnel(call, &mut response, counted);
        let (head, _) = response.into_parts();
        return Ok(Response::from_parts(head, Body::Empty));
    }
    let (mut head, body) = response.into_parts();
    strip(&mut head.headers);
    if to != To::Proxied {
        return Ok(Response::from_parts(head, Body::stream(body)));
    }
    let base = Base::of(call.head.uri.path(), asked_host(call), &authority);
    let is_redirect = rewrite_location(&mut head.headers, &base);
    let body = if is_redirect || call.head.method == Method::HEAD {
        Body::stream(body)
    } else {
        with_links(&mut head, body, &base).await
    };
    Ok(Response::from_parts(head, body))
}

fn request(
    call: &mut Call,
    authority: &str,
    path_and_query: &str,
    upgrade: bool,
    to: To,
) -> Result<Request<IncomingBody>, Status> {
    let target: Uri = path_and_query
        .parse()
        .map_err(|error| Status::bad_request(format!("invalid path {path_and_query}: {error}")))?;
    let headers = request_headers(call, authority, upgrade, to);
    let mut request = Request::new(std::mem::take(&mut call.body));
    *request.method_mut() = call.head.method.clone();
    *request.uri_mut() = target;
    *request.headers_mut() = headers;
    Ok(request)
}

fn unreachable(error: &hyper::Error) -> Status {
    Status::service_unavailable(format!("error trying to reach service: {error}"))
}
