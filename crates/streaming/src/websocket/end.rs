//! The end of a WebSocket in good order.

use std::time::Duration;

use futures::stream::{SplitSink, SplitStream};
use futures::{SinkExt, StreamExt};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

/// How long a client may take to answer a goodbye.
const LINGER: Duration = Duration::from_secs(5);

/// Says that everything was said. Clients take an end without it for a failure.
pub(crate) async fn say_goodbye<S: AsyncRead + AsyncWrite + Unpin>(
    sink: &mut SplitSink<WebSocketStream<S>, Message>,
) {
    let goodbye = Message::Close(Some(CloseFrame {
        code: CloseCode::Normal,
        reason: "".into(),
    }));
    // The client may have said so first.
    let _ = sink.send(goodbye).await;
}

/// Waits for the client's goodbye. To leave while it still sends would make the network throw away what it has not read.
pub(crate) async fn linger<S: AsyncRead + AsyncWrite + Unpin>(mut messages: SplitStream<WebSocketStream<S>>) {
    let rest = async { while let Some(Ok(_)) = messages.next().await {} };
    // Who takes longer has lost its interest.
    let _ = tokio::time::timeout(LINGER, rest).await;
}
