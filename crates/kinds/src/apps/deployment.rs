//! Deployments.

use meta::ErrorList;
use resource::{Column, MetadataChecks, Row, Strategy};
use serde_json::Value;

use super::workload::{
    WRONG_SELECTOR, at_most_all, bare_number, collisions, container_cells, container_columns, counts,
    name_warnings, number_or_percent, selector_cell, selector_column,
};
use crate::core::pod::{defaults, template, warnings};
use crate::room::{image, room, status_apart};
use crate::toolkit::columns::{AGE, NAME, created, name, number};
use crate::toolkit::defaults::{Object, object_at, object_or_new, restore, text, when_empty, when_missing};
use crate::toolkit::{Field, Report};

room! {
    /// Pods that are replaced step by step when their template changes.
    Deployment
}

impl Strategy for Deployment {
    fn metadata_checks(&self, _subresource: &str) -> MetadataChecks {
        MetadataChecks::AS_CHANGE
    }

    fn default(&self, object: &mut Value) {
        let Some(spec) = object_at(object, &["spec"]) else {
            return;
        };
        when_missing(spec, "replicas", 1);
        if let Some(strategy) = object_or_new(spec, "strategy") {
            self::strategy_defaults(strategy);
        }
        when_missing(spec, "revisionHistoryLimit", 10);
        when_missing(spec, "progressDeadlineSeconds", 600);
        defaults::template(spec);
    }

    fn validate(&self, object: &Value) -> ErrorList {
        Report::of(self.0.schema, object, rules)
    }

    fn validate_update(&self, new: &Value, old: &Value) -> ErrorList {
        Report::of(self.0.schema, new, |deployment| {
            rules(deployment);
            let spec = deployment.child("spec");
            spec.child("selector").immutable(old["spec"].get("selector"));
        })
    }

    fn prepare_part_for_update(&self, _subresource: &str, new: &mut Value, old: &Value) {
        restore(&mut new["metadata"], &old["metadata"], "labels");
    }

    fn validate_part_update(&self, _subresource: &str, new: &Value, old: &Value) -> ErrorList {
        Report::of(self.0.schema, new, |deployment| {
            let status = deployment.child("status");
            counts(
                &status,
                &[
                    "observedGeneration",
                    "replicas",
                    "updatedReplicas",
                    "readyReplicas",
                    "availableReplicas",
                    "unavailableReplicas",
                    "terminatingReplicas",
                ],
                &[
                    ("updatedReplicas", "replicas", "status.replicas"),
                    ("readyReplicas", "replicas", "status.replicas"),
                    ("availableReplicas", "replicas", "status.replicas"),
                    ("availableReplicas", "readyReplicas", "readyReplicas"),
                ],
            );
            collisions(&status, old);
        })
    }

    fn warnings(&self, new: &Value, old: Option<&Value>) -> Vec<String> {
        let mut all = if old.is_none() {
            name_warnings(new)
        } else {
            Vec::new()
        };
        all.extend(warnings::of_template(new, old));
        all
    }

    fn generation_image<'a>(&self, object: &'a Value) -> Option<Vec<&'a Value>> {
        Some(image(object, &["/spec", "/metadata/annotations"]))
    }

    fn reset_fields(&self, subresource: &str) -> &'static [&'static str] {
        match subresource {
            "status" => &["spec", "metadata.labels"],
            other => status_apart(other),
        }
    }

    fn columns(&self) -> Vec<Column> {
        let [containers, images] = container_columns();
        vec![
            NAME,
            Column::string("Ready", "Number of the pod with ready state"),
            Column::string("Up-to-date", "Pods of the newest template.")
                .shows("apps.v1.DeploymentStatus.updatedReplicas"),
            Column::string("Available", "Pods that have been ready for long enough.")
                .shows("apps.v1.DeploymentStatus.availableReplicas"),
            AGE,
            containers,
            images,
            selector_column().shows("apps.v1.DeploymentSpec.selector"),
        ]
    }

    fn row(&self, object: &Value, now: i64) -> Row {
        let status = |field: &str| number(object, &["status", field]);
        let [containers, images] = container_cells(object);
        Row {
            cells: vec![
                name(object),
                format!(
                    "{}/{}",
                    status("readyReplicas"),
                    number(object, &["spec", "replicas"])
                )
                .into(),
                status("updatedReplicas").into(),
                status("availableReplicas").into(),
                created(object, now),
                containers,
                images,
                selector_cell(object),
            ],
            ..Row::default()
        }
    }
}

fn strategy_defaults(strategy: &mut Object) {
    when_empty(strategy, "type", "RollingUpdate");
    if text(strategy, "type") == "RollingUpdate"
        && let Some(rolling) = object_or_new(strategy, "rollingUpdate")
    {
        when_missing(rolling, "maxUnavailable", "25%");
        when_missing(rolling, "maxSurge", "25%");
    }
}

fn rules(deployment: &Field) {
    let spec = deployment.child("spec");
    spec.child("replicas").non_negative();
    let selector = spec.child("selector");
    if template::needed_selector(&selector, "deployment") {
        template::of_lasting(&spec.child("template"), &selector, "ReplicaSet");
    } else {
        selector.invalid(WRONG_SELECTOR);
    }
    strategy(&spec.child("strategy"));
    let min_ready = spec.child("minReadySeconds");
    min_ready.non_negative();
    spec.child("revisionHistoryLimit").non_negative();
    let deadline = spec.child("progressDeadlineSeconds");
    if let Some(seconds) = deadline.int() {
        deadline.non_negative();
        if seconds <= min_ready.number() {
            deadline.invalid("must be greater than minReadySeconds");
        }
    }
}

fn strategy(strategy: &Field) {
    let rolling = strategy.child("rollingUpdate");
    match strategy.text_of("type") {
        "Recreate" => {
            if rolling.is_set() {
                rolling.forbidden("may not be specified when strategy `type` is 'Recreate'");
            }
        }
        "RollingUpdate" => {
            if rolling.is_set() {
                rolling_update(&rolling);
            } else {
                rolling.required("this should be defaulted and never be nil");
            }
        }
        _ => strategy.not_supported(&["Recreate", "RollingUpdate"]),
    }
}

fn rolling_update(rolling: &Field) {
    let (unavailable, surge) = (rolling.child("maxUnavailable"), rolling.child("maxSurge"));
    number_or_percent(&unavailable);
    number_or_percent(&surge);
    if bare_number(&unavailable) == 0 && bare_number(&surge) == 0 {
        unavailable.invalid("may not be 0 when `maxSurge` is 0");
    }
    at_most_all(&unavailable);
}

/// The spec of a small deployment, for tests of workloads.
#[cfg(test)]
pub fn small() -> Value {
    use serde_json::json;
    json!({
        "selector": {"matchLabels": {"a": "b"}},
        "template": {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}},
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{cells, create_errors, defaulted, part_errors, update_errors};
    use serde_json::json;

    fn check(pointer: &str, value: Value, expected: &[&str]) {
        let mut object = defaulted("apps", "deployments", json!({"spec": small()}));
        match object.pointer_mut(pointer) {
            Some(place) => *place = value,
            None => {
                let (parent, field) = pointer.rsplit_once('/').expect("a pointer");
                object.pointer_mut(parent).expect("a parent")[field] = value;
            }
        }
        assert_eq!(
            create_errors("apps", "deployments", object),
            expected,
            "{pointer}"
        );
    }

    #[test]
    fn wrong_selectors_and_strategies_are_printed_whole() {
        check(
            "/spec/selector/matchExpressions",
            json!([{"key": "k", "operator": "Is"}]),
            &[
                r#"spec.selector.matchExpressions[0].operator: Invalid value: "Is": not a valid selector operator"#,
                r#"spec.selector: Invalid value: {"matchLabels":{"a":"b"},"matchExpressions":[{"key":"k","operator":"Is"}]}: invalid label selector"#,
            ],
        );
        check(
            "/spec/strategy/type",
            json!("Slow"),
            &[
                r#"spec.strategy: Unsupported value: {"Type":"Slow","RollingUpdate":{"MaxUnavailable":"25%","MaxSurge":"25%"}}: supported values: "Recreate", "RollingUpdate""#,
            ],
        );
    }

    #[test]
    fn deployments_have_their_defaults() {
        let spec = &defaulted("apps", "deployments", json!({}))["spec"];
        assert_eq!(spec["replicas"], 1);
        assert_eq!(
            spec["strategy"],
            json!({"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"}})
        );
        assert_eq!(spec["template"]["spec"]["restartPolicy"], "Always");
        let recreated = json!({"spec": {"strategy": {"type": "Recreate"}}});
        assert_eq!(
            defaulted("apps", "deployments", recreated)["spec"]["strategy"],
            json!({"type": "Recreate"})
        );
    }

    #[test]
    fn wrong_deployments_are_refused() {
        check("/spec/replicas", json!(2), &[]);
        check(
            "/spec/replicas",
            json!(-1),
            &["spec.replicas: Invalid value: -1: must be greater than or equal to 0"],
        );
        check(
            "/spec/selector",
            Value::Null,
            &[
                "spec.selector: Required value",
                r#"spec.template.metadata.labels: Invalid value: {"a":"b"}: `selector` does not match template `labels`"#,
            ],
        );
        check(
            "/spec/selector",
            json!({}),
            &[r#"spec.selector: Invalid value: {}: empty selector is invalid for deployment"#],
        );
        check(
            "/spec/template/spec/restartPolicy",
            json!("Never"),
            &[r#"spec.template.spec.restartPolicy: Unsupported value: "Never": supported values: "Always""#],
        );
        check(
            "/spec/progressDeadlineSeconds",
            json!(0),
            &["spec.progressDeadlineSeconds: Invalid value: 0: must be greater than minReadySeconds"],
        );
        check(
            "/spec/strategy",
            json!({"type": "Recreate", "rollingUpdate": {}}),
            &[
                "spec.strategy.rollingUpdate: Forbidden: may not be specified when strategy `type` is 'Recreate'",
            ],
        );
        check(
            "/spec/strategy/rollingUpdate",
            json!({"maxSurge": 0, "maxUnavailable": "0%"}),
            &[
                r#"spec.strategy.rollingUpdate.maxUnavailable: Invalid value: "0%": may not be 0 when `maxSurge` is 0"#,
            ],
        );
        check(
            "/spec/strategy/rollingUpdate/maxUnavailable",
            json!("101%"),
            &[
                r#"spec.strategy.rollingUpdate.maxUnavailable: Invalid value: "101%": must not be greater than 100%"#,
            ],
        );
        check(
            "/spec/template/spec/containers/0/image",
            json!(""),
            &["spec.template.spec.containers[0].image: Required value"],
        );
    }

    #[test]
    fn the_selector_stays() {
        let with = |value: &str| {
            let mut spec = small();
            spec["selector"]["matchLabels"]["a"] = value.into();
            spec["template"]["metadata"]["labels"]["a"] = value.into();
            defaulted("apps", "deployments", json!({"spec": spec}))
        };
        assert_eq!(
            update_errors("apps", "deployments", &with("c"), &with("b")),
            [r#"spec.selector: Invalid value: {"matchLabels":{"a":"c"}}: field is immutable"#,]
        );
    }

    #[test]
    fn a_status_adds_up() {
        let status = |status: Value| json!({"status": status});
        assert_eq!(
            part_errors(
                "apps",
                "deployments",
                "status",
                &status(json!({"replicas": 1, "readyReplicas": 2})),
                &status(json!({"collisionCount": 1})),
            ),
            [
                "status.readyReplicas: Invalid value: 2: cannot be greater than status.replicas",
                "status.collisionCount: Invalid value: 0: cannot be decremented",
            ]
        );
    }

    #[test]
    fn a_row_shows_progress() {
        let mut object = json!({"metadata": {"name": "d"}, "spec": small(), "status": {"readyReplicas": 1, "updatedReplicas": 2}});
        object["spec"]["replicas"] = 3.into();
        let cells = cells("apps", "deployments", &object);
        assert_eq!(cells[1..4], [json!("1/3"), json!(2), json!(0)]);
        assert_eq!(cells[5..], ["c", "i", "a=b"]);
    }
}
