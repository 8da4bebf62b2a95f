//! The hosts file of a pod's containers.

use std::fmt::Write;
use std::net::IpAddr;
use std::path::Path;

use k8s_openapi::api::core::v1::HostAlias;

use super::hostname::Hostname;

/// Where containers see it.
pub const HOSTS_PATH: &str = "/etc/hosts";

/// The content for a pod with a network of its own.
pub fn of_pod(ips: &[IpAddr], hostname: &Hostname, aliases: &[HostAlias]) -> String {
    let mut text = String::from(
        "# Kubernetes-managed hosts file.\n\
         127.0.0.1\tlocalhost\n\
         ::1\tlocalhost ip6-localhost ip6-loopback\n\
         fe00::0\tip6-localnet\n\
         fe00::0\tip6-mcastprefix\n\
         fe00::1\tip6-allnodes\n\
         fe00::2\tip6-allrouters\n",
    );
    for ip in ips {
        // Writing to a String cannot fail.
        let _ = if hostname.domain.is_empty() {
            writeln!(text, "{ip}\t{}", hostname.short)
        } else {
            writeln!(text, "{ip}\t{0}.{1}\t{0}", hostname.short, hostname.domain)
        };
    }
    add_aliases(&mut text, aliases);
    text
}

/// The content for a pod in the node's network: the node's own, and the aliases.
pub fn of_node(own: &str, aliases: &[HostAlias]) -> String {
    let mut text = format!("# Kubernetes-managed hosts file (host network).\n{own}");
    add_aliases(&mut text, aliases);
    text
}

/// Reads the node's own file; a node without one has nothing to say.
pub fn read_node(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}

fn add_aliases(text: &mut String, aliases: &[HostAlias]) {
    if aliases.is_empty() {
        return;
    }
    text.push_str("\n# Entries added by HostAliases.\n");
    for alias in aliases {
        let names = alias.hostnames.as_deref().unwrap_or_default().join("\t");
        let _ = writeln!(text, "{}\t{names}", alias.ip);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_aliases_are_listed() {
        let hostname = Hostname {
            short: "web".to_owned(),
            domain: "sub.ns.svc.cluster.local".to_owned(),
            kernel: "web".to_owned(),
        };
        let aliases = [HostAlias {
            ip: "1.2.3.4".to_owned(),
            hostnames: Some(vec!["foo".to_owned(), "bar".to_owned()]),
        }];
        let text = of_pod(&["10.0.0.2".parse().unwrap()], &hostname, &aliases);
        assert!(text.starts_with("# Kubernetes-managed hosts file.\n"), "{text}");
        assert!(
            text.ends_with(
                "10.0.0.2\tweb.sub.ns.svc.cluster.local\tweb\n\n# Entries added by HostAliases.\n1.2.3.4\tfoo\tbar\n"
            ),
            "{text}"
        );
        assert_eq!(
            of_node("127.0.0.1 localhost\n", &[]),
            "# Kubernetes-managed hosts file (host network).\n127.0.0.1 localhost\n"
        );
    }
}
