//! Lets a user act as another one, as far as the user may.

use std::sync::Arc;

use auth::Authorizer;
use auth::impersonation::{Acting, Impersonator, WantedUser, is_impersonation_header};
use http::{HeaderMap, HeaderName};

use crate::call::{Call, Response};
use crate::filters::authorization::{Selection, attributes};
use crate::handler::{Filter, Handler};
use crate::respond::status;

/// Exchanges [`Call::user`] as the `Impersonate-*` headers ask.
#[derive(Clone)]
pub struct Impersonation {
    impersonator: Arc<Impersonator>,
}

impl Impersonation {
    /// A filter that asks `authorizer`.
    pub fn new(authorizer: Arc<dyn Authorizer>) -> Self {
        Self {
            impersonator: Arc::new(Impersonator::new(authorizer)),
        }
    }
}

impl Filter for Impersonation {
    const NAME: &'static str = "impersonation";

    async fn filter(&self, call: &mut Call, next: &impl Handler) -> Response {
        let wanted = match WantedUser::from_headers(&call.head.headers) {
            Ok(None) => return next.handle(call).await,
            Ok(Some(wanted)) => wanted,
            Err(refusal) => return status(call, &refusal),
        };
        let selection = Selection::of(call);
        let exchanged = self
            .impersonator
            .impersonate(&wanted, &attributes(call, &selection))
            .await;
        match exchanged {
            Ok(Acting { user, constraint }) => {
                strip(&mut call.head.headers);
                call.user = Arc::new(user);
                if let Some(record) = &call.audit {
                    record.impersonated(Arc::clone(&call.user), constraint);
                }
                next.handle(call).await
            }
            Err(refusal) => status(call, &refusal),
        }
    }
}

/// Takes the headers away, so that they do not travel on.
fn strip(headers: &mut HeaderMap) {
    let names: Vec<HeaderName> = headers
        .keys()
        .filter(|n| is_impersonation_header(n.as_str()))
        .cloned()
        .collect();
    for name in names {
        headers.remove(name);
    }
}
