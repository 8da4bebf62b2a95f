//! What rules Services get.

use std::sync::Arc;

use serde_json::{Value, json};

use super::*;

/// A Service `a/web` of one port with these fields of its spec in addition.
fn service(spec: Value) -> Service {
    let mut value = json!({
        "metadata": {"namespace": "a", "name": "web"},
        "spec": {
            "type": "ClusterIP",
            "clusterIP": "10.43.0.10",
            "clusterIPs": ["10.43.0.10"],
            "ports": [{"name": "http", "protocol": "TCP", "port": 80}],
        },
    });
    for (key, field) in spec.as_object().unwrap() {
        value["spec"][key] = field.clone();
    }
    serde_json::from_value(value).unwrap()
}

/// A slice with the ready endpoint 10.42.0.2 here, and 10.42.0.3 elsewhere, as far as the last bytes are given.
fn slice(lasts: &[u8]) -> Arc<EndpointSlice> {
    let endpoint = |last: &u8| {
        json!({
            "addresses": [format!("10.42.0.{last}")],
            "nodeName": if *last == 2 { "here" } else { "there" },
        })
    };
    let value = json!({
        "addressType": "IPv4",
        "ports": [{"name": "http", "port": 8080}],
        "endpoints": lasts.iter().map(endpoint).collect::<Vec<_>>(),
    });
    Arc::new(serde_json::from_value(value).unwrap())
}

fn config() -> Config {
    Config::new("here", vec!["192.168.0.1".parse().unwrap()])
}

fn with_pods() -> Config {
    Config {
        cluster_cidr: vec!["10.42.0.0/16".parse().unwrap()],
        ..config()
    }
}

fn plan_with(config: &Config, service: &Service, endpoints: &[u8]) -> Unit {
    let key = ServiceKey::of(service);
    plan(&key, service, &[slice(endpoints)], config, None)
}

/// A unit in words. The stem of names, which is always the same, is a star.
fn words(unit: &Unit) -> Vec<String> {
    let mut lines = Vec::new();
    for ((_, name), rules) in &unit.chains {
        lines.extend(rules.iter().map(|rule| format!("{name}: {rule}")));
    }
    for ((_, name), seconds) in &unit.sets {
        lines.push(format!("set {name} {seconds}"));
    }
    for (element, verdict) in &unit.elements {
        lines.push(format!(
            "{} {{ {} : {verdict} }}",
            element.map.name(),
            element.key
        ));
    }
    lines
        .into_iter()
        .map(|line| line.replace("a/web/tcp/80", "*"))
        .collect()
}

#[track_caller]
fn check(config: &Config, spec: Value, endpoints: &[u8], expected: &[&str]) {
    let unit = plan_with(config, &service(spec), endpoints);
    assert_eq!(words(&unit), expected, "{:#?}", words(&unit));
}

#[test]
fn a_cluster_ip_leads_to_one_of_its_endpoints() {
    check(
        &with_pods(),
        json!({}),
        &[2, 3],
        &[
            "ep/*/10.42.0.2/8080: ip saddr 10.42.0.2 jump mark-for-masquerade",
            "ep/*/10.42.0.2/8080: meta l4proto tcp dnat to 10.42.0.2:8080",
            "ep/*/10.42.0.3/8080: ip saddr 10.42.0.3 jump mark-for-masquerade",
            "ep/*/10.42.0.3/8080: meta l4proto tcp dnat to 10.42.0.3:8080",
            "svc/*: ip daddr 10.43.0.10 ip saddr != 10.42.0.0/16 jump mark-for-masquerade",
            "svc/*: numgen random mod 2 vmap { 0 : goto ep/*/10.42.0.2/8080, 1 : goto ep/*/10.42.0.3/8080 }",
            "service-ips { 10.43.0.10 . tcp . 80 : goto svc/* }",
            "cluster-ips { 10.43.0.10 :  }",
        ],
    );
    let everything = Config {
        masquerade_all: true,
        ..config()
    };
    check(
        &everything,
        json!({}),
        &[3],
        &[
            "ep/*/10.42.0.3/8080: ip saddr 10.42.0.3 jump mark-for-masquerade",
            "ep/*/10.42.0.3/8080: meta l4proto tcp dnat to 10.42.0.3:8080",
            "svc/*: ip daddr 10.43.0.10 jump mark-for-masquerade",
            "svc/*: goto ep/*/10.42.0.3/8080",
            "service-ips { 10.43.0.10 . tcp . 80 : goto svc/* }",
            "cluster-ips { 10.43.0.10 :  }",
        ],
    );
}

#[test]
fn without_endpoints_the_sender_is_told() {
    check(
        &config(),
        json!({
            "type": "NodePort",
            "externalIPs": ["1.2.3.4"],
            "ports": [{"name": "http", "port": 80, "nodePort": 30080}],
        }),
        &[],
        &[
            "no-endpoint-ips { 1.2.3.4 . tcp . 80 : goto reject-all }",
            "no-endpoint-ips { 10.43.0.10 . tcp . 80 : goto reject-all }",
            "no-endpoint-nodeports { tcp . 30080 : goto reject-all }",
            "cluster-ips { 10.43.0.10 :  }",
        ],
    );
}

#[test]
fn some_services_need_nothing() {
    for spec in [
        json!({"clusterIP": "None", "clusterIPs": ["None"]}),
        json!({"clusterIP": "", "clusterIPs": []}),
        json!({"type": "ExternalName", "externalName": "example.com"}),
        json!({"clusterIP": "fd00::10", "clusterIPs": ["fd00::10"]}),
    ] {
        check(&config(), spec, &[2], &[]);
    }
}

#[test]
fn a_port_of_another_name_or_protocol_has_no_endpoints() {
    for port in [
        json!({"name": "other", "port": 80}),
        json!({"port": 80}),
        json!({"name": "http", "port": 80, "protocol": "UDP"}),
    ] {
        let unit = plan_with(&config(), &service(json!({"ports": [port]})), &[2]);
        assert!(unit.chains.is_empty(), "{:?}", words(&unit));
    }
    let strange = json!({"ports": [{"name": "http", "port": 80, "protocol": "QUIC"}]});
    check(&config(), strange, &[2], &["cluster-ips { 10.43.0.10 :  }"]);
}

#[test]
fn clients_stay_with_their_endpoint() {
    check(
        &config(),
        json!({
            "sessionAffinity": "ClientIP",
            "sessionAffinityConfig": {"clientIP": {"timeoutSeconds": 60}},
        }),
        &[2, 3],
        &[
            "ep/*/10.42.0.2/8080: ip saddr 10.42.0.2 jump mark-for-masquerade",
            "ep/*/10.42.0.2/8080: update @aff-60/*/10.42.0.2/8080 { ip saddr }",
            "ep/*/10.42.0.2/8080: meta l4proto tcp dnat to 10.42.0.2:8080",
            "ep/*/10.42.0.3/8080: ip saddr 10.42.0.3 jump mark-for-masquerade",
            "ep/*/10.42.0.3/8080: update @aff-60/*/10.42.0.3/8080 { ip saddr }",
            "ep/*/10.42.0.3/8080: meta l4proto tcp dnat to 10.42.0.3:8080",
            "svc/*: ip saddr @aff-60/*/10.42.0.2/8080 goto ep/*/10.42.0.2/8080",
            "svc/*: ip saddr @aff-60/*/10.42.0.3/8080 goto ep/*/10.42.0.3/8080",
            "svc/*: numgen random mod 2 vmap { 0 : goto ep/*/10.42.0.2/8080, 1 : goto ep/*/10.42.0.3/8080 }",
            "set aff-60/*/10.42.0.2/8080 60",
            "set aff-60/*/10.42.0.3/8080 60",
            "service-ips { 10.43.0.10 . tcp . 80 : goto svc/* }",
            "cluster-ips { 10.43.0.10 :  }",
        ],
    );
    let unit = plan_with(&config(), &service(json!({"sessionAffinity": "ClientIP"})), &[2]);
    assert_eq!(unit.sets.values().collect::<Vec<_>>(), [&10800]);
}

/// Chains of endpoints are left out: they are always the same.
#[track_caller]
fn check_ways(config: &Config, spec: Value, endpoints: &[u8], expected: &[&str]) {
    let unit = plan_with(config, &service(spec), endpoints);
    let ways: Vec<String> = words(&unit)
        .into_iter()
        .filter(|line| !line.starts_with("ep/") && !line.starts_with("cluster-ips"))
        .collect();
    assert_eq!(ways, expected, "{ways:#?}");
}

#[test]
fn node_ports_and_external_addresses_are_masqueraded() {
    check_ways(
        &with_pods(),
        json!({
            "type": "LoadBalancer",
            "externalIPs": ["1.2.3.4"],
            "ports": [{"name": "http", "port": 80, "nodePort": 30080}],
        }),
        &[3],
        &[
            "ext/*: jump mark-for-masquerade",
            "ext/*: goto svc/*",
            "svc/*: ip daddr 10.43.0.10 ip saddr != 10.42.0.0/16 jump mark-for-masquerade",
            "svc/*: goto ep/*/10.42.0.3/8080",
            "service-ips { 1.2.3.4 . tcp . 80 : goto ext/* }",
            "service-ips { 10.43.0.10 . tcp . 80 : goto svc/* }",
            "service-nodeports { tcp . 30080 : goto ext/* }",
        ],
    );
}

#[test]
fn local_external_traffic_keeps_its_address() {
    let spec = || {
        json!({
            "type": "NodePort",
            "externalTrafficPolicy": "Local",
            "ports": [{"name": "http", "port": 80, "nodePort": 30080}],
        })
    };
    let common = [
        "ext/*: ip saddr 10.42.0.0/16 goto svc/*",
        "ext/*: fib saddr type local jump mark-for-masquerade",
        "ext/*: fib saddr type local goto svc/*",
    ];
    let of_local = "loc/*: ip daddr 10.43.0.10 ip saddr != 10.42.0.0/16 jump mark-for-masquerade";
    let of_all = "svc/*: ip daddr 10.43.0.10 ip saddr != 10.42.0.0/16 jump mark-for-masquerade";
    let elements = [
        "service-ips { 10.43.0.10 . tcp . 80 : goto svc/* }",
        "service-nodeports { tcp . 30080 : goto ext/* }",
    ];
    let here = [
        &common[..],
        &[
            "ext/*: goto loc/*",
            of_local,
            "loc/*: goto ep/*/10.42.0.2/8080",
            of_all,
            "svc/*: numgen random mod 2 vmap { 0 : goto ep/*/10.42.0.2/8080, 1 : goto ep/*/10.42.0.3/8080 }",
        ],
        &elements,
    ]
    .concat();
    check_ways(&with_pods(), spec(), &[2, 3], &here);
    let elsewhere = [
        &common[..],
        &["ext/*: drop", of_all, "svc/*: goto ep/*/10.42.0.3/8080"],
        &elements,
    ]
    .concat();
    check_ways(&with_pods(), spec(), &[3], &elsewhere);
}

#[test]
fn local_internal_traffic_stays_here() {
    let spec = || json!({"internalTrafficPolicy": "Local"});
    check_ways(
        &config(),
        spec(),
        &[2, 3],
        &[
            "loc/*: goto ep/*/10.42.0.2/8080",
            "service-ips { 10.43.0.10 . tcp . 80 : goto loc/* }",
        ],
    );
    let unit = plan_with(&config(), &service(spec()), &[2, 3]);
    assert_eq!(
        unit.chains.len(),
        2,
        "endpoints nothing leads to: {:?}",
        words(&unit)
    );
    check_ways(
        &config(),
        spec(),
        &[3],
        &["no-endpoint-ips { 10.43.0.10 . tcp . 80 : drop }"],
    );
}

#[test]
fn load_balancers_let_in_whom_they_should() {
    let mut service = service(json!({
        "type": "LoadBalancer",
        "loadBalancerSourceRanges": ["10.0.0.0/8", " 10.1.0.0/16", "nonsense"],
    }));
    service.status = serde_json::from_value(json!({
        "loadBalancer": {"ingress": [
            {"ip": "5.6.7.8"}, {"ip": "5.6.7.9", "ipMode": "Proxy"}, {"hostname": "example.com"},
        ]},
    }))
    .unwrap();
    let unit = plan_with(&config(), &service, &[3]);
    let lines: Vec<String> = words(&unit)
        .into_iter()
        .filter(|line| line.contains("fw/") || line.contains("5.6"))
        .collect();
    assert_eq!(
        lines,
        [
            "fw/*: ip saddr != { 5.6.7.8/32, 10.0.0.0/8 } drop",
            "service-ips { 5.6.7.8 . tcp . 80 : goto ext/* }",
            "firewall-ips { 5.6.7.8 . tcp . 80 : jump fw/* }",
        ]
    );
}

#[test]
fn both_families_have_their_own_table() {
    let config = Config::new(
        "here",
        vec!["192.168.0.1".parse().unwrap(), "fd00::1".parse().unwrap()],
    );
    let service = service(json!({"clusterIPs": ["10.43.0.10", "fd43::10"]}));
    let six = json!({
        "addressType": "IPv6",
        "ports": [{"name": "http", "port": 8080}],
        "endpoints": [{"addresses": ["fd42::2"]}],
    });
    let six = Arc::new(serde_json::from_value(six).unwrap());
    let key = ServiceKey::of(&service);
    let unit = plan(&key, &service, &[slice(&[2]), six], &config, None);
    let chain = |family: Family, name: &str| {
        unit.chains
            .get(&(family, name.to_owned()))
            .map(|rules| &rules[..])
    };
    assert_eq!(
        chain(Family::V6, "ep/a/web/tcp/80/fd42..2/8080"),
        Some(
            &[
                String::from("ip6 saddr fd42::2 jump mark-for-masquerade"),
                String::from("meta l4proto tcp dnat to [fd42::2]:8080"),
            ][..]
        )
    );
    assert!(chain(Family::V4, "ep/a/web/tcp/80/10.42.0.2/8080").is_some());
    let sixes: Vec<&str> = unit
        .elements
        .keys()
        .filter(|element| element.family == Family::V6)
        .map(|element| element.key.as_str())
        .collect();
    assert_eq!(sixes, ["fd43::10 . tcp . 80", "fd43::10"]);
}

#[test]
fn where_datagrams_may_go_is_noted() {
    let service = service(json!({
        "type": "NodePort",
        "ports": [
            {"name": "http", "port": 80},
            {"name": "dns", "protocol": "UDP", "port": 53, "nodePort": 30053},
        ],
    }));
    let slice = json!({
        "addressType": "IPv4",
        "ports": [{"name": "dns", "protocol": "UDP", "port": 5353}],
        "endpoints": [{"addresses": ["10.42.0.2"]}],
    });
    let key = ServiceKey::of(&service);
    let unit = plan(
        &key,
        &service,
        &[Arc::new(serde_json::from_value(slice).unwrap())],
        &config(),
        None,
    );
    let endpoints = std::collections::BTreeSet::from(["10.42.0.2:5353".parse().unwrap()]);
    let expected = [
        (
            Front::Address("10.43.0.10:53".parse().unwrap()),
            endpoints.clone(),
        ),
        (Front::NodePort(30053), endpoints),
    ];
    assert_eq!(unit.udp, expected.into());
}

#[test]
fn health_is_asked_of_local_load_balancers_only() {
    let health = |fields: Value| {
        let mut spec = json!({"healthCheckNodePort": 31000});
        for (key, value) in fields.as_object().unwrap() {
            spec[key] = value.clone();
        }
        plan_with(&config(), &service(spec), &[2, 3]).health
    };
    let expected = HealthCheck {
        port: 31000,
        local_endpoints: 1,
    };
    let local = json!({"type": "LoadBalancer", "externalTrafficPolicy": "Local"});
    assert_eq!(health(local), Some(expected));
    assert_eq!(health(json!({"type": "LoadBalancer"})), None);
    assert_eq!(health(json!({"externalTrafficPolicy": "Local"})), None);
}

#[test]
fn node_ports_are_served_at_the_addresses_asked_for() {
    let look_up = |networks: &[&str]| {
        let config = Config {
            nodeport_addresses: networks.iter().map(|text| text.parse().unwrap()).collect(),
            ..config()
        };
        base(&config, Family::V4)
            .into_iter()
            .find_map(|statement| {
                let rule = statement.strip_suffix(" meta l4proto . th dport vmap @service-nodeports")?;
                Some(
                    rule.strip_prefix("add rule ip pintle-proxy services ")?
                        .to_owned(),
                )
            })
            .unwrap()
    };
    let own = "fib daddr type local ip daddr != 127.0.0.0/8";
    assert_eq!(look_up(&[]), "ip daddr @nodeport-ips");
    assert_eq!(look_up(&["0.0.0.0/0"]), own);
    assert_eq!(look_up(&["10.0.0.0/8"]), format!("{own} ip daddr 10.0.0.0/8"));
    assert_eq!(look_up(&["fd00::/8"]), "ip daddr 0.0.0.0");
}
