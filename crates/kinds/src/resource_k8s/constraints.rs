//! What a claim says of its requests as a whole.

use super::configuration;
use super::names::{self, RequestNames};
use super::requests::MOST_REQUESTS;
use crate::toolkit::Field;

const MOST: usize = 32;

/// Constraints across requests, and configuration for drivers.
pub fn rules(devices: &Field) {
    let known = RequestNames::of(devices.value());
    let (constraints, configs) = (devices.child("constraints"), devices.child("config"));
    if constraints.len() > MOST {
        constraints.too_many(MOST);
    } else {
        for constraint in constraints.items() {
            self::constraint(&constraint, &known);
        }
    }
    if configs.len() > MOST {
        return configs.too_many(MOST);
    }
    for config in configs.items() {
        known.references(&config.child("requests"), MOST_REQUESTS);
        configuration::rules(&config);
    }
}

fn constraint(constraint: &Field, known: &RequestNames) {
    known.references(&constraint.child("requests"), MOST_REQUESTS);
    let (equal, distinct) = (
        constraint.child("matchAttribute"),
        constraint.child("distinctAttribute"),
    );
    if equal.is_set() {
        names::fully_qualified(&equal);
    } else if distinct.is_set() {
        names::fully_qualified(&distinct);
    } else {
        // Upstream says so even where none is set.
        constraint.required(
            "exactly one of \"matchAttribute\" or \"distinctAttribute\" is required, but multiple fields are set",
        );
    }
}
