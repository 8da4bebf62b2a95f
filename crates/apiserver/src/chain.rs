//! The request path, from the outside in.

use std::sync::Arc;
use std::time::Duration;

use audit::Auditor;
use auth::{Authenticator, Authorizer};
use tower::ServiceBuilder;

use crate::filters::{
    Accounting, Audit, AuditId, Authentication, Authorization, Deadline, FlowControl, Impersonation,
    PanicIsolation, ReadRequestInfo,
};
use crate::handler::{Filter, FilterLayer, Handler};
use crate::metrics::Metrics;

/// What the filters need to decide.
pub struct ChainParts {
    /// Who knows the users.
    pub authenticator: Arc<dyn Authenticator>,
    /// Who decides what they may do.
    pub authorizer: Arc<dyn Authorizer>,
    /// How many requests are worked on at a time.
    pub flow_control: FlowControl,
    /// The time a request has at most.
    pub request_timeout: Duration,
    /// Who writes what requests do.
    pub auditor: Option<Arc<Auditor>>,
    /// Where everything is counted.
    pub metrics: Arc<Metrics>,
}

/// The handler with all filters in front. Flow control stands before authorization: an overloaded server queues requests
/// before it pays for decisions about them.
pub fn chain(parts: ChainParts, handler: impl Handler) -> impl Handler {
    let ChainParts {
        authenticator,
        authorizer,
        flow_control,
        request_timeout,
        auditor,
        metrics,
    } = parts;
    ServiceBuilder::new()
        .layer(layer(
            Accounting {
                metrics: Arc::clone(&metrics),
            },
            &metrics,
        ))
        .layer(layer(AuditId::default(), &metrics))
        .layer(layer(PanicIsolation, &metrics))
        .layer(layer(ReadRequestInfo, &metrics))
        .layer(layer(
            Deadline {
                max: request_timeout,
                metrics: Arc::clone(&metrics),
                auditor: auditor.clone(),
            },
            &metrics,
        ))
        .layer(layer(
            Authentication {
                authenticator,
                auditor: auditor.clone(),
            },
            &metrics,
        ))
        .layer(layer(Audit { auditor }, &metrics))
        .layer(layer(Impersonation::new(Arc::clone(&authorizer)), &metrics))
        .layer(layer(flow_control, &metrics))
        .layer(layer(Authorization { authorizer }, &metrics))
        .service(handler)
}

fn layer<F: Filter>(filter: F, metrics: &Metrics) -> FilterLayer<F> {
    FilterLayer::new(filter, metrics)
}

#[cfg(test)]
mod tests {
    use auth::always::AlwaysAllow;
    use auth::in_process::InProcess;

    use super::*;
    use crate::call::{Call, Response};
    use crate::filters::FlowControlLimits;
    use crate::testing::call;

    struct Nothing;

    impl Handler for Nothing {
        async fn handle(&self, _call: &mut Call) -> Response {
            Response::default()
        }
    }

    /// Each filter moves the futures of all behind it, so one that is large for the sake of something rare costs every request.
    #[test]
    fn the_futures_of_requests_are_small() {
        let metrics = Arc::new(Metrics::default());
        let limits = FlowControlLimits::default();
        let parts = ChainParts {
            authenticator: Arc::new(InProcess),
            authorizer: Arc::new(AlwaysAllow),
            flow_control: FlowControl::new(limits, None, Arc::clone(&metrics)),
            request_timeout: Duration::from_secs(60),
            auditor: None,
            metrics,
        };
        let mut call = call("GET", "/", &[]);
        let chain = chain(parts, Nothing);
        let bytes = size_of_val(&chain.handle(&mut call));
        assert!(bytes < 2560, "{bytes} bytes");
    }
}
