//! Many small requests on bare HTTP/2 connections, with as little work for each as can be: the load shares the machine with the
//! server that is measured.
//!
//! Headers are written out once for a connection, and named by their places in the table of headers after that, as gRPC's clients
//! do. All that a connection has to say after it has read is written at once. An answer is good if it has a message before its end:
//! a refusal has none.

use std::time::{Duration, Instant};

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::load::Result;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const FRAME_HEADER: usize = 9;
/// No frame that is larger comes of servers that were not asked for it.
const MAX_FRAME: usize = 16 << 10;
/// How much a server may send unasked, and may be sent, before it says more.
const WINDOW: u32 = 16 << 20;
const FIRST_WINDOW: i64 = 65_535;
/// When so much was read, the server is told that it may send more.
const TOLD_AFTER: u32 = WINDOW / 4;

/// Kinds of frames.
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RESET: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GO_AWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;
/// Flags of frames.
const END_STREAM: u8 = 1;
const ACK: u8 = 1;
const END_HEADERS: u8 = 4;

/// Makes the message of a client's request with this number.
pub trait Messages: Fn(usize, usize) -> Bytes {}
impl<F: Fn(usize, usize) -> Bytes> Messages for F {}

/// Some clients that share a connection.
pub struct Clients<M> {
    pub path: &'static str,
    /// Their numbers.
    pub numbers: Vec<usize>,
    pub messages: M,
    /// They begin nothing new after it.
    pub until: Instant,
}

impl<M: Messages> Clients<M> {
    /// Lets each send the next request when the one before was answered; gives how long each answer took.
    pub async fn run(self, port: u16) -> Result<Vec<Duration>> {
        let stream = TcpStream::connect(("127.0.0.1", port)).await?;
        stream.set_nodelay(true)?;
        let mut connection = Connection {
            stream,
            incoming: BytesMut::with_capacity(4 * MAX_FRAME),
            outgoing: PREFACE.to_vec(),
            open: Vec::new(),
            next_stream: 1,
            window: FIRST_WINDOW,
            consumed: 0,
        };
        connection.settings();
        let mut counts = vec![0; self.numbers.len()];
        let mut times = Vec::new();
        for client in 0..counts.len() {
            connection.request(&self, client, &mut counts)?;
        }
        while !connection.open.is_empty() {
            connection.exchange().await?;
            while let Some(answered) = connection.next()? {
                times.push(answered.began.elapsed());
                if Instant::now() < self.until {
                    connection.request(&self, answered.client, &mut counts)?;
                }
            }
        }
        Ok(times)
    }
}

struct Connection {
    stream: TcpStream,
    incoming: BytesMut,
    outgoing: Vec<u8>,
    open: Vec<Open>,
    next_stream: u32,
    /// So much may be sent.
    window: i64,
    /// So much was read that the server was not told of.
    consumed: u32,
}

/// A request without an answer.
#[derive(Clone, Copy)]
struct Open {
    stream: u32,
    client: usize,
    began: Instant,
    has_message: bool,
}

impl Connection {
    fn settings(&mut self) {
        // The fourth setting is the window of each request.
        self.frame(SETTINGS, 0, 0, &[&[0, 4], &WINDOW.to_be_bytes()]);
        self.frame(WINDOW_UPDATE, 0, 0, &[&WINDOW.to_be_bytes()]);
    }

    fn request<M: Messages>(
        &mut self,
        clients: &Clients<M>,
        client: usize,
        counts: &mut [usize],
    ) -> Result<()> {
        let message = (clients.messages)(clients.numbers[client], counts[client]);
        counts[client] += 1;
        self.window -= i64::try_from(message.len())?;
        if self.window < 0 {
            return Err("the server leaves no room for requests of ten clients".into());
        }
        let stream = self.next_stream;
        self.next_stream += 2;
        let headers = if stream == 1 {
            first_headers(clients.path)
        } else {
            LATER_HEADERS.to_vec()
        };
        self.frame(HEADERS, END_HEADERS, stream, &[&headers]);
        self.frame(DATA, END_STREAM, stream, &[&message]);
        self.open.push(Open {
            stream,
            client,
            began: Instant::now(),
            has_message: false,
        });
        Ok(())
    }

    fn frame(&mut self, kind: u8, flags: u8, stream: u32, payload: &[&[u8]]) {
        let length: usize = payload.iter().map(|part| part.len()).sum();
        let [.., a, b, c] = length.to_be_bytes();
        self.outgoing.extend_from_slice(&[a, b, c, kind, flags]);
        self.outgoing.extend_from_slice(&stream.to_be_bytes());
        payload
            .iter()
            .for_each(|part| self.outgoing.extend_from_slice(part));
    }

    /// Writes what there is to say, and reads something.
    async fn exchange(&mut self) -> Result<()> {
        self.stream.write_all(&self.outgoing).await?;
        self.outgoing.clear();
        self.incoming.reserve(MAX_FRAME);
        if self.stream.read_buf(&mut self.incoming).await? == 0 {
            return Err("the server has closed the connection".into());
        }
        Ok(())
    }

    /// The next request that is answered by what was read.
    fn next(&mut self) -> Result<Option<Open>> {
        while let Some(header) = self.incoming.first_chunk::<FRAME_HEADER>() {
            let [a, b, c, kind, flags, stream @ ..] = *header;
            let length = u32::from_be_bytes([0, a, b, c]) as usize;
            if self.incoming.len() < FRAME_HEADER + length {
                break;
            }
            self.incoming.advance(FRAME_HEADER);
            let payload = self.incoming.split_to(length);
            if let Some(open) = self.take(kind, flags, u32::from_be_bytes(stream), &payload)? {
                return Ok(Some(open));
            }
        }
        Ok(None)
    }

    fn take(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Result<Option<Open>> {
        let place = self.open.iter().position(|open| open.stream == stream);
        match (kind, place) {
            (DATA, Some(place)) => {
                self.open[place].has_message = true;
                self.consumed += u32::try_from(payload.len())?;
                if self.consumed >= TOLD_AFTER {
                    let consumed = std::mem::take(&mut self.consumed).to_be_bytes();
                    self.frame(WINDOW_UPDATE, 0, 0, &[&consumed]);
                }
            }
            (HEADERS, Some(place)) if flags & END_STREAM != 0 => {
                let open = self.open.swap_remove(place);
                if !open.has_message {
                    return Err("the server has refused a request".into());
                }
                return Ok(Some(open));
            }
            (SETTINGS, None) if flags & ACK == 0 => self.frame(SETTINGS, ACK, 0, &[]),
            (PING, None) if flags & ACK == 0 => self.frame(PING, ACK, 0, &[payload]),
            (WINDOW_UPDATE, None) if stream == 0 => {
                let more = payload.first_chunk().ok_or("a window of no size")?;
                self.window += i64::from(u32::from_be_bytes(*more));
            }
            (RESET, Some(_)) | (GO_AWAY, _) => return Err("the server gives up".into()),
            _ => {}
        }
        Ok(None)
    }
}

/// The headers of the first request: all of them become known to the server.
fn first_headers(path: &str) -> Vec<u8> {
    // POST and http are known everywhere; then come path, authority and content type, whose names are.
    let mut block = vec![0x83, 0x86];
    for (name, value) in [(4, path), (1, "127.0.0.1"), (31, "application/grpc")] {
        block.push(0x40 | name);
        text(&mut block, value);
    }
    block.push(0x40);
    text(&mut block, "te");
    text(&mut block, "trailers");
    block
}

/// The same headers, by their places: the newest is the 62nd.
const LATER_HEADERS: &[u8] = &[0x83, 0x86, 0x80 | 65, 0x80 | 64, 0x80 | 63, 0x80 | 62];

fn text(block: &mut Vec<u8>, text: &str) {
    block.push(u8::try_from(text.len()).expect("it is shorter than 127 bytes"));
    block.extend_from_slice(text.as_bytes());
}
