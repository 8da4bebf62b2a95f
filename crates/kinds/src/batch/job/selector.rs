//! How a job finds its pods: by a label that no other job's pods have.

use serde_json::{Value, json};

use crate::toolkit::Field;
use crate::toolkit::columns::at;
use crate::toolkit::defaults::object_at;

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
            labels.insert(key.to_owned(), value.clone());
        }
    }
    if let Some(labels) = object_at(job, &["spec", "selector", "matchLabels"]) {
        labels.insert(UID.to_owned(), uid);
    }
    if follows && let Some(labels) = template_labels(job).cloned() {
        job["metadata"]["labels"] = labels;
    }
}

/// A selector that was not made by the client must be the one we make.
pub fn rules(job: &Field) {
    let spec = job.child("spec");
    let selector = spec.child("selector");
    if spec.child("manualSelector").is_true() || !selector.is_set() {
        return;
    }
    let metadata = job.child("metadata");
    if selector.value() != Some(&json!({"matchLabels": {UID: metadata.text_of("uid")}})) {
        selector.invalid("`selector` not auto-generated");
    }
}
