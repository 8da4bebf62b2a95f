//! Two masters over one store, in one process.

mod backups;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use apiserver::{Limits, Server, tls_config};
use client::config::ClientConfig;
use client::error::optional;
use client::k8s_openapi::api::apps::v1::{Deployment, ReplicaSet};
use client::k8s_openapi::api::coordination::v1::Lease;
use client::k8s_openapi::api::core::v1::{ConfigMap, Endpoints, Service};
use client::{Client, DeleteOptions, Informer, ListOptions, Scope, Servers, https};
use cluster::token::BootstrapToken;
use jiff::Timestamp;
use pki::{Layout, ServerPki, Wanted};
use serde_json::{Value, json};
use store::{MemoryStore, StateStore};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::clients::Clients;
use super::datastore::Datastore;
use super::leadership::Leadership;
use super::presence::Presence;
use super::trust::Trust;
use super::{ServerOptions, api, certificates, components};

const DEFAULT: Scope<'_> = Scope::Namespace("default");
const WITHIN: Duration = Duration::from_secs(60);

/// A master without sockets.
struct Master {
    options: ServerOptions,
    trust: Trust,
    clients: Clients,
    tasks: TaskTracker,
    shutdown: CancellationToken,
    api: api::Assembled,
}

impl Master {
    async fn start(store: &Arc<dyn StateStore>, pki: &ServerPki) -> Self {
        let mut options = ServerOptions::unset().expect("the defaults are good");
        options.disable_agent = true;
        let trust = Trust::new(pki, &options).expect("made");
        let end = CancellationToken::new();
        let datastore = Datastore::of_test(store.clone());
        let api = api::assemble(&options, &trust, &datastore, end).await;
        let api = api.expect("assembled");
        let clients = Clients::new(api.api.clone());
        let token = BootstrapToken::parse("abcdef.0123456789abcdef").expect("a token");
        api.bootstrap(&options, &trust, token, &clients, Leadership::Elected, false)
            .await
            .expect("made");
        Self {
            options,
            trust,
            clients,
            tasks: TaskTracker::new(),
            shutdown: CancellationToken::new(),
            api,
        }
    }

    fn client(&self) -> Client {
        self.clients.server()
    }

    fn start_components(&self) {
        components::start(
            &self.options,
            &self.trust,
            &self.clients,
            Leadership::Elected,
            &self.tasks,
            &self.shutdown,
        );
    }

    fn announce(&self, store: &Arc<dyn StateStore>, own: &str) {
        let presence = Presence {
            store: store.clone(),
            client: self.client(),
            own: own.parse::<SocketAddr>().expect("an address"),
            authority: self.trust.client_authority.clone(),
        };
        self.tasks.spawn(presence.keep(self.shutdown.clone()));
    }

    /// Serves on a port of loopback until the API's own token fires.
    async fn listen(&self) -> (String, JoinHandle<()>) {
        let certificate = certificates::served(&self.trust.serving).expect("a certificate");
        let tls = tls_config(certificate).expect("usable");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("https://{}", listener.local_addr().expect("known"));
        let server = Server::new(self.api.api.clone(), tls, Limits::default());
        let serving = tokio::spawn(async move {
            server.run(listener).await.expect("served");
        });
        (url, serving)
    }

    /// Ends what was started, as a server does that is told to.
    async fn end(&self) {
        self.shutdown.cancel();
        self.tasks.close();
        tokio::time::timeout(WITHIN, self.tasks.wait())
            .await
            .expect("ended");
    }
}

fn pki() -> ServerPki {
    let wanted = Wanted {
        names: Wanted::server_names("cluster.local", &[], &[]),
        ..Wanted::default()
    };
    ServerPki::ensure(&Layout::in_memory(), &wanted, Timestamp::now()).expect("made")
}

async fn two_masters() -> (Arc<dyn StateStore>, Master, Master) {
    let store: Arc<dyn StateStore> = Arc::new(MemoryStore::new());
    let pki = pki();
    let (a, b) = tokio::join!(Master::start(&store, &pki), Master::start(&store, &pki));
    (store, a, b)
}

/// Looks until `state` gives something.
async fn eventually<T>(what: &str, mut state: impl AsyncFnMut() -> Option<T>) -> T {
    let look = async {
        loop {
            if let Some(found) = state().await {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let found = tokio::time::timeout(WITHIN, look).await;
    found.unwrap_or_else(|_| panic!("{what}: not within {WITHIN:?}"))
}

async fn leader(client: &Client, component: &str) -> Option<String> {
    let lease = client
        .get::<Lease>(Scope::Namespace("kube-system"), component)
        .await;
    let spec = optional(lease).expect("read")?.spec?;
    spec.holder_identity.filter(|holder| !holder.is_empty())
}

async fn masters(client: &Client) -> Vec<String> {
    let endpoints = optional(client.get::<Endpoints>(DEFAULT, "kubernetes").await).expect("read");
    let subsets = endpoints
        .and_then(|endpoints| endpoints.subsets)
        .unwrap_or_default();
    let addresses = subsets
        .into_iter()
        .flat_map(|subset| subset.addresses.unwrap_or_default());
    addresses.map(|address| address.ip).collect()
}

fn object<K: serde::de::DeserializeOwned>(value: Value) -> K {
    serde_json::from_value(value).expect("an object")
}

fn deployment(name: &str) -> Deployment {
    object(json!({
        "metadata": {"name": name, "namespace": "default"},
        "spec": {
            "selector": {"matchLabels": {"app": name}},
            "template": {
                "metadata": {"labels": {"app": name}},
                "spec": {"containers": [{"name": "c", "image": "i"}]},
            },
        },
    }))
}

#[tokio::test(flavor = "multi_thread")]
async fn controllers_run_on_one_master_and_go_over_to_the_other() {
    let (_store, a, b) = two_masters().await;
    a.start_components();
    let client = b.client();
    let first = eventually("a leader", async || {
        leader(&client, "kube-controller-manager").await
    })
    .await;
    b.start_components();
    let works = async |name: &str| {
        client.create(DEFAULT, &deployment(name)).await.expect("created");
        eventually("its replica set", async || {
            let sets = client
                .list::<ReplicaSet>(DEFAULT, &ListOptions::labels(format!("app={name}")))
                .await;
            sets.expect("read").items.pop()
        })
        .await;
    };
    works("one").await;
    assert_eq!(
        leader(&client, "kube-controller-manager").await.as_ref(),
        Some(&first)
    );

    let began = std::time::Instant::now();
    a.end().await;
    for component in ["kube-controller-manager", "kube-scheduler"] {
        let next = eventually("another leader", async || leader(&client, component).await).await;
        assert_ne!(next, first);
    }
    works("two").await;
    let took = began.elapsed();
    assert!(took < Duration::from_secs(10), "{took:?}");
    b.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_service_of_the_api_lists_the_masters_that_are_alive() {
    let (store, a, b) = two_masters().await;
    let client = a.client();
    assert!(masters(&client).await.is_empty());
    a.announce(&store, "192.0.2.1:6443");
    b.announce(&store, "192.0.2.2:6443");
    let lists = async |wanted: &[&str]| {
        eventually("the list of masters", async || {
            (masters(&client).await == wanted).then_some(())
        })
        .await;
    };
    lists(&["192.0.2.1", "192.0.2.2"]).await;
    // What somebody took away comes back with the next renewal, here of a third master.
    client
        .delete::<Endpoints>(DEFAULT, "kubernetes", &DeleteOptions::default())
        .await
        .expect("deleted");
    let third = CancellationToken::new();
    let presence = Presence {
        store: store.clone(),
        client: b.client(),
        own: "192.0.2.3:6443".parse().expect("an address"),
        authority: b.trust.client_authority.clone(),
    };
    let kept = tokio::spawn(presence.keep(third.clone()));
    lists(&["192.0.2.1", "192.0.2.2", "192.0.2.3"]).await;
    third.cancel();
    kept.await.expect("no panic");
    lists(&["192.0.2.1", "192.0.2.2"]).await;
    let told = async |server: &str| {
        eventually("what joining machines are told", async || {
            let info = client.get::<ConfigMap>(Scope::Namespace("kube-public"), "cluster-info");
            let info = optional(info.await).expect("read")?;
            let text = info.data?.remove("kubeconfig")?;
            text.contains(&format!("server: https://{server}\n"))
                .then_some(())
        })
        .await;
    };
    told("192.0.2.1:6443").await;
    a.end().await;
    lists(&["192.0.2.2"]).await;
    told("192.0.2.2:6443").await;
    b.end().await;
    lists(&["192.0.2.2"]).await;
}

fn service(name: &str, spec: Value) -> Service {
    let mut spec = spec;
    spec["ports"] = json!([{"port": 80, "nodePort": spec["nodePort"]}]);
    object(json!({"metadata": {"name": name, "namespace": "default"}, "spec": spec}))
}

#[tokio::test(flavor = "multi_thread")]
async fn no_address_or_port_is_given_twice() {
    const EACH: usize = 40;
    let (_store, a, b) = two_masters().await;
    let writers = [("a", a.client()), ("b", b.client())].map(|(name, client)| {
        tokio::spawn(async move {
            let mut made = Vec::new();
            for number in 0..EACH {
                let wanted = service(&format!("{name}{number}"), json!({"type": "NodePort"}));
                made.push(client.create(DEFAULT, &wanted).await.expect("created"));
            }
            made
        })
    });
    let (mut addresses, mut ports) = (BTreeSet::new(), BTreeSet::new());
    for writer in writers {
        for service in writer.await.expect("no panic") {
            let spec = service.spec.expect("a spec");
            addresses.insert(spec.cluster_ip.expect("an address"));
            ports.extend(spec.ports.into_iter().flatten().filter_map(|port| port.node_port));
        }
    }
    assert_eq!((addresses.len(), ports.len()), (2 * EACH, 2 * EACH));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_given_back_through_one_master_can_be_had_through_the_other() {
    let (_store, a, b) = two_masters().await;
    let (a, b) = (a.client(), b.client());
    for round in 0..5 {
        let wanted = service(
            "s",
            json!({"type": "NodePort", "nodePort": 30_100, "clusterIP": "10.43.0.77"}),
        );
        a.create(DEFAULT, &wanted).await.expect("created");
        let taken = service("t", json!({"type": "NodePort", "nodePort": 30_100}));
        let refused = b.create(DEFAULT, &taken).await.expect_err("taken").to_string();
        assert!(
            refused.contains("provided port is already allocated"),
            "{round}: {refused}"
        );
        let (first, second) = if round % 2 == 0 { (&b, &a) } else { (&a, &b) };
        first
            .delete::<Service>(DEFAULT, "s", &DeleteOptions::default())
            .await
            .expect("deleted");
        second.create(DEFAULT, &wanted).await.expect("created again");
        second
            .delete::<Service>(DEFAULT, "s", &DeleteOptions::default())
            .await
            .expect("deleted");
    }
}

fn map(name: &str) -> ConfigMap {
    object(json!({"metadata": {"name": name, "namespace": "default"}}))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_of_several_masters_goes_on_when_one_ends_or_is_silent() {
    let store: Arc<dyn StateStore> = Arc::new(MemoryStore::new());
    let pki = pki();
    let (a, b) = (
        Master::start(&store, &pki).await,
        Master::start(&store, &pki).await,
    );
    let ((url_a, serving_a), (url_b, _serving_b)) = (a.listen().await, b.listen().await);
    // The kernel takes its connections, and nobody ever says anything on them.
    let silent = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url_silent = format!("https://{}", silent.local_addr().expect("known"));
    let config = ClientConfig {
        certificate_authority: pki.authority.certificate().to_pem().into_bytes(),
        client_certificate: Some((
            pki.kubelet_client.certificate_pem.clone().into_bytes(),
            pki.kubelet_client.key_pem.clone().into_bytes(),
        )),
        ..ClientConfig::default()
    };
    let servers = Servers::new(std::slice::from_ref(&url_a)).expect("addresses");
    let client = Client::new(
        https::connect_to_any(&config, servers.clone()).expect("usable"),
        "test",
    );
    let seen = Informer::<ConfigMap>::start(
        client.clone(),
        "default",
        ListOptions::default(),
        a.shutdown.clone(),
    );
    seen.synced().await;
    let create = async |name: &str| {
        eventually("a create", async || {
            match client.create(DEFAULT, &map(name)).await {
                Ok(_) => Some(()),
                Err(error) => error.is_already_exists().then_some(()),
            }
        })
        .await;
        eventually("word of it", async || seen.store().get("default", name).map(drop)).await;
    };
    create("one").await;
    // It learns of the others, ends, and is no longer used.
    let names = [&url_a, &url_silent, &url_b].map(|url| url.replace("https://", ""));
    servers.learn(&names);
    a.api.api.shutdown().cancel();
    serving_a.await.expect("ended");
    let began = std::time::Instant::now();
    create("two").await;
    let took = began.elapsed();
    assert!(took < Duration::from_secs(30), "{took:?}");
    assert_eq!(format!("https://{}", servers.current().authority()), url_b);
    a.end().await;
}
