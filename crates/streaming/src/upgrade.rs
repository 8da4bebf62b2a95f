//! Changes of protocol: what the headers of both sides say, and asking a server for one.

use bytes::Bytes;
use http::header::{CONNECTION, HOST, UPGRADE};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use meta::Status;
use tokio::io::{AsyncRead, AsyncWrite, copy_bidirectional};
use tracing::debug;

/// What streams are for, in requests and answers of SPDY: `v4.channel.k8s.io`, `portforward.k8s.io`.
pub const STREAM_PROTOCOL_VERSION: HeaderName = HeaderName::from_static("x-stream-protocol-version");

/// The protocol, as the `Upgrade` header has it.
pub const SPDY: &str = "SPDY/3.1";

/// Whether a request asks to change protocols.
pub fn asks_upgrade(headers: &HeaderMap) -> bool {
    let tokens = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok());
    headers.contains_key(UPGRADE)
        && tokens
            .flat_map(|value| value.split(','))
            .any(|token| token.trim().eq_ignore_ascii_case("upgrade"))
}

/// The headers that ask for SPDY with one of some protocols, best first.
pub fn ask_for_spdy(protocols: &[&'static str]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static(SPDY));
    for protocol in protocols {
        headers.append(STREAM_PROTOCOL_VERSION, HeaderValue::from_static(protocol));
    }
    headers
}

/// Bytes of a refusal that are read.
const MAX_REFUSAL_BYTES: usize = 64 << 10;

/// Asks the server on a connection for SPDY, to go on with it for one of some purposes, best first. Refusals are told as
/// upstream's clients tell them.
pub async fn open_spdy<S>(
    stream: S,
    authority: &str,
    path_and_query: &str,
    protocols: &[&'static str],
) -> Result<TokioIo<Upgraded>, Status>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let failed = |error: &dyn std::fmt::Display| Status::internal(format!("error sending request: {error}"));
    let uri: Uri = path_and_query.parse().map_err(|error| failed(&error))?;
    let host = HeaderValue::from_str(authority).map_err(|error| failed(&error))?;
    let mut request = Request::new(Empty::<Bytes>::new());
    *request.method_mut() = Method::POST;
    *request.uri_mut() = uri;
    *request.headers_mut() = ask_for_spdy(protocols);
    request.headers_mut().insert(HOST, host);
    let (mut sender, serving) = http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|error| failed(&error))?;
    // Ends when the connection is handed over, or with the answer.
    tokio::spawn(async move {
        if let Err(error) = serving.with_upgrades().await {
            debug!(%error, "a connection ended early");
        }
    });
    let mut response = sender
        .send_request(request)
        .await
        .map_err(|error| failed(&error))?;
    if response.status() != StatusCode::SWITCHING_PROTOCOLS {
        return Err(refusal(response).await);
    }
    let upgraded = hyper::upgrade::on(&mut response)
        .await
        .map_err(|error| failed(&error))?;
    Ok(TokioIo::new(upgraded))
}

async fn refusal(response: Response<Incoming>) -> Status {
    let body = Limited::new(response.into_body(), MAX_REFUSAL_BYTES)
        .collect()
        .await;
    let bytes = match body {
        Ok(body) => body.to_bytes(),
        Err(_) => Bytes::from_static(b"unable to read error from server response"),
    };
    match serde_json::from_slice::<Status>(&bytes) {
        Ok(status) if !status.status.is_empty() => status,
        _ => {
            let text = String::from_utf8_lossy(&bytes);
            Status::internal(format!("unable to upgrade connection: {}", text.trim()))
        }
    }
}

/// Joins two connections, once both have changed protocols; what they speak is not looked at.
pub async fn join(client: OnUpgrade, backend: OnUpgrade) {
    let joined = async {
        let (client, backend) = tokio::try_join!(client, backend)?;
        let (mut client, mut backend) = (TokioIo::new(client), TokioIo::new(backend));
        Ok::<_, hyper::Error>(copy_bidirectional(&mut client, &mut backend).await)
    };
    match joined.await {
        Ok(Ok((up, down))) => debug!(up, down, "joined connections closed"),
        Ok(Err(error)) => debug!(%error, "joined connections broke"),
        Err(error) => debug!(%error, "connections could not be joined"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_asked_for_by_two_headers() {
        assert!(asks_upgrade(&ask_for_spdy(&["v4.channel.k8s.io"])));
        let mut headers = HeaderMap::new();
        headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
        assert!(!asks_upgrade(&headers));
        headers.insert(CONNECTION, HeaderValue::from_static("keep-alive, upgrade"));
        assert!(asks_upgrade(&headers));
    }
}
