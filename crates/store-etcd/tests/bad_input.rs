//! What is wrong with an endpoint or a file is said in one clear line that names it, and soon.

mod support;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::time::{Duration, Instant};

use etcd_process::{Etcd, EtcdBuilder};
use store_etcd::{EtcdStore, Options, Timeouts};
use support::options;

/// What is permanent is not waited for.
const AT_ONCE: Duration = Duration::from_secs(15);

fn hasty(options: Options) -> Options {
    let timeouts = Timeouts {
        start: Duration::from_secs(2),
        connect: Duration::from_secs(1),
        read_attempt: Duration::from_secs(1),
        ..Timeouts::default()
    };
    Options { timeouts, ..options }
}

fn to(endpoint: impl ToString) -> Options {
    Options {
        endpoints: vec![endpoint.to_string()],
        ..Options::default()
    }
}

async fn check(options: Options, says: &[&str]) {
    let endpoint = options.endpoints.first().cloned().unwrap_or_default();
    let error = match EtcdStore::connect(options).await {
        Ok(_) => panic!("{endpoint} should not be usable"),
        Err(error) => error.to_string(),
    };
    for word in says.iter().copied().chain([endpoint.as_str()]) {
        assert!(error.contains(word), "{word:?} is not in {error:?}");
    }
}

/// A server that reads what comes and answers with `answer`, if it is anything.
fn server(answer: &'static [u8]) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has free ports");
    let address = listener.local_addr().expect("a listener has an address");
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            std::thread::spawn(move || {
                let _ = stream.read(&mut [0; 1024]);
                if answer.is_empty() {
                    std::thread::sleep(Duration::from_secs(30));
                }
                let _ = stream.write_all(answer);
            });
        }
    });
    address
}

#[tokio::test]
async fn nobody_listens() {
    let free = TcpListener::bind("127.0.0.1:0").expect("loopback has free ports");
    let address = free.local_addr().expect("a listener has an address");
    drop(free);
    check(hasty(to(format!("http://{address}"))), &["Connection refused"]).await;
    check(hasty(to("http://nowhere.invalid:2379")), &["no etcd can be used"]).await;
}

#[tokio::test]
async fn other_servers_are_no_etcd() {
    let begun = Instant::now();
    let web = server(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n");
    check(to(format!("http://{web}")), &["does not speak etcd's protocol"]).await;
    assert!(begun.elapsed() < AT_ONCE, "{:?}", begun.elapsed());
    let silent = server(b"");
    check(
        hasty(to(format!("http://{silent}"))),
        &["does not answer in time"],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn certificates_that_do_not_fit_are_told() {
    let etcd = EtcdBuilder::members(1).tls().start();
    let stranger = EtcdBuilder::members(1).tls().start();
    let begun = Instant::now();
    let mut wrong_authority = options(&etcd);
    wrong_authority.tls.authority = options(&stranger).tls.authority;
    check(wrong_authority, &["not signed by the authority"]).await;

    let mut no_certificate = options(&etcd);
    no_certificate.tls.certificate = None;
    no_certificate.tls.key = None;
    check(no_certificate, &["client certificate"]).await;

    let mut refused = options(&stranger);
    refused.endpoints = etcd.endpoints();
    refused.tls.authority = options(&etcd).tls.authority;
    check(refused, &["refuses our client certificate"]).await;

    let mut plain = options(&etcd);
    plain.endpoints[0] = plain.endpoints[0].replace("https", "http");
    check(hasty(plain), &["no etcd can be used"]).await;

    let mut no_authority = options(&etcd);
    no_authority.tls.authority = None;
    check(no_authority, &["wants TLS"]).await;
    assert!(begun.elapsed() < AT_ONCE, "{:?}", begun.elapsed());

    let good = Etcd::single();
    let mut https = options(&etcd);
    https.endpoints = vec![good.endpoints()[0].replace("http", "https")];
    check(hasty(https), &["is the endpoint http and not https?"]).await;
}

#[tokio::test]
async fn files_are_named() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let no_pem = folder.path().join("no.pem");
    std::fs::write(&no_pem, "nothing").expect("a file can be written");
    let with = |change: &dyn Fn(&mut Options)| {
        let mut options = to("https://127.0.0.1:1");
        change(&mut options);
        options
    };
    let error = async |options: Options| match EtcdStore::connect(options).await {
        Ok(_) => panic!("it should not be usable"),
        Err(error) => error.to_string(),
    };
    let missing = error(with(&|o| o.tls.authority = Some("/nonexistent".into()))).await;
    assert_eq!(missing, "/nonexistent cannot be read");
    let nothing = error(with(&|o| o.tls.authority = Some(no_pem.clone()))).await;
    assert!(
        nothing.contains("no.pem") && nothing.contains("holds no certificate"),
        "{nothing}"
    );
    for url in ["127.0.0.1:2379", "unix:///run/etcd.sock"] {
        assert!(error(to(url)).await.contains(url));
    }
    let none = error(Options::default()).await;
    assert_eq!(none, "no endpoint of etcd is given");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn members_of_two_clusters_are_not_mixed() {
    let (one, other) = (Etcd::single(), Etcd::single());
    let mut mixed = options(&one);
    mixed.endpoints.extend(other.endpoints());
    check(mixed, &["different etcd clusters", &other.endpoints()[0]]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_without_its_cluster_is_told() {
    let mut etcd = EtcdBuilder::members(3).start();
    etcd.kill(0);
    etcd.kill(1);
    let mut alone = hasty(options(&etcd));
    alone.endpoints.drain(..2);
    check(alone, &["the etcd cluster does not answer"]).await;

    // One dead endpoint among three is no reason not to start.
    etcd.restart_all();
    etcd.kill(0);
    support::connect(&etcd).await;
}
