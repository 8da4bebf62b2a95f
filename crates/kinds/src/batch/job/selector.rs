//! How a job finds its pods: by a label that no other job's pods have.

use serde_json::Value;

use crate::toolkit::Field;
use crate::toolkit::columns::at;
use crate::toolkit::defaults::object_at;
use crate::toolkit::selectors::selects;

const UID: &str = "batch.kubernetes.io/controller-uid";
const NAME: &str = "batch.kubernetes.io/job-name";
/// What the labels were called before.
const OLD: [&str; 2] = ["controller-uid", "job-name"];

fn is_manual(job: &Value) -> bool {
    job["spec"]["manualSelector"] == Value::Bool(true)
}

fn template_labels(job: &Value) -> Option<&Value> {
    at(job, &["spec", "template", "metadata", "labels"])
}

/// A job without labels of its own has those of its pods.
pub fn labels_of_template(job: &mut Value) {
    let Some(labels) = template_labels(job)
        .filter(|l| l.as_object().is_some_and(|l| !l.is_empty()))
        .cloned()
    else {
        return;
    };
    if let Some(metadata) = object_at(job, &["metadata"]) {
        crate::toolkit::defaults::when_empty(metadata, "labels", labels);
    }
}

/// Makes the selector, unless the client makes it.
pub fn generate(job: &mut Value) {
    if is_manual(job) {
        return;
    }
    let (uid, name) = (
        Value::from(meta::object::uid(job)),
        Value::from(meta::object::name(job)),
    );
    // Labels that came from the template follow it. Where it had none, upstream's job has them only once it is stored, so
    // that what is wrong with them is named once.
    let own =
        at(job, &["metadata", "labels"]).filter(|labels| labels.as_object().is_some_and(|l| !l.is_empty()));
    let is_label = meta::name::label_value(meta::object::name(job)).is_empty();
    let follows = own.map_or(is_label, |own| Some(own) == template_labels(job));
    if let Some(labels) = object_at(job, &["spec", "template", "metadata", "labels"]) {
        for (key, value) in [(UID, &uid), (NAME, &name), (OLD[0], &uid), (OLD[1], &name)] {
            // What a client says is kept, to be refused where it is wrong.
            labels.entry(key).or_insert_with(|| value.clone());
        }
    }
    if let Some(labels) = object_at(job, &["spec", "selector", "matchLabels"]) {
        labels.entry(UID).or_insert(uid);
    }
    if follows && let Some(labels) = template_labels(job).cloned() {
        job["metadata"]["labels"] = labels;
    }
}

/// A selector that was not made by the client must find the pods by the labels we make, and the pods must have them.
pub fn rules(job: &Field) {
    let spec = job.child("spec");
    let selector = spec.child("selector");
    if spec.child("manualSelector").is_true() || !selector.is_set() {
        return;
    }
    let metadata = job.child("metadata");
    let (uid, name) = (metadata.text_of("uid"), metadata.text_of("name"));
    let (template, wanted) = (
        spec.child("template"),
        [(OLD[0], uid), (OLD[1], name), (UID, uid), (NAME, name)],
    );
    let of_pods = template.child("metadata");
    for (key, value) in wanted {
        has_label(&of_pods.child("labels"), key, value);
    }
    let wanted: serde_json::Map<String, Value> = wanted
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).into()))
        .collect();
    if !selects(selector.value().unwrap_or(&Value::Null), &wanted.into()) {
        selector.invalid("`selector` not auto-generated");
    }
}

fn has_label(labels: &Field, key: &str, value: &str) {
    let (label, complaint) = (labels.key(key), format!("must be '{value}'"));
    if !label.is_set() {
        label.required(&complaint);
    } else if label.text() != value {
        // Upstream prints all labels.
        label.invalid_printed(&labels.printed(), &complaint);
    }
}
