//! The webhook: lists of events, posted to a server that a kubeconfig names.

use std::hash::{BuildHasher, RandomState};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use client::config::{ClientConfig, ConfigError};
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HOST, USER_AGENT};
use http::{HeaderValue, Method, Request, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use rustls_pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsConnector;

/// How long the server may take.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);
/// How often a batch is sent at most, and how much longer each pause is than the one before.
const ATTEMPTS: u32 = 5;
const LONGER: f64 = 1.5;
/// By how much of itself a pause may be longer.
const SPREAD: f64 = 0.2;
const MAX_ANSWER_BYTES: usize = 64 << 10;

const HEAD: &[u8] = br#"{"kind":"EventList","apiVersion":"audit.k8s.io/v1","metadata":{},"items":["#;

type BoxError = Box<dyn std::error::Error + Send + Sync>;
type Connection = SendRequest<Full<Bytes>>;

/// A server that takes events.
pub(super) struct Webhook {
    uri: Uri,
    host: String,
    port: u16,
    tls: Option<TlsConnector>,
    token: Option<HeaderValue>,
    first_pause: Duration,
    /// One connection that is not in use.
    idle: Mutex<Option<Connection>>,
}

impl std::fmt::Debug for Webhook {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Webhook")
            .field("uri", &self.uri)
            .finish_non_exhaustive()
    }
}

impl Webhook {
    /// Reads where it is. Nothing is connected before it is needed.
    pub(super) fn open(kubeconfig: &Path, first_pause: Duration) -> Result<Self, ConfigError> {
        let config = ClientConfig::from_kubeconfig(kubeconfig)?;
        let unreadable = || ConfigError::Server(config.server.clone());
        let uri: Uri = config.server.parse().map_err(|_| unreadable())?;
        let host = uri.host().ok_or_else(unreadable)?.to_owned();
        let is_plain = match uri.scheme_str() {
            Some("http") => true,
            Some("https") => false,
            _ => return Err(unreadable()),
        };
        let tls = if is_plain {
            None
        } else {
            Some(TlsConnector::from(Arc::new(config.tls()?)))
        };
        Ok(Self {
            host: host.trim_matches(['[', ']']).to_owned(),
            port: uri.port_u16().unwrap_or(if is_plain { 80 } else { 443 }),
            uri,
            tls,
            token: config.bearer_token()?,
            first_pause,
            idle: Mutex::new(None),
        })
    }

    /// Sends events, again and again if need be; else why it could not.
    pub(super) async fn send(&self, events: &[Bytes]) -> Result<(), String> {
        let body = list(events);
        let mut pause = self.first_pause;
        let mut attempts = 0;
        loop {
            attempts += 1;
            let sent = match timeout(ANSWER_WITHIN, self.post(body.clone())).await {
                Ok(sent) => sent.map_err(|error| error.to_string()),
                Err(_) => Err("the server does not answer in time".to_owned()),
            };
            match sent {
                Err(_) if attempts < ATTEMPTS => {
                    sleep(spread(pause)).await;
                    pause = pause.mul_f64(LONGER);
                }
                sent => return sent,
            }
        }
    }

    async fn post(&self, body: Bytes) -> Result<(), BoxError> {
        let mut connection = self.connection().await?;
        let response = connection.send_request(self.request(body)?).await?;
        let status = response.status();
        Limited::new(response.into_body(), MAX_ANSWER_BYTES)
            .collect()
            .await?;
        *self.idle.lock() = Some(connection);
        if status.is_success() {
            return Ok(());
        }
        Err(format!("the server answers {status}").into())
    }

    /// The connection that is there, if it still is; else a new one.
    async fn connection(&self) -> Result<Connection, BoxError> {
        let idle = self.idle.lock().take();
        if let Some(mut idle) = idle
            && idle.ready().await.is_ok()
        {
            return Ok(idle);
        }
        let stream = TcpStream::connect((self.host.as_str(), self.port)).await?;
        match &self.tls {
            None => open(stream).await,
            Some(tls) => {
                let name = ServerName::try_from(self.host.clone())?;
                open(tls.connect(name, stream).await?).await
            }
        }
    }

    fn request(&self, body: Bytes) -> Result<Request<Full<Bytes>>, http::Error> {
        let path = self.uri.path_and_query().map_or("/", |path| path.as_str());
        let authority = self.uri.authority().map_or("", |authority| authority.as_str());
        let mut request = Request::builder()
            .method(Method::POST)
            .uri(path)
            .header(HOST, authority)
            .header(USER_AGENT, "pintle-audit")
            .header(CONTENT_TYPE, "application/json")
            .header(ACCEPT, "application/json");
        if let Some(token) = &self.token {
            request = request.header(AUTHORIZATION, token.clone());
        }
        request.body(Full::new(body))
    }
}

async fn open<S>(stream: S) -> Result<Connection, BoxError>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Send + Unpin + 'static,
{
    let (sender, serving) = handshake(TokioIo::new(stream)).await?;
    // Ends with the connection.
    tokio::spawn(serving);
    Ok(sender)
}

/// A list of events.
fn list(events: &[Bytes]) -> Bytes {
    let bytes = events.iter().map(|event| event.len() + 1).sum::<usize>();
    let mut list = Vec::with_capacity(HEAD.len() + bytes + 2);
    list.extend_from_slice(HEAD);
    for (place, event) in events.iter().enumerate() {
        if place > 0 {
            list.push(b',');
        }
        list.extend_from_slice(event);
    }
    list.extend_from_slice(b"]}\n");
    list.into()
}

/// A pause that is somewhat longer, so that not all servers come at once.
fn spread(pause: Duration) -> Duration {
    let chance = RandomState::new().hash_one(0_u8) % 1000;
    pause.mul_f64(1.0 + SPREAD * chance as f64 / 1000.0)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use hyper::service::service_fn;
    use hyper::{Response, StatusCode};
    use serde_json::Value;
    use tokio::net::TcpListener;
    use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

    use super::*;

    /// A server that answers with these codes, one after the other, and tells what it was sent.
    async fn server(codes: Vec<u16>) -> (String, UnboundedReceiver<(String, Value)>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let (told, tells) = unbounded_channel();
        let codes = Arc::new(Mutex::new(codes.into_iter()));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (told, codes) = (told.clone(), Arc::clone(&codes));
                let service = service_fn(move |request: Request<hyper::body::Incoming>| {
                    let (told, codes) = (told.clone(), Arc::clone(&codes));
                    async move {
                        let path = request.uri().path().to_owned();
                        let body = request.into_body().collect().await?.to_bytes();
                        told.send((path, serde_json::from_slice(&body).expect("JSON")))
                            .expect("a test");
                        let code = codes.lock().next().unwrap_or(200);
                        let mut response = Response::new(Full::new(Bytes::new()));
                        *response.status_mut() = StatusCode::from_u16(code).expect("a code");
                        Ok::<_, hyper::Error>(response)
                    }
                });
                tokio::spawn(
                    hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service),
                );
            }
        });
        (format!("http://{address}/audit"), tells)
    }

    fn webhook(server: &str) -> Webhook {
        let mut file = tempfile::NamedTempFile::new().expect("a file");
        write!(
            file,
            "{{current-context: c, contexts: [{{name: c, context: {{cluster: c}}}}], clusters: [{{name: c, cluster: {{server: '{server}'}}}}]}}"
        )
        .expect("written");
        Webhook::open(file.path(), Duration::from_millis(1)).expect("a webhook")
    }

    #[tokio::test]
    async fn lists_are_posted_until_they_are_taken() {
        let (address, mut tells) = server(vec![500, 503, 200]).await;
        let webhook = webhook(&address);
        webhook
            .send(&[r#"{"level":"Metadata"}"#.into(), "{}".into()])
            .await
            .expect("taken");
        for _ in 0..3 {
            let (path, list) = tells.recv().await.expect("a list");
            assert_eq!(path, "/audit");
            assert_eq!(
                (&list["kind"], &list["items"][0]["level"]),
                (&"EventList".into(), &"Metadata".into())
            );
        }
        webhook.send(&["{}".into()]).await.expect("taken");
        tells.recv().await.expect("a list");
        assert!(tells.try_recv().is_err(), "each is sent once");
    }

    #[tokio::test]
    async fn a_server_that_takes_nothing_is_told_of() {
        let (address, _tells) = server(vec![500; 5]).await;
        let why = webhook(&address).send(&["{}".into()]).await.expect_err("refused");
        assert_eq!(why, "the server answers 500 Internal Server Error");
    }
}
