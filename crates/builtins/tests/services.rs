//! Services take their addresses and ports: the hooks in a registry with the real kinds.

#![allow(clippy::unwrap_used, missing_docs)]

use std::collections::HashSet;
use std::sync::Arc;

use builtins::{AddressRange, Ledger, PortRange, ServiceAllocation};
use meta::{GroupResource, GroupVersionResource, User};
use registry::{
    DeleteOptions, GetOptions, Hooks, Plugins, Registry, RequestContext, Resource, StorageEncoding,
};
use serde_json::{Value, json};
use store::memory::MemoryStore;

struct Cluster {
    services: Arc<Resource>,
    context: RequestContext,
}

impl Cluster {
    /// With a service range of 14 addresses.
    async fn start() -> Self {
        let registry = Registry::start(Arc::new(MemoryStore::new()), kinds::all(), StorageEncoding::Json)
            .await
            .unwrap();
        let services = registry
            .resource(&GroupVersionResource::new("", "v1", "services"))
            .unwrap();
        let range = AddressRange::new("10.43.0.0/28".parse().unwrap());
        let allocation: Arc<dyn Hooks> = Arc::new(ServiceAllocation {
            ledger: Ledger::new(vec![range], PortRange::default(), []),
            others: None,
            kind: Arc::clone(services.kind()),
        });
        registry.plug(Plugins {
            hooks: [(GroupResource::new("", "services"), allocation)].into(),
            ..Plugins::default()
        });
        let now = "2026-01-02T03:04:05Z".parse().unwrap();
        Self {
            services,
            context: RequestContext::new(Arc::new(User::new("someone", &[])), now),
        }
    }

    fn dry(&self) -> RequestContext {
        RequestContext {
            dry_run: true,
            ..self.context.clone()
        }
    }

    async fn create(&self, name: &str, spec: Value) -> Result<Value, String> {
        self.create_in(&self.context, name, spec).await
    }

    async fn create_in(&self, context: &RequestContext, name: &str, spec: Value) -> Result<Value, String> {
        let service = json!({
            "apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": "d"}, "spec": spec,
        });
        let created = self.services.create(context, "d", service).await;
        created
            .map(|written| written.object.tree())
            .map_err(|status| status.message)
    }

    async fn update(&self, name: &str, change: impl Fn(&mut Value)) -> Result<Value, String> {
        let mut service = self.get(name).await;
        change(&mut service["spec"]);
        let updated = self.services.update(&self.context, "d", name, "", service).await;
        updated
            .map(|written| written.object.tree())
            .map_err(|status| status.message)
    }

    async fn get(&self, name: &str) -> Value {
        self.services
            .get("d", name, &GetOptions::default())
            .await
            .unwrap()
            .tree()
    }

    async fn delete(&self, name: &str) {
        self.services
            .delete(&self.context, "d", name, &DeleteOptions::default())
            .await
            .unwrap();
    }
}

fn ports() -> Value {
    json!([{"port": 80}])
}

fn node_port(port: u16) -> Value {
    json!({"type": "NodePort", "ports": [{"port": 80, "nodePort": port}]})
}

#[tokio::test]
async fn a_service_gets_an_address_and_what_goes_with_it() {
    let cluster = Cluster::start().await;
    let service = cluster.create("s", json!({"ports": ports()})).await.unwrap();
    let spec = &service["spec"];
    assert!(spec["clusterIP"].as_str().unwrap().starts_with("10.43.0."));
    assert_eq!(spec["clusterIPs"], json!([spec["clusterIP"]]));
    assert_eq!(spec["ipFamilies"], json!(["IPv4"]));
    assert_eq!(spec["ipFamilyPolicy"], "SingleStack");
    let headless = json!({"clusterIP": "None", "ports": ports(), "selector": {"a": "b"}});
    let headless = cluster.create("h", headless).await.unwrap();
    assert_eq!(headless["spec"]["clusterIPs"], json!(["None"]));
    let external = cluster
        .create("e", json!({"type": "ExternalName", "externalName": "a.b"}))
        .await;
    assert!(external.unwrap()["spec"].get("clusterIPs").is_none());
}

#[tokio::test]
async fn refusals_read_as_upstream() {
    let cluster = Cluster::start().await;
    let at = |address: &str| json!({"clusterIP": address, "ports": ports()});
    cluster.create("first", at("10.43.0.5")).await.unwrap();
    cluster.create("port", node_port(30081)).await.unwrap();
    let twice = json!({"type": "NodePort", "ports": [
        {"name": "a", "port": 80, "nodePort": 30082}, {"name": "b", "port": 81, "nodePort": 30082},
    ]});
    let cases = [
        (
            at("9.9.9.9"),
            r#"Service "s" is invalid: spec.clusterIPs: Invalid value: ["9.9.9.9"]: failed to allocate IP 9.9.9.9: the provided network does not match the current range"#,
        ),
        (
            at("10.43.0.5"),
            r#"Service "s" is invalid: spec.clusterIPs: Invalid value: ["10.43.0.5"]: failed to allocate IP 10.43.0.5: provided IP is already allocated"#,
        ),
        (
            node_port(80),
            r#"Service "s" is invalid: spec.ports[0].nodePort: Invalid value: 80: provided port is not in the valid range. The range of valid ports is 30000-32767"#,
        ),
        (
            node_port(30081),
            r#"Service "s" is invalid: spec.ports[0].nodePort: Invalid value: 30081: provided port is already allocated"#,
        ),
        (
            twice,
            r#"Service "s" is invalid: spec.ports[1].nodePort: Invalid value: 30082: provided port is already allocated"#,
        ),
        (
            json!({"ipFamilies": ["IPv6"], "ports": ports()}),
            r#"Service "s" is invalid: spec.ipFamilies[0]: Invalid value: "IPv6": not configured on this cluster"#,
        ),
    ];
    for (spec, message) in cases {
        assert_eq!(cluster.create("s", spec).await, Err(message.to_owned()));
    }
    // A refused write gives everything back.
    cluster.create("s", node_port(30082)).await.unwrap();
}

#[tokio::test]
async fn what_is_given_back_can_be_taken_again() {
    let cluster = Cluster::start().await;
    let with_address = json!({"clusterIP": "10.43.0.5", "ports": ports()});
    cluster.create("a", with_address.clone()).await.unwrap();
    cluster.delete("a").await;
    cluster.create("a", with_address.clone()).await.unwrap();
    let external = cluster
        .update("a", |spec| {
            spec["type"] = "ExternalName".into();
            spec["externalName"] = "a.b".into();
        })
        .await
        .unwrap();
    assert!(external["spec"].get("clusterIP").is_none());
    cluster.create("b", with_address).await.unwrap();

    cluster.create("n", node_port(30081)).await.unwrap();
    cluster
        .update("n", |spec| spec["type"] = "ClusterIP".into())
        .await
        .unwrap();
    cluster.create("m", node_port(30081)).await.unwrap();
    let moved = cluster
        .update("m", |spec| spec["ports"][0]["nodePort"] = 30083.into())
        .await
        .unwrap();
    assert_eq!(moved["spec"]["ports"][0]["nodePort"], 30083);
    cluster.create("l", node_port(30081)).await.unwrap();
}

#[tokio::test]
async fn an_update_keeps_what_the_client_leaves_out() {
    let cluster = Cluster::start().await;
    let created = cluster
        .create("n", json!({"type": "NodePort", "ports": ports()}))
        .await
        .unwrap();
    let updated = cluster
        .update("n", |spec| {
            let spec = spec.as_object_mut().unwrap();
            spec.remove("clusterIP");
            spec.remove("clusterIPs");
            spec["ports"] = json!([{"port": 80}]);
        })
        .await
        .unwrap();
    assert_eq!(updated["spec"]["clusterIP"], created["spec"]["clusterIP"]);
    assert_eq!(updated["spec"]["ports"], created["spec"]["ports"]);
    let same =
        json!([{"name": "a", "port": 80, "nodePort": 30078}, {"name": "b", "port": 81, "nodePort": 30078}]);
    let twice = cluster.update("n", |spec| spec["ports"] = same.clone()).await;
    assert_eq!(twice, Err(String::from("duplicate nodePort: {TCP 30078}")));
}

#[tokio::test]
async fn a_balancer_gets_a_port_for_health_checks() {
    let cluster = Cluster::start().await;
    let spec = json!({"type": "LoadBalancer", "externalTrafficPolicy": "Local", "ports": [
        {"name": "dns", "port": 53, "protocol": "UDP"}, {"name": "dns-tcp", "port": 53, "protocol": "TCP"},
    ]});
    let service = cluster.create("l", spec).await.unwrap();
    let ports = &service["spec"]["ports"];
    assert_eq!(
        ports[0]["nodePort"], ports[1]["nodePort"],
        "protocols share a port"
    );
    let health = service["spec"]["healthCheckNodePort"].as_u64().unwrap();
    assert!((30000..=32767).contains(&health) && ports[0]["nodePort"] != health);
}

#[tokio::test]
async fn what_is_wrong_in_itself_is_left_to_validation() {
    let cluster = Cluster::start().await;
    let two = json!({"clusterIP": "10.43.0.5", "clusterIPs": ["1.2.3.4"], "ports": ports()});
    let refused = cluster.create("s", two).await.unwrap_err();
    assert!(
        refused.ends_with("first value must match `clusterIP`"),
        "{refused}"
    );
    cluster.create("s", json!({"ports": ports()})).await.unwrap();
    let moved = cluster
        .update("s", |spec| {
            spec["clusterIP"] = "1.2.3.4".into();
            spec["clusterIPs"] = json!(["1.2.3.4"]);
        })
        .await
        .unwrap_err();
    assert!(moved.contains("may not change once set"), "{moved}");
}

#[tokio::test]
async fn a_dry_run_is_given_what_nobody_can_have() {
    let cluster = Cluster::start().await;
    let spec = json!({"type": "NodePort", "ports": [{"name": "a", "port": 80}, {"name": "b", "port": 81}]});
    for _ in 0..2 {
        let tried = cluster
            .create_in(&cluster.dry(), "s", spec.clone())
            .await
            .unwrap();
        assert_eq!(tried["spec"]["clusterIP"], "10.43.0.0");
        assert_eq!(tried["spec"]["ports"][0]["nodePort"], 32769);
        assert_eq!(tried["spec"]["ports"][1]["nodePort"], 32770);
    }
}

#[tokio::test]
async fn a_dry_run_takes_nothing() {
    let cluster = Cluster::start().await;
    for _ in 0..20 {
        cluster
            .create_in(&cluster.dry(), "s", json!({"ports": ports()}))
            .await
            .unwrap();
        cluster
            .create_in(&cluster.dry(), "n", node_port(30081))
            .await
            .unwrap();
    }
    cluster.create("n", node_port(30081)).await.unwrap();
}

#[tokio::test]
async fn nothing_is_given_twice_however_many_ask() {
    let cluster = Cluster::start().await;
    let all = (0..20).map(|n| {
        let cluster = &cluster;
        async move { cluster.create(&format!("s{n}"), json!({"ports": ports()})).await }
    });
    let (mut given, mut refused) = (HashSet::new(), 0);
    for result in futures::future::join_all(all).await {
        match result {
            Ok(service) => assert!(given.insert(service["spec"]["clusterIP"].to_string())),
            Err(message) => {
                let full = "Internal error occurred: failed to allocate a serviceIP: range is full";
                assert_eq!(message, full);
                refused += 1;
            }
        }
    }
    assert_eq!((given.len(), refused), (14, 6));
}

#[test]
fn a_ledger_knows_what_services_hold() {
    let service = json!({"spec": {"clusterIPs": ["10.43.0.1"], "ports": [{"nodePort": 30000}]}});
    let range = || AddressRange::new("10.43.0.0/30".parse().unwrap());
    let ledger = Ledger::new(vec![range()], PortRange::new(30000..=30000), [&service, &service]);
    assert_eq!(ledger.free_addresses(), 1);
    assert_eq!(ledger.free_ports(), 0);
}
