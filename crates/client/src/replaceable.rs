//! A transport that is put in place later, and replaced while it is used: credentials are renewed under running clients.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::{Request, Response};
use tokio::sync::watch;
use tower::{Service, ServiceExt};

use crate::transport::{Body, Transport, TransportError};

/// Puts transports in place. Dropped, what is in place stays.
#[derive(Clone, Debug)]
pub struct Replace(watch::Sender<Option<Transport>>);

impl Replace {
    /// Requests go this way from now on; those under way, and watches until they end, stay with the older one.
    pub fn set(&self, transport: Transport) {
        self.0.send_replace(Some(transport));
    }
}

/// A transport whose requests wait until there is a way, and its other end.
pub fn replaceable() -> (Replace, Transport) {
    let (sender, receiver) = watch::channel(None);
    (Replace(sender), Transport::new(Replaceable(receiver)))
}

#[derive(Clone)]
struct Replaceable(watch::Receiver<Option<Transport>>);

impl Service<Request<Body>> for Replaceable {
    type Response = Response<Body>;
    type Error = TransportError;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, TransportError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), TransportError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let mut newest = self.0.clone();
        Box::pin(async move {
            let placed = newest.wait_for(Option::is_some).await;
            let transport = placed.ok().and_then(|placed| placed.clone());
            match transport {
                Some(transport) => transport.oneshot(request).await,
                None => Err(TransportError::new("there will never be credentials")),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use http::StatusCode;
    use tower::service_fn;

    use super::*;
    use crate::transport::{BoxError, boxed, empty};

    fn answering(code: u16) -> Transport {
        boxed(service_fn(move |_: Request<Body>| async move {
            let mut response = Response::new(empty());
            *response.status_mut() = StatusCode::from_u16(code).expect("a status");
            Ok::<_, BoxError>(response)
        }))
    }

    async fn ask(transport: &Transport) -> Result<u16, TransportError> {
        let response = transport.clone().oneshot(Request::new(empty())).await?;
        Ok(response.status().as_u16())
    }

    #[tokio::test]
    async fn requests_wait_for_the_first_way_and_take_the_newest() {
        let (replace, transport) = replaceable();
        let early = tokio::spawn({
            let transport = transport.clone();
            async move { ask(&transport).await }
        });
        tokio::task::yield_now().await;
        assert!(!early.is_finished());
        replace.set(answering(201));
        assert_eq!(early.await.expect("ran").expect("answered"), 201);
        replace.set(answering(202));
        assert_eq!(ask(&transport).await.expect("answered"), 202);
        drop(replace);
        assert_eq!(ask(&transport).await.expect("answered"), 202);
    }

    #[tokio::test]
    async fn without_a_way_and_without_hope_requests_fail() {
        let (replace, transport) = replaceable();
        drop(replace);
        ask(&transport).await.expect_err("no way");
    }
}
