//! Entrance for fuzzers: whatever page another server sends through a proxy of the API, the client gets it, with nothing changed
//! but links.

use bytes::Bytes;
use futures::FutureExt;
use http::Response;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use http_body_util::{BodyExt, Full};

use crate::connect::links::{Base, check_page};
use crate::connect::pages::with_links;

/// Sends a page through a proxy: compressed if its first byte is odd. What is no text, or not compressed, goes through as it is.
pub fn page(input: &[u8]) {
    let Some((first, body)) = input.split_first() else {
        return;
    };
    let is_compressed = first % 2 == 1;
    let base = Base::of(
        "/api/v1/namespaces/a/pods/p/proxy/",
        "127.0.0.1:6443",
        "10.0.0.1:80",
    );
    let passed = passed(body, is_compressed, &base);
    let text = std::str::from_utf8(body).ok();
    if let Some(text) = text {
        check_page(&base, text);
    }
    if !is_compressed {
        let expected = text.map_or_else(|| body.to_vec(), |text| base.page(text).into_bytes());
        assert_eq!(passed, expected);
    }
}

fn passed(body: &[u8], is_compressed: bool, base: &Base) -> Vec<u8> {
    let mut page = Response::builder().header(CONTENT_TYPE, "text/html");
    if is_compressed {
        page = page.header(CONTENT_ENCODING, "gzip");
    }
    let body = Full::new(Bytes::copy_from_slice(body));
    let page = page.body(body).expect("the headers are well-formed");
    let (mut head, body) = page.into_parts();
    let passed = async {
        let body = with_links(&mut head, body, base).await;
        body.collect().await.map(|body| body.to_bytes())
    };
    let passed = passed.now_or_never().expect("the whole page is there");
    passed.expect("such a body cannot fail").to_vec()
}

#[cfg(test)]
mod tests {
    #[test]
    fn pages_of_any_kind_pass() {
        for page in [
            "",
            "0<a href=/x>",
            "1<a href=/x>",
            "0<a href='/x",
            "0\u{e4}<script><a href=/x",
        ] {
            super::page(page.as_bytes());
        }
        super::page(&[0, 0xff, b'<']);
    }
}
