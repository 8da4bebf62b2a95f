//! Priority levels.

use meta::ErrorList;
use resource::{Column, MetadataChecks, Row, Strategy};
use serde_json::{Value, json};

use crate::room::{keep_metadata, room, status_and_metadata_apart};
use crate::toolkit::columns::{AGE, NAME, created, name, text};
use crate::toolkit::defaults::{object_at, object_in, when_empty, when_missing};
use crate::toolkit::{Field, Report, Seen, same};

room! {
    /// A share of the server for requests of a sort.
    PriorityLevelConfiguration
}

/// How many queues there may be.
const MAX_QUEUES: i64 = 10_000_000;

/// How many bits of a flow's hash choose its queues.
const HASH_BITS: f64 = 60.0;

impl Strategy for PriorityLevelConfiguration {
    fn metadata_checks(&self, _subresource: &str) -> MetadataChecks {
        MetadataChecks::AS_NEW
    }

    fn default(&self, object: &mut Value) {
        let Some(spec) = object_at(object, &["spec"]) else {
            return;
        };
        if let Some(exempt) = object_in(spec, "exempt") {
            when_missing(exempt, "nominalConcurrencyShares", 0);
            when_missing(exempt, "lendablePercent", 0);
        }
        if let Some(limited) = object_in(spec, "limited") {
            when_missing(limited, "nominalConcurrencyShares", 30);
            when_missing(limited, "lendablePercent", 0);
            let response = object_in(limited, "limitResponse");
            if let Some(queuing) = response.and_then(|response| object_in(response, "queuing")) {
                when_empty(queuing, "handSize", 8);
                when_empty(queuing, "queues", 64);
                when_empty(queuing, "queueLengthLimit", 50);
            }
        }
    }

    fn validate(&self, object: &Value) -> ErrorList {
        Report::of(self.0.schema, object, rules)
    }

    fn validate_part_update(&self, _subresource: &str, new: &Value, _old: &Value) -> ErrorList {
        Report::of(self.0.schema, new, |level| {
            let status = level.child("status");
            conditions(&status.child("conditions"));
        })
    }

    fn generation_image<'a>(&self, object: &'a Value) -> Option<Vec<&'a Value>> {
        resource::strategy::spec_only(object)
    }

    fn prepare_part_for_update(&self, _subresource: &str, new: &mut Value, old: &Value) {
        keep_metadata(new, old);
    }

    fn reset_fields(&self, subresource: &str) -> &'static [&'static str] {
        status_and_metadata_apart(subresource)
    }

    fn columns(&self) -> Vec<Column> {
        vec![
            NAME,
            Column::string("Type", "Whether it is limited at all.")
                .shows("flowcontrol.v1.PriorityLevelConfigurationSpec.type"),
            Column::string("NominalConcurrencyShares", "Its share.")
                .shows("flowcontrol.v1.LimitedPriorityLevelConfiguration.nominalConcurrencyShares"),
            Column::string("Queues", "How many queues it has.")
                .shows("flowcontrol.v1.QueuingConfiguration.queues"),
            Column::string("HandSize", "How many of them a flow may use.")
                .shows("flowcontrol.v1.QueuingConfiguration.handSize"),
            Column::string("QueueLengthLimit", "How long each may be.")
                .shows("flowcontrol.v1.QueuingConfiguration.queueLengthLimit"),
            AGE,
        ]
    }

    fn row(&self, object: &Value, now: i64) -> Row {
        let none = || Value::from("<none>");
        let spec = &object["spec"];
        let share = match text(spec, &["type"]) {
            "Exempt" => &spec["exempt"]["nominalConcurrencyShares"],
            _ => &spec["limited"]["nominalConcurrencyShares"],
        };
        let queuing = |field: &str| {
            let value = &spec["limited"]["limitResponse"]["queuing"][field];
            if value.is_null() { none() } else { value.clone() }
        };
        Row {
            cells: vec![
                name(object),
                text(spec, &["type"]).into(),
                if share.is_null() { none() } else { share.clone() },
                queuing("queues"),
                queuing("handSize"),
                queuing("queueLengthLimit"),
                created(object, now),
            ],
            ..Row::default()
        }
    }
}

/// Conditions of schemas and levels.
pub fn conditions(conditions: &Field) {
    let mut kinds = Seen::new();
    for condition in conditions.items() {
        let kind = condition.child("type");
        if kinds.again(kind.text()) {
            kind.duplicate_as(kind.text());
        }
        kind.needed();
    }
}

/// What an older version of the API wrote.
const ANNOTATION_OF_OLD: &str = "flowcontrol.k8s.io/v1beta3-preserve-zero-concurrency-shares";

fn rules(level: &Field) {
    let (metadata, spec) = (level.child("metadata"), level.child("spec"));
    let annotations = metadata.child("annotations");
    if annotations.key(ANNOTATION_OF_OLD).is_set() {
        annotations.forbidden(&format!("annotation '{ANNOTATION_OF_OLD}' is forbidden"));
    }
    let name = metadata.text_of("name");
    let kind = spec.child("type");
    if (name == "exempt") != (kind.text() == "Exempt") {
        kind.invalid_as(kind.text(), "must be 'Exempt' if and only if `name` is 'exempt'");
    }
    let (limited, exempt) = (spec.child("limited"), spec.child("exempt"));
    match kind.text() {
        "Exempt" => {
            if limited.is_set() {
                limited.forbidden("must be nil if the type is not Limited");
            }
            if exempt.is_set() {
                shares(&exempt);
                lendable(&exempt);
            }
        }
        "Limited" => {
            if exempt.is_set() {
                exempt.forbidden("must be nil if the type is Limited");
            }
            if limited.is_set() {
                self::limited(&limited);
            } else {
                limited.required("must not be empty when type is Limited");
            }
        }
        _ => kind.not_supported(&["Exempt", "Limited"]),
    }
    mandatory(&spec, name);
}

/// Two levels are always there, as they are.
fn mandatory(spec: &Field, name: &str) {
    let (fixed, what) = match name {
        "catch-all" => (
            json!({"type": "Limited", "limited": {
                "nominalConcurrencyShares": 5, "lendablePercent": 0, "limitResponse": {"type": "Reject"},
            }}),
            "spec of 'catch-all' must equal the fixed value",
        ),
        "exempt" => (
            json!({"type": "Exempt"}),
            "spec of 'exempt' except the 'spec.exempt' field must equal the fixed value",
        ),
        _ => return,
    };
    let mut found = spec.value().cloned().unwrap_or(Value::Null);
    if name == "exempt"
        && let Some(fields) = found.as_object_mut()
    {
        fields.remove("exempt");
    }
    if !same(Some(&found), Some(&fixed)) {
        spec.invalid(what);
    }
}

fn shares(limits: &Field) {
    let shares = limits.child("nominalConcurrencyShares");
    if shares.number() < 0 {
        shares.invalid("must be a non-negative integer");
    }
}

fn lendable(limits: &Field) {
    let lendable = limits.child("lendablePercent");
    if lendable.is_set() {
        lendable.between(0, 100);
    }
}

fn limited(limited: &Field) {
    shares(limited);
    let response = limited.child("limitResponse");
    let queuing = response.child("queuing");
    match response.text_of("type") {
        "Reject" => {
            if queuing.is_set() {
                queuing.forbidden("must be nil if limited.limitResponse.type is not Limited");
            }
        }
        "Queue" => {
            if queuing.is_set() {
                self::queuing(&queuing);
            } else {
                queuing.required("must not be empty if limited.limitResponse.type is Limited");
            }
        }
        _ => response.child("type").not_supported(&["Queue", "Reject"]),
    }
    lendable(limited);
    let borrowing = limited.child("borrowingLimitPercent");
    if borrowing.is_set() && borrowing.number() < 0 {
        borrowing.invalid("if specified, must be a non-negative integer");
    }
}

fn queuing(queuing: &Field) {
    let (hand, queues, length) = (
        queuing.child("handSize"),
        queuing.child("queues"),
        queuing.child("queueLengthLimit"),
    );
    for field in [&length, &queues, &hand] {
        if field.number() <= 0 {
            field.invalid_as(field.number(), "must be positive");
        } else if field.name() == queues.name() && field.number() > MAX_QUEUES {
            field.invalid(&format!("must not be greater than {MAX_QUEUES}"));
        }
    }
    if hand.number() > 0 {
        hand_size(&hand, queues.number());
    }
}

/// How many of the queues a flow may use: as many as a hash can deal out.
fn hand_size(hand: &Field, queues: i64) {
    let size = hand.number();
    if size > queues {
        return hand.invalid(&format!("should not be greater than queues ({queues})"));
    }
    let (of, cards) = (f64::from(queues as i32), f64::from(size as i32));
    if (of.log2() * cards).ceil() > HASH_BITS {
        hand.invalid(&format!(
            "required entropy bits of deckSize {queues} and handSize {size} should not be greater than {HASH_BITS}"
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{create_errors, defaulted};

    const GROUP: &str = "flowcontrol.apiserver.k8s.io";

    fn check(name: &str, spec: Value, expected: &[&str]) {
        let level = json!({"metadata": {"name": name}, "spec": spec});
        assert_eq!(
            create_errors(GROUP, "prioritylevelconfigurations", level),
            expected
        );
    }

    #[test]
    fn levels_have_their_defaults() {
        let spec = json!({"limited": {"limitResponse": {"type": "Queue", "queuing": {}}}});
        let level = defaulted(GROUP, "prioritylevelconfigurations", json!({"spec": spec}));
        let limited = &level["spec"]["limited"];
        assert_eq!(limited["nominalConcurrencyShares"], 30);
        assert_eq!(
            limited["limitResponse"]["queuing"],
            json!({"handSize": 8, "queues": 64, "queueLengthLimit": 50})
        );
    }

    #[test]
    fn wrong_levels_are_refused() {
        check(
            "l",
            json!({"type": "Limited", "limited": {"limitResponse": {"type": "Reject"}}}),
            &[],
        );
        check(
            "l",
            json!({"type": "Limited"}),
            &["spec.limited: Required value: must not be empty when type is Limited"],
        );
        check(
            "l",
            json!({"type": "Exempt"}),
            &[r#"spec.type: Invalid value: "Exempt": must be 'Exempt' if and only if `name` is 'exempt'"#],
        );
        check(
            "exempt",
            json!({"type": "Exempt", "exempt": {"lendablePercent": 5}}),
            &[],
        );
        let queuing = |queues: i64, hand: i64| {
            json!({"type": "Limited", "limited": {
                "limitResponse": {"type": "Queue", "queuing": {"queues": queues, "handSize": hand}},
            }})
        };
        check("l", queuing(128, 6), &[]);
        check(
            "l",
            queuing(512, 20),
            &[
                "spec.limited.limitResponse.queuing.handSize: Invalid value: 20: required entropy bits of deckSize 512 and handSize 20 should not be greater than 60",
            ],
        );
    }
}
