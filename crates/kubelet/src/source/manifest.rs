//! A pod from a manifest file: JSON or YAML, completed as the API would, and given the identity upstream gives it.

use std::fmt::Write;
use std::path::Path;
use std::sync::{Arc, LazyLock};

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use meta::GroupVersionKind;
use meta::validation::{MetaRules, object_meta};
use schema::{FieldValidation, YamlDocument};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use crate::pod::annotation::{CONFIG_HASH, CONFIG_SEEN, CONFIG_SOURCE};

/// Why a manifest is none.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// It is not YAML or JSON.
    #[error("{0}")]
    Syntax(String),
    /// It is another kind, or an unknown version.
    #[error("holds {0}, not a Pod of v1")]
    Kind(String),
    /// A value has the wrong type.
    #[error(transparent)]
    Decode(#[from] schema::DecodeError),
    /// It is not a valid pod.
    #[error("invalid pod: {0}")]
    Invalid(String),
}

/// The room of pods: their defaults and rules.
static PODS: LazyLock<Arc<dyn resource::Kind>> = LazyLock::new(|| {
    let is_pod = |kind: &Arc<dyn resource::Kind>| {
        let kind = &kind.descriptor().kind;
        (&*kind.group, &*kind.version, &*kind.kind) == ("", "v1", "Pod")
    };
    kinds::all()
        .into_iter()
        .find(is_pod)
        .expect("Pod is a built-in kind")
});

/// Reads the pod of a file. `seen` is noted on it.
pub fn read(node_name: &str, path: &Path, text: &[u8], seen: Timestamp) -> Result<Pod, ManifestError> {
    let document = YamlDocument::parse(text).map_err(ManifestError::Syntax)?;
    let kind = (
        text_of(document.value(), "apiVersion"),
        text_of(document.value(), "kind"),
    );
    if kind != ("v1", "Pod") {
        return Err(ManifestError::Kind(format!("{:?} of {:?}", kind.1, kind.0)));
    }
    let schema = schema::builtin(&GroupVersionKind::new("", "v1", "Pod")).expect("Pod is a built-in kind");
    // As upstream: what is not known is no obstacle, so that a manifest for a newer version still runs.
    let (mut pod, _) = document.decode(schema, FieldValidation::Ignore)?;
    identify(&mut pod, node_name, path, seen);
    complete(&mut pod);
    let problems = problems(&pod);
    if !problems.is_empty() {
        return Err(ManifestError::Invalid(problems));
    }
    serde_json::from_value(pod).map_err(|error| ManifestError::Invalid(error.to_string()))
}

fn text_of<'a>(object: &'a Value, key: &str) -> &'a str {
    object.get(key).and_then(Value::as_str).unwrap_or_default()
}

/// Upstream's naming: the node's name is appended, so that the same file on two nodes makes two pods. The UID follows
/// from the content: a changed file is another pod.
fn identify(pod: &mut Value, node_name: &str, path: &Path, seen: Timestamp) {
    let hash = hash(node_name, path, pod);
    let Some(metadata) = meta::object::metadata_mut(pod) else {
        return;
    };
    let name = text(metadata, "name");
    metadata.insert(
        "name".to_owned(),
        json!(format!("{name}-{}", node_name.to_lowercase())),
    );
    if text(metadata, "namespace").is_empty() {
        metadata.insert("namespace".to_owned(), json!("default"));
    }
    if text(metadata, "uid").is_empty() {
        metadata.insert("uid".to_owned(), json!(hash));
    }
    let annotations = object_in(metadata, "annotations");
    annotations.insert(CONFIG_HASH.to_owned(), json!(hash));
    annotations.insert(CONFIG_SOURCE.to_owned(), json!("file"));
    annotations.insert(CONFIG_SEEN.to_owned(), json!(seen.to_string()));
    let Some(pod) = pod.as_object_mut() else { return };
    object_in(pod, "spec").insert("nodeName".to_owned(), json!(node_name));
}

fn text(object: &Map<String, Value>, key: &str) -> String {
    object
        .get(key)
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned()
}

fn object_in<'a>(parent: &'a mut Map<String, Value>, key: &str) -> &'a mut Map<String, Value> {
    let entry = parent.entry(key).or_insert_with(|| json!({}));
    if !entry.is_object() {
        *entry = json!({});
    }
    entry.as_object_mut().expect("it was just made an object")
}

/// 32 hexadecimal digits, as upstream's (which are of another function; only their stability matters).
fn hash(node_name: &str, path: &Path, pod: &Value) -> String {
    let mut digest = Sha256::new();
    digest.update(node_name);
    digest.update([0]);
    digest.update(path.as_os_str().as_encoded_bytes());
    digest.update([0]);
    digest.update(pod.to_string());
    digest.finalize()[..16]
        .iter()
        .fold(String::new(), |mut text, byte| {
            // Writing to a String cannot fail.
            let _ = write!(text, "{byte:02x}");
            text
        })
}

/// The API's defaults. A taint of the node does not keep a pod of the node's own away or drive it out.
fn complete(pod: &mut Value) {
    PODS.default(pod);
    let Some(spec) = pod.get_mut("spec").and_then(Value::as_object_mut) else {
        return;
    };
    let tolerations = spec.entry("tolerations").or_insert_with(|| json!([]));
    if let Some(tolerations) = tolerations.as_array_mut() {
        tolerations.push(json!({ "operator": "Exists", "effect": "NoExecute" }));
    }
}

fn problems(pod: &Value) -> String {
    let rules = MetaRules {
        namespaced: true,
        name: &|name, prefix| PODS.validate_name(name, prefix),
        known_finalizers: true,
    };
    let metadata = meta::object::metadata(pod).cloned().unwrap_or_default();
    let mut errors = object_meta(&meta::Path::new("metadata"), &metadata, &rules);
    errors.extend(PODS.validate(pod));
    let texts: Vec<String> = errors.iter().map(ToString::to_string).collect();
    texts.join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    const YAML: &str = "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\nspec:\n  containers:\n  - name: c\n    image: a\n";

    fn read_text(text: &str) -> Result<Pod, ManifestError> {
        read(
            "node-a",
            Path::new("/m/web.yaml"),
            text.as_bytes(),
            Timestamp::UNIX_EPOCH,
        )
    }

    #[test]
    fn identity_and_defaults_are_upstreams() {
        let pod = read_text(YAML).unwrap();
        assert_eq!(pod.metadata.name.as_deref(), Some("web-node-a"));
        assert_eq!(pod.metadata.namespace.as_deref(), Some("default"));
        let uid = pod.metadata.uid.clone().unwrap();
        assert_eq!(uid.len(), 32);
        let annotations = pod.metadata.annotations.unwrap();
        assert_eq!(annotations[CONFIG_HASH], uid);
        assert_eq!(annotations[CONFIG_SOURCE], "file");
        assert_eq!(annotations[CONFIG_SEEN], "1970-01-01T00:00:00Z");
        let spec = pod.spec.unwrap();
        assert_eq!(spec.node_name.as_deref(), Some("node-a"));
        assert_eq!(spec.restart_policy.as_deref(), Some("Always"));
        assert_eq!(spec.termination_grace_period_seconds, Some(30));
        assert_eq!(
            spec.containers[0].termination_message_path.as_deref(),
            Some("/dev/termination-log")
        );
        assert_eq!(spec.tolerations.unwrap()[0].effect.as_deref(), Some("NoExecute"));
    }

    #[test]
    fn json_is_read_and_the_uid_follows_the_content() {
        let json = r#"{"apiVersion":"v1","kind":"Pod","metadata":{"name":"web"},"spec":{"containers":[{"name":"c","image":"IMAGE"}]}}"#;
        let uid = |image: &str| {
            read_text(&json.replace("IMAGE", image))
                .unwrap()
                .metadata
                .uid
                .unwrap()
        };
        assert_eq!(uid("a"), uid("a"));
        assert_ne!(uid("a"), uid("b"));
        assert_eq!(uid("a"), read_text(YAML).unwrap().metadata.uid.unwrap());
    }

    #[track_caller]
    fn check_error(text: &str, part: &str) {
        let error = read_text(text).unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
    }

    #[test]
    fn what_is_no_pod_is_refused() {
        check_error("a: [", "yaml");
        check_error(
            "apiVersion: v1\nkind: Service\n",
            "\"Service\" of \"v1\", not a Pod",
        );
        check_error("", "not a Pod");
        check_error(
            "apiVersion: v1\nkind: Pod\nmetadata: {name: web}\nspec: {containers: []}\n",
            "spec.containers: Required value",
        );
        check_error(&YAML.replace("name: web", "name: We_b"), "metadata.name");
        check_error(&YAML.replace("image: a", "image: [1]"), "");
    }
}
