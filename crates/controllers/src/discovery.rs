//! What the server serves: every resource of every group, read in two requests (KEP-3352).

use std::collections::HashSet;
use std::sync::Arc;

use client::{Client, Error};
use serde::Deserialize;

/// How fresh the resources of a group version are whose server does not answer.
const STALE: &str = "Stale";
const ACCEPT: &str = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";

/// One resource of one version of a group.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct ApiResource {
    /// Empty for the core group.
    pub(crate) group: String,
    pub(crate) version: String,
    pub(crate) kind: String,
    /// The name in paths: `pods`.
    pub(crate) plural: String,
    pub(crate) namespaced: bool,
    pub(crate) verbs: Vec<String>,
}

impl ApiResource {
    /// `v1` or `apps/v1`.
    pub(crate) fn api_version(&self) -> String {
        match self.group.as_str() {
            "" => self.version.clone(),
            group => format!("{group}/{}", self.version),
        }
    }

    pub(crate) fn can(&self, verb: &str) -> bool {
        self.verbs.iter().any(|known| known == verb)
    }

    /// The path of all its objects.
    pub(crate) fn collection(&self) -> String {
        match self.group.as_str() {
            "" => format!("/api/{}/{}", self.version, self.plural),
            group => format!("/apis/{group}/{}/{}", self.version, self.plural),
        }
    }

    /// The path of an object; the namespace does not matter for cluster-scoped ones.
    pub(crate) fn object(&self, namespace: &str, name: &str) -> String {
        let root = match self.group.as_str() {
            "" => format!("/api/{}", self.version),
            group => format!("/apis/{group}/{}", self.version),
        };
        if self.namespaced {
            format!("{root}/namespaces/{namespace}/{}/{name}", self.plural)
        } else {
            format!("{root}/{}/{name}", self.plural)
        }
    }
}

/// All resources, by group, preferred versions first.
#[derive(Debug, Default)]
pub(crate) struct Discovery {
    resources: Vec<Arc<ApiResource>>,
    /// Group versions of which nothing is told at present, as the server behind them is away.
    stale: HashSet<(String, String)>,
}

/// Asks the server.
pub(crate) async fn discover(client: &Client) -> Result<Discovery, Error> {
    let core: Document = client.get_as("/api", ACCEPT).await?;
    let groups: Document = client.get_as("/apis", ACCEPT).await?;
    Ok(Discovery::of(core.items.into_iter().chain(groups.items)))
}

impl Discovery {
    fn of(groups: impl Iterator<Item = Group>) -> Self {
        let mut discovery = Self::default();
        for group in groups {
            let stale = group.versions.iter().filter(|version| version.freshness == STALE);
            let stale = stale.map(|version| (group.metadata.name.clone(), version.version.clone()));
            discovery.stale.extend(stale);
            discovery.resources.extend(group.resources().map(Arc::new));
        }
        discovery
    }

    /// Whether a resource may be there though nothing is told of it.
    pub(crate) fn may_have(&self, resource: &ApiResource) -> bool {
        let group_version = (resource.group.clone(), resource.version.clone());
        self.stale.contains(&group_version)
    }

    /// The resource of a kind, in just that version.
    pub(crate) fn of_kind(&self, api_version: &str, kind: &str) -> Option<&Arc<ApiResource>> {
        let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
        self.resources
            .iter()
            .find(|r| r.group == group && r.version == version && r.kind == kind)
    }

    /// Each resource once, in the version its group prefers.
    pub(crate) fn preferred(&self) -> Vec<Arc<ApiResource>> {
        let mut seen = HashSet::new();
        self.resources
            .iter()
            .filter(|r| seen.insert((&r.group, &r.plural)))
            .cloned()
            .collect()
    }
}

#[derive(Deserialize)]
struct Document {
    #[serde(default)]
    items: Vec<Group>,
}

#[derive(Deserialize)]
struct Group {
    #[serde(default)]
    metadata: Named,
    #[serde(default)]
    versions: Vec<Version>,
}

#[derive(Default, Deserialize)]
struct Named {
    #[serde(default)]
    name: String,
}

#[derive(Deserialize)]
struct Version {
    version: String,
    #[serde(default)]
    freshness: String,
    #[serde(default)]
    resources: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    resource: String,
    /// Missing for a resource that has only subresources.
    #[serde(default)]
    response_kind: Option<ResponseKind>,
    scope: String,
    #[serde(default)]
    verbs: Vec<String>,
}

#[derive(Deserialize)]
struct ResponseKind {
    kind: String,
}

impl Group {
    fn resources(self) -> impl Iterator<Item = ApiResource> {
        let group = self.metadata.name;
        self.versions.into_iter().flat_map(move |version| {
            let group = group.clone();
            version.resources.into_iter().filter_map(move |entry| {
                Some(ApiResource {
                    group: group.clone(),
                    version: version.version.clone(),
                    kind: entry.response_kind?.kind,
                    plural: entry.resource,
                    namespaced: entry.scope == "Namespaced",
                    verbs: entry.verbs,
                })
            })
        })
    }
}

#[cfg(test)]
pub(crate) mod testing {
    use super::*;

    /// A resource that can do everything.
    pub(crate) fn resource(
        api_version: &str,
        kind: &str,
        plural: &str,
        namespaced: bool,
    ) -> Arc<ApiResource> {
        let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
        Arc::new(ApiResource {
            group: group.to_owned(),
            version: version.to_owned(),
            kind: kind.to_owned(),
            plural: plural.to_owned(),
            namespaced,
            verbs: ["get", "list", "watch", "delete"].map(str::to_owned).to_vec(),
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn discovery() -> Discovery {
        let entry = |name: &str, kind: &str, scope: &str| {
            json!({ "resource": name, "responseKind": { "group": "", "version": "", "kind": kind }, "scope": scope,
                    "verbs": ["get", "list"] })
        };
        let document: Document = serde_json::from_value(json!({ "items": [
            { "metadata": {}, "versions": [{ "version": "v1", "resources": [entry("nodes", "Node", "Cluster")] }] },
            { "metadata": { "name": "autoscaling" }, "versions": [
                { "version": "v2", "resources": [entry("horizontalpodautoscalers", "HorizontalPodAutoscaler", "Namespaced")] },
                { "version": "v1", "resources": [entry("horizontalpodautoscalers", "HorizontalPodAutoscaler", "Namespaced")] },
            ] },
            { "metadata": { "name": "a.example" }, "versions": [{ "version": "v1", "freshness": "Stale" }] },
        ] }))
        .unwrap();
        Discovery::of(document.items.into_iter())
    }

    #[test]
    fn each_resource_is_preferred_once_and_found_in_every_version() {
        let discovery = discovery();
        let preferred: Vec<_> = discovery.preferred().iter().map(|r| r.collection()).collect();
        assert_eq!(
            preferred,
            ["/api/v1/nodes", "/apis/autoscaling/v2/horizontalpodautoscalers"]
        );
        let away = testing::resource("a.example/v1", "Thing", "things", true);
        assert!(discovery.may_have(&away));
        assert!(!discovery.may_have(&testing::resource("v1", "Thing", "things", true)));
        let old = discovery
            .of_kind("autoscaling/v1", "HorizontalPodAutoscaler")
            .unwrap();
        assert_eq!(
            old.object("a", "b"),
            "/apis/autoscaling/v1/namespaces/a/horizontalpodautoscalers/b"
        );
        assert!(discovery.of_kind("v1", "HorizontalPodAutoscaler").is_none());
    }
}
