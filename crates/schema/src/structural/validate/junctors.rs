//! `allOf`, `anyOf`, `oneOf` and `not`.

use super::problem::{Outcome, Problem};
use super::way::Way;
use super::{Place, check as check_place};
use crate::structural::node::Node;

pub(super) fn check(place: &Place<'_>) -> Outcome {
    let checks = place.node.checks();
    let way = place.way;
    let mut outcome = Outcome::default();
    if !checks.any_of.is_empty() {
        any_of(place, &checks.any_of, way, &mut outcome);
    }
    if !checks.one_of.is_empty() {
        one_of(place, &checks.one_of, way, &mut outcome);
    }
    if !checks.all_of.is_empty() {
        all_of(place, &checks.all_of, way, &mut outcome);
    }
    if let Some(not) = &checks.not
        && at(place, not).is_valid()
    {
        outcome.push(Problem::of_all(way, "must not validate the schema (not)"));
    }
    outcome.counted()
}

/// The same value against another schema.
fn at(place: &Place<'_>, node: &Node) -> Outcome {
    check_place(&Place { node, ..*place })
}

fn any_of(place: &Place<'_>, nodes: &[Node], way: &Way<'_>, outcome: &mut Outcome) {
    let mut best: Option<Outcome> = None;
    for node in nodes {
        let tried = at(place, node);
        if tried.is_valid() {
            return outcome.merge(tried);
        }
        keep_better(&mut best, tried);
    }
    outcome.push(Problem::of_all(way, "must validate at least one schema (anyOf)"));
    outcome.merge(best.unwrap_or_default());
}

fn one_of(place: &Place<'_>, nodes: &[Node], way: &Way<'_>, outcome: &mut Outcome) {
    let mut best: Option<Outcome> = None;
    let mut first: Option<Outcome> = None;
    let mut valid = 0;
    for node in nodes {
        let tried = at(place, node);
        if tried.is_valid() {
            valid += 1;
            best = None;
            first.get_or_insert(tried);
        } else if valid == 0 {
            keep_better(&mut best, tried);
        }
    }
    if valid == 1 {
        return outcome.merge(first.unwrap_or_default());
    }
    let found = match valid {
        0 => "Found none valid".to_owned(),
        several => format!("Found {several} valid alternatives"),
    };
    outcome.push(Problem::of_all(
        way,
        &format!("must validate one and only one schema (oneOf). {found}"),
    ));
    outcome.merge(best.unwrap_or_default());
}

fn all_of(place: &Place<'_>, nodes: &[Node], way: &Way<'_>, outcome: &mut Outcome) {
    let mut valid = 0;
    for node in nodes {
        let tried = at(place, node);
        valid += usize::from(tried.is_valid());
        outcome.merge(tried);
    }
    if valid < nodes.len() {
        let none = if valid == 0 { ". None validated" } else { "" };
        outcome.push(Problem::of_all(
            way,
            &format!("must validate all the schemas (allOf){none}"),
        ));
    }
}

/// Of alternatives that all fail, the one that most checks agree with tells the client most; of equals the first.
fn keep_better(best: &mut Option<Outcome>, tried: Outcome) {
    if best.as_ref().is_none_or(|best| tried.checks > best.checks) {
        *best = Some(tried);
    }
}
