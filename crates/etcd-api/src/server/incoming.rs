//! Which version of HTTP a client speaks: its first bytes say it.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};

use super::http2::PREFACE;

/// So much is read at first at most.
const BEGINNING: usize = 4096;

/// A client of whom it is known what it speaks.
pub(super) enum Incoming<S> {
    /// HTTP/1.1, or nonsense.
    Http1(Rewound<S>),
    /// HTTP/2, and what came behind its preface.
    Http2(S, BytesMut),
}

impl<S: AsyncRead + Unpin> Incoming<S> {
    /// Reads until it is clear.
    pub(super) async fn begin(mut stream: S) -> io::Result<Self> {
        let mut beginning = BytesMut::with_capacity(BEGINNING);
        while beginning.len() < PREFACE.len()
            && PREFACE.starts_with(&beginning)
            && stream.read_buf(&mut beginning).await? > 0
        {}
        if beginning.starts_with(PREFACE) {
            beginning.advance(PREFACE.len());
            return Ok(Self::Http2(stream, beginning));
        }
        Ok(Self::Http1(Rewound {
            beginning: beginning.freeze(),
            stream,
        }))
    }
}

/// A stream that begins with what was read of it already.
pub(super) struct Rewound<S> {
    beginning: Bytes,
    stream: S,
}

impl<S: AsyncRead + Unpin> AsyncRead for Rewound<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.beginning.is_empty() {
            return Pin::new(&mut self.stream).poll_read(cx, buffer);
        }
        let now = self.beginning.len().min(buffer.remaining());
        buffer.put_slice(&self.beginning[..now]);
        self.beginning.advance(now);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Rewound<S> {
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
    use tokio::io::AsyncWriteExt;

    use super::*;

    /// Whether a client is taken for one of HTTP/2, and what is read of it behind the preface, when it sends so many bytes at a
    /// time.
    async fn told(sent: &[u8], piece: usize) -> (bool, Vec<u8>) {
        let (mut client, server) = tokio::io::duplex(piece);
        let sent = sent.to_vec();
        let writing = tokio::spawn(async move {
            client.write_all(&sent).await.expect("read");
        });
        let mut all = Vec::new();
        let is_http2 = match Incoming::begin(server).await.expect("read") {
            Incoming::Http1(mut stream) => {
                stream.read_to_end(&mut all).await.expect("read");
                false
            }
            Incoming::Http2(mut stream, beginning) => {
                all.extend_from_slice(&beginning);
                stream.read_to_end(&mut all).await.expect("read");
                true
            }
        };
        writing.await.expect("no panic");
        (is_http2, all)
    }

    #[tokio::test]
    async fn the_first_bytes_tell_and_are_not_lost() {
        let begun = [PREFACE, b"and more"].concat();
        let cases: [(&[u8], bool, &[u8]); 6] = [
            (&begun, true, b"and more"),
            (PREFACE, true, b""),
            (
                b"GET /version HTTP/1.1\r\n\r\n",
                false,
                b"GET /version HTTP/1.1\r\n\r\n",
            ),
            (b"PRI * HTTP/1.1", false, b"PRI * HTTP/1.1"),
            (b"PRI", false, b"PRI"),
            (b"", false, b""),
        ];
        for (sent, is_http2, rest) in cases {
            for piece in [1, 7, 4096] {
                assert_eq!(told(sent, piece).await, (is_http2, rest.to_vec()), "{piece}");
            }
        }
    }
}
