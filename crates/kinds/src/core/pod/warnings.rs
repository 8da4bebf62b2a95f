//! What a pod's author should hear although the pod is taken.

mod ports;

use serde_json::Value;

use super::create::{APP_ARMOR, profile};
use super::profiles::{SECCOMP, SECCOMP_CONTAINER};
use super::validation::each_container;
use super::volume_warnings;
use crate::toolkit::node_labels::deprecated as deprecated_label;
use crate::toolkit::{Field, Report, Seen, quantity};

const REQUIRED: &str = "requiredDuringSchedulingIgnoredDuringExecution";
const PREFERRED: &str = "preferredDuringSchedulingIgnoredDuringExecution";
const NULL_SELECTOR: &str = "a null labelSelector results in matching no pod";

/// Warnings about a new pod. Changes of pods are made by machines, which nobody hears.
pub fn of_pod(new: &Value, old: Option<&Value>) -> Vec<String> {
    if old.is_some() {
        return Vec::new();
    }
    let report = Report::default();
    let root = Field::root(&report, new);
    let mut warnings = Warnings::default();
    warnings.name(&root);
    warnings.pod(&root);
    warnings.0
}

/// Warnings about a new pod before its profiles move from annotations to fields.
pub fn of_profiles(new: &Value) -> Vec<String> {
    let report = Report::default();
    let root = Field::root(&report, new);
    let mut warnings = Warnings::default();
    if new["spec"]["os"]["name"] != "windows" {
        warnings.profiles(&root);
    }
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
    let mut warnings = Warnings::default();
    if template.is_set() && template.value() != old {
        warnings.pod(template);
        warnings.profiles(template);
    }
    warnings.0
}

const DEPRECATED_ANNOTATIONS: [(&str, &str); 3] = [
    (
        "scheduler.alpha.kubernetes.io/critical-pod",
        r#"non-functional in v1.16+; use the "priorityClassName" field instead"#,
    ),
    (
        "security.alpha.kubernetes.io/sysctls",
        r#"non-functional in v1.11+; use the "sysctls" field instead"#,
    ),
    (
        "security.alpha.kubernetes.io/unsafe-sysctls",
        r#"non-functional in v1.11+; use the "sysctls" field instead"#,
    ),
];

#[derive(Default)]
struct Warnings(Vec<String>);

impl Warnings {
    fn say(&mut self, place: &Field, what: &str) {
        self.0.push(format!("{}: {what}", place.path()));
    }

    fn name(&mut self, pod: &Field) {
        let metadata = pod.child("metadata");
        let name = metadata.child("name");
        let complaints = meta::name::dns1123_label(name.text());
        if !complaints.is_empty() {
            let what = format!(
                "this is used in the Pod's hostname, which can result in surprising behavior; a DNS label is recommended: [{}]",
                complaints.join(" ")
            );
            self.say(&name, &what);
        }
    }

    fn pod(&mut self, pod: &Field) {
        let spec = pod.child("spec");
        for (key, label) in spec.child("nodeSelector").entries() {
            if let Some(what) = deprecated_label(key) {
                self.say(&label, what);
            }
        }
        let affinity = spec.child("affinity");
        self.nodes(&affinity.child("nodeAffinity"));
        for constraint in spec.child("topologySpreadConstraints").items() {
            self.old_label(&constraint.child("topologyKey"));
            self.null_selector(&constraint);
        }
        self.annotations(pod);
        self.0.extend(volume_warnings::of(&spec.child("volumes")));
        self.lists_of_names(&spec);
        let overhead = spec.child("overhead");
        for resource in ["memory", "ephemeral-storage"] {
            self.fraction(&overhead.key(resource));
        }
        self.seccomp(pod);
        each_container(&spec, |container| self.container(container));
        ports::ports(&spec, &mut self.0);
        let grace = spec.child("terminationGracePeriodSeconds");
        if grace.number() < 0 {
            self.say(
                &grace,
                "must be >= 0; negative values are invalid and will be treated as 1",
            );
        }
        for kind in ["podAffinity", "podAntiAffinity"] {
            self.pods(&affinity.child(kind));
        }
        self.addresses(&spec);
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

    fn nodes(&mut self, affinity: &Field) {
        for term in affinity.child(REQUIRED).child("nodeSelectorTerms").items() {
            for requirement in term.child("matchExpressions").items() {
                self.old_label(&requirement.child("key"));
            }
        }
        for preferred in affinity.child(PREFERRED).items() {
            for requirement in preferred.child("preference").child("matchExpressions").items() {
                self.old_label(&requirement.child("key"));
                for value in requirement.child("values").items() {
                    for complaint in meta::name::label_value(value.text()) {
                        self.say(&value, &format!("{} is invalid, {complaint}", value.text()));
                    }
                }
            }
        }
    }

    fn pods(&mut self, affinity: &Field) {
        for term in affinity.child(REQUIRED).items() {
            self.null_selector(&term);
        }
        for preferred in affinity.child(PREFERRED).items() {
            self.null_selector(&preferred.child("podAffinityTerm"));
        }
    }

    fn annotations(&mut self, pod: &Field) {
        let metadata = pod.child("metadata");
        let annotations = metadata.child("annotations");
        for (key, what) in DEPRECATED_ANNOTATIONS {
            let annotation = annotations.key(key);
            if annotation.is_set() {
                self.say(&annotation, what);
            }
        }
    }

    fn lists_of_names(&mut self, spec: &Field) {
        let mut addresses = Seen::new();
        for alias in spec.child("hostAliases").items() {
            let address = alias.child("ip");
            if addresses.again(address.text()) {
                self.say(&address, &format!("duplicate ip {:?}", address.text()));
            }
        }
        let secrets = spec.child("imagePullSecrets");
        let mut names = Seen::new();
        for secret in secrets.items() {
            let name = secret.child("name");
            if names.again(name.text()) {
                self.say(&name, &format!("duplicate name {:?}", name.text()));
            }
        }
        for secret in secrets.items() {
            let name = secret.child("name");
            if name.text().is_empty() {
                self.say(&name, "invalid empty name \"\"");
            }
        }
    }

    /// Annotations that did something before there were fields for it.
    fn seccomp(&mut self, pod: &Field) {
        const WHAT: &str = r#"non-functional in v1.27+; use the "seccompProfile" field instead"#;
        let (metadata, spec) = (pod.child("metadata"), pod.child("spec"));
        let annotations = metadata.child("annotations");
        let mut remark = |holder: &Field, annotation: &Field| {
            if annotation.is_set() && !holder.child("securityContext").child("seccompProfile").is_set() {
                self.say(annotation, WHAT);
            }
        };
        remark(&spec, &annotations.key(SECCOMP));
        each_container(&spec, |container| {
            let key = format!("{SECCOMP_CONTAINER}{}", container.text_of("name"));
            if let Some((_, annotation)) = annotations.entries().find(|(name, _)| **name == key) {
                remark(container, &annotation);
            }
        });
    }

    /// Profiles that stand in annotations, and not in fields.
    fn profiles(&mut self, pod: &Field) {
        let (metadata, spec) = (pod.child("metadata"), pod.child("spec"));
        let annotations = metadata.child("annotations");
        let context = spec.child("securityContext");
        let of_pod = context.child("appArmorProfile").value();
        each_container(&spec, |container| {
            let key = format!("{APP_ARMOR}{}", container.text_of("name"));
            let Some((_, annotation)) = annotations.entries().find(|(name, _)| **name == key) else {
                return;
            };
            let context = container.child("securityContext");
            let annotated = profile(annotation.text());
            let is_remarked = !context.child("appArmorProfile").is_set()
                && (of_pod.is_none() || of_pod != annotated.as_ref());
            if is_remarked {
                self.say(
                    &annotation,
                    r#"deprecated since v1.30; use the "appArmorProfile" field instead"#,
                );
            }
        });
    }

    fn container(&mut self, container: &Field) {
        let resources = container.child("resources");
        for resource in ["memory", "ephemeral-storage"] {
            for list in ["limits", "requests"] {
                self.fraction(&resources.child(list).key(resource));
            }
        }
        let mut names = Seen::new();
        for variable in container.child("env").items() {
            let name = variable.text_of("name");
            let goes_on = variable.text_of("value");
            let reference = format!("$({name})");
            // A value that adds to the one before it hides nothing.
            let hides =
                variable.child("valueFrom").is_set() || goes_on == reference || !goes_on.contains(&reference);
            if names.again(name) && hides {
                let what =
                    format!("hides previous definition of {name:?}, which may be dropped when using apply");
                self.say(&variable, &what);
            }
        }
    }

    /// There is no part of a byte.
    fn fraction(&mut self, amount: &Field) {
        if let Some(bytes) = quantity::read(amount.value())
            && !quantity::is_whole(bytes)
        {
            let what = format!("fractional byte value \"{bytes}\" is invalid, must be an integer");
            self.say(amount, &what);
        }
    }

    fn addresses(&mut self, spec: &Field) {
        let config = spec.child("dnsConfig");
        for server in config.child("nameservers").items() {
            self.address(&server);
        }
        for alias in spec.child("hostAliases").items() {
            self.address(&alias.child("ip"));
        }
    }

    /// An IPv6 address that could be written shorter.
    fn address(&mut self, address: &Field) {
        if let Ok(parsed) = address.text().parse::<std::net::Ipv6Addr>()
            && parsed.to_string() != address.text()
        {
            let what = format!(
                "IPv6 address {:?} should be in RFC 5952 canonical format ({:?})",
                address.text(),
                parsed.to_string()
            );
            self.say(address, &what);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(spec: Value, expected: &[&str]) {
        assert_eq!(
            of_pod(&json!({"metadata": {"name": "p"}, "spec": spec}), None),
            expected
        );
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
    fn what_stands_twice_is_remarked() {
        check(
            json!({
                "hostAliases": [{"ip": "::1"}, {"ip": "0:0::1"}, {"ip": "::1"}],
                "imagePullSecrets": [{"name": "a"}, {"name": "a"}],
                "containers": [{"env": [{"name": "A", "value": "a"}, {"name": "A", "value": "$(A)b"}]}],
            }),
            &[
                r#"spec.hostAliases[2].ip: duplicate ip "::1""#,
                r#"spec.imagePullSecrets[1].name: duplicate name "a""#,
                r#"spec.hostAliases[1].ip: IPv6 address "0:0::1" should be in RFC 5952 canonical format ("::1")"#,
            ],
        );
    }

    #[test]
    fn profiles_in_annotations_are_remarked() {
        const WHAT: &str = r#"metadata.annotations[container.apparmor.security.beta.kubernetes.io/c]: deprecated since v1.30; use the "appArmorProfile" field instead"#;
        let with = |profile: Value| {
            json!({
                "metadata": {"annotations": {"container.apparmor.security.beta.kubernetes.io/c": "unconfined"}},
                "spec": {"securityContext": {"appArmorProfile": profile}, "containers": [{"name": "c"}]},
            })
        };
        for (profile, expected) in [
            (json!(null), true),
            (json!({"type": "RuntimeDefault"}), true),
            (json!({"type": "Unconfined"}), false),
        ] {
            let object = with(profile);
            let report = Report::default();
            let found = of_template_at(&Field::root(&report, &object), None);
            let expected: &[&str] = if expected { &[WHAT] } else { &[] };
            assert_eq!(found, expected);
        }
    }

    #[test]
    fn an_unchanged_template_is_not_remarked() {
        let workload = json!({"spec": {"template": {"spec": {"imagePullSecrets": [{}]}}}});
        assert_eq!(of_template(&workload, None).len(), 1);
        assert!(of_template(&workload, Some(&workload)).is_empty());
    }
}
