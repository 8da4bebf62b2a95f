//! Policies of admission learn whether their expressions fit the kinds they are about.

use client::controller::Outcome;
use client::error::optional;
use client::k8s_openapi::api::admissionregistration::v1::ValidatingAdmissionPolicy;
use client::{Client, Informer, Patch, PatchOptions, Scope, WorkQueue, run_workers};
use kinds::expressions::type_check;
use serde_json::{Value, json};

use crate::context::{Context, ControllerError, doing};

/// The controller's name; also its service account and the manager of the status it writes.
pub const NAME: &str = "validatingadmissionpolicy-status-controller";
const WORKERS: usize = 2;

/// Runs until the context's shutdown.
pub async fn run(context: Context) {
    let client = context.client(NAME);
    let policies = context.informers().of::<ValidatingAdmissionPolicy>();
    let queue: WorkQueue<String> = WorkQueue::new();
    let to = queue.clone();
    policies.on_change(move |change| {
        if let Some(name) = change
            .new
            .as_ref()
            .and_then(|policy| policy.metadata.name.clone())
        {
            to.add(name);
        }
    });
    policies.synced().await;
    run_workers(NAME, queue, WORKERS, context.shutdown(), move |name| {
        let (client, policies) = (client.clone(), policies.clone());
        async move { reconcile(&client, &policies, &name).await }
    })
    .await;
}

async fn reconcile(
    client: &Client,
    policies: &Informer<ValidatingAdmissionPolicy>,
    name: &str,
) -> Result<Outcome, ControllerError> {
    let Some(status) = policies.store().get("", name).and_then(|policy| plan(&policy)) else {
        return Ok(Outcome::Done);
    };
    let applied = json!({
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingAdmissionPolicy",
        "metadata": { "name": name },
        "status": status,
    });
    let options = PatchOptions {
        subresource: "status".into(),
        field_manager: NAME.to_owned(),
        force: true,
    };
    let result = client
        .patch::<ValidatingAdmissionPolicy>(Scope::Cluster, name, Patch::Apply(&applied), &options)
        .await;
    optional(result).map_err(doing("write what is known of a policy's types"))?;
    Ok(Outcome::Done)
}

/// The status that a policy should have; none if it has one of its present generation.
fn plan(policy: &ValidatingAdmissionPolicy) -> Option<Value> {
    let generation = policy.metadata.generation.unwrap_or_default();
    let status = policy.status.as_ref();
    let observed = status
        .and_then(|status| status.observed_generation)
        .unwrap_or_default();
    if observed >= generation {
        return None;
    }
    let spec = serde_json::to_value(&policy.spec).unwrap_or_default();
    let warnings: Vec<Value> = type_check(&spec)
        .into_iter()
        .map(|warning| json!({ "fieldRef": warning.field, "warning": warning.text }))
        .collect();
    let checking = match warnings.as_slice() {
        [] => json!({}),
        warnings => json!({ "expressionWarnings": warnings }),
    };
    Some(json!({ "observedGeneration": generation, "typeChecking": checking }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(expression: &str, observed: i64, expected: Option<Value>) {
        let policy = json!({
            "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicy",
            "metadata": {"name": "p", "generation": 2},
            "spec": {
                "matchConstraints": {"resourceRules": [{
                    "apiGroups": ["apps"], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["deployments"],
                }]},
                "validations": [{"expression": expression}],
            },
            "status": {"observedGeneration": observed},
        });
        let policy = serde_json::from_value(policy).expect("a policy");
        assert_eq!(plan(&policy), expected, "{expression}");
    }

    #[test]
    fn a_policy_of_a_new_generation_is_checked() {
        let good = json!({"observedGeneration": 2, "typeChecking": {}});
        check("object.spec.replicas > 1", 1, Some(good));
        check("object.replicas > 1", 2, None);
        let why = "apps/v1, Kind=Deployment: ERROR: <input>:1:7: undefined field 'replicas'\n | object.replicas > 1\n | ......^";
        let warning = json!({"fieldRef": "spec.validations[0].expression", "warning": why});
        let bad = json!({"observedGeneration": 2, "typeChecking": {"expressionWarnings": [warning]}});
        check("object.replicas > 1", 1, Some(bad));
    }
}
