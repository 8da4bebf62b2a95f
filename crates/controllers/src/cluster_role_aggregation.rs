//! Cluster roles that gather the rules of others, by the labels these carry.

use std::collections::BTreeMap;
use std::sync::Arc;

use client::controller::Outcome;
use client::error::optional;
use client::k8s_openapi::api::rbac::v1::{ClusterRole, PolicyRule};
use client::{Client, Informer, Patch, PatchOptions, Scope, WorkQueue, run_workers};
use serde_json::json;

use crate::context::{Context, ControllerError, doing};
use crate::owner::matches;

/// The controller's name; also its service account and the manager of the rules it writes.
pub const NAME: &str = "clusterrole-aggregation-controller";
const WORKERS: usize = 2;

/// Runs until the context's shutdown.
pub async fn run(context: Context) {
    let client = context.client(NAME);
    let roles = context.informers().of::<ClusterRole>();
    let queue: WorkQueue<String> = WorkQueue::new();
    let (to, all) = (queue.clone(), roles.clone());
    roles.on_change(move |_| {
        let gathering = all.store().list().into_iter().filter(|role| gathers(role));
        gathering
            .filter_map(|role| role.metadata.name.clone())
            .for_each(|name| to.add(name));
    });
    roles.synced().await;
    run_workers(NAME, queue, WORKERS, context.shutdown(), move |name| {
        let (client, roles) = (client.clone(), roles.clone());
        async move { reconcile(&client, &roles, &name).await }
    })
    .await;
}

fn gathers(role: &ClusterRole) -> bool {
    role.aggregation_rule.is_some()
}

async fn reconcile(
    client: &Client,
    roles: &Informer<ClusterRole>,
    name: &str,
) -> Result<Outcome, ControllerError> {
    let Some(role) = roles.store().get("", name) else {
        return Ok(Outcome::Done);
    };
    let Some(rules) = plan(&role, &roles.store().list()) else {
        return Ok(Outcome::Done);
    };
    let applied = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": { "name": name },
        "rules": rules,
    });
    let options = PatchOptions {
        field_manager: NAME.to_owned(),
        force: true,
        ..PatchOptions::default()
    };
    let result = client
        .patch::<ClusterRole>(Scope::Cluster, name, Patch::Apply(&applied), &options)
        .await;
    optional(result).map_err(doing("gather the rules of roles"))?;
    Ok(Outcome::Done)
}

/// The rules a gathering role should have: those of the roles it selects, by name, each once. None if it has them.
fn plan(role: &ClusterRole, roles: &[Arc<ClusterRole>]) -> Option<Vec<PolicyRule>> {
    let selectors = role.aggregation_rule.as_ref()?.cluster_role_selectors.as_deref();
    let selectors = selectors.unwrap_or_default();
    let selected = |other: &&Arc<ClusterRole>| {
        other.metadata.name != role.metadata.name
            && selectors
                .iter()
                .any(|selector| matches(selector, &other.metadata))
    };
    let by_name: BTreeMap<_, _> = roles
        .iter()
        .filter(selected)
        .map(|other| (&other.metadata.name, &other.rules))
        .collect();
    let mut rules: Vec<PolicyRule> = Vec::new();
    for rule in by_name.into_values().flatten().flatten() {
        if !rules.contains(rule) {
            rules.push(rule.clone());
        }
    }
    (role.rules.as_deref().unwrap_or_default() != rules).then_some(rules)
}

#[cfg(test)]
mod tests {
    use client::k8s_openapi::api::rbac::v1::AggregationRule;
    use client::k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta};

    use super::*;

    fn rule(resource: &str) -> PolicyRule {
        PolicyRule {
            resources: Some(vec![resource.into()]),
            ..PolicyRule::default()
        }
    }

    fn role(name: &str, label: &str, rules: &[&str]) -> ClusterRole {
        ClusterRole {
            metadata: ObjectMeta {
                name: Some(name.into()),
                labels: Some([(label.to_owned(), "true".to_owned())].into()),
                ..ObjectMeta::default()
            },
            rules: Some(rules.iter().map(|resource| rule(resource)).collect()),
            ..ClusterRole::default()
        }
    }

    fn gathering(label: &str, rules: &[&str]) -> ClusterRole {
        let selector = LabelSelector {
            match_labels: Some([(label.to_owned(), "true".to_owned())].into()),
            ..LabelSelector::default()
        };
        ClusterRole {
            aggregation_rule: Some(AggregationRule {
                cluster_role_selectors: Some(vec![selector]),
            }),
            ..role("all", label, rules)
        }
    }

    fn check(has: &[&str], expected: Option<&[&str]>) {
        let roles = [
            role("b", "x", &["pods", "secrets"]),
            role("a", "x", &["nodes", "pods"]),
            role("c", "y", &["jobs"]),
        ];
        let gathering = gathering("x", has);
        let mut roles: Vec<_> = roles.into_iter().map(Arc::new).collect();
        roles.push(Arc::new(gathering.clone()));
        let expected = expected.map(|names| names.iter().map(|name| rule(name)).collect::<Vec<_>>());
        assert_eq!(plan(&gathering, &roles), expected, "{has:?}");
    }

    #[test]
    fn rules_are_gathered_by_name_each_once() {
        check(&[], Some(&["nodes", "pods", "secrets"]));
        check(&["jobs"], Some(&["nodes", "pods", "secrets"]));
        check(&["nodes", "pods", "secrets"], None);
    }
}
