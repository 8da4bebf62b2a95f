//! Ingresses.

use meta::ErrorList;
use resource::{Column, Row, Strategy};
use serde_json::{Value, json};

use crate::core::service::validation::hostname;
use crate::room::{room, status_apart};
use crate::toolkit::columns::{AGE, NAME, created, list, name, or_none, text};
use crate::toolkit::{Field, Report};

room! {
    /// HTTP from outside, to services.
    Ingress
}

const CLASS: &str = "kubernetes.io/ingress.class";
/// How many hosts a table shows.
const SHOWN: usize = 3;

impl Strategy for Ingress {
    fn prepare_for_create(&self, object: &mut Value) {
        object["status"] = json!({"loadBalancer": {}});
    }

    fn validate(&self, object: &Value) -> ErrorList {
        Report::of(self.0.schema, object, |ingress| {
            rules(ingress);
            let metadata = ingress.child("metadata");
            let annotation = metadata.child("annotations").child(CLASS).text();
            let spec = ingress.child("spec");
            let class = spec.text_of("ingressClassName");
            if !annotation.is_empty() && !class.is_empty() && annotation != class {
                // Upstream's path leaves the metadata out.
                ingress.child("annotations").child(CLASS).invalid_as(
                    annotation,
                    "must match `ingressClassName` when both are specified",
                );
            }
        })
    }

    fn validate_update(&self, new: &Value, _old: &Value) -> ErrorList {
        Report::of(self.0.schema, new, rules)
    }

    fn validate_part_update(&self, _subresource: &str, new: &Value, _old: &Value) -> ErrorList {
        Report::of(self.0.schema, new, |ingress| {
            let status = ingress.child("status");
            let balancer = status.child("loadBalancer");
            for one in balancer.child("ingress").items() {
                let ip = one.child("ip");
                if !ip.is_empty() {
                    ip.ip_address();
                }
                hostname(&one.child("hostname"));
            }
        })
    }

    fn warnings(&self, new: &Value, old: Option<&Value>) -> Vec<String> {
        let has_annotation = !text(new, &["metadata", "annotations", CLASS]).is_empty();
        if old.is_none() && has_annotation && text(new, &["spec", "ingressClassName"]).is_empty() {
            return vec![format!(
                "annotation \"{CLASS}\" is deprecated, please use 'spec.ingressClassName' instead"
            )];
        }
        Vec::new()
    }

    fn generation_image<'a>(&self, object: &'a Value) -> Option<Vec<&'a Value>> {
        resource::strategy::spec_only(object)
    }

    fn reset_fields(&self, subresource: &str) -> &'static [&'static str] {
        status_apart(subresource)
    }

    fn columns(&self) -> Vec<Column> {
        vec![
            NAME,
            Column::string(
                "Class",
                "The name of the IngressClass resource that should be used for additional configuration",
            ),
            Column::string(
                "Hosts",
                "Hosts that incoming requests are matched against before the ingress rule",
            ),
            Column::string(
                "Address",
                "Address is a list containing ingress points for the load-balancer",
            ),
            Column::string("Ports", "Ports of TLS configurations that open"),
            AGE,
        ]
    }

    fn row(&self, object: &Value, now: i64) -> Row {
        let is_secure = !list(object, &["spec", "tls"]).is_empty();
        Row {
            cells: vec![
                name(object),
                or_none(text(object, &["spec", "ingressClassName"])),
                hosts(object).into(),
                addresses(object).into(),
                if is_secure { "80, 443" } else { "80" }.into(),
                created(object, now),
            ],
            ..Row::default()
        }
    }
}

fn hosts(ingress: &Value) -> String {
    let hosts: Vec<&str> = list(ingress, &["spec", "rules"])
        .iter()
        .map(|rule| text(rule, &["host"]))
        .filter(|host| !host.is_empty())
        .collect();
    match hosts.len() {
        0 => "*".to_owned(),
        1..=SHOWN => hosts.join(","),
        all => format!("{} + {} more...", hosts[..SHOWN].join(","), all - SHOWN),
    }
}

fn addresses(ingress: &Value) -> String {
    let mut addresses: Vec<&str> = list(ingress, &["status", "loadBalancer", "ingress"])
        .iter()
        .map(|one| match text(one, &["ip"]) {
            "" => text(one, &["hostname"]),
            ip => ip,
        })
        .filter(|address| !address.is_empty())
        .collect();
    addresses.sort_unstable();
    addresses.dedup();
    addresses.join(",")
}

fn rules(ingress: &Field) {
    let spec = ingress.child("spec");
    let (default, rules) = (spec.child("defaultBackend"), spec.child("rules"));
    if rules.is_empty() && !default.is_set() {
        spec.invalid_printed(
            &rules.printed(),
            "either `defaultBackend` or `rules` must be specified",
        );
    }
    if default.is_set() {
        backend(&default);
    }
    for rule in rules.items() {
        self::rule(&rule);
    }
    for tls in spec.child("tls").items() {
        for host in tls.child("hosts").items() {
            self::host(&host);
        }
        let secret = tls.child("secretName");
        if !secret.is_empty() {
            secret.dns_subdomain();
        }
    }
    let class = spec.child("ingressClassName");
    if class.is_set() {
        class.dns_subdomain();
    }
}

fn host(host: &Field) {
    if host.text().contains('*') {
        host.complain(meta::name::wildcard_dns1123_subdomain(host.text()));
    } else {
        host.dns_subdomain();
    }
}

fn rule(rule: &Field) {
    let host = rule.child("host");
    if !host.is_empty() {
        if meta::name::parse_ip(host.text()).is_some() {
            host.invalid("must be a DNS name, not an IP address");
        }
        self::host(&host);
    }
    let http = rule.child("http");
    if !http.is_set() {
        return;
    }
    let paths = http.child("paths");
    paths.needed();
    for path in paths.items() {
        self::path(&path);
    }
}

fn path(path: &Field) {
    let (kind, text) = (path.child("pathType"), path.child("path"));
    let is_absolute = text.text().starts_with('/');
    match kind.text() {
        _ if !kind.is_set() => return kind.required("pathType must be specified"),
        "Exact" | "Prefix" => {
            if !is_absolute {
                text.invalid_as(text.text(), "must be an absolute path");
            }
            for sequence in ["//", "/./", "/../", "%2f", "%2F"] {
                if text.text().contains(sequence) {
                    text.invalid(&format!("must not contain '{sequence}'"));
                }
            }
            for end in ["/..", "/."] {
                if text.text().ends_with(end) {
                    text.invalid(&format!("cannot end with '{end}'"));
                }
            }
        }
        "ImplementationSpecific" => {
            if !text.is_empty() && !is_absolute {
                text.invalid("must be an absolute path");
            }
        }
        _ => kind.not_supported(&["Exact", "ImplementationSpecific", "Prefix"]),
    }
    backend(&path.child("backend"));
}

fn backend(backend: &Field) {
    let (service, resource) = (backend.child("service"), backend.child("resource"));
    match (service.is_set(), resource.is_set()) {
        (true, true) => backend.invalid_as("", "cannot set both resource and service backends"),
        (false, false) => backend.invalid_as("", "resource or service backend is required"),
        (false, true) => reference(&resource),
        (true, false) => self::service(backend, &service),
    }
}

fn service(backend: &Field, service: &Field) {
    let name = service.child("name");
    if name.is_empty() {
        name.required("");
    } else {
        name.dns_label();
    }
    let port = service.child("port");
    let (port_name, number) = (port.child("name"), port.child("number"));
    match (!port_name.is_empty(), number.number() != 0) {
        (true, true) => backend.invalid_as("", "cannot set both port name & port number"),
        (true, false) => {
            port_name.port_name();
        }
        (false, true) => number.port_number(),
        (false, false) => backend.required("port name or number is required"),
    }
}

/// A reference to an object of another kind.
pub fn reference(reference: &Field) {
    let group = reference.child("apiGroup");
    if group.is_set() {
        group.dns_subdomain();
    }
    for field in ["kind", "name"] {
        let field = reference.child(field);
        if field.is_empty() {
            field.required("");
        } else {
            field.complain(meta::name::path_segment(field.text()));
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{cells, create_errors};
    use serde_json::{Value, json};

    fn check(path: Value, expected: &[&str]) {
        let ingress = json!({"metadata": {}, "spec": {"rules": [{"http": {"paths": [path]}}]}});
        assert_eq!(create_errors("networking.k8s.io", "ingresses", ingress), expected);
    }

    #[test]
    fn paths_lead_to_backends() {
        let service = json!({"service": {"name": "s", "port": {"number": 80}}});
        check(
            json!({"path": "/", "pathType": "Prefix", "backend": service}),
            &[],
        );
        check(
            json!({"path": "/a//b", "pathType": "Exact", "backend": service}),
            &[r#"spec.rules[0].http.paths[0].path: Invalid value: "/a//b": must not contain '//'"#],
        );
        check(
            json!({"backend": service}),
            &["spec.rules[0].http.paths[0].pathType: Required value: pathType must be specified"],
        );
        check(
            json!({"path": "/", "pathType": "Prefix"}),
            &[
                r#"spec.rules[0].http.paths[0].backend: Invalid value: "": resource or service backend is required"#,
            ],
        );
    }

    #[test]
    fn something_is_served() {
        assert_eq!(
            create_errors("networking.k8s.io", "ingresses", json!({"metadata": {}})),
            ["spec: Invalid value: null: either `defaultBackend` or `rules` must be specified",]
        );
    }

    #[test]
    fn a_row_shows_hosts() {
        let rules: Vec<Value> = ["a", "b", "c", "d"]
            .iter()
            .map(|host| json!({"host": host}))
            .collect();
        let ingress = json!({"spec": {"rules": rules, "tls": [{}]}, "status": {"loadBalancer": {"ingress": [{"ip": "1.2.3.4"}]}}});
        let cells = cells("networking.k8s.io", "ingresses", &ingress);
        assert_eq!(cells[1..5], ["<none>", "a,b,c + 1 more...", "1.2.3.4", "80, 443"]);
    }
}
