//! DefaultStorageClass and DefaultIngressClass: what names no class gets the default one.

use std::cmp::Reverse;
use std::sync::Arc;

use async_trait::async_trait;
use meta::object::{metadata_str, name};
use meta::{GroupVersionResource, Status};
use registry::AdmissionRequest;
use serde_json::Value;

use crate::cluster::Cluster;
use crate::plugin::Plugin;
use crate::request::resources::{CLAIMS, INGRESS_CLASSES, INGRESSES, STORAGE_CLASSES};
use crate::request::{Request, annotation};

/// Fills in one kind of class.
pub(crate) struct DefaultClass {
    cluster: Arc<dyn Cluster>,
    rule: Rule,
}

/// Which objects, which field, and which class is the default.
struct Rule {
    plugin: &'static str,
    resource: GroupVersionResource,
    /// The field of `spec` that names a class.
    field: &'static str,
    /// An annotation that names one in the old way.
    old_annotation: &'static str,
    classes: GroupVersionResource,
    /// Annotations that make a class the default.
    marks: &'static [&'static str],
}

impl DefaultClass {
    /// DefaultStorageClass.
    pub(crate) fn storage(cluster: Arc<dyn Cluster>) -> Self {
        let rule = Rule {
            plugin: "DefaultStorageClass",
            resource: CLAIMS,
            field: "storageClassName",
            old_annotation: "volume.beta.kubernetes.io/storage-class",
            classes: STORAGE_CLASSES,
            marks: &[
                "storageclass.kubernetes.io/is-default-class",
                "storageclass.beta.kubernetes.io/is-default-class",
            ],
        };
        Self { cluster, rule }
    }

    /// DefaultIngressClass.
    pub(crate) fn ingress(cluster: Arc<dyn Cluster>) -> Self {
        let rule = Rule {
            plugin: "DefaultIngressClass",
            resource: INGRESSES,
            field: "ingressClassName",
            old_annotation: "kubernetes.io/ingress.class",
            classes: INGRESS_CLASSES,
            marks: &["ingressclass.kubernetes.io/is-default-class"],
        };
        Self { cluster, rule }
    }

    /// The default class. Of several, the newest; of those made in the same second, the first by name.
    async fn default_class(&self) -> Result<Option<Value>, Status> {
        let classes = self.cluster.list(&self.rule.classes, None).await?;
        let classes = classes.iter().map(|class| class.tree());
        let is_default = |class: &Value| {
            let mut marks = self.rule.marks.iter();
            marks.any(|mark| annotation(class, mark) == Some("true"))
        };
        Ok(classes.filter(is_default).min_by_key(|class| {
            let created = metadata_str(class, "creationTimestamp").to_owned();
            (Reverse(created), name(class).to_owned())
        }))
    }
}

#[async_trait]
impl Plugin for DefaultClass {
    fn name(&self) -> &'static str {
        self.rule.plugin
    }

    async fn mutate(&self, request: &mut AdmissionRequest<'_>) -> Result<(), Status> {
        if !request.creates(&self.rule.resource) {
            return Ok(());
        }
        let object = request.proposed();
        let names_class = !object["spec"][self.rule.field].is_null();
        if names_class || annotation(object, self.rule.old_annotation).is_some() {
            return Ok(());
        }
        if let (Some(class), Some(object)) = (self.default_class().await?, &mut request.object) {
            object["spec"][self.rule.field] = name(&class).into();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testing::{FakeCluster, Write};

    fn class(name: &str, created: &str, is_default: &str) -> Value {
        json!({"metadata": {
            "name": name, "creationTimestamp": created,
            "annotations": {"storageclass.kubernetes.io/is-default-class": is_default},
        }})
    }

    #[tokio::test]
    async fn the_newest_default_is_taken() {
        let cluster = FakeCluster::default()
            .with(&STORAGE_CLASSES, class("a", "2026-01-01T00:00:00Z", "true"))
            .with(&STORAGE_CLASSES, class("c", "2026-01-02T00:00:00Z", "true"))
            .with(&STORAGE_CLASSES, class("b", "2026-01-02T00:00:00Z", "true"))
            .with(&STORAGE_CLASSES, class("d", "2026-01-03T00:00:00Z", "false"));
        let plugin = DefaultClass::storage(cluster.shared());
        let cases = [
            (json!({"metadata": {"name": "x"}, "spec": {}}), json!("b")),
            (
                json!({"metadata": {"name": "x"}, "spec": {"storageClassName": ""}}),
                json!(""),
            ),
            (
                json!({"metadata": {"name": "x"}, "spec": {"storageClassName": "z"}}),
                json!("z"),
            ),
            (
                json!({"metadata": {"name": "x", "annotations": {"volume.beta.kubernetes.io/storage-class": ""}}, "spec": {}}),
                Value::Null,
            ),
        ];
        for (claim, expected) in cases {
            let claim = Write::create(&CLAIMS, claim).through(&plugin).await.unwrap();
            assert_eq!(claim["spec"]["storageClassName"], expected);
        }
    }

    #[tokio::test]
    async fn without_a_default_nothing_is_filled_in() {
        let plugin = DefaultClass::ingress(FakeCluster::default().shared());
        let ingress = json!({"metadata": {"name": "x"}, "spec": {}});
        assert_eq!(
            Write::create(&INGRESSES, ingress.clone()).through(&plugin).await,
            Ok(ingress)
        );
    }
}
