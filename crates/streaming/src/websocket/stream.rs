//! One stream of bytes in the messages of a WebSocket, to the client only: logs.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures::{SinkExt, Stream, StreamExt, pin_mut};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_tungstenite::tungstenite::Message;

use super::end::{linger, say_goodbye};
use super::handshake::speak;

/// How the bytes are carried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamProtocol {
    /// Without a name, or `binary.k8s.io`: as they are.
    Binary,
    /// `base64.binary.k8s.io`: as text.
    Base64,
}

impl StreamProtocol {
    /// By its name.
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "" | "binary.k8s.io" => Some(Self::Binary),
            "base64.binary.k8s.io" => Some(Self::Base64),
            _ => None,
        }
    }

    /// The first that is known of those a client offers, with its name; none if it offers only others.
    pub fn choose<'a>(offered: &[&'a str]) -> Option<(&'a str, Self)> {
        if offered.is_empty() {
            return Some(("", Self::Binary));
        }
        let mut known = offered
            .iter()
            .filter_map(|name| Some((*name, Self::from_name(name)?)));
        known.next()
    }

    fn message(self, bytes: Bytes) -> Message {
        match self {
            Self::Binary => Message::binary(bytes),
            Self::Base64 => Message::text(STANDARD.encode(bytes)),
        }
    }
}

/// Sends an empty message first, so that the client knows that it is heard, and then what comes, until it ends or the client
/// leaves.
pub async fn send_stream<S, E>(
    client: S,
    protocol: StreamProtocol,
    bytes: impl Stream<Item = Result<Bytes, E>> + Send,
) where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let (mut sink, mut messages) = speak(client).await.split();
    pin_mut!(bytes);
    if sink.send(protocol.message(Bytes::new())).await.is_err() {
        return;
    }
    loop {
        tokio::select! {
            next = bytes.next() => match next {
                Some(Ok(next)) if next.is_empty() => {}
                Some(Ok(next)) => if sink.send(protocol.message(next)).await.is_err() { return },
                Some(Err(_)) | None => break,
            },
            // Clients have nothing to say here.
            said = messages.next() => match said {
                Some(Ok(Message::Close(_)) | Err(_)) | None => return,
                Some(Ok(_)) => {}
            },
        }
    }
    say_goodbye(&mut sink).await;
    linger(messages).await;
}

#[cfg(test)]
mod tests {
    use futures::stream;
    use tokio_tungstenite::WebSocketStream;
    use tokio_tungstenite::tungstenite::protocol::Role;

    use super::*;

    #[test]
    fn the_first_known_protocol_is_taken() {
        for (offered, expected) in [
            (&[][..], Some(("", StreamProtocol::Binary))),
            (
                &["x", "binary.k8s.io"],
                Some(("binary.k8s.io", StreamProtocol::Binary)),
            ),
            (
                &["base64.binary.k8s.io"],
                Some(("base64.binary.k8s.io", StreamProtocol::Base64)),
            ),
            (&["channel.k8s.io"], None),
        ] {
            assert_eq!(StreamProtocol::choose(offered), expected, "{offered:?}");
        }
    }

    #[tokio::test]
    async fn bytes_come_in_messages_until_the_end() {
        for (protocol, expected) in [
            (
                StreamProtocol::Binary,
                [Message::binary(&b""[..]), Message::binary(&b"hi"[..])],
            ),
            (StreamProtocol::Base64, [Message::text(""), Message::text("aGk=")]),
        ] {
            let (ours, theirs) = tokio::io::duplex(1024);
            let bytes = stream::iter([Ok::<_, ()>(Bytes::from_static(b"hi"))]);
            let sending = tokio::spawn(send_stream(ours, protocol, bytes));
            let mut client = WebSocketStream::from_raw_socket(theirs, Role::Client, None).await;
            for expected in expected {
                assert_eq!(client.next().await.unwrap().unwrap(), expected);
            }
            assert!(client.next().await.unwrap().unwrap().is_close());
            drop(client);
            sending.await.unwrap();
        }
    }
}
