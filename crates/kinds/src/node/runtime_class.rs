//! Runtime classes.

use meta::ErrorList;
use resource::{Column, Row, Strategy};
use serde_json::Value;

use crate::core::pod::validation::{requirements, scheduling};
use crate::room::room;
use crate::toolkit::checks::IMMUTABLE;
use crate::toolkit::columns::{AGE, NAME, created, name, text};
use crate::toolkit::node_labels;
use crate::toolkit::{Field, Report, Seen};

room! {
    /// A way to run containers.
    RuntimeClass
}

impl Strategy for RuntimeClass {
    fn allows_any_finalizer(&self) -> bool {
        true
    }

    fn allows_create_on_update(&self) -> bool {
        true
    }

    fn validate(&self, object: &Value) -> ErrorList {
        Report::of(self.0.schema, object, rules)
    }

    fn validate_update(&self, new: &Value, old: &Value) -> ErrorList {
        Report::of(self.0.schema, new, |class| {
            rules(class);
            let handler = class.child("handler");
            if handler.text() != text(old, &["handler"]) {
                handler.invalid_as(handler.text(), IMMUTABLE);
            }
        })
    }

    fn warnings(&self, new: &Value, _old: Option<&Value>) -> Vec<String> {
        let labels = new.pointer("/scheduling/nodeSelector").and_then(Value::as_object);
        let old = labels
            .into_iter()
            .flat_map(|labels| labels.keys())
            .filter_map(|label| node_labels::deprecated(label));
        old.map(|why| format!("scheduling.nodeSelector: {why}")).collect()
    }

    fn allows_unconditional_update(&self) -> bool {
        false
    }

    fn columns(&self) -> Vec<Column> {
        vec![NAME, Column::string("Handler", ""), AGE]
    }

    fn row(&self, object: &Value, now: i64) -> Row {
        Row {
            cells: vec![
                name(object),
                text(object, &["handler"]).into(),
                created(object, now),
            ],
            ..Row::default()
        }
    }
}

fn rules(class: &Field) {
    let handler = class.child("handler");
    if handler.is_empty() {
        handler.required("");
    } else {
        handler.dns_label();
    }
    let overhead = class.child("overhead");
    // Upstream's path names limits, whatever the field is called.
    requirements::overhead(&class.standing_for("overhead", overhead.child("podFixed").value()));
    let places = class.child("scheduling");
    places.child("nodeSelector").labels();
    let tolerations = places.child("tolerations");
    scheduling::tolerations(&tolerations);
    let mut seen = Seen::new();
    for toleration in tolerations.items() {
        if seen.again(["key", "operator", "value", "effect"].map(|field| toleration.text_of(field))) {
            toleration.duplicate();
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::create_errors;
    use serde_json::{Value, json};

    fn check(class: Value, expected: &[&str]) {
        assert_eq!(create_errors("node.k8s.io", "runtimeclasses", class), expected);
    }

    #[test]
    fn wrong_classes_are_refused() {
        check(json!({"handler": "kata"}), &[]);
        check(json!({}), &["handler: Required value"]);
        check(
            json!({"handler": "a", "overhead": {"podFixed": {"cpu": "-1"}}}),
            &[r#"overhead.limits[cpu]: Invalid value: "-1": must be greater than or equal to 0"#],
        );
    }

    #[test]
    fn what_is_tolerated_is_said_once() {
        let toleration = json!({"key": "k", "operator": "Exists"});
        let object = json!({"handler": "a", "scheduling": {"tolerations": [toleration, toleration]}});
        let errors = crate::testing::create_errors("node.k8s.io", "runtimeclasses", object);
        assert_eq!(errors.len(), 1, "{errors:?}");
        assert!(
            errors[0].starts_with("scheduling.tolerations[1]: Duplicate value: {"),
            "{errors:?}"
        );
    }
}
