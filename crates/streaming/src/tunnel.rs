//! Another protocol carried in the messages of a WebSocket: SPDY of `kubectl port-forward`.

use bytes::{Bytes, BytesMut};
use futures::stream::{SplitSink, SplitStream};
use futures::{SinkExt, StreamExt};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tracing::debug;

use crate::websocket::{linger, say_goodbye, speak};

/// The WebSocket protocol whose messages are the bytes of a SPDY connection for port-forward.
pub const PORT_FORWARD_TUNNEL: &str = "SPDY/3.1+portforward.k8s.io";

/// What the streams inside are for.
pub const PORT_FORWARD: &str = "portforward.k8s.io";

/// Bytes of a message at most.
const MESSAGE_BYTES: usize = 32 << 10;

type Error = Box<dyn std::error::Error + Send + Sync>;

/// Carries bytes between a client's WebSocket and a connection until one of them ends.
pub async fn tunnel<C, B>(client: C, backend: B)
where
    C: AsyncRead + AsyncWrite + Unpin,
    B: AsyncRead + AsyncWrite,
{
    let (mut sink, mut messages) = speak(client).await.split();
    let (reader, writer) = tokio::io::split(backend);
    let ended = tokio::select! {
        ended = inbound(&mut messages, writer) => ended,
        ended = outbound(reader, &mut sink) => ended,
    };
    if let Err(error) = ended {
        debug!(%error, "a tunnel broke");
    }
    say_goodbye(&mut sink).await;
    linger(messages).await;
}

async fn inbound<C, B>(
    messages: &mut SplitStream<WebSocketStream<C>>,
    mut writer: WriteHalf<B>,
) -> Result<(), Error>
where
    C: AsyncRead + AsyncWrite + Unpin,
    B: AsyncWrite,
{
    while let Some(message) = messages.next().await {
        let bytes: Bytes = match message? {
            Message::Binary(bytes) => bytes,
            Message::Text(_) => return Err("a text message has no place in a tunnel".into()),
            Message::Close(_) => break,
            Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => continue,
        };
        writer.write_all(&bytes).await?;
        writer.flush().await?;
    }
    writer.shutdown().await?;
    Ok(())
}

async fn outbound<C, B>(
    mut reader: ReadHalf<B>,
    sink: &mut SplitSink<WebSocketStream<C>, Message>,
) -> Result<(), Error>
where
    C: AsyncRead + AsyncWrite + Unpin,
    B: AsyncRead,
{
    loop {
        let mut bytes = BytesMut::with_capacity(MESSAGE_BYTES);
        if reader.read_buf(&mut bytes).await? == 0 {
            return Ok(());
        }
        sink.send(Message::Binary(bytes.freeze())).await?;
    }
}
