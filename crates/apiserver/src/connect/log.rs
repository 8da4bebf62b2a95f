//! Logs: what a kubelet says against a request becomes a Status; over a WebSocket they come in messages.

use http::header::{CONNECTION, UPGRADE};
use http::{HeaderMap, StatusCode};
use http_body_util::{BodyDataStream, BodyExt, Limited};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use meta::{Reason, Status};
use streaming::upgrade::asks_upgrade;
use streaming::websocket::{StreamProtocol, accept, is_websocket, offered_protocols, send_stream};
use tracing::debug;

use crate::body::Body;
use crate::call::{Call, Response};
use crate::resources::Route;

/// Bytes of a kubelet's message that a Status carries at most.
const MAX_MESSAGE_BYTES: usize = 2048;

/// The answer itself, or the error in it.
pub async fn checked(response: Response, route: &Route) -> Result<Response, Status> {
    let code = response.status();
    if code.is_success() {
        return Ok(response);
    }
    let body = Limited::new(response.into_body(), MAX_MESSAGE_BYTES)
        .collect()
        .await;
    let bytes = body.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes).trim_end().to_owned();
    Err(match code.as_u16() {
        400 => Status::bad_request(text),
        404 => {
            let message = format!(
                "the server could not find the requested resource ({} {})",
                route.descriptor().group_resource(),
                route.name
            );
            Status::failure(404, Reason::NOT_FOUND, message)
        }
        500 => Status::internal(text),
        other => Status::failure(other, Reason::UNKNOWN, text),
    })
}

/// A client's WebSocket that ends here: kubelets tell logs in plain answers.
pub struct Socket {
    client: OnUpgrade,
    answer: HeaderMap,
    protocol: StreamProtocol,
}

impl Socket {
    /// The WebSocket that a call asks for, if it does. From here on the call is a plain one.
    pub fn asked(call: &mut Call) -> Result<Option<Self>, Status> {
        let headers = &call.head.headers;
        if !asks_upgrade(headers) || !is_websocket(headers) {
            return Ok(None);
        }
        let offered = offered_protocols(headers);
        let Some((name, protocol)) = StreamProtocol::choose(&offered) else {
            let message = format!("requested protocol(s) are not supported: [{}]", offered.join(" "));
            return Err(Status::bad_request(message));
        };
        let answer = accept(headers, name).map_err(|error| Status::bad_request(error.to_string()))?;
        let Some(client) = call.head.extensions.remove::<OnUpgrade>() else {
            return Err(Status::bad_request(
                "this connection cannot change to another protocol",
            ));
        };
        call.head.headers.remove(CONNECTION);
        call.head.headers.remove(UPGRADE);
        Ok(Some(Self {
            client,
            answer,
            protocol,
        }))
    }

    /// Takes the WebSocket, and sends the body of the plain answer over it.
    pub fn answer(self, plain: Response) -> Result<Response, Status> {
        let Self {
            client,
            answer,
            protocol,
        } = self;
        let bytes = BodyDataStream::new(plain.into_body());
        tokio::spawn(async move {
            match client.await {
                Ok(client) => send_stream(TokioIo::new(client), protocol, bytes).await,
                Err(error) => debug!(%error, "a WebSocket was not taken up"),
            }
        });
        let mut response = Response::new(Body::Empty);
        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        *response.headers_mut() = answer;
        Ok(response)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::call;

    #[test]
    fn only_calls_for_a_known_protocol_are_taken() {
        let with = |upgrade: &str, protocol: &str| {
            let headers = [
                ("connection", "Upgrade"),
                ("upgrade", upgrade),
                ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
                ("sec-websocket-version", "13"),
                ("sec-websocket-protocol", protocol),
            ];
            let asked = Socket::asked(&mut call("GET", "/", &headers));
            asked
                .map(|socket| socket.is_some())
                .map_err(|status| status.message)
        };
        assert_eq!(with("h2c", "binary.k8s.io"), Ok(false));
        let unknown = "requested protocol(s) are not supported: [x]".to_owned();
        assert_eq!(with("websocket", "x"), Err(unknown));
        // A call of a test has no connection.
        let no_connection = "this connection cannot change to another protocol".to_owned();
        assert_eq!(with("websocket", "binary.k8s.io"), Err(no_connection));
    }
}
