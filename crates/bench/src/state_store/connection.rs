//! A client for gRPC as lean as can be, so that the server gets what the machine has: requests are encoded once by whoever
//! sends them, and many are under way on one connection.

use bytes::{Buf, Bytes, BytesMut};
use h2::RecvStream;
use h2::client::{ResponseFuture, SendRequest};
use http::{HeaderMap, Request};
use prost::Message;
use tokio::net::TcpStream;

/// What HTTP/2 may have under way: enough that windows never stop the server.
const WINDOW: u32 = 16 << 20;

/// Before each message of gRPC stand a flag and the length.
const PREFIX: usize = 5;

/// A call that did not go well.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// The connection failed.
    #[error("the connection to the server failed")]
    Connection(#[from] h2::Error),
    /// The server refused.
    #[error("the server answered with gRPC status {status}: {message}")]
    Refused {
        /// The status.
        status: String,
        /// What the server said of it.
        message: String,
    },
    /// The answer is none.
    #[error("the answer cannot be read")]
    Unreadable(#[from] prost::DecodeError),
    /// The stream of answers ended.
    #[error("the answers ended")]
    Ended,
}

/// A connection. Clones are the same connection.
#[derive(Clone, Debug)]
pub struct Connection {
    requests: SendRequest<Bytes>,
}

impl Connection {
    /// Connects to a server on this machine, on a runtime that then carries the connection.
    pub async fn open(port: u16) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        let stream = TcpStream::connect(("127.0.0.1", port)).await?;
        stream.set_nodelay(true)?;
        let (requests, connection) = h2::client::Builder::new()
            .initial_window_size(WINDOW)
            .initial_connection_window_size(2 * WINDOW)
            .max_frame_size(1 << 20)
            .handshake(stream)
            .await?;
        // Whoever waits for an answer learns of its end.
        tokio::spawn(async move { drop(connection.await) });
        Ok(Self { requests })
    }

    /// One request and its answer, which is read to its end.
    pub async fn call(&self, path: &'static str, message: Bytes) -> Result<Bytes, CallError> {
        let mut answers = self.begin(path, message, true).await?;
        let mut body = BytesMut::new();
        while let Some(data) = answers.data().await? {
            body.extend_from_slice(&data);
        }
        answers.end().await?;
        if body.len() >= PREFIX {
            body.advance(PREFIX);
        }
        Ok(body.freeze())
    }

    /// A request whose answers go on.
    pub async fn exchange(&self, path: &'static str, messages: Bytes) -> Result<Answers, CallError> {
        self.begin(path, messages, false).await
    }

    async fn begin(&self, path: &'static str, message: Bytes, all: bool) -> Result<Answers, CallError> {
        let request = Request::post(path)
            .header("content-type", "application/grpc")
            .header("te", "trailers")
            .body(())
            .expect("the parts are constant");
        let mut requests = self.requests.clone().ready().await?;
        let (response, mut sender) = requests.send_request(request, false)?;
        sender.send_data(message, all)?;
        Answers::of(response, (!all).then_some(sender)).await
    }
}

/// The answers to one request.
#[derive(Debug)]
pub struct Answers {
    stream: RecvStream,
    buffer: BytesMut,
    /// Kept, because the request ends with it.
    _sender: Option<h2::SendStream<Bytes>>,
}

impl Answers {
    async fn of(response: ResponseFuture, sender: Option<h2::SendStream<Bytes>>) -> Result<Self, CallError> {
        let response = response.await?;
        // A refusal may come without any message.
        check(response.headers())?;
        Ok(Self {
            stream: response.into_body(),
            buffer: BytesMut::new(),
            _sender: sender,
        })
    }

    async fn data(&mut self) -> Result<Option<Bytes>, CallError> {
        let Some(data) = self.stream.data().await.transpose()? else {
            return Ok(None);
        };
        self.stream.flow_control().release_capacity(data.len())?;
        Ok(Some(data))
    }

    async fn end(&mut self) -> Result<(), CallError> {
        match self.stream.trailers().await? {
            Some(trailers) => check(&trailers),
            None => Ok(()),
        }
    }

    /// The next answer of several.
    pub async fn next<M: Message + Default>(&mut self) -> Result<M, CallError> {
        loop {
            if let Some(message) = self.take_message() {
                return Ok(M::decode(message)?);
            }
            match self.data().await? {
                Some(data) => self.buffer.extend_from_slice(&data),
                None => {
                    self.end().await?;
                    return Err(CallError::Ended);
                }
            }
        }
    }

    fn take_message(&mut self) -> Option<Bytes> {
        let mut length = [0; 4];
        length.copy_from_slice(self.buffer.get(1..PREFIX)?);
        let length = u32::from_be_bytes(length) as usize;
        if self.buffer.len() < PREFIX + length {
            return None;
        }
        self.buffer.advance(PREFIX);
        Some(self.buffer.split_to(length).freeze())
    }
}

/// A message as it goes over the wire.
pub fn framed(message: &impl Message) -> Bytes {
    let mut out = BytesMut::with_capacity(PREFIX + message.encoded_len());
    out.extend_from_slice(&[0]);
    let length = u32::try_from(message.encoded_len()).expect("messages are small");
    out.extend_from_slice(&length.to_be_bytes());
    message.encode(&mut out).expect("the buffer grows");
    out.freeze()
}

fn check(headers: &HeaderMap) -> Result<(), CallError> {
    let text = |name| {
        headers
            .get(name)
            .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
    };
    match text("grpc-status") {
        Some(status) if status != "0" => Err(CallError::Refused {
            status,
            message: text("grpc-message").unwrap_or_default(),
        }),
        _ => Ok(()),
    }
}
