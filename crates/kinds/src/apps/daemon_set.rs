//! Daemon sets.

use meta::ErrorList;
use resource::{Column, MetadataChecks, Row, Strategy};
use serde_json::Value;

use super::workload::{
    at_most_all, bare_number, collisions, container_cells, container_columns, counts, number_or_percent,
    selector_cell, selector_column,
};
use crate::core::pod::{defaults, template, warnings};
use crate::room::{room, status_apart};
use crate::toolkit::columns::{AGE, NAME, created, integer, name, number, or_none, text};
use crate::toolkit::defaults::{object_at, object_or_new, text as text_of, when_empty, when_missing};
use crate::toolkit::selectors::map_text;
use crate::toolkit::{Field, Report, same_field_as};

room! {
    /// One pod on every node that suits.
    DaemonSet
}

/// Counts templates. The field it once stood in is gone.
const TEMPLATE_GENERATION: &str = "deprecated.daemonset.template.generation";

impl Strategy for DaemonSet {
    fn metadata_checks(&self, _subresource: &str) -> MetadataChecks {
        MetadataChecks::AS_CHANGE
    }

    fn default(&self, object: &mut Value) {
        let Some(spec) = object_at(object, &["spec"]) else {
            return;
        };
        if let Some(strategy) = object_or_new(spec, "updateStrategy") {
            when_empty(strategy, "type", "RollingUpdate");
            if text_of(strategy, "type") == "RollingUpdate"
                && let Some(rolling) = object_or_new(strategy, "rollingUpdate")
            {
                when_missing(rolling, "maxUnavailable", 1);
                when_missing(rolling, "maxSurge", 0);
            }
        }
        when_missing(spec, "revisionHistoryLimit", 10);
        defaults::template(spec);
        // The count is no field any more, and so it stands in its annotation even where it is nought.
        if text(object, &["metadata", "annotations", TEMPLATE_GENERATION]).is_empty() {
            set_template_generation(object, 0);
        }
    }

    fn prepare_for_create(&self, object: &mut Value) {
        if template_generation(object) < 1 {
            set_template_generation(object, 1);
        }
    }

    fn prepare_for_update(&self, new: &mut Value, old: &Value) {
        let mut generation = template_generation(old);
        if !same_field_as(
            &new["spec"],
            &old["spec"],
            "template",
            self.0.schema.field("spec"),
        ) {
            generation += 1;
        }
        set_template_generation(new, generation);
    }

    fn prepare_part_for_update(&self, _subresource: &str, new: &mut Value, old: &Value) {
        // It stands for a field of the spec.
        set_template_generation(new, template_generation(old));
    }

    fn validate(&self, object: &Value) -> ErrorList {
        Report::of(self.0.schema, object, rules)
    }

    fn validate_update(&self, new: &Value, old: &Value) -> ErrorList {
        Report::of(self.0.schema, new, |set| {
            let spec = set.child("spec");
            spec.child("selector").immutable(old["spec"].get("selector"));
            rules(set);
        })
    }

    fn validate_part_update(&self, _subresource: &str, new: &Value, old: &Value) -> ErrorList {
        Report::of(self.0.schema, new, |set| {
            let status = set.child("status");
            counts(
                &status,
                &[
                    "currentNumberScheduled",
                    "numberMisscheduled",
                    "desiredNumberScheduled",
                    "numberReady",
                    "observedGeneration",
                    "updatedNumberScheduled",
                    "numberAvailable",
                    "numberUnavailable",
                ],
                &[],
            );
            collisions(&status, old);
        })
    }

    fn warnings(&self, new: &Value, old: Option<&Value>) -> Vec<String> {
        // Unlike other workloads, nothing is said of its name.
        warnings::of_template(new, old)
    }

    fn generation_image<'a>(&self, object: &'a Value) -> Option<Vec<&'a Value>> {
        resource::strategy::spec_only(object)
    }

    fn annotation_of_a_field(&self) -> Option<&'static str> {
        Some(TEMPLATE_GENERATION)
    }

    fn reset_fields(&self, subresource: &str) -> &'static [&'static str] {
        status_apart(subresource)
    }

    fn columns(&self) -> Vec<Column> {
        let [containers, images] = container_columns();
        vec![
            NAME,
            integer("Desired", "Nodes that should run it.")
                .shows("apps.v1.DaemonSetStatus.desiredNumberScheduled"),
            integer("Current", "Nodes that do.").shows("apps.v1.DaemonSetStatus.currentNumberScheduled"),
            integer("Ready", "Nodes on which it is ready.").shows("apps.v1.DaemonSetStatus.numberReady"),
            integer("Up-to-date", "Nodes that run the newest template.")
                .shows("apps.v1.DaemonSetStatus.updatedNumberScheduled"),
            integer("Available", "Nodes on which it has been ready for long enough.")
                .shows("apps.v1.DaemonSetStatus.numberAvailable"),
            Column::string("Node Selector", "Labels of the nodes that suit.")
                .shows("core.v1.PodSpec.nodeSelector"),
            AGE,
            containers,
            images,
            selector_column().shows("apps.v1.DaemonSetSpec.selector"),
        ]
    }

    fn row(&self, object: &Value, now: i64) -> Row {
        let status = |field: &str| Value::from(number(object, &["status", field]));
        let [containers, images] = container_cells(object);
        Row {
            cells: vec![
                name(object),
                status("desiredNumberScheduled"),
                status("currentNumberScheduled"),
                status("numberReady"),
                status("updatedNumberScheduled"),
                status("numberAvailable"),
                or_none(&map_text(&object["spec"]["template"]["spec"]["nodeSelector"])),
                created(object, now),
                containers,
                images,
                selector_cell(object),
            ],
            ..Row::default()
        }
    }
}

fn template_generation(set: &Value) -> i64 {
    text(set, &["metadata", "annotations", TEMPLATE_GENERATION])
        .parse()
        .unwrap_or(0)
}

fn set_template_generation(set: &mut Value, generation: i64) {
    if let Some(annotations) = object_at(set, &["metadata", "annotations"]) {
        annotations.insert(TEMPLATE_GENERATION.to_owned(), generation.to_string().into());
    }
}

fn rules(set: &Field) {
    let spec = set.child("spec");
    let selector = spec.child("selector");
    let template = spec.child("template");
    if template::well_formed_selector(&selector) {
        template::selected(&template, &selector);
    }
    template::something_selected(&selector, "daemonset");
    template::rules(&template);
    template::lasting(&template, "DaemonSet");
    spec.child("minReadySeconds").non_negative();
    update_strategy(&spec.child("updateStrategy"));
    spec.child("revisionHistoryLimit").non_negative();
}

fn update_strategy(strategy: &Field) {
    match strategy.text_of("type") {
        "OnDelete" => {}
        "RollingUpdate" => {
            let rolling = strategy.child("rollingUpdate");
            if rolling.is_set() {
                rolling_update(&rolling);
            } else {
                rolling.required("");
            }
        }
        _ => strategy.not_supported(&["RollingUpdate", "OnDelete"]),
    }
}

fn rolling_update(rolling: &Field) {
    let (unavailable, surge) = (rolling.child("maxUnavailable"), rolling.child("maxSurge"));
    number_or_percent(&unavailable);
    number_or_percent(&surge);
    at_most_all(&unavailable);
    at_most_all(&surge);
    match (bare_number(&unavailable), bare_number(&surge)) {
        (0, 0) => unavailable.required("cannot be 0 when maxSurge is 0"),
        (u, s) if u != 0 && s != 0 => surge.invalid("may not be set when maxUnavailable is non-zero"),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use crate::apps::deployment::small;
    use crate::testing::{create_errors, defaulted, room};
    use serde_json::{Value, json};

    #[test]
    fn templates_are_counted() {
        let room = room("apps", "daemonsets");
        let mut old = defaulted("apps", "daemonsets", json!({"metadata": {}, "spec": small()}));
        assert_eq!(
            old["metadata"]["annotations"]["deprecated.daemonset.template.generation"],
            "0"
        );
        room.prepare_for_create(&mut old);
        let generation =
            |set: &Value| set["metadata"]["annotations"]["deprecated.daemonset.template.generation"].clone();
        assert_eq!(generation(&old), "1");
        let again = defaulted("apps", "daemonsets", old.clone());
        assert_eq!(generation(&again), "1");
        let mut new = old.clone();
        room.prepare_for_update(&mut new, &old);
        assert_eq!(generation(&new), "1");
        new["spec"]["template"]["spec"]["hostPID"] = true.into();
        room.prepare_for_update(&mut new, &old);
        assert_eq!(generation(&new), "2");
    }

    #[test]
    fn updates_go_one_way() {
        let errors = |rolling: Value| {
            let mut spec = small();
            spec["updateStrategy"] = json!({"rollingUpdate": rolling});
            create_errors("apps", "daemonsets", json!({"metadata": {}, "spec": spec}))
        };
        assert!(errors(json!({})).is_empty());
        assert_eq!(
            errors(json!({"maxUnavailable": 0})),
            [
                "spec.updateStrategy.rollingUpdate.maxUnavailable: Required value: cannot be 0 when maxSurge is 0",
            ]
        );
        assert_eq!(
            errors(json!({"maxSurge": "10%"})),
            [
                r#"spec.updateStrategy.rollingUpdate.maxSurge: Invalid value: "10%": may not be set when maxUnavailable is non-zero"#,
            ]
        );
    }
}
