//! The names a pod has for itself.

use crate::pod::PodToRun;

use super::error::ConfigError;

/// The kernel's limit.
const MAX_HOSTNAME: usize = 64;
/// The limit of a label in DNS.
const MAX_LABEL: usize = 63;

/// A pod's names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hostname {
    /// What its hosts file lists.
    pub short: String,
    /// `subdomain.namespace.svc.cluster.local`; empty if the pod names no subdomain.
    pub domain: String,
    /// What the kernel is told.
    pub kernel: String,
}

/// The names of a pod in a cluster of this domain.
pub fn hostname(pod: &PodToRun, cluster_domain: &str) -> Result<Hostname, ConfigError> {
    let spec = pod.spec();
    if let Some(over) = spec.hostname_override.as_deref().filter(|name| !name.is_empty()) {
        return Ok(Hostname {
            short: over.to_owned(),
            domain: String::new(),
            kernel: over.to_owned(),
        });
    }
    let short = match spec.hostname.as_deref() {
        Some(name) if !name.is_empty() => name.to_owned(),
        _ => shortened(pod.name()),
    };
    let domain = match spec.subdomain.as_deref() {
        Some(sub) if !sub.is_empty() => {
            format!("{sub}.{}.svc.{cluster_domain}", pod.namespace())
        }
        _ => String::new(),
    };
    let kernel = kernel_name(&short, &domain, spec.set_hostname_as_fqdn == Some(true))?;
    Ok(Hostname {
        short,
        domain,
        kernel,
    })
}

fn kernel_name(short: &str, domain: &str, as_fqdn: bool) -> Result<String, ConfigError> {
    if !as_fqdn || domain.is_empty() {
        return Ok(short.to_owned());
    }
    let name = format!("{short}.{domain}");
    if name.len() > MAX_HOSTNAME {
        return Err(ConfigError::sandbox(format!(
            "failed to construct FQDN from pod hostname and cluster domain, FQDN {name} is too long ({MAX_HOSTNAME} \
             characters is the max, {} characters requested)",
            name.len()
        )));
    }
    Ok(name)
}

/// A pod's name may be longer than a label; what is cut off may leave a sign a name cannot end with.
fn shortened(name: &str) -> String {
    if name.len() <= MAX_LABEL {
        return name.to_owned();
    }
    name[..MAX_LABEL].trim_end_matches(['-', '.']).to_owned()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::{Value, json};

    use super::*;

    fn names(name: &str, spec: Value) -> Result<[String; 3], ConfigError> {
        let pod = json!({ "metadata": { "name": name, "namespace": "ns" }, "spec": spec });
        let pod = PodToRun::new(Arc::new(serde_json::from_value(pod).unwrap()));
        hostname(&pod, "cluster.local").map(|h| [h.short, h.domain, h.kernel])
    }

    #[test]
    fn names_follow_the_specification() {
        let none = json!({ "containers": [] });
        assert_eq!(names("web", none.clone()).unwrap(), ["web", "", "web"]);
        let long = format!("{}-tail", "a".repeat(62));
        assert_eq!(names(&long, none).unwrap()[0], "a".repeat(62));
        let mut spec = json!({ "containers": [], "hostname": "h", "subdomain": "sub" });
        let domain = "sub.ns.svc.cluster.local";
        assert_eq!(names("web", spec.clone()).unwrap(), ["h", domain, "h"]);
        spec["setHostnameAsFQDN"] = json!(true);
        assert_eq!(
            names("web", spec.clone()).unwrap(),
            ["h", domain, "h.sub.ns.svc.cluster.local"]
        );
        spec["hostnameOverride"] = json!("other.example");
        assert_eq!(
            names("web", spec).unwrap(),
            ["other.example", "", "other.example"]
        );
    }

    #[test]
    fn a_name_too_long_for_the_kernel_is_refused() {
        let spec = json!({ "containers": [], "hostname": "h".repeat(60), "subdomain": "s", "setHostnameAsFQDN": true });
        let error = names("web", spec).unwrap_err();
        assert!(
            error
                .message
                .ends_with("is too long (64 characters is the max, 83 characters requested)"),
            "{error}"
        );
    }
}
