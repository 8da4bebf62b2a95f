//! A body compressed while it is written, frame by frame.

use std::io::Write as _;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{BufMut, Bytes, BytesMut};
use flate2::Compression;
use flate2::write::GzEncoder;
use http_body::Frame;

use crate::body::{Body, BoxError};

/// A compressed body.
#[derive(Debug)]
pub struct Gzip {
    plain: Body,
    encoder: Option<GzEncoder<bytes::buf::Writer<BytesMut>>>,
}

impl Gzip {
    /// Compresses `plain`, fast rather than well.
    pub fn new(plain: Body) -> Self {
        let encoder = GzEncoder::new(BytesMut::new().writer(), Compression::fast());
        Self {
            plain,
            encoder: Some(encoder),
        }
    }

    /// What has been compressed so far and not been sent.
    fn take_output(encoder: &mut GzEncoder<bytes::buf::Writer<BytesMut>>) -> Option<Bytes> {
        let output = encoder.get_mut().get_mut().split().freeze();
        (!output.is_empty()).then_some(output)
    }
}

impl http_body::Body for Gzip {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = self.get_mut();
        loop {
            let Some(encoder) = &mut this.encoder else {
                return Poll::Ready(None);
            };
            match ready!(Pin::new(&mut this.plain).poll_frame(cx)).transpose()? {
                Some(frame) => {
                    let Ok(data) = frame.into_data() else { continue };
                    encoder.write_all(&data)?;
                    if let Some(output) = Self::take_output(encoder) {
                        return Poll::Ready(Some(Ok(Frame::data(output))));
                    }
                }
                None => {
                    let rest = this.encoder.take().map(GzEncoder::finish).transpose()?;
                    let rest = rest
                        .map(|writer| writer.into_inner().freeze())
                        .filter(|bytes| !bytes.is_empty());
                    return Poll::Ready(rest.map(|bytes| Ok(Frame::data(bytes))));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::body::Pieces;
    use flate2::read::GzDecoder;
    use http_body_util::BodyExt;
    use std::io::Read;

    #[tokio::test]
    async fn what_is_compressed_is_the_same() {
        let piece = Bytes::from("0123456789".repeat(7_000));
        let pieces: Vec<Bytes> = vec![piece.clone(); 5];
        let body = Gzip::new(Body::Pieces(Pieces::new(None, Box::new(pieces.into_iter()))));
        let compressed = body.collect().await.expect("a body").to_bytes();
        assert!(compressed.len() < 10_000);
        let mut plain = Vec::new();
        GzDecoder::new(&compressed[..])
            .read_to_end(&mut plain)
            .expect("gzip");
        assert_eq!(plain, piece.repeat(5));
    }
}
