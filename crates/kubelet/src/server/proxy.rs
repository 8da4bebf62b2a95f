//! A request handed through to the runtime's streaming server, and the connection after it.

use http::header::{HOST, UPGRADE};
use http::{HeaderValue, Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use streaming::upgrade::{asks_upgrade, join};
use tokio_util::sync::CancellationToken;
use tracing::debug;

use super::address::StreamAddress;
use super::reply::{Reply, empty, text};

/// Hands a request through that asks for another protocol; then only bytes flow, until `stop`.
pub async fn hand_through(
    mut request: Request<Incoming>,
    address: &StreamAddress,
    stop: CancellationToken,
) -> Reply {
    if !asks_upgrade(request.headers()) {
        return text(StatusCode::INTERNAL_SERVER_ERROR, "Upgrade request required");
    }
    let client = hyper::upgrade::on(&mut request);
    match send(&request, address).await {
        Ok(mut response) if response.status() == StatusCode::SWITCHING_PROTOCOLS => {
            let backend = hyper::upgrade::on(&mut response);
            tokio::spawn(stop.run_until_cancelled_owned(join(client, backend)));
            let (head, _) = response.into_parts();
            Response::from_parts(head, empty())
        }
        Ok(response) => {
            let (mut head, body) = response.into_parts();
            head.headers.remove(UPGRADE);
            Response::from_parts(head, body.map_err(std::io::Error::other).boxed_unsync())
        }
        Err(error) => text(
            StatusCode::INTERNAL_SERVER_ERROR,
            format!("error dialing backend: {error}"),
        ),
    }
}

type Error = Box<dyn std::error::Error + Send + Sync>;

async fn send(request: &Request<Incoming>, address: &StreamAddress) -> Result<Response<Incoming>, Error> {
    let mut handed = Request::new(Empty::<bytes::Bytes>::new());
    *handed.method_mut() = request.method().clone();
    *handed.uri_mut() = address.path_and_query.parse::<Uri>()?;
    *handed.headers_mut() = request.headers().clone();
    // The runtime trusts this server; who asked is none of its business.
    handed.headers_mut().remove(http::header::AUTHORIZATION);
    handed
        .headers_mut()
        .insert(HOST, HeaderValue::from_str(&address.authority)?);
    let stream = address.connect().await?;
    let (mut sender, serving) = http1::handshake(TokioIo::new(stream)).await?;
    // Lives as long as the answer's body, or until the connection is handed over.
    tokio::spawn(async move {
        if let Err(error) = serving.with_upgrades().await {
            debug!(%error, "a connection to the runtime ended early");
        }
    });
    Ok(sender.send_request(handed).await?)
}
