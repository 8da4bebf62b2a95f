//! Taking a WebSocket: the answer to its request, and the connection afterwards.

use http::header::{
    CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION,
    UPGRADE,
};
use http::{HeaderMap, HeaderValue};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};

/// Bytes of a message at most. Clients send what they have read at once, some tens of KiB.
const MAX_MESSAGE_BYTES: usize = 4 << 20;
/// Bytes read at a time.
const READ_BYTES: usize = 16 << 10;

/// The request is none for a WebSocket that could be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HandshakeError {
    /// The key is missing.
    #[error("the Sec-WebSocket-Key header is missing")]
    NoKey,
    /// Another version than 13.
    #[error("only version 13 of the WebSocket protocol is spoken")]
    Version,
    /// The chosen protocol is no header value.
    #[error("the protocol's name is not valid")]
    Protocol,
}

/// Whether a request asks for a WebSocket.
pub fn is_websocket(headers: &HeaderMap) -> bool {
    headers
        .get(UPGRADE)
        .is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"websocket"))
}

/// The protocols that a client offers, best first.
pub fn offered_protocols(headers: &HeaderMap) -> Vec<&str> {
    headers
        .get_all(SEC_WEBSOCKET_PROTOCOL)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .filter(|name| !name.is_empty())
        .collect()
}

/// The names in the first header that offers protocols, empty ones too: how simpler servers read it.
pub fn offered_names(headers: &HeaderMap) -> Vec<&str> {
    let offered = headers.get(SEC_WEBSOCKET_PROTOCOL);
    match offered.and_then(|value| value.to_str().ok()).map(str::trim) {
        None | Some("") => Vec::new(),
        Some(names) => names.split(',').map(str::trim).collect(),
    }
}

/// The headers of the answer (101 Switching Protocols) that takes a WebSocket, with the chosen protocol; empty for none.
pub fn accept(request: &HeaderMap, protocol: &str) -> Result<HeaderMap, HandshakeError> {
    let key = request.get(SEC_WEBSOCKET_KEY).ok_or(HandshakeError::NoKey)?;
    if request
        .get(SEC_WEBSOCKET_VERSION)
        .is_none_or(|version| version != "13")
    {
        return Err(HandshakeError::Version);
    }
    let mut answer = HeaderMap::new();
    answer.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    answer.insert(UPGRADE, HeaderValue::from_static("websocket"));
    let accepted = derive_accept_key(key.as_bytes());
    let accepted = HeaderValue::from_str(&accepted).map_err(|_| HandshakeError::NoKey)?;
    answer.insert(SEC_WEBSOCKET_ACCEPT, accepted);
    if !protocol.is_empty() {
        let protocol = HeaderValue::from_str(protocol).map_err(|_| HandshakeError::Protocol)?;
        answer.insert(SEC_WEBSOCKET_PROTOCOL, protocol);
    }
    Ok(answer)
}

/// The server's side of a WebSocket on a connection that was handed over.
pub async fn speak<S: AsyncRead + AsyncWrite + Unpin>(stream: S) -> WebSocketStream<S> {
    let mut config = WebSocketConfig::default();
    config.max_message_size = Some(MAX_MESSAGE_BYTES);
    config.max_frame_size = Some(MAX_MESSAGE_BYTES);
    config.read_buffer_size = READ_BYTES;
    config.write_buffer_size = 0;
    WebSocketStream::from_raw_socket(stream, Role::Server, Some(config)).await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, HeaderValue::from_static(value));
        }
        headers
    }

    #[test]
    fn the_answer_proves_that_the_key_was_read() {
        // The example of RFC 6455, section 1.3.
        let headers = request(&[
            ("upgrade", "WebSocket"),
            ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
            ("sec-websocket-version", "13"),
        ]);
        assert!(is_websocket(&headers));
        let answer = accept(&headers, "v5.channel.k8s.io").unwrap();
        assert_eq!(answer[SEC_WEBSOCKET_ACCEPT], "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
        assert_eq!(answer[SEC_WEBSOCKET_PROTOCOL], "v5.channel.k8s.io");
        assert!(!accept(&headers, "").unwrap().contains_key(SEC_WEBSOCKET_PROTOCOL));
    }

    #[test]
    fn requests_of_another_form_are_refused() {
        assert_eq!(accept(&request(&[]), ""), Err(HandshakeError::NoKey));
        let old = request(&[("sec-websocket-key", "x"), ("sec-websocket-version", "8")]);
        assert_eq!(accept(&old, ""), Err(HandshakeError::Version));
        assert!(!is_websocket(&request(&[("upgrade", "SPDY/3.1")])));
    }

    #[test]
    fn offers_are_read_in_order() {
        let headers = request(&[
            ("sec-websocket-protocol", "a, b"),
            ("sec-websocket-protocol", "c,"),
        ]);
        assert_eq!(offered_protocols(&headers), ["a", "b", "c"]);
        assert_eq!(offered_names(&headers), ["a", "b"]);
        let empty = request(&[("sec-websocket-protocol", " a,")]);
        assert_eq!(offered_names(&empty), ["a", ""]);
        assert!(offered_names(&request(&[])).is_empty());
    }
}
