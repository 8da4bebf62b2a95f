//! What the runtime is told of a connected container.

use std::net::Ipv4Addr;
use std::path::Path;

use linux::netlink::Mac;
use serde_json::{Value, json};

use super::version::SpecVersion;

/// A connected container.
#[derive(Clone, Debug)]
pub struct Connected<'a> {
    /// The node's bridge.
    pub bridge: (&'a str, Mac),
    /// The node's end of the cable.
    pub cable: (&'a str, Mac),
    /// The container's end.
    pub interface: (&'a str, Mac),
    /// The container's namespace.
    pub netns: &'a Path,
    /// Its address.
    pub address: Ipv4Addr,
    /// Where it sends everything.
    pub gateway: Ipv4Addr,
}

impl Connected<'_> {
    /// The answer in a version's form.
    pub fn answer(&self, version: SpecVersion) -> Value {
        let interface = |(name, mac): (&str, Mac)| json!({"name": name, "mac": mac.to_string()});
        let mut inside = interface(self.interface);
        inside["sandbox"] = json!(self.netns);
        let mut ip = json!({
            "interface": 2,
            "address": format!("{}/32", self.address),
            "gateway": self.gateway,
        });
        if version < SpecVersion::V1_0_0 {
            ip["version"] = json!("4");
        }
        json!({
            "cniVersion": version.name(),
            "interfaces": [interface(self.bridge), interface(self.cable), inside],
            "ips": [ip],
            "routes": [{"dst": "0.0.0.0/0", "gw": self.gateway}],
            "dns": {},
        })
    }
}
