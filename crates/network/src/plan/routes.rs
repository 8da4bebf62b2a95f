//! What is to be done so that pintle's routes are those that are wanted.

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
    let (ours, others): (Vec<&Route>, Vec<&Route>) =
        found.iter().partition(|route| route.protocol == ROUTE_PROTOCOL);
    let is_wanted = |route: &Route| wanted.iter().any(|other| other.destination == route.destination);
    let mut changes: Vec<RouteChange> = ours
        .iter()
        .filter(|route| !is_wanted(route))
        .map(|&route| RouteChange::Delete(route.clone()))
        .collect();
    let mut problems = Vec::new();
    for route in wanted {
        if others.iter().any(|other| other.destination == route.destination) {
            problems.push(Problem::ForeignRoute(route.destination));
        } else if !ours.contains(&route) {
            changes.push(RouteChange::Set(route.clone()));
        }
    }
    (changes, problems)
}
