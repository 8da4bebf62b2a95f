//! A watch over a client's WebSocket: each event is a message, text for JSON and bytes for protobuf.

use bytes::{Bytes, BytesMut};
use futures::{Stream, stream};
use http::header::{CONNECTION, ORIGIN, SEC_WEBSOCKET_VERSION};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use meta::Status;
use registry::{WatchEvent, Watcher};
use streaming::upgrade::asks_upgrade;
use streaming::websocket::{Form, HandshakeError, accept, is_websocket, offered_names, send_messages};
use tokio_util::sync::CancellationToken;
use tracing::debug;

use crate::api::Api;
use crate::body::{Body, EncodeEvent};
use crate::call::{Call, Response};
use crate::connect::Lasting;
use crate::negotiate::{Encoding, View};
use crate::resources::route::Route;
use crate::respond::events::Events;

/// What stands before each event of protobuf where nothing else says where it ends.
const LENGTH_BYTES: usize = 4;

/// Whether a call asks for its watch over a WebSocket.
pub fn is_asked(call: &Call) -> bool {
    asks_upgrade(&call.head.headers) && is_websocket(&call.head.headers)
}

/// Takes the WebSocket, and tells over it what `watcher` does.
pub fn take(
    api: &Api,
    call: &mut Call,
    route: &Route,
    watcher: Watcher,
    events: Events,
) -> Result<Response, Status> {
    let headers = match handshake(&call.head.headers) {
        Ok(headers) => headers,
        Err(refusal) => return Ok(refusal.answer()),
    };
    let Some(client) = call.head.extensions.remove::<OnUpgrade>() else {
        return Err(Status::bad_request(
            "this connection cannot change to another protocol",
        ));
    };
    let form = match route.format.encoding {
        Encoding::Protobuf => Form::Binary,
        Encoding::Json | Encoding::Yaml => Form::Text,
    };
    let told = Told {
        // An event is no list: upstream's stream ends where the first would be.
        watcher: (!matches!(route.format.view, View::MetadataList(_))).then_some(watcher),
        events,
        shutdown: api.shutdown.clone(),
        without: if form == Form::Binary { LENGTH_BYTES } else { 0 },
    };
    let counted = Lasting::of(&api.metrics, call);
    tokio::spawn(async move {
        match client.await {
            Ok(client) => send_messages(TokioIo::new(client), form, told.messages()).await,
            Err(error) => debug!(%error, "a WebSocket was not taken up"),
        }
        drop(counted);
    });
    let mut response = Response::new(Body::Empty);
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    *response.headers_mut() = headers;
    Ok(response)
}

/// What is told.
struct Told {
    /// None at the end.
    watcher: Option<Watcher>,
    events: Events,
    shutdown: CancellationToken,
    /// Bytes of an encoded event that are left out.
    without: usize,
}

impl Told {
    fn messages(self) -> impl Stream<Item = Bytes> + Send {
        stream::unfold(self, |mut told| async move {
            let message = told.next().await?;
            Some((message, told))
        })
    }

    async fn next(&mut self) -> Option<Bytes> {
        loop {
            let watcher = self.watcher.as_mut()?;
            let event = tokio::select! {
                biased;
                event = watcher.next() => event?,
                () = self.shutdown.cancelled() => return None,
            };
            if matches!(event, WatchEvent::Error(_)) {
                self.watcher = None;
            }
            let mut encoded = BytesMut::with_capacity(self.events.expected_bytes(&event));
            self.events.encode(event, &mut encoded);
            // What cannot be encoded is nothing.
            if encoded.len() > self.without {
                return Some(encoded.freeze().split_off(self.without));
            }
        }
    }
}

/// Why a WebSocket is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Refusal {
    /// It has no key.
    Key,
    /// It is of another version.
    Version,
    /// Who asks does not say for which page.
    Origin,
    /// It may be one of several protocols.
    Protocols,
}

/// The headers of the answer that takes the WebSocket. The one protocol that is offered is taken, whatever it is; the page that
/// asks must be named, whichever it is.
fn handshake(request: &HeaderMap) -> Result<HeaderMap, Refusal> {
    let names = offered_names(request);
    let headers =
        accept(request, names.first().copied().unwrap_or_default()).map_err(|error| match error {
            HandshakeError::NoKey => Refusal::Key,
            HandshakeError::Version => Refusal::Version,
            HandshakeError::Protocol => Refusal::Protocols,
        })?;
    if !request.get(ORIGIN).is_some_and(is_page) {
        return Err(Refusal::Origin);
    }
    if names.len() > 1 {
        return Err(Refusal::Protocols);
    }
    Ok(headers)
}

/// Whether a page is named, by a whole address or a path.
fn is_page(origin: &HeaderValue) -> bool {
    origin.to_str().is_ok_and(|text| {
        text.parse::<Uri>()
            .is_ok_and(|page| page.scheme().is_some() || text.starts_with('/'))
    })
}

impl Refusal {
    fn answer(self) -> Response {
        let (code, text) = match self {
            Self::Key => (StatusCode::BAD_REQUEST, "mismatch challenge/response"),
            Self::Version => (StatusCode::BAD_REQUEST, "missing or bad WebSocket Version"),
            Self::Origin => (StatusCode::FORBIDDEN, ""),
            Self::Protocols => (StatusCode::BAD_REQUEST, ""),
        };
        let mut response = Response::new(Body::full(text));
        *response.status_mut() = code;
        let mut say = |name: HeaderName, value| {
            response
                .headers_mut()
                .insert(name, HeaderValue::from_static(value))
        };
        say(CONNECTION, "close");
        if self == Self::Version {
            say(SEC_WEBSOCKET_VERSION, "13");
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use http::header::SEC_WEBSOCKET_PROTOCOL;

    use super::*;
    use crate::testing::call;

    fn taken(
        key: &str,
        version: &str,
        origin: &str,
        protocols: &str,
    ) -> Result<Option<HeaderValue>, Refusal> {
        let call = call(
            "GET",
            "/",
            &[
                ("connection", "Upgrade"),
                ("upgrade", "websocket"),
                ("sec-websocket-key", key),
                ("sec-websocket-version", version),
                ("origin", origin),
                ("sec-websocket-protocol", protocols),
            ],
        );
        assert!(is_asked(&call));
        handshake(&call.head.headers).map(|headers| headers.get(SEC_WEBSOCKET_PROTOCOL).cloned())
    }

    #[test]
    fn websockets_are_taken_as_upstream_takes_them() {
        let (key, page) = ("dGhlIHNhbXBsZSBub25jZQ==", "https://a.example");
        let named = |name| Ok(Some(HeaderValue::from_static(name)));
        for (asked, expected) in [
            ([key, "13", page, ""], Ok(None)),
            (["abc", "13", "/a", ""], Ok(None)),
            ([key, "13", page, "x.y"], named("x.y")),
            (
                [key, "13", page, "base64.binary.k8s.io"],
                named("base64.binary.k8s.io"),
            ),
            ([key, "13", page, "x, y"], Err(Refusal::Protocols)),
            ([key, "13", page, "x,"], Err(Refusal::Protocols)),
            ([key, "13", "", "x, y"], Err(Refusal::Origin)),
            ([key, "13", "null", ""], Err(Refusal::Origin)),
            ([key, "13", "::no", ""], Err(Refusal::Origin)),
            ([key, "8", "", ""], Err(Refusal::Version)),
            (["", "8", "", ""], Err(Refusal::Key)),
        ] {
            let [key, version, origin, protocols] = asked;
            assert_eq!(taken(key, version, origin, protocols), expected, "{asked:?}");
        }
    }
}
