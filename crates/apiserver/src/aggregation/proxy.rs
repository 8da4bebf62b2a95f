//! A request handed on to the server that serves its part of the API, and that server's answer.

use std::time::Duration;

use futures::StreamExt;
use http::header::{HOST, LOCATION};
use http::{Request, StatusCode, Uri};
use http_body_util::{BodyStream, StreamBody};
use hyper::body::Incoming;
use streaming::upgrade::asks_upgrade;
use tokio_util::sync::CancellationToken;

use crate::aggregation::parts::{Backend, OtherServer};
use crate::aggregation::set_user;
use crate::body::Body;
use crate::call::{Call, Response};
use crate::connect::Lasting;
use crate::connect::exchange::exchange;
use crate::connect::forwarding::{To, request_headers, strip};
use crate::documents::metric_verb;
use crate::metrics::Metrics;
use crate::respond::plain_text;

/// Clients that look what there is should not wait long for a server that does not answer.
const DISCOVERY_WITHIN: Duration = Duration::from_secs(5);

/// What is needed to hand calls on.
pub(crate) struct Handing<'a> {
    /// Where connections are counted.
    pub(crate) metrics: &'a Metrics,
    /// Cancelled when the server is to stop: answers that have no end have one then.
    pub(crate) shutdown: &'a CancellationToken,
}

impl Handing<'_> {
    /// Answers a call with what the other server answers.
    pub(crate) async fn hand_on(&self, call: &mut Call, to: &OtherServer) -> Response {
        call.labels.verb = metric_verb(&call.head.method);
        if !to.is_available {
            return refused(StatusCode::SERVICE_UNAVAILABLE, "service unavailable");
        }
        let backend = match &to.backend {
            Ok(backend) => &**backend,
            Err(why) => return refused(StatusCode::INTERNAL_SERVER_ERROR, why),
        };
        if asks_upgrade(&call.head.headers) {
            return self.upgrade(call, backend).await;
        }
        if !is_discovery(call) {
            return self.send(call, backend).await;
        }
        match tokio::time::timeout(DISCOVERY_WITHIN, self.send(call, backend)).await {
            Ok(response) => response,
            Err(_) => unreachable("context deadline exceeded"),
        }
    }

    async fn send(&self, call: &mut Call, backend: &dyn Backend) -> Response {
        let Ok(target) = path_and_query(call).parse::<Uri>() else {
            return refused(StatusCode::BAD_REQUEST, "invalid path");
        };
        let mut headers = request_headers(call, "", false, To::OtherServer);
        // Said by the connection.
        headers.remove(HOST);
        set_user(&mut headers, &call.user);
        let mut request = Request::new(std::mem::take(&mut call.body));
        *request.method_mut() = call.head.method.clone();
        *request.uri_mut() = target;
        *request.headers_mut() = headers;
        let lasts = call.info.is_long_running();
        match backend.send(request).await {
            Ok(response) if lasts => answered(response.map(|body| self.until_shutdown(body))),
            Ok(response) => answered(response.map(Body::stream)),
            Err(why) => unreachable(&why),
        }
    }

    fn until_shutdown(&self, body: Incoming) -> Body {
        let shutdown = self.shutdown.clone().cancelled_owned();
        Body::stream(StreamBody::new(BodyStream::new(body).take_until(shutdown)))
    }

    /// The two ends are joined, if the other server agrees.
    async fn upgrade(&self, call: &mut Call, backend: &dyn Backend) -> Response {
        let connection = match backend.connect().await {
            Ok(connection) => connection,
            Err(why) => return refused(StatusCode::SERVICE_UNAVAILABLE, &why),
        };
        let user = call.user.clone();
        set_user(&mut call.head.headers, &user);
        let counted = Lasting::of(self.metrics, call);
        let target = path_and_query(call);
        match exchange(call, connection, &target, To::OtherServer, counted).await {
            Ok(response) if response.status().is_success() || response.status().is_redirection() => {
                let code = response.status().as_u16();
                let why = format!("invalid upgrade response: status code {code}");
                refused(StatusCode::SERVICE_UNAVAILABLE, &why)
            }
            Ok(response) => response,
            Err(status) => refused(StatusCode::SERVICE_UNAVAILABLE, &status.message),
        }
    }
}

/// Whether the path is just that of a group version.
fn is_discovery(call: &Call) -> bool {
    !call.info.is_resource() && call.info.path().trim_matches('/').split('/').count() == 3
}

fn answered(mut response: Response) -> Response {
    strip(response.headers_mut());
    if response.status().is_redirection() && response.headers().contains_key(LOCATION) {
        let mut refusal = Response::new(Body::full(
            "the backend attempted to redirect this request, which is not permitted",
        ));
        *refusal.status_mut() = StatusCode::BAD_GATEWAY;
        return refusal;
    }
    response
}

fn path_and_query(call: &Call) -> String {
    let target = call.head.uri.path_and_query();
    target.map_or_else(|| call.head.uri.path().to_owned(), ToString::to_string)
}

fn unreachable(why: &str) -> Response {
    let why = format!("error trying to reach service: {why}");
    refused(StatusCode::SERVICE_UNAVAILABLE, &why)
}

fn refused(code: StatusCode, why: &str) -> Response {
    plain_text(code, format!("{why}\n"))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use async_trait::async_trait;
    use meta::User;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
    use tokio::sync::Mutex;

    use super::*;
    use crate::body::IncomingBody;
    use crate::connect::Connection;
    use crate::testing::{routed_call, text_of};

    /// A server of whose connection the test has the other end.
    struct Fake(Mutex<Option<DuplexStream>>);

    #[async_trait]
    impl Backend for Fake {
        async fn send(&self, _: Request<IncomingBody>) -> Result<http::Response<Incoming>, String> {
            Err(String::from("dial tcp 10.0.0.1:443: connect: connection refused"))
        }

        async fn connect(&self) -> Result<Connection, String> {
            let stream = self.0.lock().await.take().ok_or("no connection")?;
            Ok(Connection {
                stream: Box::new(stream),
                scheme: "https",
                authority: String::from("s.n.svc:443"),
            })
        }
    }

    async fn handed_on(call: &mut Call, to: &OtherServer) -> (u16, String) {
        let (metrics, shutdown) = (Metrics::default(), CancellationToken::new());
        let handing = Handing {
            metrics: &metrics,
            shutdown: &shutdown,
        };
        let response = handing.hand_on(call, to).await;
        (response.status().as_u16(), text_of(response).await)
    }

    fn server(is_available: bool, backend: Result<Fake, String>) -> OtherServer {
        OtherServer {
            is_available,
            backend: backend.map(|backend| Arc::new(backend) as Arc<dyn Backend>),
            documents: Arc::default(),
        }
    }

    #[tokio::test]
    async fn what_cannot_be_handed_on_is_refused_in_plain_text() {
        let fake = || Ok(Fake(Mutex::default()));
        for (to, code, text) in [
            (server(false, fake()), 503, "service unavailable\n"),
            (
                server(true, Err(String::from("unable to load root certificates: x"))),
                500,
                "unable to load root certificates: x\n",
            ),
            (
                server(true, fake()),
                503,
                "error trying to reach service: dial tcp 10.0.0.1:443: connect: connection refused\n",
            ),
        ] {
            let mut call = routed_call("GET", "/apis/a.example/v1/things");
            assert_eq!(handed_on(&mut call, &to).await, (code, text.to_owned()));
        }
    }

    /// What the other server was asked, when it answers like that.
    async fn upgraded(answer: &'static str) -> (u16, String) {
        let (near, mut far) = tokio::io::duplex(4096);
        let mut call = routed_call("GET", "/apis/a.example/v1/things/one/exec?command=ls");
        for (name, value) in [
            ("connection", "Upgrade"),
            ("upgrade", "SPDY/3.1"),
            ("x-remote-user", "forged"),
        ] {
            let value = http::HeaderValue::from_static(value);
            call.head
                .headers
                .insert(http::HeaderName::from_static(name), value);
        }
        call.user = Arc::new(User::new("ann", &[]));
        let far = tokio::spawn(async move {
            let mut asked = Vec::new();
            while !asked.ends_with(b"\r\n\r\n") {
                asked.push(far.read_u8().await.expect("a request"));
            }
            far.write_all(answer.as_bytes()).await.expect("written");
            String::from_utf8(asked).expect("text")
        });
        let to = server(true, Ok(Fake(Mutex::new(Some(near)))));
        let (code, _) = handed_on(&mut call, &to).await;
        (code, far.await.expect("asked"))
    }

    #[tokio::test]
    async fn connections_change_protocols_if_the_other_server_agrees() {
        let agreed = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n\r\n";
        let (code, asked) = upgraded(agreed).await;
        assert_eq!(code, 101);
        for line in [
            "GET /apis/a.example/v1/things/one/exec?command=ls HTTP/1.1\r\n",
            "upgrade: SPDY/3.1\r\n",
            "x-remote-user: ann\r\n",
        ] {
            assert!(asked.contains(line), "{line} in {asked}");
        }
        assert!(!asked.contains("forged"), "{asked}");
        let refused = upgraded("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n").await;
        assert_eq!(refused.0, 403);
        let ignored = upgraded("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
        assert_eq!(ignored.0, 503);
    }
}
