//! Pod disruption budgets.

use meta::ErrorList;
use resource::{Column, MetadataChecks, Row, Strategy};
use serde_json::Value;

use crate::apps::workload::{at_most_all, number_or_percent};
use crate::room::{room, status_apart};
use crate::toolkit::columns::{AGE, NAME, created, integer, name, number};
use crate::toolkit::conditions;
use crate::toolkit::{Field, Report};

room! {
    /// How many pods of a set may be away at a time.
    PodDisruptionBudget
}

impl Strategy for PodDisruptionBudget {
    fn checks_metadata_of_new(&self) -> bool {
        false
    }

    fn metadata_checks(&self, _subresource: &str) -> MetadataChecks {
        MetadataChecks::NONE
    }

    fn allows_any_finalizer(&self) -> bool {
        true
    }

    fn validate_name(&self, _name: &str, _prefix: bool) -> Vec<String> {
        Vec::new()
    }

    fn validate(&self, object: &Value) -> ErrorList {
        Report::of(self.0.schema, object, rules)
    }

    fn validate_part_update(&self, _subresource: &str, new: &Value, _old: &Value) -> ErrorList {
        Report::of(self.0.schema, new, |budget| {
            let status = budget.child("status");
            conditions::rules(&status.child("conditions"));
            for field in [
                "disruptionsAllowed",
                "currentHealthy",
                "desiredHealthy",
                "expectedPods",
            ] {
                status.child(field).non_negative();
            }
        })
    }

    fn allows_unconditional_update(&self) -> bool {
        false
    }

    fn generation_image<'a>(&self, object: &'a Value) -> Option<Vec<&'a Value>> {
        resource::strategy::spec_only(object)
    }

    fn reset_fields(&self, subresource: &str) -> &'static [&'static str] {
        status_apart(subresource)
    }

    fn columns(&self) -> Vec<Column> {
        vec![
            NAME,
            Column::string(
                "Min Available",
                "The minimum number of pods that must be available.",
            ),
            Column::string(
                "Max Unavailable",
                "The maximum number of pods that may be unavailable.",
            ),
            integer(
                "Allowed Disruptions",
                "Calculated number of pods that may be disrupted at this time.",
            ),
            AGE,
        ]
    }

    fn row(&self, object: &Value, now: i64) -> Row {
        let limit = |field: &str| match &object["spec"][field] {
            Value::String(percent) => Value::from(percent.as_str()),
            Value::Number(count) => count.to_string().into(),
            _ => "N/A".into(),
        };
        Row {
            cells: vec![
                name(object),
                limit("minAvailable"),
                limit("maxUnavailable"),
                number(object, &["status", "disruptionsAllowed"]).into(),
                created(object, now),
            ],
            ..Row::default()
        }
    }
}

fn rules(budget: &Field) {
    let spec = budget.child("spec");
    let limits = ["minAvailable", "maxUnavailable"].map(|field| spec.child(field));
    if limits.iter().all(Field::is_set) {
        spec.invalid("minAvailable and maxUnavailable cannot be both set");
    }
    for limit in &limits {
        number_or_percent(limit);
        at_most_all(limit);
    }
    spec.child("selector").label_selector();
    spec.child("unhealthyPodEvictionPolicy")
        .any_of_if_set(&["AlwaysAllow", "IfHealthyBudget"]);
}

#[cfg(test)]
mod tests {
    use crate::testing::{create_errors, part_errors, room};
    use serde_json::{Value, json};

    fn check(spec: Value, expected: &[&str]) {
        assert_eq!(
            create_errors("policy", "poddisruptionbudgets", json!({"spec": spec})),
            expected
        );
    }

    #[test]
    fn one_limit_is_given() {
        check(json!({"minAvailable": "50%"}), &[]);
        check(
            json!({"minAvailable": 1, "maxUnavailable": 1}),
            &[
                r#"spec: Invalid value: {"MinAvailable":1,"Selector":null,"MaxUnavailable":1,"UnhealthyPodEvictionPolicy":null}: minAvailable and maxUnavailable cannot be both set"#,
            ],
        );
        check(
            json!({"maxUnavailable": "101%"}),
            &[r#"spec.maxUnavailable: Invalid value: "101%": must not be greater than 100%"#],
        );
    }

    #[test]
    fn metadata_of_a_new_one_is_left_to_what_is_asked_of_every_kind() {
        assert!(!room("policy", "poddisruptionbudgets").checks_metadata_of_new());
    }

    #[test]
    fn conditions_are_complete() {
        let budget = json!({"status": {"conditions": [{"type": "A", "status": "Perhaps"}]}});
        assert_eq!(
            part_errors("policy", "poddisruptionbudgets", "status", &budget, &budget),
            [
                r#"status.conditions[0].status: Unsupported value: "Perhaps": supported values: "False", "True", "Unknown""#,
                "status.conditions[0].lastTransitionTime: Required value",
                "status.conditions[0].reason: Required value",
            ]
        );
    }
}
