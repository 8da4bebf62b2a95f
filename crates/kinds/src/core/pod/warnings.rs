//! What a pod's author should hear although the pod is taken.

use serde_json::Value;

use crate::toolkit::node_labels::deprecated as deprecated_label;
use crate::toolkit::{Field, Report, Seen, quantity};

const NULL_SELECTOR: &str = "a null labelSelector results in matching no pod";

/// Warnings about a new pod. Changes of pods are made by machines, which nobody hears.
pub fn of_pod(new: &Value, old: Option<&Value>) -> Vec<String> {
    if old.is_some() {
        return Vec::new();
    }
    let report = Report::default();
    let root = Field::root(&report, new);
    let mut warnings = Warnings(Vec::new());
    warnings.pod(&root);
    warnings.0
}

/// Warnings about the template of a workload that is new, or whose template has changed.
pub fn of_template(new: &Value, old: Option<&Value>) -> Vec<String> {
    let report = Report::default();
    let root = Field::root(&report, new);
    let spec = root.child("spec");
    of_template_at(&spec.child("template"), old.map(|old| &old["spec"]["template"]))
}

/// The same, for a template that stands elsewhere.
pub fn of_template_at(template: &Field, old: Option<&Value>) -> Vec<String> {
    let mut warnings = Warnings(Vec::new());
    if template.is_set() && template.value() != old {
        warnings.pod(template);
    }
    warnings.0
}

const DEPRECATED_VOLUMES: [(&str, &str); 9] = [
    (
        "gitRepo",
        "deprecated in v1.11, and disabled by default in v1.33+",
    ),
    (
        "photonPersistentDisk",
        "deprecated in v1.11, non-functional in v1.16+",
    ),
    ("scaleIO", "deprecated in v1.16, non-functional in v1.22+"),
    ("flocker", "deprecated in v1.22, non-functional in v1.25+"),
    ("storageos", "deprecated in v1.22, non-functional in v1.25+"),
    ("quobyte", "deprecated in v1.22, non-functional in v1.25+"),
    ("glusterfs", "deprecated in v1.25, non-functional in v1.26+"),
    ("cephfs", "deprecated in v1.28, non-functional in v1.31+"),
    ("rbd", "deprecated in v1.28, non-functional in v1.31+"),
];

struct Warnings(Vec<String>);

impl Warnings {
    fn say(&mut self, place: &Field, what: &str) {
        self.0.push(format!("{}: {what}", place.path()));
    }

    fn pod(&mut self, pod: &Field) {
        let spec = pod.child("spec");
        for (key, label) in spec.child("nodeSelector").entries() {
            if let Some(what) = deprecated_label(key) {
                self.say(&label, what);
            }
        }
        self.affinity(&spec.child("affinity"));
        for constraint in spec.child("topologySpreadConstraints").items() {
            self.old_label(&constraint.child("topologyKey"));
            self.null_selector(&constraint);
        }
        self.annotations(pod, &spec);
        for volume in spec.child("volumes").items() {
            for (name, what) in DEPRECATED_VOLUMES {
                let source = volume.child(name);
                if source.is_set() {
                    self.say(&source, what);
                }
            }
        }
        for secret in spec.child("imagePullSecrets").items() {
            let name = secret.child("name");
            if name.text().is_empty() {
                self.say(&name, "invalid empty name \"\"");
            }
        }
        for list in ["initContainers", "containers"] {
            for container in spec.child(list).items() {
                self.container(&container);
            }
        }
        self.fractions(&spec.child("overhead"));
        let grace = spec.child("terminationGracePeriodSeconds");
        if grace.number() < 0 {
            self.say(
                &grace,
                "must be >= 0; negative values are invalid and will be treated as 1",
            );
        }
    }

    fn old_label(&mut self, key: &Field) {
        if let Some(what) = deprecated_label(key.text()) {
            self.say(key, &format!("{} is {what}", key.text()));
        }
    }

    fn null_selector(&mut self, term: &Field) {
        let selector = term.child("labelSelector");
        if !selector.is_set() {
            self.say(&selector, NULL_SELECTOR);
        }
    }

    fn affinity(&mut self, affinity: &Field) {
        const REQUIRED: &str = "requiredDuringSchedulingIgnoredDuringExecution";
        const PREFERRED: &str = "preferredDuringSchedulingIgnoredDuringExecution";
        let nodes = affinity.child("nodeAffinity");
        for term in nodes.child(REQUIRED).child("nodeSelectorTerms").items() {
            self.node_term(&term);
        }
        for preferred in nodes.child(PREFERRED).items() {
            self.node_term(&preferred.child("preference"));
        }
        for kind in ["podAffinity", "podAntiAffinity"] {
            let pods = affinity.child(kind);
            for term in pods.child(REQUIRED).items() {
                self.pod_term(&term);
            }
            for preferred in pods.child(PREFERRED).items() {
                self.pod_term(&preferred.child("podAffinityTerm"));
            }
        }
    }

    fn node_term(&mut self, term: &Field) {
        for requirement in term.child("matchExpressions").items() {
            self.old_label(&requirement.child("key"));
        }
    }

    fn pod_term(&mut self, term: &Field) {
        self.null_selector(term);
        self.old_label(&term.child("topologyKey"));
    }

    fn annotations(&mut self, pod: &Field, spec: &Field) {
        let metadata = pod.child("metadata");
        let annotations = metadata.child("annotations");
        for (key, annotation) in annotations.entries() {
            match key {
                "seccomp.security.alpha.kubernetes.io/pod" => self.say(
                    &annotation,
                    r#"non-functional in v1.27+; use the "seccompProfile" field instead"#,
                ),
                "security.alpha.kubernetes.io/sysctls" | "security.alpha.kubernetes.io/unsafe-sysctls" => {
                    self.say(
                        &annotation,
                        r#"non-functional in v1.11+; use the "sysctls" field instead"#,
                    );
                }
                "scheduler.alpha.kubernetes.io/critical-pod" => self.say(
                    &annotation,
                    r#"non-functional in v1.16+; use the "priorityClassName" field instead"#,
                ),
                _ if key.starts_with("container.seccomp.security.alpha.kubernetes.io/") => self.say(
                    &annotation,
                    r#"non-functional in v1.27+; use the "seccompProfile" field instead"#,
                ),
                _ => {
                    if let Some(container) = key.strip_prefix(super::create::APP_ARMOR)
                        && stands_for_field(spec, container, annotation.text())
                    {
                        self.say(
                            &annotation,
                            r#"deprecated since v1.30; use the "appArmorProfile" field instead"#,
                        );
                    }
                }
            }
        }
    }

    fn container(&mut self, container: &Field) {
        let resources = container.child("resources");
        self.fractions(&resources.child("limits"));
        self.fractions(&resources.child("requests"));
        let mut names = Seen::new();
        for variable in container.child("env").items() {
            let name = variable.text_of("name");
            if names.again(name) {
                let what =
                    format!("hides previous definition of {name:?}, which may be dropped when using apply");
                self.say(&variable, &what);
            }
        }
        for port in container.child("ports").items() {
            let (address, host_port) = (port.text_of("hostIP"), port.child("hostPort").number());
            if !address.is_empty() && host_port == 0 {
                let what = format!(
                    "hostIP set without hostPort: {{Name:{} HostPort:0 ContainerPort:{} Protocol:{} HostIP:{address}}}",
                    port.text_of("name"),
                    port.child("containerPort").number(),
                    port.text_of("protocol"),
                );
                self.say(&port, &what);
            }
        }
    }

    /// There is no part of a byte.
    fn fractions(&mut self, resources: &Field) {
        for (name, amount) in resources.entries() {
            if matches!(name, "memory" | "ephemeral-storage")
                && let Some(bytes) = quantity::read(amount.value())
                && !quantity::is_whole(bytes)
            {
                let what = format!("fractional byte value \"{bytes}\" is invalid, must be an integer");
                self.say(&amount, &what);
            }
        }
    }
}

/// Whether there is a container of that name that has its profile from the annotation, or from nowhere.
fn stands_for_field(spec: &Field, name: &str, annotated: &str) -> bool {
    ["containers", "initContainers"].iter().any(|list| {
        spec.child(list).items().any(|container| {
            let context = container.child("securityContext");
            let profile = context.child("appArmorProfile");
            container.text_of("name") == name
                && (!profile.is_set() || profile.value() == super::create::profile(annotated).as_ref())
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(spec: Value, expected: &[&str]) {
        assert_eq!(of_pod(&json!({"spec": spec}), None), expected);
    }

    #[test]
    fn old_and_odd_things_are_remarked() {
        check(
            json!({"nodeSelector": {"beta.kubernetes.io/os": "linux"}}),
            &[
                r#"spec.nodeSelector[beta.kubernetes.io/os]: deprecated since v1.14; use "kubernetes.io/os" instead"#,
            ],
        );
        check(
            json!({"imagePullSecrets": [{}]}),
            &[r#"spec.imagePullSecrets[0].name: invalid empty name """#],
        );
        check(
            json!({"topologySpreadConstraints": [{}]}),
            &[
                "spec.topologySpreadConstraints[0].labelSelector: a null labelSelector results in matching no pod",
            ],
        );
        check(
            json!({"containers": [{
                "ports": [{"containerPort": 1, "protocol": "TCP", "hostIP": "x"}],
                "env": [{"name": "A"}, {"name": "A"}],
                "resources": {"limits": {"memory": "100m", "cpu": "100m"}},
            }]}),
            &[
                r#"spec.containers[0].resources.limits[memory]: fractional byte value "100m" is invalid, must be an integer"#,
                r#"spec.containers[0].env[1]: hides previous definition of "A", which may be dropped when using apply"#,
                "spec.containers[0].ports[0]: hostIP set without hostPort: {Name: HostPort:0 ContainerPort:1 Protocol:TCP HostIP:x}",
            ],
        );
    }

    #[test]
    fn an_unchanged_template_is_not_remarked() {
        let workload = json!({"spec": {"template": {"spec": {"imagePullSecrets": [{}]}}}});
        assert_eq!(of_template(&workload, None).len(), 1);
        assert!(of_template(&workload, Some(&workload)).is_empty());
    }
}
