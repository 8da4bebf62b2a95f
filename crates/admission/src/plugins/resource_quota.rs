//! ResourceQuota: a namespace's objects together ask for no more than its quotas allow. What is granted is counted at once;
//! the quota controller takes off what is given back.

mod check;

use std::sync::Arc;

use async_trait::async_trait;
use kinds::quota::{self, Amounts};
use meta::{GroupResource, Status};
use registry::{AdmissionRequest, Operation};
use serde_json::Value;

use crate::cluster::Cluster;
use crate::plugin::Plugin;
use crate::request::Request;
use crate::request::resources::{CLAIMS, PODS, QUOTAS, SERVICES};

/// The plugin.
pub(crate) struct ResourceQuota {
    pub(crate) cluster: Arc<dyn Cluster>,
}

/// Everything is counted when it is made; what may come to count for more, when it is changed, too.
fn concerns(request: &AdmissionRequest<'_>) -> bool {
    let updates = request.operation == Operation::Update;
    !request.namespace.is_empty()
        && ((request.operation == Operation::Create && request.subresource.is_empty())
            || (updates
                && (request.is_for(&SERVICES, "")
                    || request.is_for(&CLAIMS, "")
                    || request.is_for(&PODS, "resize"))))
}

/// What the request asks for beyond what was granted before.
fn asked(request: &AdmissionRequest<'_>, resource: &GroupResource, quota: &Value) -> Amounts {
    let now = request.context.now.as_second();
    let mut asked = quota::usage(resource, request.proposed(), now);
    let is_counted = |object: &Value| !object.is_null() && quota::covers(quota, resource, object);
    if request.operation == Operation::Update && is_counted(request.existing()) {
        for (name, had) in quota::usage(resource, request.existing(), now) {
            asked.entry(name).and_modify(|amount| *amount -= had);
        }
    }
    asked.retain(|_, amount| amount.sign() > 0);
    asked
}

#[async_trait]
impl Plugin for ResourceQuota {
    fn name(&self) -> &'static str {
        "ResourceQuota"
    }

    async fn validate(&self, request: &AdmissionRequest<'_>) -> Result<(), Status> {
        if !concerns(request) {
            return Ok(());
        }
        let resource = GroupResource {
            group: request.resource.group.clone(),
            resource: request.resource.resource.clone(),
        };
        let mut spending = Vec::new();
        for object in self.cluster.list(&QUOTAS, Some(request.namespace)).await? {
            let quota = object.tree();
            if !quota::covers(&quota, &resource, request.proposed()) {
                continue;
            }
            let asked = asked(request, &resource, &quota);
            if request.is_for(&PODS, "") || request.is_for(&PODS, "resize") {
                check::specified(&quota, request.proposed()).map_err(|why| request.forbidden(why))?;
            }
            let asked = check::limited(&quota, asked);
            if !asked.is_empty() {
                check::spend(&mut quota.clone(), &asked).map_err(|why| request.forbidden(why))?;
                spending.push((object, asked));
            }
        }
        // Only when all quotas would bear it does any count it.
        for (object, asked) in spending {
            let spend = |quota: &mut Value| check::spend(quota, &asked).map_err(|why| request.forbidden(why));
            let spent = self
                .cluster
                .amend(request.context, &QUOTAS, request.namespace, object.name(), &spend)
                .await;
            match spent {
                Err(status) if status.is_not_found() => {}
                other => other?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use meta::GroupVersionResource;
    use serde_json::json;

    use super::*;
    use crate::testing::{FakeCluster, Write};

    const MAPS: GroupVersionResource = GroupVersionResource::new("", "v1", "configmaps");

    fn plugin(spec: Value, hard: Value, used: Value) -> ResourceQuota {
        let quota = json!({
            "metadata": {"name": "q", "namespace": "ns"}, "spec": spec, "status": {"hard": hard, "used": used},
        });
        ResourceQuota {
            cluster: FakeCluster::default().with(&QUOTAS, quota).shared(),
        }
    }

    async fn check(plugin: &ResourceQuota, write: Write, refused: Option<&str>) {
        let outcome = write.through(plugin).await;
        assert_eq!(outcome.err().as_deref(), refused);
    }

    fn map() -> Write {
        Write::create(&MAPS, json!({"metadata": {"name": "a", "namespace": "ns"}}))
    }

    #[tokio::test]
    async fn objects_are_counted() {
        let hard = || json!({"configmaps": "2", "secrets": "0"});
        let full = plugin(json!({}), hard(), json!({"configmaps": "2", "secrets": "0"}));
        let why = "configmaps \"a\" is forbidden: exceeded quota: q, requested: configmaps=1, used: configmaps=2, limited: \
                   configmaps=2";
        check(&full, map(), Some(why)).await;
        let room = plugin(json!({}), hard(), json!({"configmaps": "1"}));
        check(&room, map(), None).await;
        let unknown = plugin(json!({}), hard(), json!({}));
        let why = "configmaps \"a\" is forbidden: status unknown for quota: q, resources: configmaps";
        check(&unknown, map(), Some(why)).await;
        check(&plugin(json!({}), json!({}), json!({})), map(), None).await;
    }

    fn pod(resources: Value) -> Write {
        let container = json!({"name": "c", "resources": resources});
        Write::create(
            &PODS,
            json!({"metadata": {"name": "p", "namespace": "ns"}, "spec": {"containers": [container]}}),
        )
    }

    #[tokio::test]
    async fn pods_must_say_what_they_need_and_need_no_more_than_there_is() {
        let hard = json!({"limits.memory": "1Gi", "requests.cpu": "500m", "pods": "2"});
        let plugin = plugin(
            json!({}),
            hard,
            json!({"limits.memory": "0", "requests.cpu": "0", "pods": "0"}),
        );
        let why = "pods \"p\" is forbidden: failed quota: q: must specify limits.memory for: c; requests.cpu for: c";
        check(&plugin, pod(json!({})), Some(why)).await;
        let fits = json!({"requests": {"cpu": "100m"}, "limits": {"memory": "1Mi"}});
        check(&plugin, pod(fits), None).await;
        let large = json!({"requests": {"cpu": "600m"}, "limits": {"memory": "2Gi"}});
        let why = "pods \"p\" is forbidden: exceeded quota: q, requested: limits.memory=2Gi,requests.cpu=600m, used: \
                   limits.memory=0,requests.cpu=0, limited: limits.memory=1Gi,requests.cpu=500m";
        check(&plugin, pod(large), Some(why)).await;
    }

    #[tokio::test]
    async fn only_what_is_in_scope_counts() {
        let zero = || json!({"pods": "0"});
        let plugin = plugin(json!({"scopes": ["BestEffort"]}), zero(), zero());
        let why =
            "pods \"p\" is forbidden: exceeded quota: q, requested: pods=1, used: pods=0, limited: pods=0";
        check(&plugin, pod(json!({})), Some(why)).await;
        check(&plugin, pod(json!({"requests": {"cpu": "1"}})), None).await;
        check(&plugin, map(), None).await;
    }

    #[tokio::test]
    async fn a_change_counts_by_what_it_adds() {
        let service = |kind: &str| {
            json!({
                "metadata": {"name": "s", "namespace": "ns"}, "spec": {"type": kind, "ports": [{}]},
            })
        };
        let one = || json!({"services.nodeports": "1", "services": "1"});
        let plugin = plugin(json!({}), one(), one());
        let opened = Write::update(&SERVICES, service("ClusterIP"), service("NodePort"));
        let why = "services \"s\" is forbidden: exceeded quota: q, requested: services.nodeports=1, used: \
                   services.nodeports=1, limited: services.nodeports=1";
        check(&plugin, opened, Some(why)).await;
        let same = Write::update(&SERVICES, service("NodePort"), service("NodePort"));
        check(&plugin, same, None).await;
    }
}
