//! Messages to the client only, as they come: the events of a watch.

use bytes::Bytes;
use futures::{Stream, StreamExt, pin_mut};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_tungstenite::tungstenite::Message;

use super::end::{linger, say_goodbye};
use super::handshake::speak;

/// What the bytes of a message are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Text; what is none is sent as bytes.
    Text,
    /// Bytes.
    Binary,
}

impl Form {
    fn message(self, bytes: Bytes) -> Message {
        match self {
            Self::Binary => Message::binary(bytes),
            Self::Text => match bytes.clone().try_into() {
                Ok(text) => Message::Text(text),
                Err(_) => Message::binary(bytes),
            },
        }
    }
}

/// Sends each of `bytes` as a message, until they end or the client leaves. What the client says is not listened to.
pub async fn send_messages<S>(client: S, form: Form, bytes: impl Stream<Item = Bytes> + Send)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    use futures::SinkExt;
    let (mut sink, mut messages) = speak(client).await.split();
    pin_mut!(bytes);
    loop {
        tokio::select! {
            next = bytes.next() => match next {
                Some(next) => if sink.send(form.message(next)).await.is_err() { return },
                None => break,
            },
            said = messages.next() => match said {
                Some(Ok(Message::Close(_))) => break,
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return,
            },
        }
    }
    say_goodbye(&mut sink).await;
    linger(messages).await;
}

#[cfg(test)]
mod tests {
    use futures::{SinkExt, stream};
    use tokio_tungstenite::WebSocketStream;
    use tokio_tungstenite::tungstenite::protocol::Role;

    use super::*;

    async fn client_of(
        form: Form,
        bytes: impl Stream<Item = Bytes> + Send + 'static,
    ) -> (
        WebSocketStream<tokio::io::DuplexStream>,
        tokio::task::JoinHandle<()>,
    ) {
        let (ours, theirs) = tokio::io::duplex(1024);
        let sending = tokio::spawn(send_messages(ours, form, bytes));
        let client = WebSocketStream::from_raw_socket(theirs, Role::Client, None).await;
        (client, sending)
    }

    #[tokio::test]
    async fn each_is_a_message_and_the_end_is_told() {
        for (form, bytes, expected) in [
            (Form::Text, &b"{}\n"[..], Message::text("{}\n")),
            (Form::Text, b"\xff", Message::binary(&b"\xff"[..])),
            (Form::Binary, b"{}", Message::binary(&b"{}"[..])),
        ] {
            let (mut client, sending) = client_of(form, stream::iter([Bytes::from_static(bytes)])).await;
            assert_eq!(client.next().await.unwrap().unwrap(), expected);
            assert!(client.next().await.unwrap().unwrap().is_close());
            drop(client);
            sending.await.unwrap();
        }
    }

    #[tokio::test]
    async fn a_client_that_leaves_ends_it() {
        let (mut client, sending) = client_of(Form::Text, stream::pending()).await;
        client.send(Message::text("hello")).await.unwrap();
        client.close(None).await.unwrap();
        assert!(client.next().await.unwrap().unwrap().is_close());
        drop(client);
        sending.await.unwrap();
    }
}
