//! An `APIService` for each group version of which custom resources are served.

use std::collections::BTreeSet;

use meta::Status;
use meta::object::{metadata, name};
use registry::{DeleteOptions, ListOptions, Registry};
use serde_json::{Value, json};

use crate::definition::Definition;
use crate::writer::{API_SERVICES, built_in, context, now};

/// Group and version.
pub(crate) type Served = BTreeSet<(String, String)>;

const MANAGED: &str = "kube-aggregator.kubernetes.io/automanaged";

/// What is served of these definitions.
pub(crate) fn served<'a>(definitions: impl Iterator<Item = &'a Definition>) -> Served {
    let versions = definitions.flat_map(|definition| {
        let served = definition.spec.versions.iter().filter(|version| version.served);
        served.map(|version| (definition.spec.group.clone(), version.name.clone()))
    });
    versions.collect()
}

/// Those there are that this part of a server has made.
pub(crate) async fn present(registry: &Registry) -> Result<Served, Status> {
    let services = built_in(registry, &API_SERVICES)?;
    let page = services.list(None, &ListOptions::default()).await?;
    let managed = page.items.iter().map(|object| object.tree()).filter(is_managed);
    Ok(managed
        .map(|service| {
            let text = |field: &str| service["spec"][field].as_str().unwrap_or_default().to_owned();
            (text("group"), text("version"))
        })
        .collect())
}

fn is_managed(service: &Value) -> bool {
    let labels = metadata(service).and_then(|metadata| metadata.get("labels"));
    labels.is_some_and(|labels| labels[MANAGED] == "true")
}

/// Makes one, unless somebody has made another of the name.
pub(crate) async fn add(registry: &Registry, group: &str, version: &str) -> Result<(), Status> {
    let services = built_in(registry, &API_SERVICES)?;
    let service = json!({
        "apiVersion": "apiregistration.k8s.io/v1",
        "kind": "APIService",
        "metadata": {"name": format!("{version}.{group}"), "labels": {MANAGED: "true"}},
        "spec": {"group": group, "version": version, "groupPriorityMinimum": 1000, "versionPriority": 100},
    });
    let mut service = match services.create(&context(), "", service).await {
        Ok(written) => written.object.tree(),
        Err(status) if status.is_already_exists() => return Ok(()),
        Err(status) => return Err(status),
    };
    service["status"] = json!({"conditions": [{
        "type": "Available", "status": "True", "lastTransitionTime": now(), "reason": "Local",
        "message": "Local APIServices are always available",
    }]});
    let named = name(&service).to_owned();
    services.update(&context(), "", &named, "status", service).await?;
    Ok(())
}

/// Deletes one that this part of a server has made.
pub(crate) async fn remove(registry: &Registry, group: &str, version: &str) -> Result<(), Status> {
    let services = built_in(registry, &API_SERVICES)?;
    let named = format!("{version}.{group}");
    let found = services.get("", &named, &registry::GetOptions::default()).await;
    let found = match found {
        Ok(found) => found.tree(),
        Err(status) if status.is_not_found() => return Ok(()),
        Err(status) => return Err(status),
    };
    if !is_managed(&found) {
        return Ok(());
    }
    match services
        .delete(&context(), "", &named, &DeleteOptions::default())
        .await
    {
        Err(status) if !status.is_not_found() => Err(status),
        Ok(_) | Err(_) => Ok(()),
    }
}
