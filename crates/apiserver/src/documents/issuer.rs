//! What lets others verify service account tokens: the issuer's configuration and keys.

use bytes::Bytes;
use http::header::CACHE_CONTROL;
use http::{HeaderValue, StatusCode};

use crate::call::{Call, Response};
use crate::negotiate::Accept;
use crate::respond::document::with_bytes;
use crate::respond::status::{no_such_form, status};

/// The documents, ready to be sent.
#[derive(Clone, Debug, Default)]
pub struct IssuerDocuments {
    /// `/.well-known/openid-configuration`.
    pub configuration: Bytes,
    /// `/openid/v1/jwks`.
    pub keys: Bytes,
}

const KEPT_FOR_AN_HOUR: HeaderValue = HeaderValue::from_static("public, max-age=3600");

impl IssuerDocuments {
    /// Answers `/.well-known/openid-configuration`.
    pub fn configuration(&self, call: &Call) -> Response {
        serve(call, "application/json", &self.configuration)
    }

    /// Answers `/openid/v1/jwks`.
    pub fn keys(&self, call: &Call) -> Response {
        serve(call, "application/jwk-set+json", &self.keys)
    }
}

fn serve(call: &Call, media_type: &'static str, bytes: &Bytes) -> Response {
    if !Accept::parse(call.accept().unwrap_or_default()).is_routed(&[media_type]) {
        return status(call, &no_such_form(&[media_type]));
    }
    let mut response = with_bytes(StatusCode::OK, media_type, bytes.clone());
    response.headers_mut().insert(CACHE_CONTROL, KEPT_FOR_AN_HOUR);
    response
}
