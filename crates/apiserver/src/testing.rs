//! What the tests of this crate share.

use http::Request;
use http_body_util::BodyExt;

use crate::body::IncomingBody;
use crate::call::{Call, Response};
use crate::request_info::RequestInfo;

/// A call that no filter has seen.
pub fn call(method: &str, target: &str, headers: &[(&str, &str)]) -> Call {
    let mut request = Request::builder().method(method).uri(target);
    for &(name, value) in headers.iter().filter(|(_, value)| !value.is_empty()) {
        request = request.header(name, value);
    }
    Call::new(request.body(IncomingBody::Empty).expect("a request"), None)
}

/// A call that has been routed: its path is read.
pub fn routed_call(method: &str, target: &str) -> Call {
    let mut call = call(method, target, &[]);
    let path = call.head.uri.path().to_owned();
    call.info = RequestInfo::parse(&call.head.method, &path, &call.query, |_| None).expect("a path");
    call
}

/// The text of an answer.
pub async fn text_of(response: Response) -> String {
    let bytes = response.into_body().collect().await.expect("a body").to_bytes();
    String::from_utf8(bytes.to_vec()).expect("text")
}
