//! How the other nodes' pods are reached.

use ipnet::Ipv4Net;

use super::{End, Own, Problem, Uplinks, WantedRoute, Way};
use crate::config::{Config, overlap};
use crate::node::Place;

/// The part of the plan that is for other nodes.
#[derive(Default)]
pub struct Peers {
    pub routes: Vec<WantedRoute>,
    pub ends: Vec<End>,
    pub problems: Vec<Problem>,
}

/// Nodes without address or range are passed over: they will have them, or never take part.
pub fn plan(config: &Config, own: Own, places: &[Place], uplinks: &Uplinks<'_>) -> Peers {
    let mut peers = Peers::default();
    let mut taken = vec![
        (own.pod_cidr, "this node".to_owned()),
        (config.service_cidr, "the Services".to_owned()),
    ];
    for place in places.iter().filter(|place| place.name != config.node_name) {
        let (Some(ip), Some(range)) = (place.ip, place.pod_cidr) else {
            continue;
        };
        if let Some((_, by)) = taken.iter().find(|(other, _)| overlap(*other, range)) {
            peers.problems.push(Problem::RangeTaken {
                node: place.name.clone(),
                range,
                by: by.clone(),
            });
            continue;
        }
        taken.push((range, format!("node {}", place.name)));
        peers.add(config, place, ip, range, uplinks);
    }
    peers
}

impl Peers {
    fn add(
        &mut self,
        config: &Config,
        place: &Place,
        ip: std::net::Ipv4Addr,
        range: Ipv4Net,
        uplinks: &Uplinks<'_>,
    ) {
        let way = match (uplinks.towards(ip), config.tunnel) {
            (Some(link), _) => Way::Neighbour {
                gateway: ip,
                link: link.index,
            },
            (None, Some(_)) => {
                let inner = range.network();
                self.ends.push(End { inner, outer: ip });
                Way::Tunnel(inner)
            }
            (None, None) => {
                self.problems.push(Problem::NotNeighbour {
                    node: place.name.clone(),
                    ip,
                });
                // The route for the cluster's range refuses what is for its pods.
                return;
            }
        };
        self.routes.push(WantedRoute {
            destination: range,
            way,
        });
    }
}
