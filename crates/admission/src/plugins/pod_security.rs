//! PodSecurity: namespaces choose by label how much their pods may ask for.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use meta::object::name;
use meta::{ErrorList, GroupVersionKind, Status};
use registry::{AdmissionRequest, Object, Operation};
use serde_json::Value;

use crate::cluster::Cluster;
use crate::plugin::Plugin;
use crate::pod_security::{Level, Policies, Policy, listed, violations};
use crate::request::resources::{NAMESPACES, PODS};
use crate::request::{Request, items, text};

/// The most pods that are looked at when a namespace raises its level.
const MAX_PODS: usize = 3000;
/// What keys of notes begin with.
const NOTES: &str = "pod-security.kubernetes.io/";
const NAMESPACE: GroupVersionKind = GroupVersionKind::new("", "v1", "Namespace");

/// Resources that make pods of a template, and where that stands.
const TEMPLATES: [(&str, &str, &str); 8] = [
    ("", "podtemplates", "/template"),
    ("", "replicationcontrollers", "/spec/template"),
    ("apps", "daemonsets", "/spec/template"),
    ("apps", "deployments", "/spec/template"),
    ("apps", "replicasets", "/spec/template"),
    ("apps", "statefulsets", "/spec/template"),
    ("batch", "jobs", "/spec/template"),
    ("batch", "cronjobs", "/spec/jobTemplate/spec/template"),
];

/// The plugin.
pub(crate) struct PodSecurity {
    pub(crate) cluster: Arc<dyn Cluster>,
}

impl PodSecurity {
    /// What the namespace wants. That some of it cannot be read is noted.
    async fn policies(&self, request: &AdmissionRequest<'_>) -> Result<Policies, Status> {
        let namespace = self.cluster.get(&NAMESPACES, "", request.namespace).await?;
        let Some(namespace) = namespace else {
            return Ok(Policies::default());
        };
        let (policies, errors) = Policies::of(&*namespace);
        if !errors.is_empty() {
            note(request, "error", || {
                format!("Failed to parse policy: {}", aggregate(&errors))
            });
        }
        Ok(policies)
    }

    async fn pod(&self, request: &AdmissionRequest<'_>) -> Result<(), Status> {
        let policies = self.policies(request).await?;
        let pod = request.proposed();
        note(request, "enforce-policy", || policies.enforce.to_string());
        note_violations(request, policies.audit, pod);
        let found = violations_of(policies.enforce, pod);
        if !found.is_empty() {
            let why = format!(
                "violates PodSecurity \"{}\": {}",
                policies.enforce,
                listed(&found)
            );
            return Err(request.forbidden(why));
        }
        warn(request, policies.warn, pod);
        Ok(())
    }

    /// Who writes a template is only told: the pods are made by somebody else, who will be refused.
    async fn template(&self, request: &AdmissionRequest<'_>, at: &str) -> Result<(), Status> {
        let Some(template) = request.proposed().pointer(at) else {
            return Ok(());
        };
        let policies = self.policies(request).await?;
        note_violations(request, policies.audit, template);
        warn(request, policies.warn, template);
        Ok(())
    }

    async fn namespace(&self, request: &AdmissionRequest<'_>) -> Result<(), Status> {
        let (new, errors) = read_labels(request.proposed());
        if request.operation == Operation::Create {
            return refuse(request, &errors);
        }
        let (old, old_errors) = read_labels(request.existing());
        if errors != old_errors {
            refuse(request, &errors)?;
        }
        if is_raised(old.enforce, new.enforce) {
            self.warn_of_pods(request, new.enforce).await?;
        }
        Ok(())
    }

    /// Pods that are there already stay; who raises the level is told of them.
    async fn warn_of_pods(&self, request: &AdmissionRequest<'_>, policy: Policy) -> Result<(), Status> {
        let namespace = name(request.proposed());
        let pods = self.cluster.list(&PODS, Some(namespace)).await?;
        let mut by_problem: BTreeMap<String, Vec<Arc<Object>>> = BTreeMap::new();
        for pod in pods.into_iter().take(MAX_PODS) {
            let found = violations_of(policy, &pod.tree());
            if !found.is_empty() {
                let reasons = found.into_iter().map(|violation| violation.reason);
                by_problem
                    .entry(reasons.collect::<Vec<_>>().join(", "))
                    .or_default()
                    .push(pod);
            }
        }
        let mut warnings: Vec<String> = by_problem
            .iter()
            .map(|(problem, pods)| told(problem, pods))
            .collect();
        if warnings.is_empty() {
            return Ok(());
        }
        warnings.sort();
        let context = request.context;
        context.warnings.add(format!(
            "existing pods in namespace {namespace:?} violate the new PodSecurity enforce level \"{policy}\""
        ));
        warnings
            .into_iter()
            .for_each(|warning| context.warnings.add(warning));
        Ok(())
    }
}

#[async_trait]
impl Plugin for PodSecurity {
    fn name(&self) -> &'static str {
        "PodSecurity"
    }

    async fn validate(&self, request: &AdmissionRequest<'_>) -> Result<(), Status> {
        if !matches!(request.operation, Operation::Create | Operation::Update) {
            return Ok(());
        }
        if request.is_for(&NAMESPACES, "") {
            return self.namespace(request).await;
        }
        if request.is_for(&PODS, "ephemeralcontainers") {
            return self.pod(request).await;
        }
        if request.is_for(&PODS, "") {
            let matters = request.operation == Operation::Create
                || is_significant(request.proposed(), request.existing());
            return if matters { self.pod(request).await } else { Ok(()) };
        }
        let resource = (&*request.resource.group, &*request.resource.resource);
        let mut templates = TEMPLATES
            .into_iter()
            .filter(|(group, plural, _)| resource == (*group, *plural));
        match templates.next() {
            Some((_, _, at)) if request.subresource.is_empty() => self.template(request, at).await,
            _ => Ok(()),
        }
    }
}

fn violations_of(policy: Policy, pod: &Value) -> Vec<crate::pod_security::Violation> {
    violations(policy, &pod["metadata"], &pod["spec"])
}

fn warn(request: &AdmissionRequest<'_>, policy: Policy, pod: &Value) {
    let found = violations_of(policy, pod);
    if !found.is_empty() {
        let warning = format!("would violate PodSecurity \"{policy}\": {}", listed(&found));
        request.context.warnings.add(warning);
    }
}

/// Has it written where somebody reads it that a pod violates a policy.
fn note_violations(request: &AdmissionRequest<'_>, policy: Policy, pod: &Value) {
    if !request.context.audit.is_on() {
        return;
    }
    let found = violations_of(policy, pod);
    if !found.is_empty() {
        let text = || format!("would violate PodSecurity \"{policy}\": {}", listed(&found));
        note(request, "audit-violations", text);
    }
}

fn note(request: &AdmissionRequest<'_>, key: &str, text: impl FnOnce() -> String) {
    let audit = &request.context.audit;
    if audit.is_on() {
        audit.note(format!("{NOTES}{key}"), text);
    }
}

/// As upstream writes several errors.
fn aggregate(errors: &ErrorList) -> String {
    let texts: Vec<String> = errors.iter().map(ToString::to_string).collect();
    match &texts[..] {
        [one] => one.clone(),
        _ => format!("[{}]", texts.join(", ")),
    }
}

/// `p: privileged`, `p (and 2 other pods): privileged`.
fn told(problem: &str, pods: &[Arc<Object>]) -> String {
    let first = pods.iter().map(|pod| pod.name()).min().unwrap_or("");
    match pods.len() {
        0 | 1 => format!("{first}: {problem}"),
        2 => format!("{first} (and 1 other pod): {problem}"),
        count => format!("{first} (and {} other pods): {problem}", count - 1),
    }
}

fn read_labels(namespace: &Value) -> (Policies, ErrorList) {
    let labels = namespace.pointer("/metadata/labels").and_then(Value::as_object);
    Policies::of(&labels)
}

fn refuse(request: &AdmissionRequest<'_>, errors: &ErrorList) -> Result<(), Status> {
    if errors.is_empty() {
        return Ok(());
    }
    Err(Status::invalid(&NAMESPACE, name(request.proposed()), errors))
}

/// Whether pods that were fine under the old policy may not be under the new one.
fn is_raised(old: Policy, new: Policy) -> bool {
    let is_lowered = old.version == new.version && new.level < old.level;
    new.level != Level::Privileged && new != old && !is_lowered
}

/// Whether an update changes what a pod asks for. Little of a pod can change at all: its containers' images, and annotations
/// that choose profiles.
fn is_significant(new: &Value, old: &Value) -> bool {
    images(new).ne(images(old)) || profiles(new).ne(profiles(old))
}

fn images(pod: &Value) -> impl Iterator<Item = &str> {
    let lists = [
        "/spec/initContainers",
        "/spec/containers",
        "/spec/ephemeralContainers",
    ];
    let containers = lists.into_iter().flat_map(|list| items(pod, list));
    containers.map(|container| text(container, "/image"))
}

/// Annotations that choose profiles.
fn profiles(pod: &Value) -> impl Iterator<Item = (&String, &Value)> {
    let annotations = pod.pointer("/metadata/annotations").and_then(Value::as_object);
    let annotations = annotations.into_iter().flatten();
    annotations.filter(|(key, _)| key.contains("apparmor.security.") || key.contains("seccomp.security."))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testing::{FakeCluster, Notebook, Write};

    fn plugin() -> PodSecurity {
        let namespace = |name: &str, labels: Value| json!({"metadata": {"name": name, "labels": labels}});
        let cluster = FakeCluster::default()
            .with(
                &NAMESPACES,
                namespace("base", json!({"pod-security.kubernetes.io/enforce": "baseline"})),
            )
            .with(&NAMESPACES, namespace("free", json!({})));
        PodSecurity {
            cluster: cluster.shared(),
        }
    }

    fn pod(namespace: &str, spec: Value) -> Value {
        json!({"metadata": {"name": "p", "namespace": namespace}, "spec": spec})
    }

    #[tokio::test]
    async fn pods_keep_to_the_level_of_their_namespace() {
        let many = json!({
            "hostPID": true, "volumes": [{"name": "v", "hostPath": {"path": "/"}}],
            "containers": [{"name": "c", "securityContext": {"privileged": true, "capabilities": {"add": ["SYS_TIME"]}}}],
        });
        let expected = "pods \"p\" is forbidden: violates PodSecurity \"baseline:latest\": non-default capabilities (container \
                        \"c\" must not include \"SYS_TIME\" in securityContext.capabilities.add), host namespaces (hostPID=true), \
                        hostPath volumes (volume \"v\"), privileged (container \"c\" must not set \
                        securityContext.privileged=true)";
        let refused = Write::create(&PODS, pod("base", many.clone()))
            .through(&plugin())
            .await;
        assert_eq!(refused, Err(expected.to_owned()));
        assert!(
            Write::create(&PODS, pod("free", many.clone()))
                .through(&plugin())
                .await
                .is_ok()
        );
        let labelled = |label: &str| {
            let mut pod = pod("base", many.clone());
            pod["metadata"]["labels"]["l"] = label.into();
            pod
        };
        let relabelled = Write::update(&PODS, labelled("a"), labelled("b"));
        assert!(
            relabelled.through(&plugin()).await.is_ok(),
            "nothing that matters has changed"
        );
    }

    #[tokio::test]
    async fn what_pods_violate_is_noted() {
        let labels =
            json!({"pod-security.kubernetes.io/audit": "baseline", "pod-security.kubernetes.io/warn": "x"});
        let cluster =
            FakeCluster::default().with(&NAMESPACES, json!({"metadata": {"name": "n", "labels": labels}}));
        let plugin = PodSecurity {
            cluster: cluster.shared(),
        };
        let notes = Arc::new(Notebook::default());
        let pod = pod("n", json!({"hostPID": true, "containers": [{"name": "c"}]}));
        Write::create(&PODS, pod)
            .noted(&notes)
            .through(&plugin)
            .await
            .expect("it is admitted");
        assert_eq!(
            notes.lines(),
            [
                "pod-security.kubernetes.io/audit-violations: would violate PodSecurity \"baseline:latest\": host namespaces (hostPID=true)",
                "pod-security.kubernetes.io/enforce-policy: privileged:latest",
                "pod-security.kubernetes.io/error: Failed to parse policy: metadata.labels[pod-security.kubernetes.io/warn]: Invalid value: \"x\": must be one of privileged, baseline, restricted",
            ]
        );
    }

    #[tokio::test]
    async fn labels_must_name_levels() {
        let namespace = |level: &str| json!({"metadata": {"name": "n", "labels": {"pod-security.kubernetes.io/enforce": level}}});
        let expected = "Namespace \"n\" is invalid: metadata.labels[pod-security.kubernetes.io/enforce]: Invalid value: \
                        \"strict\": must be one of privileged, baseline, restricted";
        let created = Write::create(&NAMESPACES, namespace("strict"))
            .through(&plugin())
            .await;
        assert_eq!(created, Err(expected.to_owned()));
        let as_before = Write::update(&NAMESPACES, namespace("strict"), namespace("strict"));
        assert!(as_before.through(&plugin()).await.is_ok());
    }
}
