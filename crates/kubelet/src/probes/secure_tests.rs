//! Probes of servers that speak TLS or gRPC.

use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response};
use http_body::Frame;
use http_body_util::StreamBody;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use jiff::Timestamp;
use pki::{AlternativeNames, Authority, Profile};
use prost::Message;
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::attempt::Outcome;
use super::grpc;
use super::http::{Scheme, Url, get};

const PATIENCE: Duration = Duration::from_secs(30);
const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

/// A certificate for another name than the one asked for, by an authority nobody knows.
fn acceptor() -> TlsAcceptor {
    let now = Timestamp::now();
    let authority = Authority::create("nobody", now).unwrap();
    let profile = Profile::server("elsewhere", AlternativeNames::default());
    let issued = authority.issue(&profile, now).unwrap();
    let identity =
        pki::Identity::from_pem(issued.certificate.to_pem(), issued.key.to_pem().unwrap()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(identity.chain(), identity.key().unwrap())
        .unwrap();
    TlsAcceptor::from(Arc::new(config))
}

#[tokio::test]
async fn any_certificate_will_do() {
    let listener = TcpListener::bind((HERE, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let acceptor = acceptor();
        let (stream, _) = listener.accept().await.unwrap();
        let mut stream = acceptor.accept(stream).await.unwrap();
        let _ = stream.read(&mut [0; 1024]).await;
        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";
        stream.write_all(answer).await.unwrap();
        // The next one does not speak TLS.
        let (mut stream, _) = listener.accept().await.unwrap();
        let _ = stream.read(&mut [0; 1024]).await;
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
    });
    let url = Url {
        scheme: Scheme::Https,
        host: HERE.to_string(),
        port,
        path: "/".to_owned(),
    };
    let answer = get(&url, &[], "test", PATIENCE).await.unwrap();
    assert_eq!((answer.status, answer.body.as_str()), (200, "hi"));
    let error = get(&url, &[], "test", PATIENCE).await.unwrap_err();
    assert!(
        error.starts_with(&format!("Get \"https://127.0.0.1:{port}/\": tls: ")),
        "{error}"
    );
}

type Frames = StreamBody<futures::stream::Iter<std::vec::IntoIter<Result<Frame<Bytes>, Infallible>>>>;

/// A server that knows the service `known`, and says of it that it serves.
async fn health(request: Request<Incoming>) -> Result<Response<Frames>, Infallible> {
    use http_body_util::BodyExt;
    assert_eq!(request.uri().path(), "/grpc.health.v1.Health/Check");
    let body = request.into_body().collect().await.unwrap().to_bytes();
    let asked = grpc::HealthCheckRequest::decode(&body[5..]).unwrap();
    let mut trailers = HeaderMap::new();
    let mut frames = Vec::new();
    if asked.service == "none" {
        trailers.insert("grpc-status", HeaderValue::from_static("5"));
        trailers.insert("grpc-message", HeaderValue::from_static("unknown service"));
    } else {
        let serves = match asked.service.as_str() {
            "known" => grpc::ServingStatus::Serving,
            _ => grpc::ServingStatus::NotServing,
        };
        let message = grpc::HealthCheckResponse {
            status: serves as i32,
        }
        .encode_to_vec();
        let mut framed = vec![0, 0, 0, 0, u8::try_from(message.len()).unwrap()];
        framed.extend(message);
        frames.push(Ok(Frame::data(Bytes::from(framed))));
        trailers.insert("grpc-status", HeaderValue::from_static("0"));
    }
    frames.push(Ok(Frame::trailers(trailers)));
    let mut response = Response::new(StreamBody::new(futures::stream::iter(frames)));
    let kind = HeaderValue::from_static("application/grpc");
    response.headers_mut().insert(http::header::CONTENT_TYPE, kind);
    Ok(response)
}

#[tokio::test]
async fn services_say_how_they_are() {
    let listener = TcpListener::bind((HERE, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let server = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
            tokio::spawn(server.serve_connection(TokioIo::new(stream), service_fn(health)));
        }
    });
    let check = |service: &'static str| grpc::check(HERE, port, service, PATIENCE);
    assert_eq!(check("known").await, Outcome::Success);
    let unhealthy = "service unhealthy (responded with \"NOT_SERVING\")".to_owned();
    assert_eq!(check("other").await, Outcome::Failure(unhealthy));
    let unknown =
        "error: health rpc probe failed: rpc error: code = NotFound desc = unknown service".to_owned();
    assert_eq!(check("none").await, Outcome::Failure(unknown));
}

#[tokio::test]
async fn who_does_not_answer_in_time_has_failed() {
    let listener = TcpListener::bind((HERE, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let timeout = Duration::from_millis(50);
    let url = Url {
        scheme: Scheme::Http,
        host: HERE.to_string(),
        port,
        path: "/a".to_owned(),
    };
    let error = get(&url, &[], "test", timeout).await.unwrap_err();
    let slow = "context deadline exceeded (Client.Timeout exceeded while awaiting headers)";
    assert_eq!(error, format!("Get \"http://127.0.0.1:{port}/a\": {slow}"));
    let outcome = grpc::check(HERE, port, "", timeout).await;
    assert!(matches!(outcome, Outcome::Failure(text) if text.starts_with("timeout: ")));
    drop(listener);
}
