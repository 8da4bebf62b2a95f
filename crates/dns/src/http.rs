//! What others may ask over HTTP: whether this server knows all Services yet.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::resolver::Resolver;

/// Connections served at once.
const MAX_CONNECTIONS: usize = 64;
/// A client has so long to send its request.
const REQUEST_TIME_LIMIT: Duration = Duration::from_secs(10);
/// After a failure to accept, which is one of the machine.
const PAUSE: Duration = Duration::from_millis(50);

/// Answers at `/ready` and `/health` until the token fires.
pub(crate) async fn serve(listener: TcpListener, resolver: Arc<Resolver>, shutdown: CancellationToken) {
    let slots = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    loop {
        let accepted = tokio::select! {
            () = shutdown.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        let Ok((stream, _)) = accepted else {
            tokio::time::sleep(PAUSE).await;
            continue;
        };
        let Ok(slot) = slots.clone().try_acquire_owned() else {
            continue;
        };
        let (resolver, shutdown) = (resolver.clone(), shutdown.clone());
        tokio::spawn(async move {
            let service = service_fn(move |request: Request<Incoming>| {
                let (status, text) = answer(request.uri().path(), resolver.is_ready());
                let mut answer = Response::new(Full::new(Bytes::from_static(text.as_bytes())));
                *answer.status_mut() = status;
                async move { Ok::<_, Infallible>(answer) }
            });
            let connection = hyper::server::conn::http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(REQUEST_TIME_LIMIT)
                .serve_connection(TokioIo::new(stream), service);
            let _ = shutdown.run_until_cancelled(connection).await;
            drop(slot);
        });
    }
}

fn answer(path: &str, is_ready: bool) -> (StatusCode, &'static str) {
    match path {
        "/health" => (StatusCode::OK, "OK"),
        "/ready" if is_ready => (StatusCode::OK, "OK"),
        "/ready" => (StatusCode::SERVICE_UNAVAILABLE, "kubernetes"),
        _ => (StatusCode::NOT_FOUND, ""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ready_means_that_the_services_are_known() {
        assert_eq!(answer("/ready", false).0, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(answer("/ready", true).0, StatusCode::OK);
        assert_eq!(answer("/health", false).0, StatusCode::OK);
        assert_eq!(answer("/metrics", true).0, StatusCode::NOT_FOUND);
    }
}
