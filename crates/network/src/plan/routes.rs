//! What is to be done so that pintle's routes are those that are wanted.

use std::collections::{HashMap, HashSet};

use ipnet::IpNet;
use linux::netlink::Route;

use super::Problem;
use crate::names::ROUTE_PROTOCOL;

/// A step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RouteChange {
    /// It is not there, or not so.
    Set(Route),
    /// It is no longer wanted.
    Delete(Route),
}

/// The steps, and the routes of others that are in the way. Routes without pintle's mark are never touched.
pub fn changes(wanted: &[Route], found: &[Route]) -> (Vec<RouteChange>, Vec<Problem>) {
    let by_destination = |routes: &mut dyn Iterator<Item = &'_ Route>| -> HashMap<IpNet, Route> {
        routes.map(|route| (route.destination, route.clone())).collect()
    };
    let is_ours = |route: &&Route| route.protocol == ROUTE_PROTOCOL;
    let ours = by_destination(&mut found.iter().filter(is_ours));
    let others = by_destination(&mut found.iter().filter(|route| !is_ours(route)));
    let wanted_destinations: HashSet<IpNet> = wanted.iter().map(|route| route.destination).collect();
    let mut changes: Vec<RouteChange> = found
        .iter()
        .filter(is_ours)
        .filter(|route| !wanted_destinations.contains(&route.destination))
        .map(|route| RouteChange::Delete(route.clone()))
        .collect();
    let mut problems = Vec::new();
    for route in wanted {
        if others.contains_key(&route.destination) {
            problems.push(Problem::ForeignRoute(route.destination));
        } else if ours.get(&route.destination) != Some(route) {
            changes.push(RouteChange::Set(route.clone()));
        }
    }
    (changes, problems)
}
