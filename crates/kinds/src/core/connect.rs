//! Where streams lead: to a container by way of its node's kubelet, or to an address in the cluster.

use meta::object::{name, namespace};
use meta::{FieldError, GroupVersionKind, Path, Status};
use resource::{ConnectRequest, ConnectTarget, ProxyName};
use serde_json::Value;

/// The kubelet's port, if a node does not say.
const KUBELET_PORT: i64 = 10250;

/// What a container wrote.
pub fn log(request: &ConnectRequest) -> Result<ConnectTarget, Status> {
    let options = LogOptions::read(request)?;
    let pod = request.object;
    let container = container(pod, one(request, "container"))?;
    let Some(node) = node(pod) else {
        return Ok(ConnectTarget::Nothing);
    };
    Ok(kubelet(
        node,
        &["containerLogs", namespace(pod), name(pod), container],
        options.0,
    ))
}

/// A command in a container.
pub fn exec(request: &ConnectRequest) -> Result<ConnectTarget, Status> {
    streams(request, "exec")
}

/// The streams of a container's own process.
pub fn attach(request: &ConnectRequest) -> Result<ConnectTarget, Status> {
    streams(request, "attach")
}

fn streams(request: &ConnectRequest, path: &str) -> Result<ConnectTarget, Status> {
    let pod = request.object;
    let container = container(pod, one(request, "container"))?;
    let node = host(pod)?;
    let mut query = Vec::new();
    for (option, parameter, by_default) in [
        ("stdin", "input", false),
        ("stdout", "output", true),
        ("stderr", "error", true),
        ("tty", "tty", false),
    ] {
        // Streams that are not named count as wanted only if the option is missing altogether.
        if one(request, option).map_or(by_default, truth) {
            query.push((parameter.to_owned(), "1".to_owned()));
        }
    }
    query.extend(all(request, "command").map(|word| ("command".to_owned(), word.to_owned())));
    query.sort_by(|a, b| a.0.cmp(&b.0));
    Ok(kubelet(
        node,
        &[path, namespace(pod), name(pod), container],
        query,
    ))
}

/// Ports of a pod.
pub fn port_forward(request: &ConnectRequest) -> Result<ConnectTarget, Status> {
    let pod = request.object;
    let node = host(pod)?;
    let ports: Vec<&str> = all(request, "ports").filter(|ports| !ports.is_empty()).collect();
    let query = if ports.is_empty() {
        Vec::new()
    } else {
        vec![("port".to_owned(), ports.join(","))]
    };
    Ok(kubelet(node, &["portForward", namespace(pod), name(pod)], query))
}

/// HTTP to a pod.
pub fn pod_proxy(request: &ConnectRequest) -> Result<ConnectTarget, Status> {
    let target = proxy_name(request, "pod")?;
    let port = match target.port {
        "" => first_port(request.object),
        port => Some(number(port)?),
    };
    Ok(ConnectTarget::Address {
        host: reachable(request.object["status"]["podIP"].as_str())?.to_owned(),
        port: port.unwrap_or(if target.scheme == "https" { 443 } else { 80 }),
        scheme: scheme(&target),
        path_and_query: below(request),
    })
}

/// HTTP to a Service.
pub fn service_proxy(request: &ConnectRequest) -> Result<ConnectTarget, Status> {
    let target = proxy_name(request, "service")?;
    Ok(ConnectTarget::Service {
        scheme: scheme(&target),
        namespace: namespace(request.object).to_owned(),
        name: target.name.to_owned(),
        port: target.port.to_owned(),
        path_and_query: below(request),
    })
}

/// HTTP to a node: its kubelet, or another port.
pub fn node_proxy(request: &ConnectRequest) -> Result<ConnectTarget, Status> {
    let target = proxy_name(request, "node")?;
    let kubelet_port = request.object["status"]["daemonEndpoints"]["kubeletEndpoint"]["Port"]
        .as_i64()
        .unwrap_or(KUBELET_PORT);
    if target.port.is_empty() || target.port == kubelet_port.to_string() {
        return Ok(ConnectTarget::Kubelet {
            node: name(request.object).to_owned(),
            path_and_query: below(request),
        });
    }
    let addresses = request.object["status"]["addresses"].as_array();
    let internal = addresses
        .into_iter()
        .flatten()
        .find(|address| address["type"] == "InternalIP")
        .and_then(|address| address["address"].as_str());
    Ok(ConnectTarget::Address {
        host: reachable(internal)?.to_owned(),
        port: number(target.port)?,
        scheme: scheme(&target),
        path_and_query: below(request),
    })
}

fn proxy_name<'a>(request: &ConnectRequest<'a>, what: &str) -> Result<ProxyName<'a>, Status> {
    ProxyName::parse(request.name)
        .ok_or_else(|| Status::bad_request(format!("invalid {what} request {:?}", request.name)))
}

fn scheme(target: &ProxyName) -> String {
    match target.scheme {
        "" => "http".to_owned(),
        scheme => scheme.to_owned(),
    }
}

fn number(port: &str) -> Result<u16, Status> {
    port.parse()
        .map_err(|_| Status::bad_request(format!("address {port}: invalid port")))
}

/// Loopback and link-local addresses are the API server's own; it must not be led to them.
fn reachable(address: Option<&str>) -> Result<&str, Status> {
    let is_global = |ip: std::net::IpAddr| match ip {
        std::net::IpAddr::V4(ip) => {
            !(ip.is_loopback()
                || ip.is_link_local()
                || ip.is_multicast()
                || ip.is_unspecified()
                || ip.is_broadcast())
        }
        std::net::IpAddr::V6(ip) => {
            !(ip.is_loopback() || ip.is_unicast_link_local() || ip.is_multicast() || ip.is_unspecified())
        }
    };
    address
        .filter(|text| text.parse().is_ok_and(is_global))
        .ok_or_else(|| Status::bad_request("address not allowed"))
}

fn first_port(pod: &Value) -> Option<u16> {
    let containers = pod["spec"]["containers"].as_array().into_iter().flatten();
    containers
        .filter_map(|container| container["ports"][0]["containerPort"].as_u64())
        .find_map(|port| port.try_into().ok())
}

fn below(request: &ConnectRequest) -> String {
    let path = if request.path.is_empty() {
        "/"
    } else {
        request.path
    };
    with_query(path.to_owned(), request.query)
}

fn node(pod: &Value) -> Option<&str> {
    pod["spec"]["nodeName"].as_str().filter(|node| !node.is_empty())
}

fn host(pod: &Value) -> Result<&str, Status> {
    node(pod).ok_or_else(|| Status::bad_request(format!("pod {} does not have a host assigned", name(pod))))
}

fn kubelet(node: &str, path: &[&str], query: Vec<(String, String)>) -> ConnectTarget {
    ConnectTarget::Kubelet {
        node: node.to_owned(),
        path_and_query: with_query(format!("/{}", path.join("/")), &query),
    }
}

fn names(pod: &Value, list: &str) -> Vec<String> {
    let containers = pod["spec"][list].as_array().into_iter().flatten();
    containers
        .filter_map(|container| container["name"].as_str())
        .map(str::to_owned)
        .collect()
}

/// The container that was asked for, or the only one.
fn container<'a>(pod: &'a Value, wanted: Option<&'a str>) -> Result<&'a str, Status> {
    let (containers, init) = (names(pod, "containers"), names(pod, "initContainers"));
    if let Some(wanted) = wanted.filter(|wanted| !wanted.is_empty()) {
        let ephemeral = names(pod, "ephemeralContainers");
        let mut known = containers.iter().chain(&init).chain(&ephemeral);
        return if known.any(|name| name == wanted) {
            Ok(wanted)
        } else {
            let what = format!("container {wanted} is not valid for pod {}", name(pod));
            Err(Status::bad_request(what))
        };
    }
    if containers.len() == 1 {
        return Ok(pod["spec"]["containers"][0]["name"].as_str().unwrap_or(""));
    }
    let mut what = format!("a container name must be specified for pod {}", name(pod));
    if !containers.is_empty() {
        what.push_str(&format!(", choose one of: [{}]", containers.join(" ")));
        if !init.is_empty() {
            what.push_str(&format!(" or one of the init containers: [{}]", init.join(" ")));
        }
    }
    Err(Status::bad_request(what))
}

fn all<'a>(request: &ConnectRequest<'a>, option: &str) -> impl Iterator<Item = &'a str> {
    let query = request.query.iter();
    query
        .filter(move |(name, _)| name == option)
        .map(|(_, value)| value.as_str())
}

fn one<'a>(request: &ConnectRequest<'a>, option: &str) -> Option<&'a str> {
    all(request, option).next()
}

/// A boolean of a query: whatever is not false is true.
fn truth(text: &str) -> bool {
    !(text.is_empty() || text == "0" || text.eq_ignore_ascii_case("false"))
}

/// What of a log is wanted, as the kubelet takes it.
struct LogOptions(Vec<(String, String)>);

impl LogOptions {
    fn read(request: &ConnectRequest) -> Result<Self, Status> {
        let mut options = Vec::new();
        let mut errors = Vec::new();
        for flag in ["follow", "previous", "timestamps"] {
            if one(request, flag).is_some_and(truth) {
                options.push((flag.to_owned(), "true".to_owned()));
            }
        }
        for (option, least, complaint) in [
            ("tailLines", 0, "must be greater than or equal to 0"),
            ("limitBytes", 1, "must be greater than 0"),
            ("sinceSeconds", 1, "must be greater than 0"),
        ] {
            let Some(text) = one(request, option) else {
                continue;
            };
            let number: i64 = text.parse().map_err(|_| not_a_number(text))?;
            if number < least {
                errors.push(FieldError::invalid(&Path::new(option), number, complaint));
            }
            options.push((option.to_owned(), number.to_string()));
        }
        if let Some(time) = one(request, "sinceTime") {
            options.push(("sinceTime".to_owned(), time.to_owned()));
            if one(request, "sinceSeconds").is_some() {
                let complaint = "at most one of `sinceTime` or `sinceSeconds` may be specified";
                errors.push(FieldError::forbidden(&Path::root(), complaint));
            }
        }
        if let Some(stream @ ("Stdout" | "Stderr")) = one(request, "stream") {
            options.push(("stream".to_owned(), stream.to_owned()));
        }
        if errors.is_empty() {
            options.sort();
            return Ok(Self(options));
        }
        let kind = GroupVersionKind::new("", "v1", "PodLogOptions");
        Err(Status::invalid(&kind, name(request.object), &errors))
    }
}

fn not_a_number(text: &str) -> Status {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    let why = if !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) {
        "value out of range"
    } else {
        "invalid syntax"
    };
    Status::bad_request(format!("strconv.ParseInt: parsing {text:?}: {why}"))
}

fn with_query(mut path: String, query: &[(String, String)]) -> String {
    for (index, (name, value)) in query.iter().enumerate() {
        path.push(if index == 0 { '?' } else { '&' });
        escape(&mut path, name);
        path.push('=');
        escape(&mut path, value);
    }
    path
}

fn escape(out: &mut String, text: &str) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~') {
            out.push(char::from(byte));
        } else {
            out.push('%');
            out.push(char::from(HEX[usize::from(byte >> 4)]));
            out.push(char::from(HEX[usize::from(byte & 15)]));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    type Find = fn(&ConnectRequest) -> Result<ConnectTarget, Status>;

    fn ask(
        find: Find,
        object: &Value,
        url_name: &str,
        query: &[(&str, &str)],
    ) -> Result<ConnectTarget, String> {
        let query: Vec<_> = query
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect();
        let request = ConnectRequest {
            object,
            name: url_name,
            path: "/x",
            query: &query,
        };
        find(&request).map_err(|status| status.message)
    }

    fn pod() -> Value {
        json!({
            "metadata": {"name": "p", "namespace": "n"},
            "spec": {"nodeName": "node", "containers": [{"name": "a", "ports": [{"containerPort": 81}]}, {"name": "b"}],
                     "initContainers": [{"name": "i"}]},
            "status": {"podIP": "10.0.0.1"},
        })
    }

    fn at_kubelet(path: &str) -> Result<ConnectTarget, String> {
        Ok(ConnectTarget::Kubelet {
            node: "node".to_owned(),
            path_and_query: path.to_owned(),
        })
    }

    #[test]
    fn containers_are_chosen() {
        let pod = pod();
        assert_eq!(
            ask(exec, &pod, "p", &[]),
            Err("a container name must be specified for pod p, choose one of: [a b] or one of the init containers: [i]".to_owned())
        );
        assert_eq!(
            ask(log, &pod, "p", &[("container", "z")]),
            Err("container z is not valid for pod p".to_owned())
        );
        assert_eq!(
            ask(log, &pod, "p", &[("container", "i")]),
            at_kubelet("/containerLogs/n/p/i")
        );
    }

    #[test]
    fn options_are_handed_on() {
        let pod = pod();
        let exec_query = [
            ("container", "a"),
            ("command", "ls"),
            ("command", "-l /"),
            ("stdin", "true"),
            ("stderr", "false"),
        ];
        assert_eq!(
            ask(exec, &pod, "p", &exec_query),
            at_kubelet("/exec/n/p/a?command=ls&command=-l%20%2F&input=1&output=1")
        );
        assert_eq!(
            ask(
                log,
                &pod,
                "p",
                &[("container", "a"), ("tailLines", "5"), ("follow", "1")]
            ),
            at_kubelet("/containerLogs/n/p/a?follow=true&tailLines=5")
        );
        assert_eq!(
            ask(port_forward, &pod, "p", &[("ports", "80")]),
            at_kubelet("/portForward/n/p?port=80")
        );
    }

    #[test]
    fn wrong_options_are_refused() {
        let pod = pod();
        let refused = ask(log, &pod, "p", &[("container", "a"), ("tailLines", "-1")]);
        assert_eq!(
            refused,
            Err(r#"PodLogOptions "p" is invalid: tailLines: Invalid value: -1: must be greater than or equal to 0"#.to_owned())
        );
        let refused = ask(log, &pod, "p", &[("container", "a"), ("limitBytes", "x")]);
        assert_eq!(
            refused,
            Err(r#"strconv.ParseInt: parsing "x": invalid syntax"#.to_owned())
        );
    }

    #[test]
    fn pods_without_a_node_have_empty_logs_and_no_streams() {
        let mut pod = pod();
        pod["spec"]["nodeName"] = Value::Null;
        assert_eq!(
            ask(log, &pod, "p", &[("container", "a")]),
            Ok(ConnectTarget::Nothing)
        );
        assert_eq!(
            ask(attach, &pod, "p", &[("container", "a")]),
            Err("pod p does not have a host assigned".to_owned())
        );
    }

    #[test]
    fn proxies_lead_to_addresses() {
        let mut pod = pod();
        let address = |scheme: &str, port| {
            Ok(ConnectTarget::Address {
                scheme: scheme.to_owned(),
                host: "10.0.0.1".to_owned(),
                port,
                path_and_query: "/x?a=b".to_owned(),
            })
        };
        assert_eq!(ask(pod_proxy, &pod, "p", &[("a", "b")]), address("http", 81));
        assert_eq!(
            ask(pod_proxy, &pod, "https:p:443", &[("a", "b")]),
            address("https", 443)
        );
        assert_eq!(
            ask(pod_proxy, &pod, "a:b:c:d", &[]),
            Err(r#"invalid pod request "a:b:c:d""#.to_owned())
        );
        pod["status"]["podIP"] = "127.0.0.1".into();
        assert_eq!(
            ask(pod_proxy, &pod, "p", &[]),
            Err("address not allowed".to_owned())
        );
    }

    #[test]
    fn nodes_lead_to_their_kubelet_unless_another_port_is_named() {
        let node = json!({
            "metadata": {"name": "node"},
            "status": {"addresses": [{"type": "InternalIP", "address": "10.1.1.1"}]},
        });
        assert_eq!(ask(node_proxy, &node, "node", &[]), at_kubelet("/x"));
        assert_eq!(ask(node_proxy, &node, "node:10250", &[]), at_kubelet("/x"));
        assert!(matches!(
            ask(node_proxy, &node, "node:9100", &[]),
            Ok(ConnectTarget::Address { port: 9100, .. })
        ));
    }
}
