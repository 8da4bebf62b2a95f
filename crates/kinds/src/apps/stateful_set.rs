//! Stateful sets.

use std::collections::BTreeSet;

use meta::ErrorList;
use resource::{Column, MetadataChecks, Row, Strategy};
use schema::SchemaRef;
use serde_json::{Value, json};

use super::workload::{collisions, container_cells, container_columns, counts};
use crate::core::claim;
use crate::core::pod::{create, defaults, template, warnings};
use crate::room::{room, status_apart};
use crate::toolkit::columns::{AGE, NAME, created, list, name, number};
use crate::toolkit::defaults::{
    Object, object_at, object_in, object_or_new, objects, remove, text, when_empty, when_missing,
};
use crate::toolkit::{Field, Report, same_field_as};

room! {
    /// Pods with names and storage of their own.
    StatefulSet
}

const FROZEN: &str = "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', \
'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden";

const NEGATIVE_HISTORY: &str = "spec.revisionHistoryLimit: a negative value retains all historical revisions; a value >= 0 is \
recommended";

impl Strategy for StatefulSet {
    fn metadata_checks(&self, _subresource: &str) -> MetadataChecks {
        MetadataChecks::AS_CHANGE
    }

    fn default(&self, object: &mut Value) {
        let Some(spec) = object_at(object, &["spec"]) else {
            return;
        };
        when_empty(spec, "podManagementPolicy", "OrderedReady");
        if let Some(strategy) = object_or_new(spec, "updateStrategy") {
            strategy_defaults(strategy);
        }
        if let Some(policy) = object_or_new(spec, "persistentVolumeClaimRetentionPolicy") {
            when_empty(policy, "whenDeleted", "Retain");
            when_empty(policy, "whenScaled", "Retain");
        }
        when_missing(spec, "replicas", 1);
        when_missing(spec, "revisionHistoryLimit", 10);
        defaults::template(spec);
        for claim in objects(spec, "volumeClaimTemplates") {
            claim_defaults(claim);
        }
    }

    fn prepare_for_create(&self, object: &mut Value) {
        remove(
            object,
            &["spec", "updateStrategy", "rollingUpdate", "maxUnavailable"],
        );
    }

    fn prepare_for_update(&self, new: &mut Value, _old: &Value) {
        remove(
            new,
            &["spec", "updateStrategy", "rollingUpdate", "maxUnavailable"],
        );
    }

    fn validate(&self, object: &Value) -> ErrorList {
        Report::of(self.0.schema, object, |set| rules(set, Stage::New))
    }

    fn validate_update(&self, new: &Value, old: &Value) -> ErrorList {
        Report::of(self.0.schema, new, |set| {
            rules(set, self.stage_of(old));
            let spec = set.child("spec");
            if !is_frozen(&new["spec"], &old["spec"], self.0.schema.field("spec")) {
                spec.forbidden(FROZEN);
            }
        })
    }

    fn validate_part_update(&self, _subresource: &str, new: &Value, old: &Value) -> ErrorList {
        Report::of(self.0.schema, new, |set| {
            let status = set.child("status");
            counts(
                &status,
                &[
                    "replicas",
                    "readyReplicas",
                    "currentReplicas",
                    "updatedReplicas",
                    "availableReplicas",
                    "observedGeneration",
                ],
                &[
                    ("readyReplicas", "replicas", "status.replicas"),
                    ("currentReplicas", "replicas", "status.replicas"),
                    ("updatedReplicas", "replicas", "status.replicas"),
                    ("availableReplicas", "replicas", "status.replicas"),
                    ("availableReplicas", "readyReplicas", "status.readyReplicas"),
                ],
            );
            collisions(&status, old);
        })
    }

    fn warnings(&self, new: &Value, old: Option<&Value>) -> Vec<String> {
        let mut all = warnings::of_template(new, old);
        // Upstream's path to a claim depends on what is done.
        let part = if old.is_some() { ".Spec" } else { "" };
        for (at, each) in list(new, &["spec", "volumeClaimTemplates"]).iter().enumerate() {
            let path = format!("spec.volumeClaimTemplates[{at}]{part}");
            all.extend(claim::warnings(&path, &each["spec"]));
        }
        if new["spec"]["revisionHistoryLimit"]
            .as_i64()
            .is_some_and(|limit| limit < 0)
        {
            all.push(NEGATIVE_HISTORY.to_owned());
        }
        all
    }

    fn validate_name(&self, name: &str, prefix: bool) -> Vec<String> {
        // The names of its pods are host names.
        if prefix {
            meta::name::dns1123_label_prefix(name)
        } else {
            meta::name::dns1123_label(name)
        }
    }

    fn generation_image<'a>(&self, object: &'a Value) -> Option<Vec<&'a Value>> {
        resource::strategy::spec_only(object)
    }

    fn reset_fields(&self, subresource: &str) -> &'static [&'static str] {
        status_apart(subresource)
    }

    fn columns(&self) -> Vec<Column> {
        let [containers, images] = container_columns();
        vec![
            NAME,
            Column::string("Ready", "Number of the pod with ready state"),
            AGE,
            containers,
            images,
        ]
    }

    fn row(&self, object: &Value, now: i64) -> Row {
        let ready = number(object, &["status", "readyReplicas"]);
        let wanted = number(object, &["spec", "replicas"]);
        let [containers, images] = container_cells(object);
        Row {
            cells: vec![
                name(object),
                format!("{ready}/{wanted}").into(),
                created(object, now),
                containers,
                images,
            ],
            ..Row::default()
        }
    }
}

/// Who names the type, but not how, gets nothing more.
fn strategy_defaults(strategy: &mut Object) {
    if text(strategy, "type").is_empty() {
        when_empty(strategy, "type", "RollingUpdate");
        when_missing(strategy, "rollingUpdate", json!({}));
    }
    if text(strategy, "type") == "RollingUpdate"
        && let Some(rolling) = object_in(strategy, "rollingUpdate")
    {
        when_missing(rolling, "partition", 0);
    }
}

fn claim_defaults(claim: &mut Object) {
    // Whatever a client calls a claim, it is one.
    claim.insert("apiVersion".to_owned(), "v1".into());
    claim.insert("kind".to_owned(), "PersistentVolumeClaim".into());
    if let Some(spec) = object_or_new(claim, "spec") {
        defaults::volume::claim_spec(spec);
    }
    if let Some(status) = object_or_new(claim, "status") {
        when_empty(status, "phase", "Pending");
    }
}

/// What rules hold. What can not be changed any more is not judged again.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    New,
    Changed,
    /// One that was already wrong, whose template is left alone.
    ChangedFromWrong,
}

impl StatefulSet {
    fn stage_of(&self, old: &Value) -> Stage {
        let errors = Report::of(self.0.schema, old, |set| rules(set, Stage::Changed));
        if errors.is_empty() {
            Stage::Changed
        } else {
            Stage::ChangedFromWrong
        }
    }
}

fn rules(set: &Field, stage: Stage) {
    let spec = set.child("spec");
    let policy = spec.child("podManagementPolicy");
    if policy.is_empty() {
        policy.required("");
    } else if !matches!(policy.text(), "OrderedReady" | "Parallel") {
        policy.invalid("must be 'OrderedReady' or 'Parallel'");
    }
    update_strategy(&spec.child("updateStrategy"));
    let retention = spec.child("persistentVolumeClaimRetentionPolicy");
    for event in ["whenDeleted", "whenScaled"] {
        retention.child(event).any_of_if_set(&["Retain", "Delete"]);
    }
    if stage == Stage::New {
        for each in spec.child("volumeClaimTemplates").items() {
            claim::spec(&each.child("spec"));
        }
    }
    spec.child("replicas").non_negative();
    spec.child("minReadySeconds").non_negative();
    let ordinals = spec.child("ordinals");
    ordinals.child("start").non_negative();
    let service = spec.child("serviceName");
    if stage == Stage::New && !service.is_empty() {
        service.complain(meta::name::dns1123_label(service.text()));
    }
    let selector = spec.child("selector");
    if template::needed_selector(&selector, "statefulset") {
        let template = pod_template(&spec);
        pod_template_rules(
            &spec.standing_for("template", template.as_ref()),
            &selector,
            stage,
        );
    } else {
        selector.invalid("");
    }
    template::lasting(&spec.child("template"), "StatefulSet");
}

/// The template as the controller will use it: it names the pods itself and adds volumes for the claims.
fn pod_template(spec: &Field) -> Option<Value> {
    let mut template = spec.child("template").value()?.clone();
    for name in ["subdomain", "hostname"] {
        remove(&mut template, &["spec", name]);
    }
    let claims: BTreeSet<&str> = list(spec.value()?, &["volumeClaimTemplates"])
        .iter()
        .map(meta::object::name)
        .collect();
    if !claims.is_empty() {
        let of_claim = |name: &&str| json!({"name": name, "persistentVolumeClaim": {"claimName": name}});
        let own = list(&template, &["spec", "volumes"]).iter();
        let kept = own.filter(|volume| !claims.contains(volume["name"].as_str().unwrap_or("")));
        let volumes: Vec<Value> = claims.iter().map(of_claim).chain(kept.cloned()).collect();
        template["spec"]["volumes"] = volumes.into();
    }
    Some(template)
}

fn pod_template_rules(template: &Field, selector: &Field, stage: Stage) {
    // Without a selector nothing is selected; an empty one selects everything.
    if !selector.is_set() || !selector.is_empty() {
        template::selected(template, selector);
    }
    if stage != Stage::ChangedFromWrong {
        template::rules(template);
    }
    // Upstream says these twice.
    let metadata = template.child("metadata");
    template
        .standing_for("labels", metadata.child("labels").value())
        .labels();
    let annotations = template.standing_for("annotations", metadata.child("annotations").value());
    annotations.annotations();
    create::special_annotations(&annotations, &template.child("spec"));
}

fn update_strategy(strategy: &Field) {
    let rolling = strategy.child("rollingUpdate");
    match strategy.text_of("type") {
        "" => strategy.required(""),
        "OnDelete" => {
            if rolling.is_set() {
                rolling.invalid("only allowed for updateStrategy 'RollingUpdate'");
            }
        }
        "RollingUpdate" => rolling.child("partition").non_negative(),
        _ => strategy.invalid("must be 'RollingUpdate' or 'OnDelete'"),
    }
}

fn is_frozen(new: &Value, old: &Value, schema: Option<SchemaRef>) -> bool {
    const FREE: [&str; 7] = [
        "replicas",
        "ordinals",
        "template",
        "updateStrategy",
        "revisionHistoryLimit",
        "persistentVolumeClaimRetentionPolicy",
        "minReadySeconds",
    ];
    let empty = json!({});
    let fields = |spec: &Value| spec.as_object().cloned().unwrap_or_default();
    let (new, old) = (
        if new.is_object() { new } else { &empty },
        if old.is_object() { old } else { &empty },
    );
    let names: Vec<String> = fields(new)
        .into_iter()
        .chain(fields(old))
        .map(|(name, _)| name)
        .collect();
    names
        .iter()
        .all(|name| FREE.contains(&name.as_str()) || same_field_as(new, old, name, schema))
}

#[cfg(test)]
mod tests {
    use crate::apps::deployment::small;
    use crate::testing::{create_errors, defaulted, update_errors};
    use serde_json::{Value, json};

    fn with(field: &str, value: Value) -> Value {
        let mut spec = small();
        spec[field] = value;
        json!({"spec": spec})
    }

    #[test]
    fn sets_have_their_defaults() {
        let spec = &defaulted(
            "apps",
            "statefulsets",
            with("volumeClaimTemplates", json!([{"metadata": {"name": "d"}}])),
        )["spec"];
        assert_eq!(spec["podManagementPolicy"], "OrderedReady");
        assert_eq!(
            spec["updateStrategy"],
            json!({"type": "RollingUpdate", "rollingUpdate": {"partition": 0}})
        );
        assert_eq!(
            spec["volumeClaimTemplates"][0],
            json!({
                "apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "d"},
                "spec": {"volumeMode": "Filesystem"}, "status": {"phase": "Pending"},
            })
        );
    }

    #[test]
    fn wrong_sets_are_refused() {
        assert!(create_errors("apps", "statefulsets", with("serviceName", json!("s"))).is_empty());
        assert_eq!(
            create_errors("apps", "statefulsets", with("podManagementPolicy", json!("x"))),
            [r#"spec.podManagementPolicy: Invalid value: "x": must be 'OrderedReady' or 'Parallel'"#,]
        );
    }

    #[test]
    fn templates_are_judged_with_the_volumes_of_claims() {
        let with_mount = |claims: Value| {
            let mut set = with("volumeClaimTemplates", claims);
            set["spec"]["template"]["spec"]["containers"][0]["volumeMounts"] =
                json!([{"name": "d", "mountPath": "/d"}]);
            defaulted("apps", "statefulsets", set)
        };
        let claim = json!({"metadata": {"name": "d"}, "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}});
        assert!(create_errors("apps", "statefulsets", with_mount(json!([claim]))).is_empty());
        let refused = [r#"spec.template.spec.containers[0].volumeMounts[0].name: Not found: "d""#];
        assert_eq!(
            create_errors("apps", "statefulsets", with_mount(json!([]))),
            refused
        );
        // What was wrong already is left alone.
        let old = with_mount(json!([]));
        assert!(update_errors("apps", "statefulsets", &old, &old).is_empty());
    }

    #[test]
    fn most_fields_never_change() {
        let set = |field: &str, value: Value| defaulted("apps", "statefulsets", with(field, value));
        assert!(
            update_errors(
                "apps",
                "statefulsets",
                &set("replicas", json!(3)),
                &set("replicas", json!(1))
            )
            .is_empty()
        );
        let errors = update_errors(
            "apps",
            "statefulsets",
            &set("serviceName", json!("b")),
            &set("serviceName", json!("a")),
        );
        assert!(
            errors[0].starts_with("spec: Forbidden: updates to statefulset spec for fields other than"),
            "{errors:?}"
        );
    }
}
