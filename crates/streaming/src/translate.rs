//! Exec and attach from a client's WebSocket to a SPDY connection: the channels of the one are the streams of the other.
//!
//! The client's WebSocket is taken before the other end is reached, as upstream does it: what goes wrong there is told on the
//! error channel, like the end of a process.

use std::future::Future;

use bytes::Bytes;
use futures::stream::{SplitSink, SplitStream};
use futures::{SinkExt, StreamExt};
use meta::Status;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tracing::debug;

use crate::remote_command::{Wanted, from_wire, stream_headers, to_wire};
use crate::spdy::{Connection, FlowControl, Role, Stream, StreamError, StreamReader, StreamWriter};
use crate::websocket::{Channel, ChannelProtocol, ClientMessage, linger, say_goodbye, speak};

/// Messages that wait for a slow client.
const MESSAGES_AHEAD: usize = 8;

/// Bytes of a Status at most.
const MAX_STATUS_BYTES: usize = 64 << 10;

/// Serves a client's WebSocket until the process has ended or the client has left. `backend` reaches the other end and
/// changes its connection to SPDY.
pub async fn translate<C, B>(
    client: C,
    protocol: ChannelProtocol,
    wanted: Wanted,
    backend: impl Future<Output = Result<B, Status>>,
) where
    C: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    B: AsyncRead + AsyncWrite + Send + 'static,
{
    let (mut sink, mut messages) = speak(client).await.split();
    // Says that the connection stands, before there is anything to tell.
    let first = protocol.encode(first_channel(wanted), b"");
    if sink.send(first).await.is_err() {
        return;
    }
    let (to_client, outgoing) = mpsc::channel(MESSAGES_AHEAD);
    let session = Session {
        protocol,
        wanted,
        to_client,
    };
    let serving = async {
        let status = session.run(&mut messages, backend).await;
        if let Some(status) = status {
            session.tell_end(&status).await;
        }
        drop(session);
        linger(messages).await;
    };
    let ((), ()) = tokio::join!(serving, write_all(sink, outgoing));
}

/// The lowest channel that the client reads.
fn first_channel(wanted: Wanted) -> Channel {
    match wanted {
        Wanted { stdout: true, .. } => Channel::Stdout,
        Wanted { stderr: true, .. } => Channel::Stderr,
        _ => Channel::Error,
    }
}

/// Sends messages until there are no more, then the goodbye.
async fn write_all<C: AsyncRead + AsyncWrite + Unpin>(
    mut sink: SplitSink<WebSocketStream<C>, Message>,
    mut outgoing: mpsc::Receiver<Message>,
) {
    while let Some(message) = outgoing.recv().await {
        if let Err(error) = sink.send(message).await {
            debug!(%error, "the client of a stream has left");
            return;
        }
    }
    say_goodbye(&mut sink).await;
}

struct Session {
    protocol: ChannelProtocol,
    wanted: Wanted,
    to_client: mpsc::Sender<Message>,
}

/// The SPDY streams of a process.
struct Streams {
    error: StreamReader,
    stdin: Option<StreamWriter>,
    stdout: Option<StreamReader>,
    stderr: Option<StreamReader>,
    resize: Option<StreamWriter>,
}

impl Session {
    /// How it ended; none if the client has left before.
    async fn run<C, B>(
        &self,
        messages: &mut SplitStream<WebSocketStream<C>>,
        backend: impl Future<Output = Result<B, Status>>,
    ) -> Option<Status>
    where
        C: AsyncRead + AsyncWrite + Unpin,
        B: AsyncRead + AsyncWrite + Send + 'static,
    {
        let backend = match backend.await {
            Ok(backend) => backend,
            Err(status) => return Some(status),
        };
        let connection = Connection::new(backend, Role::Client, FlowControl::Backpressure);
        let streams = match self.open(&connection).await {
            Ok(streams) => streams,
            Err(error) => return Some(Status::internal(error.to_string())),
        };
        let Streams {
            error,
            stdin,
            stdout,
            stderr,
            resize,
        } = streams;
        tokio::select! {
            status = self.outbound(error, stdout, stderr) => Some(status),
            () = self.inbound(messages, stdin, resize) => None,
            () = self.to_client.closed() => None,
        }
    }

    /// In the order in which upstream's clients open them.
    async fn open(&self, connection: &Connection) -> Result<Streams, StreamError> {
        let wanted = self.wanted;
        let open = async |stream_type: &str, is_wanted: bool| match is_wanted {
            true => connection.open(stream_headers(stream_type)).await.map(Some),
            false => Ok(None),
        };
        let error = connection.open(stream_headers("error")).await?;
        let stdin = open("stdin", wanted.stdin).await?;
        let stdout = open("stdout", wanted.stdout).await?;
        let stderr = open("stderr", wanted.stderr && !wanted.tty).await?;
        let resize = open("resize", wanted.tty).await?;
        Ok(Streams {
            error: only_read(error).await,
            stdin: stdin.map(|stream| stream.writer),
            stdout: match stdout {
                Some(stream) => Some(only_read(stream).await),
                None => None,
            },
            stderr: match stderr {
                Some(stream) => Some(only_read(stream).await),
                None => None,
            },
            resize: resize.map(|stream| stream.writer),
        })
    }

    /// From the process to the client, until it has ended and everything it wrote is on its way.
    async fn outbound(
        &self,
        mut error: StreamReader,
        stdout: Option<StreamReader>,
        stderr: Option<StreamReader>,
    ) -> Status {
        let (status, (), ()) = tokio::join!(
            error.read_to_any_end(MAX_STATUS_BYTES),
            self.copy(Channel::Stdout, stdout),
            self.copy(Channel::Stderr, stderr),
        );
        match status {
            (bytes, Ok(())) => from_wire(&bytes),
            (bytes, Err(_)) if !bytes.is_empty() => from_wire(&bytes),
            (_, Err(error)) => Status::internal(format!("error reading from error stream: {error}")),
        }
    }

    async fn copy(&self, channel: Channel, reader: Option<StreamReader>) {
        let Some(mut reader) = reader else { return };
        loop {
            match reader.read().await {
                Ok(Some(bytes)) => self.send(channel, &bytes).await,
                Ok(None) => return,
                // How it ended is told by the error stream.
                Err(error) => return debug!(?channel, %error, "a stream ended early"),
            }
        }
    }

    async fn send(&self, channel: Channel, bytes: &[u8]) {
        // That the client has left ends the session elsewhere.
        let _ = self.to_client.send(self.protocol.encode(channel, bytes)).await;
    }

    /// From the client to the process, until the client leaves.
    async fn inbound<C: AsyncRead + AsyncWrite + Unpin>(
        &self,
        messages: &mut SplitStream<WebSocketStream<C>>,
        mut stdin: Option<StreamWriter>,
        resize: Option<StreamWriter>,
    ) {
        while let Some(message) = messages.next().await {
            let Ok(Ok(message)) = message.map(|message| self.protocol.decode(message)) else {
                return;
            };
            match message {
                ClientMessage::Data(Channel::Stdin, bytes) => forward(stdin.as_ref(), bytes).await,
                ClientMessage::Data(Channel::Resize, bytes) => forward(resize.as_ref(), bytes).await,
                ClientMessage::Close(Channel::Stdin) => {
                    if let Some(stdin) = stdin.take() {
                        // A process that reads nothing any more does not mind.
                        let _ = stdin.finish().await;
                    }
                }
                ClientMessage::Goodbye => return,
                ClientMessage::Data(..) | ClientMessage::Close(_) | ClientMessage::Nothing => {}
            }
        }
    }

    async fn tell_end(&self, status: &Status) {
        let is_success = status.status == "Success";
        if self.protocol.tells_status() {
            self.send(Channel::Error, &to_wire(status)).await;
        } else if !is_success {
            self.send(Channel::Error, status.message.as_bytes()).await;
        }
    }
}

/// The reading half of a stream that nothing will be written to.
async fn only_read(stream: Stream) -> StreamReader {
    // A process may have ended already, and everything it had to say may lie ready.
    let _ = stream.writer.finish().await;
    stream.reader
}

/// What comes for a stream that is closed, or was never wanted, is thrown away.
async fn forward(writer: Option<&StreamWriter>, bytes: Bytes) {
    if let Some(writer) = writer
        && let Err(error) = writer.write(bytes).await
    {
        debug!(%error, "a process takes no more input");
    }
}
