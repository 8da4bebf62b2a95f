//! How much there is of something on a device, and in which portions it is given out.

use meta::Quantity;

use super::attributes::shortened;
use crate::resource_k8s::names;
use crate::toolkit::quantity::read;
use crate::toolkit::{Field, Seen};

const MOST_VALUES: usize = 10;

/// All capacities of a device, which more than one claim may share or not.
pub fn rules(capacities: &Field, is_shared: bool) {
    for (name, capacity) in capacities.entries() {
        names::qualified(capacities, name);
        let shown = shortened(name);
        let capacity = capacities.standing_key(&shown, capacity.value());
        let policy = capacity.child("requestPolicy");
        if policy.is_set() && !is_shared {
            policy.forbidden("allowMultipleAllocations must be true");
        } else if policy.is_set() {
            let most = amount(&capacity.child("value")).unwrap_or_default();
            self::policy(&policy, most);
        }
    }
}

fn amount(field: &Field) -> Option<Quantity> {
    read(field.value())
}

fn wrong(place: &Field, value: Quantity, problem: &str) {
    place.invalid_as(value.to_string(), problem);
}

fn policy(policy: &Field, most: Quantity) {
    let (values, range) = (policy.child("validValues"), policy.child("validRange"));
    let default = policy.child("default");
    let rules: fn(&Field, Quantity, Quantity) = match (values.is_empty(), range.is_set()) {
        (false, true) => {
            return policy.forbidden(
                "exactly one policy can be specified, cannot specify \"validValues\" and \"validRange\" at the same time",
            );
        }
        (false, false) => one_of,
        (true, true) => within,
        (true, false) => return,
    };
    let place = if range.is_set() { &range } else { &values };
    match amount(&default) {
        Some(default) => rules(place, default, most),
        None => default.required(&format!(
            "required when {} is defined",
            place.name().unwrap_or_default()
        )),
    }
}

/// Portions that are listed.
fn one_of(values: &Field, default: Quantity, most: Quantity) {
    let amounts: Vec<Quantity> = values
        .items()
        .map(|value| amount(&value).unwrap_or_default())
        .collect();
    for (index, pair) in amounts.windows(2).enumerate() {
        if pair[0] > pair[1] {
            wrong(
                &values.item(index + 1),
                pair[1],
                "values must be sorted in ascending order",
            );
        }
    }
    if values.len() > MOST_VALUES {
        values.too_many(MOST_VALUES);
    } else {
        for (value, amount) in values.items().zip(&amounts) {
            if *amount > most {
                wrong(
                    &value,
                    *amount,
                    &format!("option is larger than capacity value: {most}"),
                );
            }
        }
        let mut seen = Seen::new();
        for (value, amount) in values.items().zip(&amounts) {
            if seen.again(amount.value()) {
                value.duplicate_as(amount.value().to_string());
            }
        }
    }
    if values.len() > MOST_VALUES || !amounts.contains(&default) {
        wrong(
            values,
            default,
            "default value is not valid according to the requestPolicy",
        );
    }
}

/// Portions between bounds, in steps.
fn within(range: &Field, default: Quantity, most: Quantity) {
    let (at_least, at_most, in_steps) = (range.child("min"), range.child("max"), range.child("step"));
    let Some(min) = amount(&at_least) else {
        return at_least.required("required when validRange is defined");
    };
    if min > most {
        wrong(
            &at_least,
            min,
            &format!("min is larger than capacity value: {most}"),
        );
    }
    if default < min {
        wrong(&at_least, default, &format!("default is less than min: {min}"));
    }
    let max = amount(&at_most);
    if let Some(max) = max {
        if min > max {
            wrong(&at_most, min, &format!("min is larger than max: {max}"));
        }
        if max > most {
            wrong(
                &at_most,
                max,
                &format!("max is larger than capacity value: {most}"),
            );
        }
        if default > max {
            wrong(&at_most, default, &format!("default is more than max: {max}"));
        }
    }
    let Some(step) = amount(&in_steps) else { return };
    let first = min + step;
    if first > most {
        wrong(
            &in_steps,
            step,
            &format!("one step {first} is larger than capacity value: {most}"),
        );
    }
    for value in [Some(default), max].into_iter().flatten() {
        // Upstream divides by a step of zero and fails; nothing is a multiple of it.
        let rest = (value.value() - min.value()).checked_rem(step.value());
        if rest != Some(0) {
            let problem = format!("value is not a multiple of a given step ({step}) from ({min})");
            wrong(&in_steps, value, &problem);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::toolkit::Report;
    use serde_json::{Value, json};

    fn told(policy: Value, is_shared: bool) -> Vec<String> {
        let object = json!({"c": {"m": {"value": "10", "requestPolicy": policy}}});
        let errors = Report::of_any(&object, |root| rules(&root.child("c"), is_shared));
        let text = |error: &meta::FieldError| error.to_string().replacen("c[m].requestPolicy", "", 1);
        errors.iter().map(text).collect()
    }

    #[test]
    fn portions_are_possible() {
        assert_eq!(
            told(json!({}), false),
            [": Forbidden: allowMultipleAllocations must be true"]
        );
        for (policy, expected) in [
            (json!({"default": "1", "validValues": ["1", "2"]}), vec![]),
            (
                json!({"validValues": ["1"]}),
                vec![".default: Required value: required when validValues is defined"],
            ),
            (
                json!({"default": "3", "validValues": ["12", "2"]}),
                vec![
                    ".validValues[1]: Invalid value: \"2\": values must be sorted in ascending order",
                    ".validValues[0]: Invalid value: \"12\": option is larger than capacity value: 10",
                    ".validValues: Invalid value: \"3\": default value is not valid according to the requestPolicy",
                ],
            ),
            (
                json!({"default": "3", "validRange": {"min": "1", "max": "9", "step": "2"}}),
                vec![],
            ),
            (
                json!({"default": "3", "validRange": {"min": "4", "max": "12", "step": "8"}}),
                vec![
                    ".validRange.min: Invalid value: \"3\": default is less than min: 4",
                    ".validRange.max: Invalid value: \"12\": max is larger than capacity value: 10",
                    ".validRange.step: Invalid value: \"8\": one step 12 is larger than capacity value: 10",
                    ".validRange.step: Invalid value: \"3\": value is not a multiple of a given step (8) from (4)",
                ],
            ),
        ] {
            assert_eq!(told(policy.clone(), true), expected, "{policy}");
        }
    }
}
