//! What every node must know of its cluster, and where it reads it: the ConfigMap `kube-system/pintle-cluster`.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::net::IpAddr;
use std::str::FromStr;

use ipnet::Ipv4Net;

/// The ConfigMap's namespace.
pub const NAMESPACE: &str = "kube-system";
/// The ConfigMap's name.
pub const NAME: &str = "pintle-cluster";

const CLUSTER_CIDR: &str = "clusterCIDR";
const SERVICE_CIDR: &str = "serviceCIDR";
const CLUSTER_DNS: &str = "clusterDNS";
const CLUSTER_DOMAIN: &str = "clusterDomain";

/// What is the same on all nodes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shared {
    /// The addresses of all pods.
    pub cluster_cidr: Ipv4Net,
    /// The addresses of Services.
    pub service_cidr: Ipv4Net,
    /// The Service address of cluster DNS.
    pub cluster_dns: IpAddr,
    /// The domain of Services.
    pub cluster_domain: String,
}

/// Why the ConfigMap says nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SharedError {
    /// A key is not there.
    #[error("ConfigMap {NAMESPACE}/{NAME} has no {0}")]
    Missing(&'static str),
    /// A value cannot be read.
    #[error("ConfigMap {NAMESPACE}/{NAME} has a {key} that cannot be read: {reason}")]
    Malformed {
        /// The key.
        key: &'static str,
        /// Why.
        reason: String,
    },
}

impl Shared {
    /// The content of the ConfigMap.
    pub fn to_data(&self) -> BTreeMap<&'static str, String> {
        BTreeMap::from([
            (CLUSTER_CIDR, self.cluster_cidr.to_string()),
            (SERVICE_CIDR, self.service_cidr.to_string()),
            (CLUSTER_DNS, self.cluster_dns.to_string()),
            (CLUSTER_DOMAIN, self.cluster_domain.clone()),
        ])
    }

    /// Reads the content of the ConfigMap.
    pub fn from_data(data: &BTreeMap<String, String>) -> Result<Self, SharedError> {
        Ok(Self {
            cluster_cidr: parsed(data, CLUSTER_CIDR)?,
            service_cidr: parsed(data, SERVICE_CIDR)?,
            cluster_dns: parsed(data, CLUSTER_DNS)?,
            cluster_domain: parsed(data, CLUSTER_DOMAIN)?,
        })
    }
}

fn parsed<T>(data: &BTreeMap<String, String>, key: &'static str) -> Result<T, SharedError>
where
    T: FromStr,
    T::Err: Display,
{
    let text = data.get(key).ok_or(SharedError::Missing(key))?;
    text.parse().map_err(|error: T::Err| SharedError::Malformed {
        key,
        reason: error.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_read_as_it_is_written() {
        let shared = Shared {
            cluster_cidr: "10.42.0.0/16".parse().expect("a range"),
            service_cidr: "10.43.0.0/16".parse().expect("a range"),
            cluster_dns: "10.43.0.10".parse().expect("an address"),
            cluster_domain: String::from("cluster.local"),
        };
        let mut data: BTreeMap<String, String> = shared
            .to_data()
            .into_iter()
            .map(|(key, value)| (key.to_owned(), value))
            .collect();
        assert_eq!(Shared::from_data(&data), Ok(shared));
        data.insert(CLUSTER_DNS.to_owned(), String::from("x"));
        let error = Shared::from_data(&data).expect_err("malformed");
        assert!(
            error.to_string().contains("has a clusterDNS that cannot be read"),
            "{error}"
        );
        data.remove(CLUSTER_DNS);
        assert_eq!(Shared::from_data(&data), Err(SharedError::Missing(CLUSTER_DNS)));
    }
}
