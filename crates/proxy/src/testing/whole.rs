//! The whole proxy: objects in the API on one side, packets on the other.

use std::net::SocketAddr;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use client::lean::EndpointSlice;
use client::testing::FakeApi;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::machine::{Machine, Told, ask, listed, serve_tcp};
use crate::config::Config;
use crate::node::ZONE;
use crate::run::{StartError, cleanup, run};

const WEB: &str = "10.43.0.10:80";
const PATIENCE: Duration = Duration::from_secs(20);

struct Running {
    api: Arc<FakeApi>,
    shutdown: CancellationToken,
    task: tokio::task::JoinHandle<Result<(), StartError>>,
}

impl Running {
    fn start(api: &Arc<FakeApi>, healthz: Option<SocketAddr>) -> Self {
        let config = Config {
            healthz,
            ..Config::new("here", vec![Machine::NODE.parse().unwrap()])
        };
        let shutdown = CancellationToken::new();
        Self {
            api: api.clone(),
            task: tokio::spawn(run(config, api.client(), shutdown.clone())),
            shutdown,
        }
    }

    async fn stop(self) {
        self.shutdown.cancel();
        tokio::time::timeout(PATIENCE, self.task)
            .await
            .unwrap()
            .unwrap()
            .unwrap();
    }

    fn set_web(&self, endpoints: &[Value]) {
        self.api.set(
            "endpointslices",
            json!({
                "metadata": {"namespace": "a", "name": "web-x", "labels": {EndpointSlice::SERVICE_NAME: "web"}},
                "addressType": "IPv4",
                "ports": [{"name": "", "port": 8080}],
                "endpoints": endpoints,
            }),
        );
        let spec = json!({"clusterIP": "10.43.0.10", "ports": [{"port": 80}]});
        self.api.set(
            "services",
            json!({"metadata": {"namespace": "a", "name": "web"}, "spec": spec}),
        );
    }
}

fn endpoint(pod: u8) -> Value {
    json!({"addresses": [format!("10.42.0.{pod}")]})
}

/// Asks until the answer is as it should be: what the API has takes a moment to arrive.
async fn until(accept: impl Fn(std::io::Result<Told>) -> bool + Send + Clone + 'static) {
    let began = Instant::now();
    loop {
        let accept = accept.clone();
        if tokio::task::spawn_blocking(move || accept(ask("pod5", WEB)))
            .await
            .unwrap()
        {
            return;
        }
        assert!(began.elapsed() < PATIENCE, "{}", listed());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

async fn until_pod(pod: u8) {
    until(move |told| told.is_ok_and(|told| told.pod == pod)).await;
}

async fn until_listed(text: &str) {
    let began = Instant::now();
    while !listed().contains(text) {
        assert!(began.elapsed() < PATIENCE, "{}", listed());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[test]
fn rules_follow_the_api() {
    Machine::run("testing::whole::rules_follow_the_api", async || {
        for pod in 2..5 {
            serve_tcp(pod, 8080);
        }
        let api = FakeApi::new();
        let running = Running::start(&api, None);
        running.set_web(&[endpoint(2)]);
        until_pod(2).await;
        running.set_web(&[endpoint(3)]);
        until_pod(3).await;
        // Somebody takes our table away: it comes back by itself.
        for _ in 0..2 {
            let status = Command::new("nft").args(["flush", "ruleset"]).status();
            assert!(status.unwrap().success());
            until_pod(3).await;
        }
        let other = json!({"clusterIP": "10.43.0.11", "ports": [{"port": 80}]});
        api.set(
            "services",
            json!({"metadata": {"namespace": "a", "name": "other"}, "spec": other}),
        );
        until_listed("10.43.0.11").await;
        // Without the process the rules stay; what changed meanwhile is caught up with.
        running.stop().await;
        until_pod(3).await;
        api.remove("services", "a", "other");
        let running = Running::start(&api, None);
        running.set_web(&[endpoint(4)]);
        until_pod(4).await;
        assert!(!listed().contains("10.43.0.11"), "{}", listed());
        api.remove("services", "a", "web");
        until(|told| told.is_err()).await;
        running.stop().await;
        assert!(listed().contains("pintle-proxy"));
        cleanup().await.unwrap();
        assert!(!listed().contains("pintle-proxy"), "{}", listed());
    });
}

#[test]
fn traffic_stays_in_the_zone_of_the_node() {
    Machine::run(
        "testing::whole::traffic_stays_in_the_zone_of_the_node",
        async || {
            for pod in [2, 3] {
                serve_tcp(pod, 8080);
            }
            let api = FakeApi::new();
            let set_zone = |zone: &str| {
                api.set(
                    "nodes",
                    json!({"metadata": {"name": "here", "labels": {ZONE: zone}}}),
                );
            };
            let in_zone = |pod: u8, zone: &str| {
                let mut endpoint = endpoint(pod);
                endpoint["hints"] = json!({"forZones": [{"name": zone}]});
                endpoint
            };
            set_zone("east");
            let running = Running::start(&api, None);
            running.set_web(&[in_zone(2, "east"), in_zone(3, "west")]);
            until_pod(2).await;
            for _ in 0..20 {
                assert_eq!(ask("pod5", WEB).unwrap().pod, 2);
            }
            set_zone("west");
            until_pod(3).await;
            for _ in 0..20 {
                assert_eq!(ask("pod5", WEB).unwrap().pod, 3);
            }
            running.stop().await;
        },
    );
}

#[test]
fn the_proxy_says_that_it_is_well() {
    Machine::run("testing::whole::the_proxy_says_that_it_is_well", async || {
        let api = FakeApi::new();
        let running = Running::start(&api, Some("127.0.0.1:10256".parse().unwrap()));
        running.set_web(&[endpoint(2)]);
        let began = Instant::now();
        let answer = loop {
            if let Ok(answer) = get("127.0.0.1:10256", "/healthz").await {
                break answer;
            }
            assert!(began.elapsed() < PATIENCE);
            tokio::time::sleep(Duration::from_millis(10)).await;
        };
        assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
        assert!(answer.contains(r#""nodeEligible":true"#), "{answer}");
        running.stop().await;
    });
}

async fn get(address: &str, path: &str) -> std::io::Result<String> {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut stream = tokio::net::TcpStream::connect(address).await?;
    let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut text = String::new();
    stream.read_to_string(&mut text).await?;
    Ok(text)
}

#[tokio::test]
async fn a_machine_without_nft_is_told_so() {
    let config = Config {
        nft: "/nonexistent/nft".into(),
        ..Config::new("here", vec![Machine::NODE.parse().unwrap()])
    };
    let api = FakeApi::new();
    let started = run(config, api.client(), CancellationToken::new()).await;
    assert!(matches!(started, Err(StartError::Nft(_))), "{started:?}");
    let nowhere = Config::new("here", Vec::new());
    let started = run(nowhere, api.client(), CancellationToken::new()).await;
    assert!(matches!(started, Err(StartError::NoAddress)), "{started:?}");
}
