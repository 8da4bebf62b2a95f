//! `pods/eviction`: deletes a pod unless a disruption budget forbids it for the time being.

use std::sync::Arc;

use async_trait::async_trait;
use meta::label_selector::LabelSelector;
use meta::status::{Cause, Details};
use meta::{FieldError, GroupVersionKind, GroupVersionResource, Reason, Status};
use registry::{
    Action, ActionRequest, DeleteOptions, GetOptions, ListOptions, Object, Preconditions, Propagation,
    Registry, RequestContext, Resource,
};
use serde_json::{Value, json};

use crate::json::{seconds, set_condition, success, text};

const PODS: GroupVersionResource = GroupVersionResource::new("", "v1", "pods");
const BUDGETS: GroupVersionResource = GroupVersionResource::new("policy", "v1", "poddisruptionbudgets");
/// When a client should ask again while a budget is not up to date, seconds.
const RETRY_AFTER_SECONDS: u32 = 10;
/// More pods than this marked as disrupted in one budget mean that its controller does not keep up.
const MAX_DISRUPTED_PODS: usize = 2000;

/// Evicts a pod.
pub struct EvictPod;

#[async_trait]
impl Action for EvictPod {
    async fn run(&self, mut request: ActionRequest<'_>, registry: &Registry) -> Result<Value, Status> {
        admissible(&request)?;
        let context = RequestContext {
            dry_run: request.context.dry_run || is_dry(&request.body),
            ..request.context.clone()
        };
        request.context = &context;
        let resource = |name: &GroupVersionResource| {
            registry
                .resource(name)
                .ok_or_else(|| Status::internal(format!("{} are not served", name.resource)))
        };
        let pods = resource(&PODS)?;
        let pod = pods
            .get(request.namespace, request.name, &GetOptions::default())
            .await?;
        let tree = pod.tree();
        if !may_ignore_budgets(&tree) {
            let budgets = resource(&BUDGETS)?;
            if let Some(budget) = budget_of(&budgets, request.namespace, &pod).await? {
                spend(&budgets, &request, &budget, &tree).await?;
            }
            mark(&pods, &request).await?;
        }
        let options = options(&request.body, pod.uid())?;
        pods.delete(request.context, request.namespace, request.name, &options)
            .await?;
        Ok(success())
    }
}

/// What is wrong with an eviction, whatever becomes of its pod.
fn admissible(request: &ActionRequest<'_>) -> Result<(), Status> {
    let eviction = &request.body;
    if meta::object::name(eviction) != request.name {
        return Err(Status::bad_request(
            "name in URL does not match name in Eviction object",
        ));
    }
    let options = meta::Path::new("deleteOptions");
    if eviction.pointer("/deleteOptions/ignoreStoreReadErrorWithClusterBreakingPotential")
        == Some(&true.into())
    {
        let error = FieldError::invalid(
            &options.child("ignoreStoreReadErrorWithClusterBreakingPotential"),
            true,
            "can not be set for pod eviction, try after removing the option",
        );
        let kind = GroupVersionKind::new("policy", "v1", "Eviction");
        return Err(Status::invalid(&kind, request.name, &[error]));
    }
    one_dry_run(request.context.dry_run, eviction)
}

/// A dry run that is asked for twice must be asked for in the same words.
fn one_dry_run(is_dry: bool, eviction: &Value) -> Result<(), Status> {
    let asked = eviction
        .pointer("/deleteOptions/dryRun")
        .and_then(Value::as_array);
    let asked: Vec<&str> = asked.into_iter().flatten().filter_map(Value::as_str).collect();
    if !is_dry || asked.is_empty() || asked == ["All"] {
        return Ok(());
    }
    let message = format!(
        "Non-matching dry-run options in request and content: [All] and [{}]",
        asked.join(" ")
    );
    Err(Status::failure(500, Reason::UNKNOWN, message))
}

/// A dry run can also be asked for in the body.
fn is_dry(eviction: &Value) -> bool {
    let dry_run = eviction
        .pointer("/deleteOptions/dryRun")
        .and_then(Value::as_array);
    dry_run.is_some_and(|dry_run| dry_run.iter().any(|wanted| wanted == "All"))
}

/// A pod that does not run, or is going already, disrupts nothing by its going.
fn may_ignore_budgets(pod: &Value) -> bool {
    let phase = text(pod, "/status/phase");
    matches!(phase, "Succeeded" | "Failed" | "Pending" | "")
        || !meta::object::metadata_str(pod, "deletionTimestamp").is_empty()
}

fn options(eviction: &Value, uid: &str) -> Result<DeleteOptions, Status> {
    let wanted = &eviction["deleteOptions"];
    let precondition = |name: &str| {
        let value = text(wanted, &format!("/preconditions/{name}"));
        (!value.is_empty()).then(|| value.to_owned())
    };
    let place = meta::Path::new("propagationPolicy");
    let refused = |error: FieldError| {
        let kind = GroupVersionKind::new("meta.k8s.io", "v1", "DeleteOptions");
        Status::invalid(&kind, "", &[error])
    };
    let propagation = match text(wanted, "/propagationPolicy") {
        "" => None,
        "Orphan" => Some(Propagation::Orphan),
        "Background" => Some(Propagation::Background),
        "Foreground" => Some(Propagation::Foreground),
        other => {
            let supported = ["Foreground", "Background", "Orphan", "nil"];
            return Err(refused(FieldError::not_supported(&place, other, &supported)));
        }
    };
    let orphan_dependents = wanted.get("orphanDependents").and_then(Value::as_bool);
    if let (Some(policy), Some(_)) = (propagation, orphan_dependents) {
        let policy = policy.as_str();
        let why = "orphanDependents and deletionPropagation cannot be both set";
        return Err(refused(FieldError::invalid(&place, policy, why)));
    }
    Ok(DeleteOptions {
        grace_period_seconds: wanted.get("gracePeriodSeconds").and_then(Value::as_i64),
        preconditions: Preconditions {
            // The pod that was looked at, not another one of its name.
            uid: precondition("uid").or_else(|| Some(uid.to_owned())),
            resource_version: precondition("resourceVersion"),
        },
        propagation,
        orphan_dependents,
    })
}

/// The budget that protects a pod. More than one cannot be accounted for.
async fn budget_of(budgets: &Resource, namespace: &str, pod: &Object) -> Result<Option<Arc<Object>>, Status> {
    let page = budgets.list(Some(namespace), &ListOptions::default()).await?;
    let mut protecting = page.items.into_iter().filter(|budget| {
        let selector = LabelSelector::from_object(&budget.tree()["spec"]["selector"]);
        selector.is_ok_and(|selector| selector.matches(pod))
    });
    let first = protecting.next();
    if protecting.next().is_some() {
        let message = "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.";
        return Err(Status::failure(500, Reason::UNKNOWN, message));
    }
    Ok(first)
}

/// Takes one disruption from a budget, unless the pod may go without.
async fn spend(
    budgets: &Resource,
    request: &ActionRequest<'_>,
    budget: &Object,
    pod: &Value,
) -> Result<(), Status> {
    let tree = budget.tree();
    if goes_without(&tree, pod) {
        return Ok(());
    }
    let now = seconds(request.context.now);
    let spent = budgets.amend(
        request.context,
        request.namespace,
        budget.name(),
        Some("status"),
        |budget| take_one(budget, request.name, &now),
    );
    spent.await.map(drop)
}

/// A pod that is not ready may go if its budget has enough healthy ones without it (KEP-3017).
fn goes_without(budget: &Value, pod: &Value) -> bool {
    let conditions = pod.pointer("/status/conditions").and_then(Value::as_array);
    let ready = conditions
        .into_iter()
        .flatten()
        .any(|c| c["type"] == "Ready" && c["status"] == "True");
    if ready {
        return false;
    }
    if text(budget, "/spec/unhealthyPodEvictionPolicy") == "AlwaysAllow" {
        return true;
    }
    let (healthy, desired) = (number(budget, "currentHealthy"), number(budget, "desiredHealthy"));
    desired > 0 && healthy >= desired
}

fn number(budget: &Value, field: &str) -> i64 {
    budget["status"][field].as_i64().unwrap_or(0)
}

fn take_one(budget: &mut Value, pod: &str, now: &str) -> Result<(), Status> {
    let name = meta::object::name(budget).to_owned();
    let generation = budget["metadata"]["generation"].as_i64().unwrap_or(0);
    if number(budget, "observedGeneration") < generation {
        let why = format!("The disruption budget {name} is still being processed by the server.");
        return Err(too_many(why, RETRY_AFTER_SECONDS));
    }
    let allowed = number(budget, "disruptionsAllowed");
    let forbidden = |why: &str| Status::forbidden(&BUDGETS.group_resource(), &name, why);
    if allowed < 0 {
        return Err(forbidden("pdb disruptions allowed is negative"));
    }
    let disrupted = budget["status"]["disruptedPods"]
        .as_object()
        .map_or(0, serde_json::Map::len);
    if disrupted > MAX_DISRUPTED_PODS {
        return Err(forbidden(
            "DisruptedPods map too big - too many evictions not confirmed by PDB controller",
        ));
    }
    if allowed == 0 {
        let (desired, healthy) = (number(budget, "desiredHealthy"), number(budget, "currentHealthy"));
        let why =
            format!("The disruption budget {name} needs {desired} healthy pods and has {healthy} currently");
        return Err(too_many(why, 0));
    }
    budget["status"]["disruptionsAllowed"] = (allowed - 1).into();
    budget["status"]["disruptedPods"][pod] = now.into();
    if allowed == 1 {
        let spent = json!({
            "type": "DisruptionAllowed", "status": "False", "observedGeneration": generation,
            "lastTransitionTime": now, "reason": "InsufficientPods", "message": "",
        });
        return set_condition(budget, spent);
    }
    Ok(())
}

fn too_many(why: String, retry_after_seconds: u32) -> Status {
    let message = "Cannot evict pod as it would violate the pod's disruption budget.";
    let cause = Cause {
        reason: String::from("DisruptionBudget"),
        message: why,
        ..Cause::default()
    };
    Status::failure(429, Reason::TOO_MANY_REQUESTS, message).with_details(Details {
        causes: vec![cause],
        retry_after_seconds,
        ..Details::default()
    })
}

/// Notes on the pod why it goes.
async fn mark(pods: &Resource, request: &ActionRequest<'_>) -> Result<(), Status> {
    let condition = json!({
        "type": "DisruptionTarget",
        "status": "True",
        "reason": "EvictionByEvictionAPI",
        "message": "Eviction API: evicting",
        "lastProbeTime": null,
        "lastTransitionTime": seconds(request.context.now),
    });
    let marked = pods.amend(request.context, request.namespace, request.name, None, |pod| {
        set_condition(pod, condition.clone())
    });
    marked.await.map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn budget(allowed: i64) -> Value {
        json!({
            "metadata": { "name": "b", "generation": 1 },
            "status": { "observedGeneration": 1, "disruptionsAllowed": allowed, "desiredHealthy": 2, "currentHealthy": 2 },
        })
    }

    #[test]
    fn a_disruption_is_taken_while_there_is_one() {
        let mut budget = budget(1);
        take_one(&mut budget, "p", "now").unwrap();
        assert_eq!(budget["status"]["disruptionsAllowed"], 0);
        assert_eq!(budget["status"]["disruptedPods"]["p"], "now");
        let refused = take_one(&mut budget, "q", "now").unwrap_err();
        assert_eq!(refused.code, 429);
        let causes = refused.details.unwrap().causes;
        assert_eq!(
            causes[0].message,
            "The disruption budget b needs 2 healthy pods and has 2 currently"
        );
    }

    #[test]
    fn a_dry_run_is_asked_for_in_the_same_words() {
        let asking = |words: Value| json!({"deleteOptions": {"dryRun": words}});
        for (is_dry, words, fits) in [
            (true, json!([]), true),
            (true, json!(["All"]), true),
            (false, json!(["All"]), true),
            (true, json!(["Some"]), false),
        ] {
            assert_eq!(
                one_dry_run(is_dry, &asking(words.clone())).is_ok(),
                fits,
                "{words}"
            );
        }
    }

    #[test]
    fn policies_of_propagation_are_known() {
        let refused = options(&json!({"deleteOptions": {"propagationPolicy": "Some"}}), "u").unwrap_err();
        assert_eq!(
            refused.message,
            r#"DeleteOptions.meta.k8s.io "" is invalid: propagationPolicy: Unsupported value: "Some": supported values: "Foreground", "Background", "Orphan", "nil""#
        );
    }

    #[test]
    fn a_budget_that_is_behind_is_not_spent() {
        let mut budget = budget(1);
        budget["metadata"]["generation"] = 2.into();
        let refused = take_one(&mut budget, "p", "now").unwrap_err();
        assert_eq!(refused.details.unwrap().retry_after_seconds, RETRY_AFTER_SECONDS);
    }

    #[test]
    fn pods_that_are_not_ready_may_go_without() {
        let ready = json!({ "status": { "conditions": [{ "type": "Ready", "status": "True" }] } });
        assert!(!goes_without(&budget(0), &ready));
        assert!(goes_without(&budget(0), &json!({})));
    }
}
