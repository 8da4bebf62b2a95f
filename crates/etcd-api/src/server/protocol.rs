//! Which version of HTTP a client speaks: its first bytes say it, and are read again by who serves that version.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};

use super::authority::PREFACE;

/// So much is read at first at most.
const BEGINNING: usize = 4096;

/// A stream of whose beginning it is known what it is.
pub(super) enum Protocol<S> {
    /// HTTP/1.1, or nonsense.
    Http1(Rewound<S>),
    /// HTTP/2.
    Http2(Rewound<S>),
}

impl<S: AsyncRead + Unpin> Protocol<S> {
    /// Reads until it is clear.
    pub(super) async fn of(mut stream: S) -> io::Result<Self> {
        let mut beginning = BytesMut::with_capacity(BEGINNING);
        while beginning.len() < PREFACE.len()
            && PREFACE.starts_with(&beginning)
            && stream.read_buf(&mut beginning).await? > 0
        {}
        let is_http2 = beginning.starts_with(PREFACE);
        let rewound = Rewound {
            beginning: beginning.freeze(),
            stream,
        };
        Ok(if is_http2 {
            Self::Http2(rewound)
        } else {
            Self::Http1(rewound)
        })
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
    use super::*;

    async fn told(parts: &[&[u8]]) -> (bool, Vec<u8>) {
        let (client, mut other) = tokio::io::duplex(7);
        let parts: Vec<Vec<u8>> = parts.iter().map(|part| part.to_vec()).collect();
        tokio::spawn(async move {
            for part in parts {
                tokio::io::AsyncWriteExt::write_all(&mut other, &part)
                    .await
                    .expect("written");
            }
        });
        let (is_http2, mut stream) = match Protocol::of(client).await.expect("read") {
            Protocol::Http1(stream) => (false, stream),
            Protocol::Http2(stream) => (true, stream),
        };
        let mut all = Vec::new();
        stream.read_to_end(&mut all).await.expect("read");
        (is_http2, all)
    }

    #[tokio::test]
    async fn the_first_bytes_tell_and_are_not_lost() {
        let (is_http2, all) = told(&[&PREFACE[..5], &PREFACE[5..], b"and more"]).await;
        assert!(is_http2);
        assert_eq!(all, [PREFACE, b"and more"].concat());
        for other in [&b"GET / HTTP/1.1\r\n\r\n"[..], b"PRI * HTTP/1.1", b"", b"PRI"] {
            let (is_http2, all) = told(&[other]).await;
            assert!(!is_http2);
            assert_eq!(all, other);
        }
    }
}
