//! Which ConfigMaps and Secrets a pod names.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::{Container, Volume, VolumeProjection};

use super::ObjectKind;
use crate::pod::PodToRun;

/// A ConfigMap or Secret.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reference {
    pub kind: ObjectKind,
    pub namespace: String,
    pub name: String,
}

/// Everything a pod names, in its environments, its volumes and its pull secrets.
pub fn references(pod: &PodToRun) -> BTreeSet<Reference> {
    let spec = pod.spec();
    let mut found = Found {
        namespace: pod.namespace(),
        set: BTreeSet::new(),
    };
    for member in pod.members() {
        found.in_container(&member.container);
    }
    for volume in spec.volumes.iter().flatten() {
        found.in_volume(volume);
    }
    for secret in spec.image_pull_secrets.iter().flatten() {
        found.add(ObjectKind::Secret, &secret.name);
    }
    found.set
}

struct Found<'a> {
    namespace: &'a str,
    set: BTreeSet<Reference>,
}

impl Found<'_> {
    fn add(&mut self, kind: ObjectKind, name: &str) {
        if name.is_empty() {
            return;
        }
        self.set.insert(Reference {
            kind,
            namespace: self.namespace.to_owned(),
            name: name.to_owned(),
        });
    }

    fn in_container(&mut self, container: &Container) {
        for source in container.env_from.iter().flatten() {
            if let Some(map) = &source.config_map_ref {
                self.add(ObjectKind::ConfigMap, &map.name);
            }
            if let Some(secret) = &source.secret_ref {
                self.add(ObjectKind::Secret, &secret.name);
            }
        }
        for source in container
            .env
            .iter()
            .flatten()
            .filter_map(|e| e.value_from.as_ref())
        {
            if let Some(key) = &source.config_map_key_ref {
                self.add(ObjectKind::ConfigMap, &key.name);
            }
            if let Some(key) = &source.secret_key_ref {
                self.add(ObjectKind::Secret, &key.name);
            }
        }
    }

    fn in_volume(&mut self, volume: &Volume) {
        if let Some(map) = &volume.config_map {
            self.add(ObjectKind::ConfigMap, &map.name);
        }
        if let Some(secret) = &volume.secret {
            self.add(
                ObjectKind::Secret,
                secret.secret_name.as_deref().unwrap_or_default(),
            );
        }
        let projected = volume.projected.iter().flat_map(|p| p.sources.iter().flatten());
        for source in projected {
            self.in_projection(source);
        }
    }

    fn in_projection(&mut self, source: &VolumeProjection) {
        if let Some(map) = &source.config_map {
            self.add(ObjectKind::ConfigMap, &map.name);
        }
        if let Some(secret) = &source.secret {
            self.add(ObjectKind::Secret, &secret.name);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::*;

    #[test]
    fn every_place_is_looked_at() {
        let pod = serde_json::from_value(json!({
            "metadata": { "namespace": "ns" },
            "spec": {
                "imagePullSecrets": [{ "name": "pull" }],
                "initContainers": [{ "name": "i", "envFrom": [{ "secretRef": { "name": "s1" } }, { "configMapRef": { "name": "m1" } }] }],
                "containers": [{ "name": "c", "env": [
                    { "name": "A", "valueFrom": { "configMapKeyRef": { "name": "m2", "key": "k" } } },
                    { "name": "B", "valueFrom": { "secretKeyRef": { "name": "s2", "key": "k" } } },
                ] }],
                "volumes": [
                    { "name": "a", "configMap": { "name": "m3" } },
                    { "name": "b", "secret": { "secretName": "s3" } },
                    { "name": "c", "projected": { "sources": [
                        { "configMap": { "name": "m4" } }, { "secret": { "name": "s4" } }, { "secret": { "name": "s3" } },
                    ] } },
                ],
            },
        }))
        .unwrap();
        let found = references(&PodToRun::new(Arc::new(pod)));
        let names: Vec<&str> = found.iter().map(|r| r.name.as_str()).collect();
        assert_eq!(names, ["m1", "m2", "m3", "m4", "pull", "s1", "s2", "s3", "s4"]);
        assert!(found.iter().all(|r| r.namespace == "ns"));
    }
}
