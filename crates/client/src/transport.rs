//! The seam between requests and what carries them.

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use tower::util::BoxCloneSyncService;
use tower::{Service, ServiceExt};

/// Any error of a transport or a body.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Why a transport failed, or a body broke off. A named type, because a boxed error among the parameters of [`Transport`]
/// carries a lifetime that the compiler cannot prove `Send` across an await.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct TransportError(pub BoxError);

impl TransportError {
    /// From any error or text.
    pub fn new(error: impl Into<BoxError>) -> Self {
        Self(error.into())
    }
}

/// A body that is read as it arrives.
pub type Body = UnsyncBoxBody<Bytes, TransportError>;

/// What carries a request to an API server and brings the answer.
pub type Transport = BoxCloneSyncService<Request<Body>, Response<Body>, TransportError>;

/// A body that is there as a whole.
pub fn full(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into())
        .map_err(|never| match never {})
        .boxed_unsync()
}

/// A body without content.
pub fn empty() -> Body {
    full(Bytes::new())
}

/// A transport from any HTTP service, whatever its body and error types.
pub fn boxed<S, B>(service: S) -> Transport
where
    S: Service<Request<Body>, Response = Response<B>> + Clone + Send + Sync + 'static,
    S::Future: Send + 'static,
    S::Error: Into<BoxError>,
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    BoxCloneSyncService::new(
        service
            .map_response(|response: Response<B>| {
                response.map(|body| body.map_err(TransportError::new).boxed_unsync())
            })
            .map_err(TransportError::new),
    )
}
