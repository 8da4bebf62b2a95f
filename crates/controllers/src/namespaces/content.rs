//! What is in a namespace, whatever kinds the server serves, and its removal.

use std::collections::BTreeMap;

use client::Client;
use http::Method;
use serde::Deserialize;
use serde::de::IgnoredAny;

const PODS: &str = "pods";

/// What was still in a namespace after everything was asked to go.
#[derive(Debug, Default)]
pub(super) struct Left {
    /// Objects by `resource.group`.
    pub(super) objects: BTreeMap<String, usize>,
    /// How many objects wait for each finalizer.
    pub(super) finalizers: BTreeMap<String, usize>,
    /// What could not be found out about the server's kinds.
    pub(super) discovery_failures: Vec<String>,
    /// What could not be deleted.
    pub(super) failures: Vec<String>,
}

impl Left {
    pub(super) fn is_nothing(&self) -> bool {
        self.objects.is_empty() && self.failures.is_empty() && self.discovery_failures.is_empty()
    }
}

/// Deletes everything in a namespace that can be deleted; says what is left. As long as there are pods, only they are asked to go
/// (KEP-5080): what they work with, and what guards them, stays until they have ended.
pub(super) async fn delete_all(client: &Client, namespace: &str) -> Left {
    let mut left = Left::default();
    let mut others = Vec::new();
    for group_version in group_versions(client, &mut left).await {
        let resources = match client
            .call::<ResourceList>(Method::GET, &group_version.path, "", None)
            .await
        {
            Ok(list) => list.resources,
            Err(error) => {
                left.discovery_failures
                    .push(format!("{}: {error}", group_version.path));
                continue;
            }
        };
        for resource in resources.into_iter().filter(ResourceEntry::is_content) {
            if group_version.group.is_empty() && resource.name == PODS {
                group_version.clear(client, namespace, &resource, &mut left).await;
            } else {
                others.push((group_version.clone(), resource));
            }
        }
        if !left.objects.is_empty() {
            return left;
        }
    }
    for (group_version, resource) in others {
        group_version.clear(client, namespace, &resource, &mut left).await;
    }
    left
}

#[derive(Clone)]
struct GroupVersion {
    group: String,
    path: String,
}

async fn group_versions(client: &Client, left: &mut Left) -> Vec<GroupVersion> {
    let core = GroupVersion {
        group: String::new(),
        path: String::from("/api/v1"),
    };
    match client.call::<GroupList>(Method::GET, "/apis", "", None).await {
        Ok(list) => std::iter::once(core)
            .chain(list.groups.into_iter().map(|group| GroupVersion {
                path: format!("/apis/{}", group.preferred_version.group_version),
                group: group.name,
            }))
            .collect(),
        Err(error) => {
            left.discovery_failures.push(error.to_string());
            vec![core]
        }
    }
}

impl GroupVersion {
    async fn clear(&self, client: &Client, namespace: &str, resource: &ResourceEntry, left: &mut Left) {
        let path = format!("{}/namespaces/{namespace}/{}", self.path, resource.name);
        // With the dot even where there is no group.
        let name = format!("{}.{}", resource.name, self.group);
        if let Err(error) = self.delete(client, &path, resource).await {
            left.failures.push(format!("{name}: {error}"));
        }
        match client.call::<ObjectList>(Method::GET, &path, "", None).await {
            Ok(list) if list.items.is_empty() => {}
            Ok(list) => {
                for finalizer in list.items.iter().flat_map(|object| &object.metadata.finalizers) {
                    *left.finalizers.entry(finalizer.clone()).or_default() += 1;
                }
                left.objects.insert(name, list.items.len());
            }
            Err(error) => left.failures.push(format!("{name}: {error}")),
        }
    }

    async fn delete(
        &self,
        client: &Client,
        path: &str,
        resource: &ResourceEntry,
    ) -> Result<(), client::Error> {
        if resource.verbs.iter().any(|verb| verb == "deletecollection") {
            return client
                .call::<IgnoredAny>(Method::DELETE, path, "", None)
                .await
                .map(drop);
        }
        let list: ObjectList = client.call(Method::GET, path, "", None).await?;
        for object in list.items {
            let path = format!("{path}/{}", object.metadata.name);
            client::error::optional(client.call::<IgnoredAny>(Method::DELETE, &path, "", None).await)?;
        }
        Ok(())
    }
}

#[derive(Deserialize)]
struct GroupList {
    groups: Vec<Group>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Group {
    name: String,
    preferred_version: Version,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Version {
    group_version: String,
}

#[derive(Deserialize)]
struct ResourceList {
    resources: Vec<ResourceEntry>,
}

#[derive(Deserialize)]
struct ResourceEntry {
    name: String,
    namespaced: bool,
    verbs: Vec<String>,
}

impl ResourceEntry {
    /// Whether objects of this resource live in namespaces and can be found and deleted.
    fn is_content(&self) -> bool {
        let can = |verb: &str| self.verbs.iter().any(|v| v == verb);
        self.namespaced && !self.name.contains('/') && can("list") && can("delete")
    }
}

#[derive(Deserialize)]
struct ObjectList {
    #[serde(default)]
    items: Vec<PartialObject>,
}

#[derive(Deserialize)]
struct PartialObject {
    metadata: PartialMetadata,
}

#[derive(Deserialize)]
struct PartialMetadata {
    name: String,
    #[serde(default)]
    finalizers: Vec<String>,
}
