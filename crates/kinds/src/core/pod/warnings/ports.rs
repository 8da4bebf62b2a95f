//! What is odd about the ports of a pod's containers, taken together.

use std::collections::BTreeMap;

use crate::core::pod::validation::each_container;
use crate::toolkit::Field;

/// A port that came before.
struct Known<'v> {
    place: String,
    address: &'v str,
    host_port: i64,
}

/// Everything odd.
pub fn ports(spec: &Field, warnings: &mut Vec<String>) {
    let mut known: BTreeMap<(i64, &str), Vec<Known>> = BTreeMap::new();
    each_port(spec, |port| {
        let (number, protocol) = (port.child("containerPort").number(), port.text_of("protocol"));
        let this = Known {
            place: port.path().to_string(),
            address: port.text_of("hostIP"),
            host_port: port.child("hostPort").number(),
        };
        if !this.address.is_empty() && this.host_port == 0 {
            warnings.push(format!(
                "{}: hostIP set without hostPort: {{Name:{} HostPort:0 ContainerPort:{number} Protocol:{protocol} HostIP:{}}}",
                this.place,
                port.text_of("name"),
                this.address,
            ));
        }
        let others = known.entry((number, protocol)).or_default();
        for other in others.iter() {
            if let Some(how) = conflict(&this, other) {
                warnings.push(format!(
                    "{}: {how} port definition with {}",
                    this.place, other.place
                ));
            }
        }
        others.push(this);
    });
    names(spec, warnings);
}

/// How two definitions of one port get in each other's way.
fn conflict(this: &Known, other: &Known) -> Option<&'static str> {
    if this.address == other.address && this.host_port == other.host_port {
        Some("duplicate")
    } else if this.host_port == 0 || other.host_port == 0 {
        Some("overlapping")
    } else if this.host_port == other.host_port && this.address.is_empty() != other.address.is_empty() {
        Some("dangerously ambiguous")
    } else {
        None
    }
}

fn names(spec: &Field, warnings: &mut Vec<String>) {
    let mut known: BTreeMap<&str, String> = BTreeMap::new();
    each_port(spec, |port| {
        let name = port.text_of("name");
        if name.is_empty() {
            return;
        }
        let place = port.path().to_string();
        match known.get(name) {
            Some(other) => warnings.push(format!(
                "{place}: duplicate port name {name:?} with {other}, services and probes that select ports by name will use {other}"
            )),
            None => {
                known.insert(name, place);
            }
        }
    });
}

fn each_port<'v>(spec: &Field<'_, 'v>, mut what: impl FnMut(&Field<'_, 'v>)) {
    each_container(spec, |container| {
        for port in container.child("ports").items() {
            what(&port);
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::toolkit::Report;
    use serde_json::json;

    #[test]
    fn ports_get_in_each_others_way() {
        let port = |host_ip: &str, host_port: i64, name: &str| json!({"containerPort": 80, "protocol": "TCP", "hostIP": host_ip, "hostPort": host_port, "name": name});
        for (first, second, expected) in [
            (
                port("", 0, ""),
                port("", 0, ""),
                "[1]: duplicate port definition with P[0]",
            ),
            (
                port("", 1, ""),
                port("", 0, ""),
                "[1]: overlapping port definition with P[0]",
            ),
            (
                port("1.1.1.1", 1, ""),
                port("", 1, ""),
                "[1]: dangerously ambiguous port definition with P[0]",
            ),
            (
                port("", 1, "a"),
                port("", 2, "a"),
                "[1]: duplicate port name \"a\" with P[0], services and probes that select ports by name will use P[0]",
            ),
            (port("1.1.1.1", 1, ""), port("2.2.2.2", 1, ""), ""),
        ] {
            let spec = json!({"containers": [{"ports": [first, second]}]});
            let report = Report::default();
            let mut found = Vec::new();
            ports(&Field::root(&report, &spec), &mut found);
            let expected = expected.replace('P', "containers[0].ports");
            let expected: Vec<String> = (!expected.is_empty())
                .then(|| format!("containers[0].ports{expected}"))
                .into_iter()
                .collect();
            assert_eq!(found, expected);
        }
    }
}
