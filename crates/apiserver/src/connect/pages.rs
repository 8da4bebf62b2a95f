//! Pages of proxied servers, on their way through.

use std::io::Read;

use bytes::{Bytes, BytesMut};
use flate2::read::GzDecoder;
use futures::{StreamExt, stream};
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use http::response::Parts;
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};

use crate::body::{Body, BoxError};
use crate::connect::links::Base;

/// Larger pages go through as they are.
const LARGEST: usize = 4 << 20;

/// The body of an answer, with the links of a page as the client must have them.
pub async fn with_links<B>(head: &mut Parts, mut body: B, base: &Base) -> Body
where
    B: http_body::Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<BoxError> + Send + 'static,
{
    let Some(encoding) = Encoding::of_page(head) else {
        return Body::stream(body);
    };
    let mut page = BytesMut::new();
    loop {
        match body.frame().await {
            None => break,
            Some(Ok(frame)) => page.extend_from_slice(&frame.into_data().unwrap_or_default()),
            Some(Err(error)) => return as_it_is(page, stream::iter([Err(error)])),
        }
        if page.len() > LARGEST {
            return as_it_is(page, body.into_data_stream());
        }
    }
    let Some(text) = encoding.text(&page) else {
        return Body::full(page.freeze());
    };
    head.headers.remove(CONTENT_ENCODING);
    head.headers.remove(CONTENT_LENGTH);
    Body::full(base.page(&text))
}

/// What was read, and then the rest.
fn as_it_is<E: Into<BoxError> + 'static>(
    read: BytesMut,
    rest: impl futures::Stream<Item = Result<Bytes, E>> + Send + 'static,
) -> Body {
    let rest = rest.map(|data| data.map(Frame::data).map_err(Into::into));
    let read = stream::iter([Ok(Frame::data(read.freeze()))]);
    Body::stream(StreamBody::new(read.chain(rest)))
}

/// How a page is written.
#[derive(Clone, Copy)]
enum Encoding {
    Plain,
    Gzip,
}

impl Encoding {
    /// None for what is no page, or one in an encoding that is not known here.
    fn of_page(head: &Parts) -> Option<Self> {
        let text = |name| {
            head.headers
                .get(name)
                .map_or(Some(""), |value| value.to_str().ok())
        };
        let kind = text(CONTENT_TYPE)?.split(';').next()?.trim();
        if kind != "text/html" {
            return None;
        }
        match text(CONTENT_ENCODING)? {
            "" => Some(Self::Plain),
            "gzip" => Some(Self::Gzip),
            _ => None,
        }
    }

    /// None for what is no text, or too much of it.
    fn text(self, page: &[u8]) -> Option<String> {
        let mut text = String::new();
        match self {
            Self::Plain => text.push_str(std::str::from_utf8(page).ok()?),
            Self::Gzip => {
                let limit = LARGEST as u64 + 1;
                GzDecoder::new(page).take(limit).read_to_string(&mut text).ok()?;
            }
        }
        (text.len() <= LARGEST).then_some(text)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;
    use http::Response;
    use http_body_util::Full;

    use super::*;

    async fn passed(kind: &str, encoding: &str, body: Vec<u8>) -> (bool, Vec<u8>) {
        let mut response = Response::builder().header(CONTENT_TYPE, kind);
        if !encoding.is_empty() {
            response = response.header(CONTENT_ENCODING, encoding);
        }
        let (mut head, body) = response.body(Full::new(Bytes::from(body))).unwrap().into_parts();
        let base = Base::of("/api/v1/nodes/n/proxy/", "", "");
        let body = with_links(&mut head, body, &base).await;
        let encoded = head.headers.contains_key(CONTENT_ENCODING);
        (encoded, body.collect().await.unwrap().to_bytes().to_vec())
    }

    #[tokio::test]
    async fn only_links_of_pages_change() {
        let page = b"<a href=/x>".to_vec();
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(&page).unwrap();
        let gzip = encoder.finish().unwrap();
        let below = b"<a href=/api/v1/nodes/n/proxy/x>".to_vec();
        let mut large = page.clone();
        large.resize(LARGEST + 1, b' ');
        for (kind, encoding, body, expected) in [
            (
                "text/html; charset=utf-8",
                "",
                page.clone(),
                (false, below.clone()),
            ),
            ("text/html", "gzip", gzip.clone(), (false, below)),
            ("text/plain", "", page.clone(), (false, page.clone())),
            ("text/html", "br", page.clone(), (true, page.clone())),
            ("text/html", "gzip", page.clone(), (true, page)),
            ("text/html", "", vec![0xff], (false, vec![0xff])),
            ("text/html", "", large.clone(), (false, large)),
        ] {
            assert!(
                passed(kind, encoding, body).await == expected,
                "{kind} {encoding}"
            );
        }
    }
}
