//! A kubelet that runs nothing: it answers the API server over TLS, and plays the processes that streams lead to.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::header::{CONNECTION, UPGRADE};
use http::{HeaderValue, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use jiff::Timestamp;
use pki::{AlternativeNames, Authority, Certificate, Identity, Key, Profile};
use streaming::remote_command::{exited, to_wire};
use streaming::spdy::{Connection, FlowControl, Role, Stream};
use streaming::upgrade::{SPDY, STREAM_PROTOCOL_VERSION};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio_rustls::TlsAcceptor;

/// The fake; it ends when dropped.
pub struct FakeKubelet {
    pub address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
    _runtime: Runtime,
}

impl FakeKubelet {
    /// Listens with a certificate of the cluster whose data directory this is.
    pub fn start(data_dir: &Path) -> Self {
        let runtime = Runtime::new().expect("threads can be made");
        let acceptor = TlsAcceptor::from(Arc::new(tls(data_dir)));
        let listener = runtime
            .block_on(TcpListener::bind("127.0.0.1:0"))
            .expect("a port is free");
        let address = listener.local_addr().expect("it listens");
        let asked = Arc::default();
        runtime.spawn(accept(listener, acceptor, Arc::clone(&asked)));
        Self {
            address,
            asked,
            _runtime: runtime,
        }
    }

    /// Method, path and query of every request so far.
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().expect("nobody panics with it").clone()
    }
}

fn tls(data_dir: &Path) -> rustls::ServerConfig {
    let read =
        |name: &str| std::fs::read_to_string(data_dir.join("pki").join(name)).expect("the cluster's keys");
    let certificate = Certificate::from_pem(&read("ca.crt")).expect("a certificate");
    let key = Key::from_pem(&read("ca.key")).expect("a key");
    let authority = Authority::new(certificate, key).expect("an authority");
    let mut names = AlternativeNames::default();
    names.add("127.0.0.1");
    let issued = authority
        .issue(&Profile::server("system:node:fake", names), Timestamp::now())
        .expect("a certificate");
    let identity = Identity::try_from(issued).expect("an identity");
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions of TLS")
        .with_no_client_auth()
        .with_single_cert(identity.chain(), identity.key().expect("a key"))
        .expect("a certificate with its key")
}

async fn accept(listener: TcpListener, acceptor: TlsAcceptor, asked: Arc<Mutex<Vec<String>>>) {
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(serve(stream, acceptor.clone(), Arc::clone(&asked)));
    }
}

async fn serve(stream: TcpStream, acceptor: TlsAcceptor, asked: Arc<Mutex<Vec<String>>>) {
    let Ok(stream) = acceptor.accept(stream).await else {
        return;
    };
    let service = service_fn(|request: Request<Incoming>| {
        let line = format!("{} {}", request.method(), request.uri());
        asked.lock().expect("nobody panics with it").push(line);
        async { Ok::<_, Infallible>(answer(request)) }
    });
    // The other side may leave at any time.
    let _ = http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades()
        .await;
}

fn answer(mut request: Request<Incoming>) -> Response<Full<Bytes>> {
    let path = request.uri().path().to_owned();
    let client = hyper::upgrade::on(&mut request);
    let first = path.split('/').nth(1).unwrap_or_default();
    match first {
        "containerLogs" => text(StatusCode::OK, "one\ntwo\n"),
        "exec" | "attach" if path.ends_with("/missing") => text(
            StatusCode::INTERNAL_SERVER_ERROR,
            "container not found (\"missing\")",
        ),
        "exec" | "attach" => {
            let query = request.uri().query().unwrap_or_default().to_owned();
            tokio::spawn(async move { run(spdy(client).await, &query).await });
            to_spdy("v4.channel.k8s.io")
        }
        "portForward" => {
            tokio::spawn(async move { forward(spdy(client).await).await });
            to_spdy("portforward.k8s.io")
        }
        _ => text(StatusCode::OK, &format!("this is {path}")),
    }
}

fn text(code: StatusCode, text: &str) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(text.to_owned())));
    *response.status_mut() = code;
    response
}

fn to_spdy(protocol: &'static str) -> Response<Full<Bytes>> {
    let mut response = text(StatusCode::SWITCHING_PROTOCOLS, "");
    let headers = response.headers_mut();
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static(SPDY));
    headers.insert(STREAM_PROTOCOL_VERSION, HeaderValue::from_static(protocol));
    response
}

async fn spdy(client: OnUpgrade) -> Connection {
    let upgraded: Upgraded = client.await.expect("the connection is handed over");
    Connection::new(TokioIo::new(upgraded), Role::Server, FlowControl::Backpressure)
}

/// A process: `cat`, or one that complains and fails with code 7.
async fn run(connection: Connection, query: &str) {
    let has = |pair: &str| query.split('&').any(|found| found == pair);
    let error = next(&connection, "error").await;
    let stdin = match has("input=1") {
        true => Some(next(&connection, "stdin").await),
        false => None,
    };
    let stdout = next(&connection, "stdout").await;
    let stderr = match has("error=1") {
        true => Some(next(&connection, "stderr").await),
        false => None,
    };
    if let Some(mut stdin) = stdin {
        while let Ok(Some(bytes)) = stdin.reader.read().await {
            // Who reads nothing any more has left.
            let _ = stdout.writer.write(bytes).await;
        }
    }
    let fails = has("command=fail");
    if let Some(stderr) = stderr {
        if fails {
            let _ = stderr.writer.write(Bytes::from_static(b"it went wrong\n")).await;
        }
        let _ = stderr.writer.finish().await;
    }
    let _ = stdout.writer.finish().await;
    let status = to_wire(&exited(if fails { 7 } else { 0 }));
    let _ = error.writer.write(status.into()).await;
    let _ = error.writer.finish().await;
    connection.closed().await;
}

async fn next(connection: &Connection, stream_type: &str) -> Stream {
    let stream = connection.accept().await.expect("another stream");
    assert_eq!(stream.headers.get("streamtype"), Some(stream_type));
    stream
}

/// A pod whose every port gives back what it gets.
async fn forward(connection: Connection) {
    while let Some(stream) = connection.accept().await {
        let Stream {
            headers,
            mut reader,
            writer,
        } = stream;
        tokio::spawn(async move {
            if headers.get("streamtype") == Some("data") {
                while let Ok(Some(bytes)) = reader.read().await {
                    let _ = writer.write(bytes).await;
                }
            } else {
                // Nothing goes wrong here, which is told when the client has told its end.
                let _ = reader.read_to_end(0).await;
            }
            let _ = writer.finish().await;
        });
    }
}
