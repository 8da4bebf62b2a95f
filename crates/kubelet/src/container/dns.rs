//! What a pod's resolver is told.

use std::io;
use std::net::IpAddr;
use std::path::Path;

use crate::cri::message::DnsConfig;
use crate::pod::PodToRun;

use super::settings::NodeSettings;

/// The resolver's limits.
const MAX_SERVERS: usize = 3;
const MAX_SEARCHES: usize = 32;
const MAX_SEARCH_CHARACTERS: usize = 2048;

/// Where systemd's resolver writes down whom it asks itself.
const SYSTEMD_RESOLV_CONF: &str = "/run/systemd/resolve/resolv.conf";

/// What the node's resolver is told.
pub fn read_host(node: &NodeSettings) -> io::Result<DnsConfig> {
    let config = read(&node.resolv_conf)?;
    if !is_local(&config) {
        return Ok(config);
    }
    // A server on the node's loopback is none for pods; it may have written down whom it asks.
    let behind = read(Path::new(SYSTEMD_RESOLV_CONF))?;
    Ok(if behind.servers.is_empty() { config } else { behind })
}

fn read(path: &Path) -> io::Result<DnsConfig> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(parse(&text)),
        // An empty path is upstream's way to say that there is none.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(DnsConfig::default()),
        Err(error) => Err(error),
    }
}

/// Whether all servers are on the node's loopback.
fn is_local(config: &DnsConfig) -> bool {
    let is_loopback = |server: &String| server.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
    !config.servers.is_empty() && config.servers.iter().all(is_loopback)
}

/// Reads a resolver configuration.
pub fn parse(text: &str) -> DnsConfig {
    let mut config = DnsConfig::default();
    for line in text.lines() {
        let line = line.split(['#', ';']).next().unwrap_or_default();
        let mut words = line.split_whitespace();
        match words.next() {
            Some("nameserver") => config.servers.extend(words.next().map(str::to_owned)),
            // The last line counts.
            Some("search" | "domain") => config.searches = words.map(str::to_owned).collect(),
            Some("options") => config.options = words.map(str::to_owned).collect(),
            _ => {}
        }
    }
    config.searches.retain(|search| search != ".");
    config
}

/// What a pod's resolver is told, by its policy, its own additions and the node's configuration.
pub fn config(pod: &PodToRun, node: &NodeSettings, host: DnsConfig) -> DnsConfig {
    let mut config = match policy(pod, node) {
        Policy::None => DnsConfig::default(),
        Policy::Host => host,
        Policy::Cluster => cluster(pod, node, host),
    };
    add_own(pod, &mut config);
    limit(&mut config);
    config
}

enum Policy {
    Cluster,
    Host,
    None,
}

fn policy(pod: &PodToRun, node: &NodeSettings) -> Policy {
    let has_dns = !node.cluster_dns.is_empty();
    match pod.spec().dns_policy.as_deref() {
        Some("None") => Policy::None,
        Some("Default") => Policy::Host,
        Some("ClusterFirstWithHostNet") if has_dns => Policy::Cluster,
        Some("ClusterFirst") | None if has_dns && !pod.is_host_network() => Policy::Cluster,
        _ => Policy::Host,
    }
}

fn cluster(pod: &PodToRun, node: &NodeSettings, host: DnsConfig) -> DnsConfig {
    let domain = &node.cluster_domain;
    let mut searches = Vec::new();
    if !domain.is_empty() {
        searches = vec![
            format!("{}.svc.{domain}", pod.namespace()),
            format!("svc.{domain}"),
            domain.clone(),
        ];
    }
    for search in host.searches {
        push_new(&mut searches, search);
    }
    DnsConfig {
        servers: node.cluster_dns.iter().map(IpAddr::to_string).collect(),
        searches,
        options: vec!["ndots:5".to_owned()],
    }
}

fn push_new(list: &mut Vec<String>, item: String) {
    if !list.contains(&item) {
        list.push(item);
    }
}

/// What the pod says itself comes after, and an option of its own replaces one of the same name.
fn add_own(pod: &PodToRun, config: &mut DnsConfig) {
    let Some(own) = &pod.spec().dns_config else { return };
    for server in own.nameservers.iter().flatten() {
        push_new(&mut config.servers, server.clone());
    }
    for search in own.searches.iter().flatten() {
        push_new(&mut config.searches, search.clone());
    }
    for option in own.options.iter().flatten() {
        let Some(name) = &option.name else { continue };
        let line = match option.value.as_deref() {
            Some(value) if !value.is_empty() => format!("{name}:{value}"),
            _ => name.clone(),
        };
        let same = |existing: &String| existing.split(':').next() == Some(name);
        match config.options.iter_mut().find(|existing| same(existing)) {
            Some(existing) => *existing = line,
            None => config.options.push(line),
        }
    }
}

fn limit(config: &mut DnsConfig) {
    config.servers.truncate(MAX_SERVERS);
    config.searches.truncate(MAX_SEARCHES);
    while config.searches.join(" ").len() > MAX_SEARCH_CHARACTERS {
        config.searches.pop();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::{Value, json};

    use super::*;

    fn check(spec: Value, servers: &[&str], searches: &[&str], options: &[&str]) {
        let node = NodeSettings {
            cluster_dns: vec!["10.43.0.10".parse().unwrap()],
            cluster_domain: "cluster.local".to_owned(),
            ..NodeSettings::default()
        };
        let host = parse("# made by hand\nnameserver 9.9.9.9\nsearch lan home\noptions ndots:1 rotate\n");
        let mut object = json!({ "metadata": { "namespace": "ns" }, "spec": spec });
        object["spec"]["containers"] = json!([]);
        let pod = PodToRun::new(Arc::new(serde_json::from_value(object).unwrap()));
        let config = config(&pod, &node, host);
        assert_eq!(config.servers, servers);
        assert_eq!(config.searches, searches);
        assert_eq!(config.options, options);
    }

    const CLUSTER: [&str; 5] = [
        "ns.svc.cluster.local",
        "svc.cluster.local",
        "cluster.local",
        "lan",
        "home",
    ];

    #[test]
    fn policies() {
        check(json!({}), &["10.43.0.10"], &CLUSTER, &["ndots:5"]);
        let host: (&[&str], &[&str], &[&str]) = (&["9.9.9.9"], &["lan", "home"], &["ndots:1", "rotate"]);
        check(json!({ "dnsPolicy": "Default" }), host.0, host.1, host.2);
        check(
            json!({ "dnsPolicy": "ClusterFirst", "hostNetwork": true }),
            host.0,
            host.1,
            host.2,
        );
        check(
            json!({ "dnsPolicy": "ClusterFirstWithHostNet", "hostNetwork": true }),
            &["10.43.0.10"],
            &CLUSTER,
            &["ndots:5"],
        );
        check(json!({ "dnsPolicy": "None" }), &[], &[], &[]);
    }

    #[test]
    fn servers_of_the_loopback_are_known() {
        for (text, local) in [
            ("nameserver 127.0.0.53", true),
            ("nameserver 127.0.0.1\nnameserver ::1", true),
            ("nameserver 127.0.0.1\nnameserver 9.9.9.9", false),
            ("search lan", false),
        ] {
            assert_eq!(is_local(&parse(text)), local, "{text}");
        }
    }

    #[test]
    fn a_pods_own_words() {
        check(
            json!({ "dnsPolicy": "None", "dnsConfig": { "nameservers": ["1.1.1.1"], "searches": ["x.y"],
                "options": [{ "name": "ndots", "value": "2" }, { "name": "edns0" }] } }),
            &["1.1.1.1"],
            &["x.y"],
            &["ndots:2", "edns0"],
        );
        check(
            json!({ "dnsConfig": { "nameservers": ["10.43.0.10", "1.1.1.1", "2.2.2.2", "3.3.3.3"], "searches": ["lan"],
                "options": [{ "name": "ndots", "value": "3" }] } }),
            &["10.43.0.10", "1.1.1.1", "2.2.2.2"],
            &CLUSTER,
            &["ndots:3"],
        );
    }
}
