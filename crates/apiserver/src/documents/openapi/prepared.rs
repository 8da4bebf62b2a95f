//! A document ready to be sent, whole, in part, compressed, or not at all if the client has it already.

use std::io::Write as _;
use std::sync::OnceLock;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::header::{
    ACCEPT_RANGES, CONTENT_ENCODING, CONTENT_RANGE, ETAG, IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED,
    RANGE,
};
use http::{HeaderValue, StatusCode};
use sha2::{Digest, Sha512};

use super::range::ByteRange;
use crate::body::Body;
use crate::call::{Call, Response};
use crate::respond::document::with_bytes;

/// A document and what identifies it.
#[derive(Debug)]
pub struct Prepared {
    media_type: &'static str,
    plain: Bytes,
    gzip: OnceLock<Bytes>,
    hash: String,
    modified: SystemTime,
}

impl Prepared {
    /// A document made just now.
    pub fn new(media_type: &'static str, plain: Bytes) -> Self {
        let hash = Sha512::digest(&plain)
            .iter()
            .map(|byte| format!("{byte:02X}"))
            .collect();
        Self {
            media_type,
            plain,
            gzip: OnceLock::new(),
            hash,
            modified: SystemTime::now(),
        }
    }

    /// What tells its content from others.
    pub fn hash(&self) -> &str {
        &self.hash
    }

    /// The answer to a request for it.
    pub fn answer(&self, call: &Call, gzip: bool) -> Response {
        let mut response = if self.is_known(call) {
            let mut response = Response::new(Body::Empty);
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            response
        } else if gzip {
            let mut response = with_bytes(StatusCode::OK, self.media_type, self.compressed());
            response
                .headers_mut()
                .insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            response
        } else {
            self.plain(call)
        };
        let headers = response.headers_mut();
        if let Ok(tag) = HeaderValue::try_from(format!("\"{}\"", self.hash)) {
            headers.insert(ETAG, tag);
        }
        if response.status() != StatusCode::NOT_MODIFIED {
            let headers = response.headers_mut();
            headers.insert(LAST_MODIFIED, http_date(self.modified));
            headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
        }
        response
    }

    fn is_known(&self, call: &Call) -> bool {
        match call.header(IF_NONE_MATCH) {
            Some(tags) => tags.split(',').any(|tag| {
                let tag = tag.trim();
                tag == "*" || tag.trim_start_matches("W/").trim_matches('"') == self.hash
            }),
            None => call
                .head
                .headers
                .get(IF_MODIFIED_SINCE)
                .is_some_and(|v| *v == http_date(self.modified)),
        }
    }

    fn plain(&self, call: &Call) -> Response {
        let total = self.plain.len();
        match call.header(RANGE).map(|text| ByteRange::parse(text, total)) {
            Some(Some(ByteRange::Part { start, end })) => {
                let part = self.plain.slice(start..end);
                let mut response = with_bytes(StatusCode::PARTIAL_CONTENT, self.media_type, part);
                insert_text(&mut response, format!("bytes {start}-{}/{total}", end - 1));
                response
            }
            Some(Some(ByteRange::Outside)) => {
                let mut response =
                    with_bytes(StatusCode::RANGE_NOT_SATISFIABLE, self.media_type, Bytes::new());
                insert_text(&mut response, format!("bytes */{total}"));
                response
            }
            Some(None) | None => with_bytes(StatusCode::OK, self.media_type, self.plain.clone()),
        }
    }

    fn compressed(&self) -> Bytes {
        let compress = || {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
            // Writing into memory cannot fail.
            let _ = encoder.write_all(&self.plain);
            Bytes::from(encoder.finish().unwrap_or_default())
        };
        self.gzip.get_or_init(compress).clone()
    }
}

fn insert_text(response: &mut Response, text: String) {
    if let Ok(value) = HeaderValue::try_from(text) {
        response.headers_mut().insert(CONTENT_RANGE, value);
    }
}

/// The date of today in a year: as long as a document may be kept.
pub fn in_a_year() -> HeaderValue {
    http_date(SystemTime::now() + Duration::from_secs(365 * 24 * 3600))
}

fn http_date(time: SystemTime) -> HeaderValue {
    HeaderValue::try_from(httpdate::fmt_http_date(time)).unwrap_or(HeaderValue::from_static("0"))
}
