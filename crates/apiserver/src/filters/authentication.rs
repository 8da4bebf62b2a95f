//! Finds out who asks.

use std::sync::Arc;

use audit::Auditor;
use auth::bearer::without_token;
use auth::{Authenticator, Credentials};
use http::header::{AUTHORIZATION, SEC_WEBSOCKET_PROTOCOL};
use http::{HeaderMap, HeaderValue};
use meta::Status;
use tracing::debug;

use crate::auditing;
use crate::call::{Call, Response};
use crate::clock::now;
use crate::handler::{Filter, Handler};
use crate::service::InProcessIdentity;

/// Fills in [`Call::user`], or answers 401.
#[derive(Clone)]
pub struct Authentication {
    /// Who knows the users.
    pub authenticator: Arc<dyn Authenticator>,
    /// Who writes about those that are not known.
    pub auditor: Option<Arc<Auditor>>,
}

impl Filter for Authentication {
    const NAME: &'static str = "authentication";

    async fn filter(&self, call: &mut Call, next: &impl Handler) -> Response {
        // Only what did not come over the network may say who it is.
        let in_process = match &call.peer {
            None => call.head.extensions.remove::<InProcessIdentity>(),
            Some(_) => None,
        };
        let certificates = call.peer.as_ref().map_or(&[][..], |p| &p.certificates);
        let mut credentials = Credentials::of_request(&call.head.headers, certificates, now());
        credentials.in_process = in_process.as_ref().map(|i| &**i.user());
        match self.authenticator.authenticate(&credentials).await {
            Ok(Some(found)) => call.user = Arc::new(found.user),
            Ok(None) => return self.refuse(call).await,
            Err(error) => {
                debug!(%error, "not authenticated");
                return self.refuse(call).await;
            }
        }
        forget_token(&mut call.head.headers);
        next.handle(call).await
    }
}

impl Authentication {
    async fn refuse(&self, call: &mut Call) -> Response {
        auditing::refuse(self.auditor.as_ref(), call, &Status::unauthorized()).await
    }
}

/// What proved the user must not travel on to nodes and other servers.
fn forget_token(headers: &mut HeaderMap) {
    headers.remove(AUTHORIZATION);
    if headers.contains_key(SEC_WEBSOCKET_PROTOCOL) {
        let protocols = without_token(headers).join(", ");
        headers.remove(SEC_WEBSOCKET_PROTOCOL);
        if let Ok(value) = HeaderValue::try_from(protocols) {
            headers.insert(SEC_WEBSOCKET_PROTOCOL, value);
        }
    }
}
