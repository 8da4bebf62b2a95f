//! The whole server, over loopback: the API on one side, clients on another, other DNS servers on a third.

use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use client::testing::FakeApi;
use hickory_proto::op::{Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::{Name, RData, Record, RecordType};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::watch;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::config::Config;
use crate::forward::Forwarder;
use crate::publish::{Publication, Server as NodeServer, publish, publish_all};
use crate::resolv_conf::ResolvConf;
use crate::run::Dns;

const PATIENCE: Duration = Duration::from_secs(20);

struct Server {
    api: Arc<FakeApi>,
    address: SocketAddr,
    _ends: DropGuard,
}

impl Server {
    /// A server that asks `upstream` for names of others.
    async fn start(upstream: Option<SocketAddr>) -> Self {
        let api = FakeApi::new();
        let config = Config {
            resolv_conf: PathBuf::from("/nonexistent/resolv.conf"),
            ..Config::new(vec!["127.0.0.1:0".parse().unwrap()])
        };
        let conf = ResolvConf::fixed(upstream.into_iter().collect());
        let dns = Dns::bind(config)
            .await
            .unwrap()
            .with_forwarder(Forwarder::new(conf));
        let address = dns.addresses()[0];
        let shutdown = CancellationToken::new();
        tokio::spawn(dns.serve(api.client(), shutdown.clone()));
        Self {
            api,
            address,
            _ends: shutdown.drop_guard(),
        }
    }

    /// Asks until the answer is as it should be: what the API has takes a moment to arrive.
    async fn until(&self, name: &str, accept: impl Fn(&Message) -> bool) -> Message {
        let asked = async {
            loop {
                let answer = self.ask(name, RecordType::A).await;
                if accept(&answer) {
                    return answer;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(PATIENCE, asked)
            .await
            .expect("the answer comes")
    }

    async fn ask(&self, name: &str, record_type: RecordType) -> Message {
        ask_udp(self.address, &query(name, record_type)).await
    }
}

fn query(name: &str, record_type: RecordType) -> Message {
    let mut message = Message::new(77, MessageType::Query, OpCode::Query);
    message.metadata.recursion_desired = true;
    message.add_query(Query::query(Name::from_ascii(name).unwrap(), record_type));
    message
}

async fn ask_udp(server: SocketAddr, query: &Message) -> Message {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    socket.connect(server).await.unwrap();
    socket.send(&query.to_vec().unwrap()).await.unwrap();
    let mut buffer = vec![0; 4096];
    let received = tokio::time::timeout(PATIENCE, socket.recv(&mut buffer)).await;
    Message::from_vec(&buffer[..received.unwrap().unwrap()]).unwrap()
}

async fn ask_tcp(stream: &mut TcpStream, query: &Message) -> Message {
    let bytes = query.to_vec().unwrap();
    let length = u16::try_from(bytes.len()).unwrap();
    stream.write_all(&length.to_be_bytes()).await.unwrap();
    stream.write_all(&bytes).await.unwrap();
    let length = tokio::time::timeout(PATIENCE, stream.read_u16())
        .await
        .unwrap()
        .unwrap();
    let mut buffer = vec![0; usize::from(length)];
    stream.read_exact(&mut buffer).await.unwrap();
    Message::from_vec(&buffer).unwrap()
}

fn addresses(message: &Message) -> Vec<String> {
    let mut all: Vec<String> = message
        .answers
        .iter()
        .filter_map(|record| record.data.ip_addr())
        .map(|address| address.to_string())
        .collect();
    all.sort();
    all
}

/// Another DNS server: every name has two addresses, names that begin with `large` so many that they need TCP, and those
/// that begin with `no` do not exist. Counts what it is asked.
async fn upstream() -> (SocketAddr, Arc<AtomicUsize>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let udp = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let address = udp.local_addr().unwrap();
    let tcp = TcpListener::bind(address).await.unwrap();
    let count = asked.clone();
    tokio::spawn(async move {
        let mut buffer = vec![0; 4096];
        while let Ok((length, from)) = udp.recv_from(&mut buffer).await {
            count.fetch_add(1, Ordering::SeqCst);
            let bytes = upstream_answer(&buffer[..length], 512);
            udp.send_to(&bytes, from).await.unwrap();
        }
    });
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = tcp.accept().await {
            let length = stream.read_u16().await.unwrap();
            let mut buffer = vec![0; usize::from(length)];
            stream.read_exact(&mut buffer).await.unwrap();
            let bytes = upstream_answer(&buffer, usize::MAX);
            let length = u16::try_from(bytes.len()).unwrap();
            stream.write_all(&length.to_be_bytes()).await.unwrap();
            stream.write_all(&bytes).await.unwrap();
        }
    });
    (address, asked)
}

fn upstream_answer(bytes: &[u8], limit: usize) -> Vec<u8> {
    let query = Message::from_vec(bytes).unwrap();
    let name = query.queries[0].name().clone();
    let mut message = Message::response(query.metadata.id, OpCode::Query);
    message.add_query(query.queries[0].clone());
    let count = if name.to_string().starts_with("large") {
        100
    } else {
        2
    };
    if name.to_string().starts_with("no") {
        message.metadata.response_code = ResponseCode::NXDomain;
    } else {
        for last in 0..count {
            let data = RData::from(Ipv4Addr::new(192, 0, 2, last));
            message.add_answer(Record::from_rdata(name.clone(), 60, data));
        }
    }
    let bytes = message.to_vec().unwrap();
    if bytes.len() <= limit {
        return bytes;
    }
    message.answers.clear();
    message.metadata.truncation = true;
    message.to_vec().unwrap()
}

fn web(address: &str) -> serde_json::Value {
    json!({
        "metadata": {"namespace": "a", "name": "web"},
        "spec": {"clusterIP": address, "ports": [{"name": "http", "port": 80}]},
    })
}

#[tokio::test]
async fn services_come_change_and_go() {
    let server = Server::start(None).await;
    let name = "web.a.svc.cluster.local.";
    let is_gone = |answer: &Message| answer.metadata.response_code == ResponseCode::NXDomain;
    let answer = server.until(name, is_gone).await;
    assert!(answer.metadata.authoritative && answer.metadata.recursion_available);
    assert_eq!((answer.metadata.id, answer.authorities.len()), (77, 1));
    server.api.set("services", web("10.43.0.1"));
    server
        .until(name, |answer| addresses(answer) == ["10.43.0.1"])
        .await;
    server.api.set("services", web("10.43.0.2"));
    server
        .until(name, |answer| addresses(answer) == ["10.43.0.2"])
        .await;
    server.api.remove("services", "a", "web");
    server.until(name, is_gone).await;
}

#[tokio::test]
async fn many_endpoints_need_tcp() {
    let server = Server::start(None).await;
    let endpoints: Vec<_> = (0..100)
        .map(|last| json!({"addresses": [format!("10.42.0.{last}")]}))
        .collect();
    server.api.set(
        "services",
        json!({"metadata": {"namespace": "a", "name": "db"}, "spec": {"clusterIP": "None"}}),
    );
    server.api.set(
        "endpointslices",
        json!({
            "metadata": {"namespace": "a", "name": "db-x", "labels": {"kubernetes.io/service-name": "db"}},
            "endpoints": endpoints,
            "ports": null,
        }),
    );
    let name = "db.a.svc.cluster.local.";
    let cut = server.until(name, |answer| !answer.answers.is_empty()).await;
    assert!(cut.metadata.truncation && cut.answers.len() < 100);
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    for _ in 0..2 {
        let whole = ask_tcp(&mut stream, &query(name, RecordType::A)).await;
        assert_eq!((whole.metadata.truncation, whole.answers.len()), (false, 100));
    }
    // Every client gets another address first.
    let first = server.ask(name, RecordType::A).await.answers.remove(0);
    let second = server.ask(name, RecordType::A).await.answers.remove(0);
    assert_ne!(first, second);
}

#[tokio::test]
async fn other_names_are_asked_of_others() {
    let (upstream, asked) = upstream().await;
    let server = Server::start(Some(upstream)).await;
    let answer = server.ask("example.com.", RecordType::A).await;
    assert_eq!(addresses(&answer), ["192.0.2.0", "192.0.2.1"]);
    assert!(!answer.metadata.authoritative);
    assert_eq!(answer.metadata.id, 77);
    server.ask("EXAMPLE.com.", RecordType::A).await;
    assert_eq!(asked.load(Ordering::SeqCst), 1, "the answer was kept");
    server.ask("example.com.", RecordType::AAAA).await;
    assert_eq!(asked.load(Ordering::SeqCst), 2, "this is another question");
    let gone = server.ask("no.example.com.", RecordType::A).await;
    assert_eq!(gone.metadata.response_code, ResponseCode::NXDomain);
    // The other server says that its answer is cut: it is asked again over TCP, and so are we.
    let cut = server.ask("large.example.com.", RecordType::A).await;
    assert!(cut.metadata.truncation);
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let whole = ask_tcp(&mut stream, &query("large.example.com.", RecordType::A)).await;
    assert_eq!(whole.answers.len(), 100);
}

#[tokio::test]
async fn external_names_are_followed() {
    let (upstream, _) = upstream().await;
    let server = Server::start(Some(upstream)).await;
    let external = |name: &str, target: &str| {
        json!({
            "metadata": {"namespace": "a", "name": name},
            "spec": {"type": "ExternalName", "externalName": target},
        })
    };
    server.api.set("services", web("10.43.0.1"));
    server
        .api
        .set("services", external("in", "web.a.svc.cluster.local"));
    server
        .api
        .set("services", external("round", "round.a.svc.cluster.local"));
    server.api.set("services", external("out", "example.com"));
    let answer = server
        .until("out.a.svc.cluster.local.", |answer| !answer.answers.is_empty())
        .await;
    assert!(matches!(&answer.answers[0].data, RData::CNAME(name) if name.to_string() == "example.com."));
    assert_eq!(addresses(&answer), ["192.0.2.0", "192.0.2.1"]);
    let answer = server.ask("in.a.svc.cluster.local.", RecordType::A).await;
    assert_eq!(
        (answer.answers.len(), addresses(&answer)),
        (2, vec!["10.43.0.1".to_owned()])
    );
    let answer = server.ask("round.a.svc.cluster.local.", RecordType::A).await;
    assert_eq!(answer.metadata.response_code, ResponseCode::ServFail);
}

#[tokio::test]
async fn without_others_their_names_fail() {
    let server = Server::start(None).await;
    let answer = server.ask("example.com.", RecordType::A).await;
    assert_eq!(answer.metadata.response_code, ResponseCode::ServFail);
    // Nobody listens there: that is noticed at once, not after a time limit.
    let free = UdpSocket::bind("127.0.0.1:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap();
    let server = Server::start(Some(free)).await;
    let answer = server.ask("example.com.", RecordType::A).await;
    assert_eq!(answer.metadata.response_code, ResponseCode::ServFail);
}

#[tokio::test]
async fn broken_queries_do_no_harm() {
    let server = Server::start(None).await;
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    socket.connect(server.address).await.unwrap();
    for bytes in [&[][..], &[0; 5], &[0xff; 100]] {
        socket.send(bytes).await.unwrap();
    }
    let mut short = query("web.", RecordType::A).to_vec().unwrap();
    short.pop();
    socket.send(&short).await.unwrap();
    let mut buffer = [0; 512];
    let received = tokio::time::timeout(PATIENCE, socket.recv(&mut buffer)).await;
    let answer = Message::from_vec(&buffer[..received.unwrap().unwrap()]).unwrap();
    assert_eq!(answer.metadata.response_code, ResponseCode::FormErr);
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(&[0, 3, 1, 2, 3]).await.unwrap();
    let closed = stream.read_u16().await.unwrap_err();
    assert!(matches!(
        closed.kind(),
        ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset
    ));
    server.ask("web.a.svc.cluster.local.", RecordType::A).await;
}

#[tokio::test]
async fn the_service_is_published_and_taken_away() {
    let api = FakeApi::new();
    let publication = Publication {
        service_addresses: vec!["10.43.0.10".parse().unwrap()],
        node_name: "n1".to_owned(),
        listeners: vec!["192.168.0.1:1053".parse().unwrap()],
    };
    let shutdown = CancellationToken::new();
    let publishing = tokio::spawn(publish(api.client(), publication, shutdown.clone()));
    let slice = |api: &FakeApi| api.held("endpointslices", "kube-system").pop();
    api.until(|api| slice(api)).await;
    let service = api.held("services", "kube-system").pop().unwrap();
    assert_eq!(service["spec"]["clusterIP"], "10.43.0.10");
    // Somebody breaks it: it is set right.
    let mut broken = slice(&api).unwrap();
    broken["endpoints"] = json!([]);
    api.set("endpointslices", broken);
    api.until(|api| slice(api)?["endpoints"].get(0).cloned()).await;
    api.remove("services", "kube-system", "kube-dns");
    api.until(|api| api.held("services", "kube-system").pop()).await;
    shutdown.cancel();
    tokio::time::timeout(PATIENCE, publishing).await.unwrap().unwrap();
    assert!(slice(&api).is_none(), "this node's part is gone");
    assert_eq!(api.held("services", "kube-system").len(), 1, "the Service stays");
}

#[tokio::test]
async fn another_dns_is_left_alone() {
    let api = FakeApi::new();
    let theirs = json!({
        "metadata": {"namespace": "kube-system", "name": "kube-dns"},
        "spec": {"clusterIP": "10.43.0.10", "selector": {"k8s-app": "kube-dns"}},
    });
    let publication = Publication {
        service_addresses: vec!["10.43.0.10".parse().unwrap()],
        node_name: "n1".to_owned(),
        listeners: vec!["192.168.0.1:1053".parse().unwrap()],
    };
    let shutdown = CancellationToken::new();
    let publishing = tokio::spawn(publish(api.client(), publication, shutdown.clone()));
    api.until(|api| api.held("endpointslices", "kube-system").pop())
        .await;
    // An administrator brings their own: ours makes way.
    api.set("services", theirs.clone());
    let is_empty = |api: &FakeApi| api.held("endpointslices", "kube-system").is_empty().then_some(());
    api.until(is_empty).await;
    assert_eq!(
        api.held("services", "kube-system")[0]["spec"]["selector"],
        theirs["spec"]["selector"]
    );
    shutdown.cancel();
    tokio::time::timeout(PATIENCE, publishing).await.unwrap().unwrap();
}

#[tokio::test]
async fn one_publishes_for_all_nodes() {
    let api = FakeApi::new();
    let node = |name: &str| NodeServer {
        node_name: name.to_owned(),
        node_uid: Some("u".to_owned()),
        listeners: vec!["10.42.0.1:53".parse().unwrap()],
    };
    let (servers, changes) = watch::channel(vec![node("n1"), node("n2")]);
    let shutdown = CancellationToken::new();
    let addresses = vec!["10.43.0.10".parse().unwrap()];
    let publishing = tokio::spawn(publish_all(api.client(), addresses, changes, shutdown.clone()));
    let until = |expected: &'static [&str]| {
        let has = move |api: &FakeApi| {
            let slices = api.held("endpointslices", "kube-system");
            let names: Vec<_> = slices
                .iter()
                .filter_map(|slice| slice["metadata"]["name"].as_str())
                .collect();
            (names == expected).then_some(())
        };
        let api = api.clone();
        async move { api.until(has).await }
    };
    until(&["kube-dns-n1-4", "kube-dns-n2-4"]).await;
    servers.send_replace(vec![node("n2"), node("n3")]);
    until(&["kube-dns-n2-4", "kube-dns-n3-4"]).await;
    shutdown.cancel();
    tokio::time::timeout(PATIENCE, publishing).await.unwrap().unwrap();
    until(&["kube-dns-n2-4", "kube-dns-n3-4"]).await;
}
