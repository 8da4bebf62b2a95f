//! Connections of old clients: etcdctl 3.4 asks some things (`endpoint status`, `defrag`) with an HTTP/2 authority that is a URL,
//! `http://127.0.0.1:2379`. Go's servers do not mind; ours refuses what is no authority. So it is made one on its way, `httpx--127...`,
//! of the same length: the table of headers that both sides keep counts lengths.
//!
//! A client that begins well is not looked at any further.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// What an HTTP/2 client says first.
pub(super) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const FRAME_HEADER: usize = 9;
const HEADERS: u8 = 1;
const PADDED: u8 = 0x8;
const PRIORITY: u8 = 0x20;
/// Nobody's first headers are larger.
const MAX_HEADERS: usize = 16 << 10;
/// The place of `:authority` in HTTP/2's table of common headers.
const AUTHORITY: usize = 1;
/// How an authority may begin, in plain text and in Huffman code, and what it becomes.
const BEGINNINGS: [(bool, &[u8], &[u8]); 4] = [
    (false, b"http://", b"httpx--"),
    (false, b"https://", b"httpsx--"),
    (
        true,
        &[0x9d, 0x29, 0xae, 0xe3, 0x0c],
        &[0x9d, 0x29, 0xaf, 0xca, 0xcb],
    ),
    // Of the last byte two bits belong to the next character.
    (
        true,
        &[0x9d, 0x29, 0xad, 0x17, 0x18, 0x60],
        &[0x9d, 0x29, 0xad, 0x1e, 0x56, 0x58],
    ),
];

/// A stream whose incoming headers are mended.
pub(super) struct Mended<S> {
    stream: S,
    /// What was read and not handed on.
    held: Vec<u8>,
    /// How much of it may be handed on.
    ready: usize,
    looking: Looking,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Looking {
    ForPreface,
    ForFrame,
    /// So much of a frame does not matter.
    Skipping(usize),
    /// Nothing matters any more.
    Away,
}

impl<S> Mended<S> {
    pub(super) fn new(stream: S) -> Self {
        Self {
            stream,
            held: Vec::new(),
            ready: 0,
            looking: Looking::ForPreface,
        }
    }

    /// Looks at what is held and not ready yet.
    fn look(&mut self) {
        while self.ready < self.held.len() {
            let rest = &mut self.held[self.ready..];
            match self.looking {
                Looking::Away => self.ready = self.held.len(),
                Looking::Skipping(bytes) => {
                    let now = bytes.min(rest.len());
                    self.ready += now;
                    self.looking = match bytes - now {
                        0 => Looking::ForFrame,
                        more => Looking::Skipping(more),
                    };
                }
                Looking::ForPreface if rest.len() >= PREFACE.len() && rest.starts_with(PREFACE) => {
                    self.ready += PREFACE.len();
                    self.looking = Looking::ForFrame;
                }
                Looking::ForPreface if PREFACE.starts_with(rest) => return,
                Looking::ForPreface => self.looking = Looking::Away,
                Looking::ForFrame => {
                    let Some(header) = rest.first_chunk::<FRAME_HEADER>() else {
                        return;
                    };
                    let [a, b, c, kind, flags, ..] = *header;
                    let length = usize::from(a) << 16 | usize::from(b) << 8 | usize::from(c);
                    if kind != HEADERS {
                        self.looking = Looking::Skipping(FRAME_HEADER + length);
                    } else if length > MAX_HEADERS {
                        self.looking = Looking::Away;
                    } else if rest.len() < FRAME_HEADER + length {
                        return;
                    } else {
                        let payload = &mut rest[FRAME_HEADER..FRAME_HEADER + length];
                        let is_mended = block(payload, flags).is_some_and(|block| mend(block).is_some());
                        self.ready += FRAME_HEADER + length;
                        if !is_mended && self.looking == Looking::ForFrame {
                            self.looking = Looking::Away;
                        }
                    }
                }
            }
        }
    }
}

/// The part of a frame of headers that lists them.
fn block(payload: &mut [u8], flags: u8) -> Option<&mut [u8]> {
    let padding = if flags & PADDED == 0 {
        0
    } else {
        usize::from(*payload.first()?)
    };
    let start = usize::from(flags & PADDED != 0) + if flags & PRIORITY == 0 { 0 } else { 5 };
    let end = payload.len().checked_sub(padding)?;
    payload.get_mut(start..end)
}

/// Mends the authority in a list of headers. `None` if there is nothing to mend.
fn mend(block: &mut [u8]) -> Option<()> {
    let mut at = 0;
    while let Some(first) = block.get(at).copied() {
        // A field that both sides know, or a new size of the table of those.
        let (prefix, is_literal) = match first {
            0x80.. => (7, false),
            0x40.. => (6, true),
            0x20.. => (5, false),
            _ => (4, true),
        };
        let (name, after) = integer(block, at, prefix)?;
        at = after;
        if !is_literal {
            continue;
        }
        if name == 0 {
            (_, at) = string(block, at)?;
        }
        let (start, end) = string(block, at)?;
        if name == AUTHORITY {
            let is_coded = block[at] & 0x80 != 0;
            return replace(&mut block[start..end], is_coded);
        }
        at = end;
    }
    None
}

fn replace(value: &mut [u8], is_coded: bool) -> Option<()> {
    for (coded, from, to) in BEGINNINGS {
        let count = from.len();
        if coded != is_coded || value.len() <= count {
            continue;
        }
        let mask = if count == 6 { 0xfc } else { 0xff };
        let last = value[count - 1];
        if value.starts_with(&from[..count - 1]) && last & mask == from[count - 1] {
            value[..count].copy_from_slice(to);
            value[count - 1] |= last & !mask;
            return Some(());
        }
    }
    None
}

/// An integer whose first bits are the last `prefix` ones of a byte, and where it ends.
fn integer(block: &[u8], at: usize, prefix: u32) -> Option<(usize, usize)> {
    let full = (1usize << prefix) - 1;
    let mut number = usize::from(*block.get(at)?) & full;
    let mut next = at + 1;
    if number < full {
        return Some((number, next));
    }
    for shift in (0..28).step_by(7) {
        let byte = usize::from(*block.get(next)?);
        next += 1;
        number += (byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some((number, next));
        }
    }
    None
}

/// Where a string begins and ends.
fn string(block: &[u8], at: usize) -> Option<(usize, usize)> {
    let (length, start) = integer(block, at, 7)?;
    let end = start.checked_add(length)?;
    (end <= block.len()).then_some((start, end))
}

impl<S: AsyncRead + Unpin> AsyncRead for Mended<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        loop {
            if this.ready > 0 {
                let count = this.ready.min(buffer.remaining());
                buffer.put_slice(&this.held[..count]);
                this.held.drain(..count);
                this.ready -= count;
                return Poll::Ready(Ok(()));
            }
            if this.looking == Looking::Away && this.held.is_empty() {
                return Pin::new(&mut this.stream).poll_read(cx, buffer);
            }
            let mut bytes = [0; 4096];
            let mut more = ReadBuf::new(&mut bytes);
            ready!(Pin::new(&mut this.stream).poll_read(cx, &mut more))?;
            if more.filled().is_empty() {
                // It ends in the middle of something; let others say so.
                this.looking = Looking::Away;
                if this.held.is_empty() {
                    return Poll::Ready(Ok(()));
                }
            }
            this.held.extend_from_slice(more.filled());
            this.look();
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Mended<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    /// POST, http, a path, and the authority, which is in Huffman code if asked for.
    fn headers(authority: &[u8], is_coded: bool) -> Vec<u8> {
        let mut block = vec![0x83, 0x86, 0x44, 2, b'/', b'x', 0x41];
        let length = u8::try_from(authority.len()).expect("short");
        block.push(length | if is_coded { 0x80 } else { 0 });
        block.extend_from_slice(authority);
        block.extend_from_slice(&[0x40, 1, b'a', 1, b'b']);
        frame(HEADERS, &block)
    }

    fn frame(kind: u8, payload: &[u8]) -> Vec<u8> {
        let [.., b, c] = payload.len().to_be_bytes();
        [&[0, b, c, kind, 4, 0, 0, 0, 1], payload].concat()
    }

    async fn through(bytes: &[u8], piece: usize) -> Vec<u8> {
        let (mut client, server) = tokio::io::duplex(piece);
        let bytes = bytes.to_vec();
        let writing = tokio::spawn(async move {
            client.write_all(&bytes).await.expect("read");
        });
        let mut all = Vec::new();
        Mended::new(server).read_to_end(&mut all).await.expect("read");
        writing.await.expect("no panic");
        all
    }

    async fn check(sent: &[Vec<u8>], expected: &[Vec<u8>]) {
        for piece in [1, 7, 4096] {
            assert_eq!(through(&sent.concat(), piece).await, expected.concat(), "{piece}");
        }
    }

    #[tokio::test]
    async fn urls_become_authorities() {
        let settings = frame(4, &[0; 6]);
        let coded_url = [0x9d, 0x29, 0xae, 0xe3, 0x0c, 0x7f];
        let coded = [0x9d, 0x29, 0xaf, 0xca, 0xcb, 0x7f];
        let coded_secure_url = [0x9d, 0x29, 0xad, 0x17, 0x18, 0x63, 0x12];
        let coded_secure = [0x9d, 0x29, 0xad, 0x1e, 0x56, 0x5b, 0x12];
        let cases: [(&[u8], &[u8], bool); 6] = [
            (b"http://a:1", b"httpx--a:1", false),
            (b"https://a:1", b"httpsx--a:1", false),
            (b"a:1", b"a:1", false),
            (b"http", b"http", false),
            (&coded_url, &coded, true),
            (&coded_secure_url, &coded_secure, true),
        ];
        for (from, to, is_coded) in cases {
            let (sent, expected) = (headers(from, is_coded), headers(to, is_coded));
            let preface = PREFACE.to_vec();
            check(
                &[preface.clone(), settings.clone(), sent.clone(), sent.clone()],
                &[
                    preface,
                    settings.clone(),
                    expected.clone(),
                    // Whoever begins well is left alone.
                    if from == to { sent } else { expected },
                ],
            )
            .await;
        }
    }

    #[tokio::test]
    async fn other_protocols_pass() {
        for text in ["GET /version HTTP/1.1\r\n\r\n", "PRI", "", "P"] {
            check(&[text.into()], &[text.into()]).await;
        }
        let cut = [PREFACE, &headers(b"http://a:1", false)[..12]].concat();
        check(std::slice::from_ref(&cut), std::slice::from_ref(&cut)).await;
    }
}
